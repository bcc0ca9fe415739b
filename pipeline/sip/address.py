"""Addresses: the name-addr and addr-spec of From, To, Contact, Route, Record-Route, Path.

Rule: `"Name" <uri>;params` or a bare `uri;params`. Without <> the parameters belong to the header, and the URI may hold no comma,
question mark or semicolon (RFC 3261 section 20). Grammar in section 25.1; `text` is what was received.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from . import params as parameters
from .grammar import QUOTED, QUOTED_TEXT, SECONDS, TOKEN_CHARS, Malformed, bad, quote, split_commas, unquote
from .uri import Uri
from .value import value_class

if TYPE_CHECKING:
    from collections.abc import Mapping

# Words of a display name are tokens. Letters beyond ASCII without quotes are let by: many phones send them, nothing becomes ambiguous.
WORDS = rf"[{TOKEN_CHARS} \t\x80-\U0010ffff]*+"
COMMON = re.compile(rf'(?:("{QUOTED_TEXT}")[ \t]*+|({WORDS}))<([^<>" \t]++)>[ \t]*+(;.*+)?', re.DOTALL)
HOUR = 3600
QVALUE = re.compile(r"0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?")


@value_class(eq=False, repr=False, order=False)
class Address:
    """One address. `display` is unquoted, `params` are the header's (names lower-case), `tail` is their text, verbatim."""

    display: str
    uri: Uri
    params: Mapping[str, str | None]
    tail: str
    text: str

    @staticmethod
    def parse(text: str, header: str = "address") -> Address:
        """Parse one address; the header's name goes into the error."""
        if text[:1] == "<":  # hot: no display name; what the URI does not allow (quotes, blanks) its own parser refuses
            where, end, tail = text[1:].partition(">")
            if end and (not tail or tail[0] == ";"):
                try:
                    uri = Uri.parse(where)
                    if not tail:
                        return Address("", uri, {}, "", text)
                    if tail[:5] == ";tag=" and tail[5:].isalnum() and tail.isascii():
                        return Address("", uri, {"tag": tail[5:]}, tail, text)
                    return Address("", uri, parameters.parse(tail, header), tail, text)
                except Malformed:
                    return _careful(text, header)
        found = COMMON.fullmatch(text)
        if found is None:
            return _careful(text, header)
        quoted, words, where, tail = found.groups()
        try:
            uri = Uri.parse(where)
        except Malformed as error:
            raise _of(header, error) from None
        display = (unquote(quoted) if "\\" in quoted else quoted[1:-1]) if quoted is not None else words.rstrip(" \t")
        if not tail:
            return Address(display, uri, {}, "", text)
        if tail[:5] == ";tag=" and tail[5:].isalnum() and tail.isascii():
            return Address(display, uri, {"tag": tail[5:]}, tail, text)
        return Address(display, uri, parameters.parse(tail, header), tail, text)

    @staticmethod
    def parse_many(text: str, header: str = "address") -> list[Address]:
        """Parse a comma-separated list of addresses."""
        if "," not in text:
            return [Address.parse(text, header)]
        return [Address.parse(item, header) for item in split_commas(text, header)]

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"<Address {self.text}>"

    @property
    def tag(self) -> str:
        """The tag parameter; "" when there is none (RFC 2543 peers)."""
        return self.params.get("tag") or ""

    @property
    def expires(self) -> int | None:
        """The expires parameter of a Contact in seconds, None when absent."""
        value = self.params.get("expires")
        return None if value is None else seconds_of(unquote(value))

    @property
    def q(self) -> float | None:
        """The q parameter of a Contact, 0 to 1 with three decimals, None when absent; raises Malformed (20.10)."""
        value = self.params.get("q")
        if value is None:
            return None
        if not QVALUE.fullmatch(value):
            raise bad("Contact q", "it must be 0 to 1 with at most three decimals")
        return float(value)

    @staticmethod
    def write(uri: str | Uri, display: str = "", params: Mapping[str, str | None] | None = None) -> str:
        """The text of an address, always with <>."""
        name = f"{quote(display)} " if display else ""
        return f"{name}<{uri}>{parameters.text_of(dict(params or {}))}"


def seconds_of(text: str) -> int:
    """How long a binding shall last: what is no number counts as an hour, what has more than 32 bits as 2**32-1 (10.2.1.1, 20.10)."""
    text = text.strip(" \t")
    if not (text.isascii() and text.isdigit()):
        return HOUR
    digits = text.lstrip("0") or "0"
    return SECONDS if len(digits) > 10 else min(int(digits), SECONDS)


def _of(header: str, error: Malformed) -> Malformed:
    return bad(header, error.why)  # 414 is the Request-URI's own status


def _careful(text: str, header: str) -> Address:
    """Parse any form, part by part, saying what is wrong."""
    text = text.strip(" \t")
    if not text:
        raise bad(header, "it is empty")
    if text[0] == '"':
        found = QUOTED.match(text)
        if found is None:
            raise bad(header, "unterminated quoted string")
        rest = text[found.end() :].lstrip(" \t")
        if not rest.startswith("<"):
            raise bad(header, "'<' must follow the display name")
        return _bracketed(unquote(found[0]), rest, text, header)
    words, bracket, _ = text.partition("<")
    if not bracket or ";" in words or ":" in words:
        return _bare(text, header)
    if not re.fullmatch(WORDS, words):
        raise bad(header, "a display name with such characters must be quoted")
    return _bracketed(words.rstrip(" \t"), text[len(words) :], text, header)


def _bracketed(display: str, rest: str, text: str, header: str) -> Address:
    where, bracket, tail = rest[1:].partition(">")
    if not bracket:
        raise bad(header, "'<' without '>'")
    if where != where.strip(" \t"):
        raise bad(header, "blanks inside <>")
    return _finish(display, where, tail.strip(" \t"), text, header)


def _bare(text: str, header: str) -> Address:
    where, semicolon, tail = text.partition(";")
    where = where.rstrip(" \t")
    if "?" in where or "," in where:
        raise bad(header, "a URI with '?' or ',' must stand in <>")
    return _finish("", where, semicolon + tail, text, header)


def _finish(display: str, where: str, tail: str, text: str, header: str) -> Address:
    try:
        uri = Uri.parse(where)
    except Malformed as error:
        raise _of(header, error) from None
    return Address(display, uri, parameters.parse(tail, header), tail, text)
