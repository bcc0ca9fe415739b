"""Cutting messages out of a stream: TCP, TLS.

Rule: octets in, whole messages out, in order; what cannot be followed raises Malformed, and the connection is of no use any more.
RFC 3261 sections 7.5 and 18.3 (Content-Length is mandatory), RFC 5626 section 3.5.1 (CRLF keepalive).
"""

from __future__ import annotations

import re
import sys
from enum import Enum
from typing import TYPE_CHECKING, Final

from attrs import frozen

from .grammar import SECONDS, Malformed, bad, missing, number
from .parser import MAX_HEAD, parse

if TYPE_CHECKING:
    from .message import Message

LENGTH = re.compile(rb"\r\n(?:content-length|l)[ \t]*+:[ \t]*+([^\r\n]*+)", re.IGNORECASE)
FOLDED = re.compile(rb"\r\n[ \t]+")
CRLFS = re.compile(rb"(?:\r\n)*")


class Keepalive(Enum):
    """What stood between messages."""

    PING = b"\r\n\r\n"  # to be answered with PONG
    PONG = b"\r\n"


PING: Final = Keepalive.PING
PONG: Final = Keepalive.PONG


@frozen
class Limits:
    """The most that one connection may make us hold. Each default is what a UDP datagram could carry at all (RFC 768)."""

    head: int = MAX_HEAD
    body: int = 65_535


class Framer:
    """Cuts one connection's stream. `broken` is the error that ended it, None while it can be followed."""

    __slots__ = ("_buffer", "_half", "_scanned", "_wanted", "awaited", "broken", "limits")

    def __init__(self, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self.broken: Malformed | None = None
        self.awaited = False
        """Whether a ping of ours has no pong yet: a CRLF is one, and no half of a ping."""
        self._buffer = bytearray()
        self._scanned = 0  # no empty line begins before this place
        self._wanted = 0  # octets of the message at the front, once its head has been read
        self._half = False  # the last octets were one CRLF, which the next may make a ping

    @property
    def pending(self) -> int:
        """Octets of an unfinished message: a transport closes a connection that never finishes it."""
        return len(self._buffer)

    def rest(self, most: int) -> bytes:
        """Return what has not been cut yet, at most so many octets: of a stream that is broken, what cannot be followed."""
        return bytes(self._buffer[:most])

    def feed(self, data: bytes, most: int = sys.maxsize) -> list[bytes | Keepalive]:
        """Take octets, return the messages and keepalives they complete: `most` of them, or a few keepalives more.

        Who gets so many asks again, with b"". When the stream breaks after messages that were whole, these are returned and the next
        call raises.
        """
        if self.broken is not None:
            raise self.broken
        self._buffer += data
        found: list[bytes | Keepalive] = []
        try:
            while self._buffer and len(found) < most:
                if self._buffer[:1] == b"\r" and not self._wanted:
                    if not self._keepalives(found):
                        break
                    continue
                piece = self._next()
                if piece is None:
                    break
                found.append(piece)
        except Malformed as error:
            self.broken = error
            if not found:
                raise
        return found

    def _next(self) -> bytes | None:
        buffer = self._buffer
        if not self._wanted:
            self._half = False
            end = buffer.find(b"\r\n\r\n", self._scanned)
            if end < 0:
                self._scanned = max(0, len(buffer) - 3)
                if len(buffer) > self.limits.head + 3:  # of the empty line's four octets three may be here
                    raise Malformed("Bad header section: too large", status=513)
                return None
            if end > self.limits.head:
                raise Malformed("Bad header section: too large", status=513)
            self._wanted = end + 4 + self._length(bytes(buffer[: end + 4]))
        if len(buffer) < self._wanted:
            return None
        message = bytes(buffer[: self._wanted])
        del buffer[: self._wanted]
        self._wanted = self._scanned = 0
        return message

    def _keepalives(self, found: list[bytes | Keepalive]) -> bool:
        """Take all CRLFs in front at once; False while one is not whole.

        A pong is told at once, as its peer waits for it; should its second half follow, that is told as the ping. While one is awaited
        whatever comes is one too: of two CRLFs nobody can say whether they are a ping or hold the pong, and who sends them is there.
        """
        buffer = self._buffer
        if len(buffer) == 1:
            return False
        size = CRLFS.match(buffer).end()  # type: ignore[union-attr]  # it matches anything
        if not size:
            raise Malformed("Bad message: it begins with a bare CR")
        del buffer[:size]
        pings, odd = divmod(size // 2, 2)
        pong = self.awaited
        if pong:
            self.awaited = self._half = False
        elif not pings and self._half:
            pings, odd = 1, 0
            self._half = False
        else:
            self._half = bool(odd)
        found += [PING] * pings
        if odd or pong:
            found.append(PONG)
        return True

    def _length(self, head: bytes) -> int:
        """The octets of body that the head announces."""
        values = LENGTH.findall(FOLDED.sub(b" ", head))
        try:
            if not values:
                raise missing("Content-Length")
            if len(values) > 1:
                raise bad("Content-Length", "more than one")
            size = number(values[0].decode("latin-1").strip(" \t"), SECONDS, "Content-Length")
            if size > self.limits.body:
                raise Malformed("Bad Content-Length: body too large", header="Content-Length", status=513)
        except Malformed as error:
            error.message = _partial(head)
            raise
        return size


def _partial(head: bytes) -> Message | None:
    """The request whose body cannot be found, so that it can be answered before the connection is closed."""
    try:
        message = parse(head)
    except Malformed as error:
        return error.message
    return message if message.is_request else None
