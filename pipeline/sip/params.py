"""Parameters: `;name=value;flag;name="quoted; value"`, as they follow a Via, an address or a media type.

Rule: names come out in lower case, in the order received; values stay as written, quotes included (`unquote` opens them).
RFC 3261 section 25.1: generic-param. A name may occur only once (7.3.1).
"""

from __future__ import annotations

import re

from .grammar import QUOTED_TEXT, TOKEN_CHARS, bad

Params = dict[str, str | None]

PLAIN = re.compile(rf"[{TOKEN_CHARS};=]*+")  # no blanks, quotes, brackets: can be cut at each ";"

# gen-value is token / host / quoted-string. We also let by what is neither a delimiter nor a control octet: "received" of IPv6 with and
# without brackets (RFC 5118 section 4.5) is in wide use, and nothing becomes ambiguous.
PARAM = re.compile(
    rf"[ \t]*+;[ \t]*+([{TOKEN_CHARS}]++)[ \t]*+"
    rf'(?>(?:=[ \t]*+("{QUOTED_TEXT}"|[^\x00-\x20\x7f;,"<>]++)[ \t]*+)?)',
)


def parse(text: str, header: str = "parameters") -> Params:
    """Parse text that is empty or begins with the first ";". The common form is cut right here."""
    if not text:
        return {}
    if text[0] != ";" or not PLAIN.fullmatch(text):
        return _careful(text, header)
    params: Params = {}
    for piece in text[1:].split(";"):
        name, equals, value = piece.partition("=")
        name = name.lower()
        if not name or name in params or (equals and not value):
            return _careful(text, header)  # which says why
        params[name] = value if equals else None
    return params


def _careful(text: str, header: str) -> Params:
    """Parse any form, saying what is wrong."""
    params: Params = {}
    place, end = 0, len(text)
    while place < end:
        found = PARAM.match(text, place)
        if found is None:
            raise bad(header, _fault(text[place:]))
        name = found[1].lower()
        if name in params and params[name] != found[2]:  # said twice alike it is clear what is meant; some write the tag of To so
            raise bad(header, "the same parameter twice")
        params[name] = found[2]
        place = found.end()
    return params


def _fault(rest: str) -> str:
    """Say why no parameter could be read here."""
    rest = rest.strip(" \t")
    if not rest.startswith(";"):
        if rest.startswith('"'):
            return "unterminated quoted string"
        if rest.startswith("="):
            return "parameter without a value after '='"
        return "parameters must begin with ';'"
    if rest[1:].lstrip(" \t")[:1] in ("", ";"):
        return "empty parameter"
    return "not a parameter after ';'"


def text_of(params: Params) -> str:
    """The parameters as they are sent: the reverse of `parse`."""
    return "".join(f";{name}" if value is None else f";{name}={value}" for name, value in params.items())
