"""A connection that has been accepted and has not said its ClientHello yet. RFC 8446 5.1 (records), 4.1.2.

Rule: OpenSSL takes 50 kB for a connection and looks at every octet; who sends one a second shall have neither. So the first record is
collected here, as octets, and OpenSSL meets the connection when it is whole, or when it can be no TLS: then it says so in its own words.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.network import Stream

HEADER = 5
"""Type, version and length of a record."""
HANDSHAKE = 22
LARGEST = 16384
"""A record's longest plaintext: RFC 8446 5.1."""


class Hello:
    """The first record of a connection, until it is whole; then `heard(octets)` is called once."""

    __slots__ = ("__weakref__", "_came", "_heard", "stream")

    def __init__(self, stream: Stream, heard: Callable[[bytes], object]) -> None:
        self.stream = stream
        self._heard = heard
        self._came = b""
        stream.on_data = self._data

    def _data(self, data: bytes) -> None:
        self._came += data
        if not whole(self._came):
            return
        came, self._came = self._came, b""
        self._heard(came)


def whole(data: bytes) -> bool:
    """Tell whether the first record is there in full, or will never be a handshake's."""
    if not data:
        return False
    if data[0] != HANDSHAKE:
        return True
    if len(data) < HEADER:
        return False
    length = int.from_bytes(data[3:5], "big")
    return length > LARGEST or len(data) >= HEADER + length
