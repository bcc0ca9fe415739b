"""Reading WWW-Authenticate and Authorization values of the Digest scheme (RFC 7616 3.3, 3.4; RFC 3261 25.1).

Rule: tolerant in what phones do differently (quotes or none, spaces, a comma too many), strict in what would make two readers of the
same text disagree: a parameter twice, text that belongs to no parameter. Another scheme is None: somebody else's, or ignored.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import unquote_to_bytes

from .grammar import PAIR, TOKEN_CHARS, bad

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["FIELDS_READ", "Challenge", "Credentials", "parse_challenge", "parse_credentials"]

FIELDS_READ: Final = 4
"""Authorization fields of one request that are looked at, so that it cannot ask for a thousand hashes; a client sends one per realm (RFC
3261 22.3). Who limits logins has to look at as many as who tries them."""

# One parameter up to its comma, or, as the last group, whatever else stands there: findall can skip nothing, and a text that does not
# end in blanks or commas matches wherever it is looked at. So, with possessive quantifiers, one header of any length costs linear time.
BLANK: Final = r" \t\r\n"
PARAM: Final = re.compile(
    rf'[{BLANK},]*+(?:([{TOKEN_CHARS}]++)[{BLANK}]*+=[{BLANK}]*+(?:"([^"\\]*+(?>(?:\\.[^"\\]*+)*))"|([^{BLANK}",;]*+))[{BLANK}]*+(?=,|$)|(.++))',
    re.DOTALL,
)
# What nearly every phone sends, in any order: one look instead of a dict (1.7 us instead of 6). `(?(3)(?!))` fails when the third group
# has a value already, so a parameter that stands twice is left to the careful way, as is everything else that is unusual.
_TEXT, _COUNT = '"([^"\\\\]*+)"', "([0-9A-Fa-f]{1,8}+)"
_USUAL: Final = (
    ("username", _TEXT), ("realm", _TEXT), ("nonce", _TEXT), ("uri", _TEXT), ("response", _TEXT), ("algorithm", "([A-Za-z0-9-]++)"),
    ("qop", "(auth(?>(?:-int)?))"), ("nc", _COUNT), ("cnonce", _TEXT), ("opaque", _TEXT),
)  # fmt: skip
USUAL: Final = re.compile(
    "Digest (?:(?:" + "|".join(f"{name}=(?({place})(?!)){form}" for place, (name, form) in enumerate(_USUAL, 1)) + ")(?:, ?+|$))*"
)
COUNT: Final = re.compile("[0-9A-Fa-f]{1,8}")
EXTENDED: Final = re.compile("(?i:utf-8)'[A-Za-z0-9-]*'((?:[A-Za-z0-9!#$&+.^_`|~-]|%[0-9A-Fa-f]{2})*)")  # RFC 5987 3.2.1


class Credentials(NamedTuple):
    """An Authorization or Proxy-Authorization value. Absent texts are ""; algorithm and qop as sent."""

    username: str
    realm: str
    nonce: str
    uri: str
    response: str
    algorithm: str
    qop: str
    nc: str
    cnonce: str
    opaque: str
    userhash: bool
    """The username is a hash (RFC 7616 3.4.4)."""

    @property
    def nonce_count(self) -> int:
        """The nonce count as a number, 0 for none."""
        return int(self.nc, 16) if self.nc else 0


class Challenge(NamedTuple):
    """A WWW-Authenticate or Proxy-Authenticate value."""

    realm: str
    nonce: str
    algorithm: str
    """As sent; "" is MD5."""
    qop: tuple[str, ...]
    """What is offered, lower case; empty: RFC 2617's way."""
    opaque: str | None
    stale: bool
    userhash: bool
    domain: str


_made = Credentials._make


def parse_credentials(value: str, header: str = "Authorization") -> Credentials | None:
    """Read an Authorization value. None when its scheme is not Digest; Malformed says what is wrong with the others."""
    usual = USUAL.fullmatch(value)
    if usual is not None:
        groups = usual.groups("")
        # All of username, realm, nonce, uri and response; and with a qop (6) nc and cnonce.
        if "" not in groups[:5] and (not groups[6] or (groups[7] and groups[8])):
            return _made((*groups, False))
    return _careful(value, header)


def _careful(value: str, header: str) -> Credentials | None:
    if not _is_digest(value):
        return None
    p = _params(value, header)
    get = p.get
    try:
        realm, nonce, uri, response = p["realm"], p["nonce"], p["uri"], p["response"]
    except KeyError as missing:
        raise bad(header, f"no {missing.args[0]}") from None
    username = _extended(p, header) if "username*" in p or "username" not in p else PAIR.sub(r"\1", p["username"])
    realm = PAIR.sub(r"\1", realm)
    qop, nc, cnonce = get("qop", ""), get("nc", ""), get("cnonce", "")
    if nc and COUNT.fullmatch(nc) is None:
        raise bad(header, "nc is not a hexadecimal count")
    if qop:
        qop = qop.lower()
        if qop not in ("auth", "auth-int"):
            raise bad(header, "unknown qop")
        if not nc or not cnonce:
            raise bad(header, f"qop without {'cnonce' if nc else 'nc'}")
    hashed = get("userhash")
    return Credentials(
        username, realm, nonce, uri, response, get("algorithm", ""), qop, nc, cnonce, get("opaque", ""),
        hashed is not None and hashed.lower() == "true",
    )  # fmt: skip


def parse_challenge(value: str, header: str = "WWW-Authenticate") -> Challenge | None:
    """Read a challenge. None when its scheme is not Digest."""
    if not _is_digest(value):
        return None
    p = _params(value, header)
    if "realm" not in p or "nonce" not in p:
        raise bad(header, f"no {'nonce' if 'realm' in p else 'realm'}")
    qop = tuple(q for q in (word.strip().lower() for word in p.get("qop", "").split(",")) if q)
    return Challenge(
        PAIR.sub(r"\1", p["realm"]),
        p["nonce"],
        p.get("algorithm", ""),
        qop,
        p.get("opaque"),
        p.get("stale", "").lower() == "true",
        p.get("userhash", "").lower() == "true",
        p.get("domain", ""),
    )


def _is_digest(value: str) -> bool:
    return value[:6].lower() == "digest" and value[6:7] in (" ", "\t", "\r", "\n", "")


def _params(value: str, header: str) -> dict[str, str]:
    """Each parameter's text between the quotes, or bare; names in lower case."""
    found = PARAM.findall(value.rstrip(" \t\r\n,"), 7)
    if found and (rest := found[-1][3]):
        raise bad(header, "unterminated quoted string" if _unterminated(rest) else "text that is no parameter")
    params = {name.lower(): quoted or bare for name, quoted, bare, _ in found}
    if len(params) != len(found):
        raise bad(header, "the same parameter twice")
    return params


def _unterminated(rest: str) -> bool:
    return re.sub(r"\\.", "", rest).count('"') % 2 == 1


def _extended(params: Mapping[str, str], header: str) -> str:
    """username* in the notation of RFC 5987: UTF-8''J%C3%A4s%C3%B8n."""
    text = params.get("username*")
    if text is None:
        raise bad(header, "no username")
    if "username" in params:
        raise bad(header, "both username and username*")
    found = EXTENDED.fullmatch(text)
    if found is None:
        raise bad(header, "username* is not in the notation of RFC 5987")
    return unquote_to_bytes(found[1]).decode("utf-8", "surrogateescape")
