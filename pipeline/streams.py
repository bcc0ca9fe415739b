"""TCP connections: bytes in order, closed cleanly with a reason. RFC 3261 18 (framing is the transport's, not ours).

Rule: plain callbacks on the loop, no task and no asyncio transport per connection. What a peer does not read is bounded;
closing sends what waits and says FIN first, because closing a socket with unread bytes in it makes the kernel say RST, and the
peer then loses the very answer that told it why.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
import sys
from typing import TYPE_CHECKING

from pipeline.datagrams import host_port

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from pipeline.flow import Address
    from pipeline.readers import Readers

READ = 65536
"""Bytes per wake-up and connection: a whole message of the usual size, or many small ones, worked off in turns (stream_flow.py)."""
ACCEPTS = range(64)
LINGER = 2.0
"""Seconds that a closed connection waits for what is unsent and for the peer's FIN."""
USER_TIMEOUT = 32_000
"""Milliseconds without any acknowledgement: 64*T1, when every transaction on it has timed out (RFC 3261 17.1.2.2)."""
IDLE, INTERVAL, PROBES = 120, 10, 3
"""Seconds of silence until the kernel asks whether the peer is still there (RFC 5626 4.4.1: 120 s or less), and how it repeats that."""
EXHAUSTED = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}


class Connection:
    """One TCP connection; see network.Stream for what each name means."""

    __slots__ = (
        "_ended",
        "_fd",
        "_linger",
        "_loop",
        "_on_data",
        "_out",
        "_owner",
        "_peer_ended",
        "_readers",
        "_sock",
        "closed",
        "limit",
        "local",
        "on_closed",
        "on_end",
        "on_gone",
        "peer",
    )

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        sock: socket.socket,
        limit: int,
        owner: set[Connection],
        readers: Readers,
        local: Address | None = None,
    ) -> None:
        own = host_port(sock.getsockname())
        self.local = local if local == own else own  # thousands share one
        self.peer = host_port(sock.getpeername())
        self.limit = limit
        self.closed = ""
        self.on_closed: Callable[[str], object] | None = None
        self.on_end: Callable[[], object] | None = None
        self.on_gone: Callable[[], object] | None = None
        self._on_data: Callable[[bytes], object] | None = None
        self._loop = loop
        self._readers = readers
        self._sock = sock
        self._fd = sock.fileno()
        self._out: bytearray | None = None  # nothing waits
        self._ended = self._peer_ended = False
        self._linger: asyncio.TimerHandle | None = None
        self._owner = owner
        owner.add(self)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        if sys.platform == "linux":
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, USER_TIMEOUT)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, IDLE)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, INTERVAL)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, PROBES)

    @property
    def on_data(self) -> Callable[[bytes], object] | None:
        """Called with the bytes as they come. Reading begins when it is set and pauses while it is None."""
        return self._on_data

    @on_data.setter
    def on_data(self, fn: Callable[[bytes], object] | None) -> None:
        if (fn is None) != (self._on_data is None) and not self.closed and not self._peer_ended:
            if fn is None:
                self._readers.remove(self._fd)
            else:
                self._readers.add(self._fd, self)
        self._on_data = fn

    @property
    def pending_bytes(self) -> int:
        """Bytes written that the kernel has not taken yet."""
        return len(self._out or b"")

    def readable(self) -> None:
        """Read what has come."""
        try:
            data = self._sock.recv(READ)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self.reset(phrase(error))
            return
        if data:
            if not self.closed and self._on_data is not None:  # closed: what the peer still says is read and forgotten, until its FIN
                self._on_data(data)
            return
        self._peer_ended = True
        self._readers.remove(self._fd)
        if self.closed:
            if not self._out:
                self._gone()
        elif self._ended or self.on_end is None:
            self.close("closed by the peer")
        else:
            self.on_end()

    def write(self, data: bytes) -> None:
        """Send, or keep for when the peer has read; above the limit the connection is reset."""
        if self.closed or self._ended:
            raise ConnectionError(f"the connection to {self.peer[0]} is closed: {self.closed or 'ended'}")
        if not self._out:
            try:
                sent = self._sock.send(data)
            except (BlockingIOError, InterruptedError):
                sent = 0
            except OSError as error:
                self.reset(phrase(error))
                return
            if sent == len(data):
                return
            data = data[sent:]
            self._loop.add_writer(self._fd, self._writable)
            self._out = bytearray()
        self._out += data
        if len(self._out) > self.limit:
            self.reset(f"the peer does not read: {len(self._out)} bytes wait")

    def _writable(self) -> None:
        if self._out is None:
            return
        try:
            sent = self._sock.send(self._out)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self.reset(phrase(error))
            return
        del self._out[:sent]
        if not self._out:
            self._out = None
            self._loop.remove_writer(self._fd)
            if self._ended or self.closed:
                self._say_end()

    def end(self) -> None:
        """Say FIN after what waits; go on reading."""
        if not self._ended and not self.closed:
            self._ended = True
            if self._peer_ended:
                self.close("ended by both sides")
            elif not self._out:
                self._say_end()

    def close(self, reason: str = "") -> None:
        """Send what waits, say FIN, wait a little for the peer's; `on_closed(reason)` comes with the next turn of the loop."""
        if self.closed:
            return
        self._tell(reason or "closed by us")
        if self._on_data is None and not self._peer_ended:
            self._readers.add(self._fd, self)
        self._linger = self._loop.call_later(LINGER, self._gone)
        if not self._out:
            self._say_end()

    def reset(self, reason: str = "") -> None:
        """Close at once; what waits is lost."""
        if not self.closed:
            self._tell(reason or "reset by us")
        self._gone()

    give_up = reset
    """The kernel goes on sending what it has, and says FIN after that."""

    def _tell(self, reason: str) -> None:
        self.closed = reason
        tell, self.on_closed = self.on_closed, None  # or flow and stream would hold each other until the collector comes
        if tell is not None:
            self._loop.call_soon(tell, reason)

    def _say_end(self) -> None:
        if self.closed and self._peer_ended:
            self._gone()
            return
        try:
            self._sock.shutdown(socket.SHUT_WR)
        except OSError as error:  # the peer has gone already
            self.reset(phrase(error))

    def _gone(self) -> None:
        if self in self._owner:
            self._owner.remove(self)
            if self._linger is not None:
                self._linger.cancel()
            self._readers.remove(self._fd)
            if self._out is not None:  # RST: the kernel would go on trying for a peer that does not read
                self._loop.remove_writer(self._fd)
                self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self._out = None
            self._sock.close()
            self._on_data = self.on_end = None  # they refer to the flow, and the flow to us
            gone, self.on_gone = self.on_gone, None
            if gone is not None:
                self._loop.call_soon(gone)


class Acceptor:
    """A listening socket: gives each new connection to `on_connection`."""

    __slots__ = (
        "_connections",
        "_limit",
        "_loop",
        "_on_connection",
        "_readers",
        "_retry",
        "_shared",
        "_sock",
        "closed",
        "local",
        "postponed",
    )

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        sock: socket.socket,
        on_connection: Callable[[Connection], object],
        limit: int,
        connections: set[Connection],
        readers: Readers,
    ) -> None:
        self.local = self._shared = host_port(sock.getsockname())
        self.closed = False
        self.postponed = 0
        """How often we ran out of descriptors or memory and waited a second."""
        self._loop = loop
        self._sock = sock
        self._on_connection = on_connection
        self._limit = limit
        self._connections = connections
        self._readers = readers
        self._retry: asyncio.TimerHandle | None = None
        self._listen()

    def _listen(self) -> None:
        self._retry = None
        self._loop.add_reader(self._sock.fileno(), self._acceptable)

    def _acceptable(self) -> None:
        for _ in ACCEPTS:
            if self.closed:  # by on_connection
                return
            try:
                sock, _peer = self._sock.accept()
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno not in EXHAUSTED:
                    continue  # that one connection was aborted before we took it
                self.postponed += 1  # it stays in the backlog; asking again at once would spin
                self._loop.remove_reader(self._sock.fileno())
                self._retry = self._loop.call_later(1.0, self._listen)
                return
            sock.setblocking(False)
            try:
                connection = Connection(self._loop, sock, self._limit, self._connections, self._readers, self._shared)
            except OSError:  # gone already
                sock.close()
                continue
            self._shared = connection.local
            self._on_connection(connection)

    def close(self) -> None:
        """Accept no more; connections made stay."""
        if not self.closed:
            self.closed = True
            if self._retry is not None:
                self._retry.cancel()
            self._loop.remove_reader(self._sock.fileno())
            self._sock.close()


def phrase(error: OSError) -> str:
    """An error in a few words: "connection reset by peer"."""
    return (os.strerror(error.errno) if error.errno else str(error) or type(error).__name__).lower()
