"""Connections of the network in memory: in order, in pieces of any size, closed, half-closed, reset or cut.

Rule: what a reader of sockets cannot rely on does not hold here either: writes are joined and split anywhere (seeded), callbacks
never come from within the call that caused them, and what a peer does not read piles up until the limit closes the connection.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.streams import LINGER

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from pipeline.flow import Address
    from pipeline.network import Stream
    from pipeline.testing.network import Network

WINDOW = 65536
"""Bytes that the two kernels would hold for a reader who is slow; `pending_bytes` counts from there."""
SLOW_READ, SLOW_READ_SECONDS = 0.25, 0.02
"""How often, and by how much at most, a read comes later than the bytes."""


class MemoryStream:
    """One end of a connection; see network.Stream for what each name means."""

    __slots__ = (
        "_arrived",
        "_ended",
        "_linger",
        "_network",
        "_on_data",
        "_peer_ended",
        "_pumping",
        "_said_end",
        "_under_way",
        "closed",
        "limit",
        "local",
        "on_closed",
        "on_end",
        "on_gone",
        "peer",
        "peer_end",
    )

    peer_end: MemoryStream

    def __init__(self, network: Network, local: Address, peer: Address, limit: int) -> None:
        self.local = local
        self.peer = peer
        self.limit = limit
        self.closed = ""
        self.on_closed: Callable[[str], object] | None = None
        self.on_end: Callable[[], object] | None = None
        self.on_gone: Callable[[], object] | None = None
        self._linger: asyncio.TimerHandle | None = None
        self._on_data: Callable[[bytes], object] | None = None
        self._network = network
        self._arrived = bytearray()  # for us to read
        self._under_way = 0  # bytes of ours
        self._pumping = False
        self._ended = False  # we write no more
        self._said_end = False  # the peer's end has arrived, perhaps behind bytes that are not read yet
        self._peer_ended = False  # and was read

    @property
    def on_data(self) -> Callable[[bytes], object] | None:
        """Called with the bytes as they come. Reading begins when it is set and pauses while it is None."""
        return self._on_data

    @on_data.setter
    def on_data(self, fn: Callable[[bytes], object] | None) -> None:
        self._on_data = fn
        self._pump_soon()

    @property
    def pending_bytes(self) -> int:
        """Bytes written that have no room in the window any more."""
        return max(0, self._under_way + len(self.peer_end._arrived) - WINDOW)

    def write(self, data: bytes) -> None:
        """Send; above the limit the connection is reset."""
        if self.closed or self._ended:
            raise ConnectionError(f"the connection to {self.peer[0]} is closed: {self.closed or 'ended'}")
        self._network.note("wrote", 0, self.local, self.peer, bytes(data))
        self._under_way += len(data)
        self._later(self._arrive, bytes(data))
        if self.pending_bytes > self.limit:
            self.reset(f"the peer does not read: {self.pending_bytes} bytes wait")

    def end(self) -> None:
        """Say that we write no more; go on reading."""
        if not self.closed and not self._ended:
            if self._peer_ended:
                self.close("ended by both sides")
            else:
                self._say_end()

    def close(self, reason: str = "") -> None:
        """Close when what was written has arrived; gone when the peer has closed too, after two seconds at the latest."""
        if not self.closed:
            if not self._ended:
                self._say_end()
            if self.on_gone is not None and not self.peer_end.closed:
                self._linger = self._network.loop.call_later(LINGER, self._gone)
            self._tell(reason or "closed by us")

    def give_up(self, reason: str = "") -> None:
        """Close at once; what was written still arrives."""
        self.close(reason or "given up by us")
        self._gone()

    def reset(self, reason: str = "") -> None:
        """Close at once; what is under way is lost."""
        if not self.closed:
            self._network.note("reset", 0, self.local, self.peer)
            self._later(self.peer_end._tell, "connection reset by peer")
            self._under_way = -1  # _arrive then brings nothing
            self._tell(reason or "reset by us")
        self._gone()

    def cut(self, reason: str) -> None:
        """Break the connection for both ends, at once (for tests: Network.cut)."""
        for end in (self, self.peer_end):
            if not end.closed:
                self._network.note("cut", 0, end.local, end.peer)
                end._under_way = -1
                end._tell(reason)

    def _say_end(self) -> None:
        self._ended = True
        self._network.note("ended", 0, self.local, self.peer)
        self._later(self._arrive, b"")

    def _later(self, fn: Callable[..., object], *args: object) -> None:
        """When it has reached the peer, after everything before it."""
        loop = self._network.loop
        now = loop.time()
        arrival = self._network.in_order((self.local, self.peer), now)
        if arrival > now:
            loop.call_at(arrival, fn, *args)
        else:
            loop.call_soon(fn, *args)

    def _arrive(self, data: bytes) -> None:
        """Bytes of ours (none: our end) have reached the peer."""
        if self._under_way < 0:
            return
        self._under_way -= len(data)
        self.peer_end._take(data)

    def _take(self, data: bytes) -> None:
        if not self.closed:
            self._arrived += data
            self._said_end = self._said_end or not data
            self._pump_soon()

    def _pump_soon(self) -> None:
        if not self._pumping and self._on_data is not None and not self.closed and (self._arrived or self._said_end):
            self._pumping = True
            draw = self._network.random
            if self._network.chunks and draw.random() < SLOW_READ:  # what comes meanwhile is joined
                self._network.loop.call_later(draw.uniform(0.0, SLOW_READ_SECONDS), self._pump)
            else:
                self._network.loop.call_soon(self._pump)

    def _pump(self) -> None:
        self._pumping = False
        if self.closed or self._on_data is None:
            return
        if self._arrived:
            size = self._piece(len(self._arrived))
            data = bytes(self._arrived[:size])
            del self._arrived[:size]
            self._on_data(data)
            self._pump_soon()
        elif self._said_end and not self._peer_ended:
            self._peer_ended = True
            if self._ended or self.on_end is None:
                self.close("closed by the peer")
            else:
                self.on_end()

    def _piece(self, size: int) -> int:
        """How much of what is there the next read gets: a few bytes, any part, or all."""
        if not self._network.chunks:
            return size
        draw = self._network.random
        return min(size, draw.choice((draw.randint(1, 16), draw.randint(1, size), size)))

    def _tell(self, reason: str) -> None:
        if not self.closed:
            self.closed = reason
            self._arrived.clear()
            self._network.streams.remove(self)
            self._network.loop.call_soon(self._closed, reason)
            if self._linger is None:
                self._gone()
            if self.peer_end.closed:
                self.peer_end._gone()

    def _gone(self) -> None:
        if self._linger is not None:
            self._linger.cancel()
        gone, self.on_gone = self.on_gone, None
        if gone is not None:
            self._network.loop.call_soon(gone)

    def _closed(self, reason: str) -> None:
        if self.on_closed is not None:
            self.on_closed(reason)
        self._on_data = self.on_end = self.on_closed = None


class MemoryListener:
    """A bound stream socket of a host."""

    __slots__ = ("_keys", "_network", "closed", "local", "on_connection", "write_limit")

    def __init__(
        self, network: Network, keys: list[Address], local: Address, on_connection: Callable[[Stream], object], write_limit: int
    ) -> None:
        self.local = local
        self.on_connection = on_connection
        self.write_limit = write_limit
        self.closed = False
        self._network = network
        self._keys = keys

    def close(self) -> None:
        """Accept no more; connections made stay."""
        if not self.closed:
            self.closed = True
            for key in self._keys:
                del self._network.listeners[key]
