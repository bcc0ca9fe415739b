"""Flow tokens: the user part of our Path and Record-Route, which says by which flow a phone is reached. RFC 5626 5.2.

Rule: nothing is kept. A token holds the flow's id and its listener, authenticated under a key derived from the installation's, so it
outlives a restart where the flow does (UDP). Two kinds: of a Path, which the registrar alone learns and which leads to the phone with any
request; and of a Record-Route, which the far end of a dialog learns too and which is good for that dialog's Call-ID alone.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import blake2b
from hmac import compare_digest
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from pipeline import Flow

PATH, DIALOG = "p", "d"
MAC = 10
"""Octets: the 80 bits of RFC 5626 5.2's HMAC-SHA1-80."""
LONGEST = 200
"""Letters of a token: the longest flow id (an IPv6 address and port) and listener name have far fewer."""


class Token(NamedTuple):
    """What a token says."""

    kind: str
    flow: str
    """The id of the flow."""
    listener: str


class Tokens:
    """Makes and reads tokens."""

    __slots__ = ("_key",)

    def __init__(self, key: bytes) -> None:
        self._key = key

    def make(self, flow: Flow, kind: str, call_id: str = "") -> str:
        """Return the token of a flow; `call_id` is that of the dialog that it is good for."""
        payload = f"{kind}{flow.listener} {flow.id}".encode()
        return urlsafe_b64encode(self._mac(payload, call_id) + payload).rstrip(b"=").decode("ascii")

    def read(self, text: str, call_id: str) -> Token | None:
        """Return what a token says that came in a request with this Call-ID; None: it was not made here, or not for this dialog."""
        if len(text) > LONGEST:
            return None
        try:
            raw = urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
        except ValueError:
            return None
        payload = raw[MAC:]
        kind = payload[:1].decode("latin-1")
        if not compare_digest(raw[:MAC], self._mac(payload, call_id if kind == DIALOG else "")):
            return None
        listener, _, flow = payload[1:].decode().partition(" ")
        return Token(kind, flow, listener)

    def _mac(self, payload: bytes, call_id: str) -> bytes:
        text = payload + b"\0" + call_id.encode("utf-8", "surrogateescape")
        return blake2b(text, digest_size=MAC, key=self._key, person=b"sipline flowtok").digest()
