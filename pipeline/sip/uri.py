"""URIs: sip, sips, tel, and any other scheme as an opaque text.

Rule: the text received is kept and sent again verbatim; what is asked about it is unescaped once, never twice.
RFC 3261 section 19.1 (syntax, comparison), RFC 5954 (comparison of IPv6), RFC 3966 (tel).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

from .grammar import Malformed, bad
from .host import host_key, hostport
from .remembered import remembered
from .value import value_class

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["MAX_URI", "Uri", "host_key", "unescape"]

# No RFC bounds a URI. RFC 9110 section 4.1 asks HTTP to take 8,000 octets at least; pjsip prints at most 256 (PJSIP_MAX_URL_SIZE) and
# then fails, which the long values of RFC 4475 section 3.1.1.7 would already meet.
MAX_URI = 8000
CACHED = 256  # longer texts are parsed each time: the cache holds at most 8192 of these

ESCAPED = "%[0-9A-Fa-f]{2}"
UNRESERVED = r"A-Za-z0-9\-_.!~*'()"
COMMON = re.compile(  # the usual form; whatever does not fit goes the careful way
    rf"(sips?):(?:([{UNRESERVED}&=+$,;?/]++)@)?([A-Za-z0-9\[][A-Za-z0-9.\-:\[\]]*+)((?>(?:;[{UNRESERVED}\[\]/:&+$]++(?:=[{UNRESERVED}\[\]/:&+$]++)?)*))",
)
SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+\-.]*+")
USER = re.compile(rf"(?>(?:[{UNRESERVED}&=+$,;?/]|{ESCAPED})+)")
PASSWORD = re.compile(rf"(?>(?:[{UNRESERVED}&=+$,]|{ESCAPED})*)")
PARAM = re.compile(rf"(?>(?:[{UNRESERVED}\[\]/:&+$]|{ESCAPED})+)")
HEADERS = re.compile(rf"(?>(?:[{UNRESERVED}\[\]/?:+$]|{ESCAPED})+)=(?>(?:[{UNRESERVED}\[\]/?:+$]|{ESCAPED})*)")
OPAQUE = re.compile(rf"(?>(?:[{UNRESERVED};/?:@&=+$,\[\]#]|{ESCAPED})+)")
TEL = re.compile(r"\+[\-.()]*+[0-9][0-9\-.()]*+|[0-9A-Fa-f*#\-.()]*?[0-9A-Fa-f*#][0-9A-Fa-f*#\-.()]*+")
SEPARATORS = str.maketrans("", "", "-.()")
ESCAPE = re.compile(ESCAPED)
RESERVED = frozenset(";/?:@&=+$,")
# In one URI only, these never match the absence of the other: RFC 3261 section 19.1.4 (transport: its second list of examples).
DECISIVE = ("user", "ttl", "method", "maddr", "transport")


def unescape(text: str) -> str:
    """Each %HH once replaced by its octet: "%2541" becomes "%41", and stays so."""
    if "%" not in text:
        return text
    return unquote_to_bytes(text.encode("utf-8", "surrogateescape")).decode("utf-8", "surrogateescape")


@value_class(eq=False, repr=False, order=False)
class Uri:
    """One URI. `scheme` is lower case, `user` as written (escaped); `host` keeps IPv6 brackets, and is "" but for sip and sips."""

    scheme: str
    user: str | None
    password: str | None
    host: str
    port: int | None
    params: Mapping[str, str | None]
    headers: str | None
    text: str

    @staticmethod
    def parse(text: str) -> Uri:
        """Parse a URI; raises Malformed. The same text may give the same object again."""
        return _remembered(text) if len(text) < CACHED else _parse(text)

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"<Uri {self.text}>"

    def __eq__(self, other: object) -> bool:
        """Equal means written alike; `same` is the comparison of 19.1.4, which is not transitive and so cannot be ==."""
        return isinstance(other, Uri) and self.text == other.text

    def __hash__(self) -> int:
        return hash(self.text)

    @property
    def user_unescaped(self) -> str:
        """The user part with each escape replaced once; "" when there is none."""
        return unescape(self.user) if self.user else ""

    @property
    def address(self) -> str:
        """The host without brackets."""
        return self.host.strip("[]")

    @property
    def target_host(self) -> str:
        """Whom a request is sent to: maddr, which overrides the host (RFC 3261 19.1.1; TARGET in RFC 3263 4). Brackets as written."""
        return self.params.get("maddr") or self.host

    @property
    def opaque(self) -> str:
        """All that follows the scheme."""
        return self.text.partition(":")[2]

    def param(self, name: str) -> str | None:
        """The value of a parameter, unescaped once; "" for a flag, None when absent."""
        if name not in self.params:
            return None
        return unescape(self.params[name] or "")

    @staticmethod
    def same(a: Uri, b: Uri) -> bool:
        """Compare by RFC 3261 section 19.1.4 (RFC 5954 for IPv6, RFC 3966 section 4 for tel, the text for other schemes)."""
        if a.text == b.text:
            return True
        if a.scheme != b.scheme:
            return False
        if a.scheme == "tel":
            return _same_tel(a, b)
        if a.scheme not in ("sip", "sips"):
            return a.opaque == b.opaque
        return (
            a.port == b.port
            and host_key(a.host) == host_key(b.host)
            and _alike(a.user) == _alike(b.user)
            and _alike(a.password) == _alike(b.password)
            and _same_params(a.params, b.params)
            and _headers(a.headers) == _headers(b.headers)
        )


def _parse(text: str) -> Uri:
    if len(text) > MAX_URI:
        raise bad("URI", f"the URI is longer than {MAX_URI}", 414)
    found = COMMON.fullmatch(text)
    if found is None:
        return _careful(text)
    scheme, user, where, tail = found.groups()
    try:
        host, port = hostport(where)
    except Malformed as error:
        raise bad("URI", error.why) from None
    params: dict[str, str | None] = {}
    if tail:
        for piece in tail[1:].split(";"):
            name, equals, value = piece.partition("=")
            name = name.lower()
            if name in params:
                raise bad("URI", "the same parameter twice")
            params[name] = value if equals else None
    return Uri(scheme, user, None, host, port, params, None, text)


_remembered = remembered(4096)(_parse)


def _careful(text: str) -> Uri:
    """Parse any form, part by part, saying what is wrong."""
    scheme, colon, rest = text.partition(":")
    if not colon or not SCHEME.fullmatch(scheme):
        raise bad("URI", "it must begin with a scheme such as 'sip:'")
    scheme = scheme.lower()
    if scheme == "tel":
        return _tel(text, rest)
    if scheme not in ("sip", "sips"):
        if not OPAQUE.fullmatch(rest):
            raise bad("URI", "character not allowed")
        return Uri(scheme, None, None, "", None, {}, None, text)
    user: str | None = None
    password: str | None = None
    before, at, after = rest.partition("@")
    if at:
        rest = after
        user, colon, secret = before.partition(":")
        if not USER.fullmatch(user):
            raise bad("URI", "empty user part" if not user else "character not allowed in the user part")
        if colon:
            if not PASSWORD.fullmatch(secret):
                raise bad("URI", "character not allowed in the password")
            password = secret
    rest, question, headers = rest.partition("?")
    if question and not all(HEADERS.fullmatch(header) for header in headers.split("&")):
        raise bad("URI", "not a header after '?'")
    where, semicolon, tail = rest.partition(";")
    try:
        host, port = hostport(where)
    except Malformed as error:
        raise bad("URI", error.why) from None
    params = _params(tail) if semicolon else {}
    return Uri(scheme, user, password, host, port, params, headers if question else None, text)


def _params(tail: str) -> dict[str, str | None]:
    params: dict[str, str | None] = {}
    for piece in tail.split(";"):
        name, equals, value = piece.partition("=")
        if not PARAM.fullmatch(name) or (equals and not PARAM.fullmatch(value)):
            raise bad("URI", "empty parameter" if not piece else "character not allowed in a parameter")
        name = unescape(name).lower()
        if name in params:
            raise bad("URI", "the same parameter twice")
        params[name] = value if equals else None
    return params


def _tel(text: str, rest: str) -> Uri:
    """RFC 3966 section 3: a global number begins with "+", a local one needs its phone-context."""
    digits, semicolon, tail = rest.partition(";")
    if not TEL.fullmatch(digits):
        raise bad("URI", "not a telephone number")
    params = _params(tail) if semicolon else {}
    return Uri("tel", digits, None, "", None, params, None, text)


def _alike(text: str | None) -> str | None:
    """Text in which what RFC 3261 holds for equal is equal: %HH of what need not be escaped is written plainly, other hex in capitals."""
    if text is None or "%" not in text:
        return text

    def plain(found: re.Match[str]) -> str:
        letter = chr(int(found[0][1:], 16))
        return letter if " " < letter < "\x7f" and letter not in RESERVED and letter != "%" else found[0].upper()

    return ESCAPE.sub(plain, text)


def _same_params(a: Mapping[str, str | None], b: Mapping[str, str | None]) -> bool:
    """A parameter in both must be equal; one of the decisive ones must be in both; any other in one only is ignored."""
    if not a and not b:
        return True
    if any((name in a) != (name in b) for name in DECISIVE):
        return False
    return all((_alike(a[name]) or "").lower() == (_alike(b[name]) or "").lower() for name in a if name in b)


def _headers(text: str | None) -> list[tuple[str, str]]:
    """The headers of a URI in an order that does not depend on how they were written; they are never ignored."""
    if not text:
        return []
    pairs = (header.partition("=") for header in text.split("&"))
    return sorted(((_alike(name) or "").lower(), _alike(value) or "") for name, _, value in pairs)


def _same_tel(a: Uri, b: Uri) -> bool:
    """Digits without visual separators, then every parameter in any order (RFC 3966 section 4)."""
    if _digits(a.user) != _digits(b.user) or a.params.keys() != b.params.keys():
        return False
    for name, value in a.params.items():
        left, right = value or "", b.params[name] or ""
        if name in ("phone-context", "ext") and left[:1] not in "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ":
            left, right = _digits(left), _digits(right)
        if (_alike(left) or "").lower() != (_alike(right) or "").lower():
            return False
    return True


def _digits(text: str | None) -> str:
    return (text or "").translate(SEPARATORS).lower()
