"""Multipart bodies: their parts, and the header fields of each. RFC 2046 5.1, RFC 5621 4, RFC 3261 7.4.

    parts_of(content_type, body) -> (Part, ...)     one level; a part that is a multipart itself is given to it again

Rule: what cannot be read is Malformed, never an empty body: whoever took it for none would answer what nobody has asked. Tolerant where
nothing becomes ambiguous: bare line feeds, blanks behind a delimiter, no delimiter at the end. What only begins like a delimiter is none.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from attrs import frozen

from .grammar import bad, is_token, unquote

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .grammar import Malformed

MOST_PARTS: Final = 20
"""A call has a description, perhaps ISUP, geolocation and a picture beside it."""
MOST_FIELDS: Final = 32
"""Header lines of one part: what has a meaning there begins with Content- (RFC 2045 3), and there are some eight."""
LONGEST_BOUNDARY: Final = 70
"""Characters: RFC 2046 5.1.1."""
COMPACT: Final = {"c": "content-type", "e": "content-encoding"}
"""RFC 3261 7.3.3."""
DIRECT: Final = frozenset({"", "7bit", "8bit", "binary", "identity"})
"""Encodings that change no octet (RFC 2045 6.2, RFC 3261 20.12)."""
PARAMETER: Final = re.compile(r'[ \t]*+([^=; \t]++)[ \t]*+(?:=[ \t]*+("(?:[^"\\]|\\.)*"|[^;]*+))?[^;]*+;?+')
"""One of a Content-Type. Others than the boundary may be written as they will: phones write start=<a@b>."""
FOLD: Final = re.compile(rb"\n[ \t]++")


@frozen
class Part:
    """One part."""

    fields: Mapping[str, str]
    """Its header fields, by their long names in lower case."""
    content: bytes

    @property
    def type(self) -> str:
        """Its type in lower case, without parameters; without a field it is text (RFC 2046 5.1)."""
        return media_type(self.fields.get("content-type", "text/plain"))

    @property
    def disposition(self) -> str:
        """What it is for, in lower case: "session"; "" when it does not say."""
        return self.fields.get("content-disposition", "").partition(";")[0].strip().lower()

    @property
    def handling(self) -> str:
        """Whether it has to be understood: "required", "optional"; "" when it does not say (RFC 3204 6, RFC 5621 8.1)."""
        return handling_of(self.fields.get("content-disposition", ""))

    @property
    def is_encoded(self) -> bool:
        """Whether its content is not what it stands for, but has to be decoded first."""
        encodings = (self.fields.get("content-encoding", ""), self.fields.get("content-transfer-encoding", ""))
        return any(each.strip().lower() not in DIRECT for each in encodings)


def media_type(text: str) -> str:
    """Return the type of a Content-Type in lower case, without parameters. Blanks may stand around the slash only (RFC 3261 25.1)."""
    main, slash, sub = text.partition(";")[0].partition("/")
    return f"{main.strip()}{slash}{sub.strip()}".lower()


def handling_of(disposition: str) -> str:
    """Return the handling parameter of a Content-Disposition in lower case; "" when there is none."""
    for piece in disposition.lower().split(";")[1:]:
        name, _, value = piece.partition("=")
        if name.strip() == "handling":
            return unquote(value.strip())
    return ""


def parts_of(content_type: str, body: bytes) -> tuple[Part, ...]:
    """Return the parts of a body of this Content-Type. Raises Malformed: 400; 415 for more parts than are looked at."""
    boundary = _boundary(content_type)
    # A pattern that begins with letters is found ten times as quickly as one that begins with a choice.
    delimiter = re.compile(rb"\n--" + re.escape(boundary.encode("utf-8", "surrogateescape")) + rb"(--)?[ \t]*+(?=\r?\n|\Z)")
    text = b"\n" + body
    parts: list[bytes] = []
    begin = None
    for found in delimiter.finditer(text):
        if begin is not None:
            parts.append(text[begin : found.start()].removesuffix(b"\r"))
        begin = None if found[1] else found.end()
        if begin is None or len(parts) > MOST_PARTS:
            break
    if begin is not None:
        parts.append(text[begin:])
    if not parts:
        raise bad("body", "no part between its boundaries")
    if len(parts) > MOST_PARTS:
        raise too_many()
    return tuple([_part(part) for part in parts])


def too_many() -> Malformed:
    """Return the error of a body with more parts than are looked at: one of the others may be what has to be understood."""
    return bad("body", f"more than {MOST_PARTS} parts", 415)


def _boundary(content_type: str) -> str:
    found = PARAMETER.findall(content_type, content_type.find(";") + 1)
    said = [value for name, value in found if name.lower() == "boundary"]
    if len(said) > 1:
        raise bad("Content-Type", "the same parameter twice")
    boundary = unquote(said[0].strip()) if said else ""
    if not boundary:
        raise bad("Content-Type", "a multipart without a boundary")
    if len(boundary) > LONGEST_BOUNDARY:
        raise bad("Content-Type", f"a boundary of more than {LONGEST_BOUNDARY} characters")
    return boundary


def _part(text: bytes) -> Part:
    """Read what stands between two delimiters: the line end of the first, header lines, an empty line, the content."""
    places = [(at, at + len(ends)) for ends in (b"\n\r\n", b"\n\n") if (at := text.find(ends)) >= 0]
    stop, start = min(places, default=(len(text), len(text)))
    head, content = text[:stop].replace(b"\r\n", b"\n"), text[start:]
    if head.count(b"\n") > MOST_FIELDS:
        raise bad("body", f"a part with more than {MOST_FIELDS} header lines")
    fields: dict[str, str] = {}
    for line in FOLD.sub(b" ", head).decode("utf-8", "surrogateescape").split("\n"):
        line = line.removesuffix("\r")
        if not line:
            continue
        name, colon, value = line.partition(":")
        name = name.rstrip(" \t").lower()
        if not colon or not is_token(name):
            raise bad("body", "a header line of a part that is no field")
        name, value = COMPACT.get(name, name), value.strip(" \t")
        if fields.setdefault(name, value) != value and name.startswith("content-"):
            raise bad("body", f"a part with two {name.title()}")
    return Part(fields, content)
