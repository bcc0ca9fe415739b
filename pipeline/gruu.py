"""GRUUs: addresses that lead to one phone of an address of record. RFC 5627 3.1, 5.4.

A public one is the address of record with the phone's instance in `gr`. A temporary one tells nobody whose it is: its user part is made of
the user, a digest of the instance and the generation, encrypted and authenticated under keys derived from the key of this installation.
So both survive a restart and need no table; a temporary one holds as long as the generation that its phone's bindings carry
(`contact.gruu`), which the registrar changes where RFC 5627 5.1 has them invalidated.

Rule: nothing here looks up a binding; that is pipeline.location's. All temporary ones are of one length, or it would tell users apart.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import blake2b
from hmac import compare_digest
from typing import TYPE_CHECKING
from urllib.parse import quote

import attrs

from pipeline.sip.grammar import unquote

if TYPE_CHECKING:
    from pipeline.dal import Contact
    from pipeline.sip.uri import Uri

__all__ = ["Gruu", "Gruus", "instance_of"]

PREFIX = "tgruu."
"""As RFC 5627 A.2 begins them."""
USER, INSTANCE, GENERATION = 33, 8, 6
"""Octets of what is hidden; one more tells the user's length. A longer user gets no temporary GRUU."""
HIDDEN = 1 + USER + INSTANCE + GENERATION
NONCE, MAC = 10, 10
"""Octets: the 80 bits of RFC 5627 A.2's distinguisher and of its HMAC-SHA256-80."""
TEXT = len(PREFIX) + (4 * (NONCE + HIDDEN + MAC) + 2) // 3
LONGEST = 255
"""Letters of an instance that gets GRUUs; a URN of a UUID has 45 (RFC 5626 4.1 names no limit)."""
PLAIN = "[]/:&+$-_.!~*'()"
"""What a URI parameter may hold unescaped (RFC 3261 25.1)."""


@attrs.frozen(slots=True)
class Gruu:
    """What a GRUU says."""

    user: str
    """The user of the address of record, unescaped."""
    instance: bytes
    """The digest of the instance."""
    generation: int = 0
    """Of a temporary one; 0: it is public."""

    def fits(self, contact: Contact) -> bool:
        """Tell whether a binding is one of the phone that is meant, and a temporary GRUU still holds for it."""
        if self.generation and contact.gruu != self.generation:
            return False
        name = instance_of(contact.instance)
        return bool(name) and _digest(name) == self.instance


class Gruus:
    """Makes and reads the GRUUs of one installation."""

    __slots__ = ("_key",)

    def __init__(self, key: bytes = b"") -> None:
        self._key = key

    def public(self, uri: Uri, domain: str, instance: str) -> str:
        """Return the public GRUU of a phone: `uri` is an address of record, in `domain`; "" when the instance is none."""
        name = instance_of(instance)
        return f"{uri.scheme}:{uri.user}@{domain};gr={quote(name, safe=PLAIN)}" if name else ""

    def temporary(self, uri: Uri, domain: str, instance: str, generation: int, nonce: bytes) -> str:
        """Return a new temporary GRUU of a phone, with a random nonce of `NONCE` octets; "" when there can be none."""
        user, name = uri.user_unescaped.encode("utf-8", "surrogateescape"), instance_of(instance)
        if not name or len(user) > USER:
            return ""
        plain = bytes([len(user)]) + user.ljust(USER, b"\0") + _digest(name) + generation.to_bytes(GENERATION, "big")
        hidden = self._crypt(plain, nonce)
        raw = nonce + hidden + self._mac(nonce + hidden, domain)
        return f"{uri.scheme}:{PREFIX}{urlsafe_b64encode(raw).rstrip(b'=').decode()}@{domain};gr"

    def read(self, uri: Uri, domain: str) -> Gruu | None:
        """Return what a URI with `gr`, in `domain`, says; None when it is no GRUU, or not one of ours."""
        value = uri.param("gr")
        if value:
            return Gruu(uri.user_unescaped, _digest(value.lower())) if uri.user else None
        user = uri.user or ""
        if len(user) != TEXT or not user.startswith(PREFIX) or not self._key:
            return None
        try:
            raw = urlsafe_b64decode(user[len(PREFIX) :].encode("ascii") + b"=" * (-(TEXT - len(PREFIX)) % 4))
        except ValueError:
            return None
        nonce, hidden, mac = raw[:NONCE], raw[NONCE:-MAC], raw[-MAC:]
        if len(raw) != NONCE + HIDDEN + MAC or not compare_digest(mac, self._mac(nonce + hidden, domain)):
            return None
        plain = self._crypt(hidden, nonce)
        name = plain[1 : 1 + plain[0]].decode("utf-8", "surrogateescape")
        return Gruu(name, plain[1 + USER : 1 + USER + INSTANCE], int.from_bytes(plain[-GENERATION:], "big"))

    def _crypt(self, data: bytes, nonce: bytes) -> bytes:
        """Encrypt or decrypt: a keystream of one keyed hash, which a nonce never gives twice."""
        stream = blake2b(nonce, digest_size=HIDDEN, key=self._key, person=b"sipline gruu enc").digest()
        return bytes(one ^ other for one, other in zip(data, stream, strict=True))

    def _mac(self, data: bytes, domain: str) -> bytes:
        return blake2b(data + domain.encode(), digest_size=MAC, key=self._key, person=b"sipline gruu mac").digest()


def instance_of(text: str) -> str:
    """Return the instance of a `+sip.instance` (RFC 5626 4.1: a URN in "<" and ">"), to be compared; "" when it is none."""
    if text[:1] == '"':
        text = unquote(text)
    if len(text) < 3 or len(text) > LONGEST or text[0] != "<" or text[-1] != ">" or not text.isascii() or not text.isprintable():
        return ""
    return text[1:-1].lower()


def _digest(name: str) -> bytes:
    return blake2b(name.encode("utf-8", "surrogateescape"), digest_size=INSTANCE).digest()
