"""Digest authentication's arithmetic: hashes, responses, what to write into a challenge and into an answer.

Rule: values in, values out. Whether a nonce is ours, fresh or replayed, and whose password this is, are the plugin's questions.
RFC 7616 (3.4 the sums), RFC 8760 (algorithms in SIP, several challenges), RFC 3261 22.4, RFC 2617 (no qop). Reading stands in
digest_read.py. Nonce, cnonce, nc and uri are hashed exactly as received between the quotes; username and realm with their
escapes removed, because the stored hash was made of what they mean.
"""

from __future__ import annotations

import hashlib
import hmac
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from .digest_read import FIELDS_READ, Challenge, Credentials, parse_challenge, parse_credentials
from .grammar import Malformed, quote

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

__all__ = [
    "ALGORITHMS",
    "FIELDS_READ",
    "Challenge",
    "Credentials",
    "answer",
    "base_of",
    "can_answer",
    "canonical",
    "challenge_value",
    "choose",
    "expected",
    "hash_of",
    "matches",
    "parse_challenge",
    "parse_credentials",
    "response_of",
    "userhash",
]


MD5 = hashlib.md5(usedforsecurity=False)  # works under FIPS as well; that MD5 is weak, `check` says


def _md5(data: bytes) -> str:
    hashed = MD5.copy()  # OpenSSL 3 looks the algorithm up for each new one: 0.86 us; a copy of one takes half
    hashed.update(data)
    return hashed.hexdigest()


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _sha512_256(data: bytes) -> str:
    # FIPS 180-4 SHA-512/256, with initial values of its own. RFC 7616's example 3.9.2 is SHA-512 cut short, an error of that page.
    return hashlib.new("sha512_256", data).hexdigest()


HASHES: Final[dict[str, Callable[[bytes], str]]] = {"MD5": _md5, "SHA-256": _sha256}
if "sha512_256" in hashlib.algorithms_available:  # it comes from OpenSSL, and some builds lack it
    HASHES["SHA-512-256"] = _sha512_256

ALGORITHMS: Final = tuple(HASHES)
"""The algorithms that this interpreter can compute, weakest first. Each has a "-sess" variant."""

_NAMES: Final = {name.lower(): name for base in HASHES for name in (base, base + "-sess")} | {"": "MD5"}


def canonical(algorithm: str) -> str:
    """The algorithm's name as the registry spells it, "MD5" for none; "" for one that we do not know."""
    return _NAMES.get(algorithm) or _NAMES.get(algorithm.lower(), "")


def base_of(algorithm: str) -> str:
    """The hash behind an algorithm: "SHA-256" of "SHA-256-sess"; "" for one that we do not know."""
    return canonical(algorithm).removesuffix("-sess")


def hash_of(algorithm: str, username: str, realm: str, password: str) -> str:
    """H(username:realm:password), what is stored instead of a password (3.4.2)."""
    return HASHES[base_of(algorithm)](_octets(f"{username}:{realm}:{password}"))


def userhash(algorithm: str, username: str, realm: str) -> str:
    """What stands for the user's name when `userhash=true` (3.4.4)."""
    return HASHES[base_of(algorithm)](_octets(f"{username}:{realm}"))


def response_of(
    algorithm: str,
    ha1: str,
    nonce: str,
    method: str,
    uri: str,
    *,
    qop: str = "",
    nc: str = "",
    cnonce: str = "",
    body: bytes = b"",
) -> str:
    """The response (3.4.1), for any algorithm that `canonical` knows. `ha1` is `hash_of`; no qop is RFC 2617's way. An empty method
    gives `rspauth` (3.5).
    """
    hashed = HASHES.get(algorithm)
    if hashed is None:
        algorithm = canonical(algorithm)
        hashed = HASHES[algorithm.removesuffix("-sess")]
        if algorithm.endswith("-sess"):
            ha1 = hashed(_octets(f"{ha1}:{nonce}:{cnonce}"))
    ha2 = hashed(_octets(f"{method}:{uri}:{hashed(body)}")) if qop == "auth-int" else _ha2(hashed, method, uri)
    if not qop:
        return hashed(_octets(f"{ha1}:{nonce}:{ha2}"))
    return hashed(_octets(f"{ha1}:{nonce}:{nc}:{cnonce}:{qop}:{ha2}"))


@lru_cache(maxsize=1024)
def _ha2(hashed: Callable[[bytes], str], method: str, uri: str) -> str:
    """H(A2), remembered: it is the same for all who register here, and no secret."""
    return hashed(_octets(f"{method}:{uri}"))


def expected(credentials: Credentials, ha1: str, method: str, body: bytes = b"") -> str:
    """The response that these credentials should carry."""
    c = credentials
    return response_of(c.algorithm, ha1, c.nonce, method, c.uri, qop=c.qop, nc=c.nc, cnonce=c.cnonce, body=body)


def matches(wanted: str, given: str) -> bool:
    """Whether two responses are equal, in a time that does not tell how much of them is. Hex digits of either case."""
    if given.isascii():
        return hmac.compare_digest(wanted, given.lower())
    return hmac.compare_digest(_octets(wanted), _octets(given.lower()))


def challenge_value(
    realm: str,
    nonce: str,
    algorithm: str = "MD5",
    qop: Iterable[str] = ("auth",),
    *,
    opaque: str = "",
    stale: bool = False,
    userhash: bool = False,
    utf8: bool = False,
) -> str:
    """A WWW-Authenticate or Proxy-Authenticate value (3.3). Nonce, opaque and qop are ours and need no escapes."""
    # No space after the commas would be legal too; phones have been seen to want one.
    value = f'Digest realm={quote(realm)}, nonce="{nonce}", algorithm={algorithm}'
    offered = ",".join(qop)
    if offered:
        value += f', qop="{offered}"'
    if opaque:
        value += f', opaque="{opaque}"'
    if stale:
        value += ", stale=true"
    if utf8:
        value += ", charset=UTF-8"
    if userhash:
        value += ", userhash=true"
    return value


def can_answer(challenge: Challenge, password: str | None, ha1: Mapping[str, str] | None = None) -> bool:
    """Whether we know the algorithm, have what it takes, and the challenge offers no qop at all or one that we know."""
    base = base_of(challenge.algorithm)
    if not base or (password is None and base not in (ha1 or {})):
        return False
    return not challenge.qop or "auth" in challenge.qop or "auth-int" in challenge.qop


def choose(values: Iterable[str], password: str | None, ha1: Mapping[str, str] | None = None) -> Challenge | None:
    """The topmost of several challenges that we can answer; what we do not understand is passed over (RFC 8760 2.4)."""
    for value in values:
        try:
            challenge = parse_challenge(value)
        except Malformed:
            continue
        if challenge is not None and can_answer(challenge, password, ha1):
            return challenge
    return None


def answer(
    challenge: Challenge,
    method: str,
    uri: str,
    *,
    username: str,
    password: str | None = None,
    ha1: Mapping[str, str] | None = None,
    cnonce: str,
    nc: int = 1,
    body: bytes = b"",
) -> str:
    """The Authorization value for a request (3.4). `ha1` has `hash_of` per algorithm and goes before the password.

    The caller counts `nc` per nonce, and keeps one cnonce per nonce: "-sess" makes its session key from both.
    """
    algorithm = canonical(challenge.algorithm)
    base = algorithm.removesuffix("-sess")
    if not can_answer(challenge, password, ha1):
        offered = ",".join(challenge.qop) or "(none)"
        raise ValueError(f"no answer to a challenge with algorithm {challenge.algorithm or 'MD5'} and qop {offered}")
    known = (ha1 or {}).get(base) or hash_of(base, username, challenge.realm, password or "")
    qop = "auth" if "auth" in challenge.qop else "auth-int" if challenge.qop else ""
    count = f"{nc:08x}"
    response = response_of(algorithm, known, challenge.nonce, method, uri, qop=qop, nc=count, cnonce=cnonce, body=body)
    name = userhash(base, username, challenge.realm) if challenge.userhash else username
    value = f'Digest username={quote(name)}, realm={quote(challenge.realm)}, nonce="{challenge.nonce}", uri="{uri}", response="{response}"'
    if challenge.algorithm:
        value += f", algorithm={challenge.algorithm}"
    if challenge.opaque is not None:
        value += f', opaque="{challenge.opaque}"'
    if qop:
        value += f', qop={qop}, nc={count}, cnonce="{cnonce}"'
    elif algorithm.endswith("-sess"):
        value += f', cnonce="{cnonce}"'  # part of its A1
    if challenge.userhash:
        value += ", userhash=true"
    return value


def _octets(text: str) -> bytes:
    # Text of a message is UTF-8 with surrogateescape: octets that were never UTF-8 are hashed as they came.
    return text.encode("utf-8", "surrogateescape")
