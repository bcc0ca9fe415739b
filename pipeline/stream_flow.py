"""Connections as flows: who holds one keeps it open, who holds it hears of its end. What tcp, tls and websocket share.

`FramedFlow` cuts the bytes of TCP and TLS into messages. Rule: it knows a Stream (network.py) and not what is below it. RFC 3261 18.3,
RFC 5626 3.5.1 (keepalives).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.flow import Flow
from pipeline.sip.framing import PING, PONG, Framer
from pipeline.sip.grammar import Malformed

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.engine import Pipeline
    from pipeline.flow import Address
    from pipeline.network import Stream
    from pipeline.sources import Place
    from pipeline.stream_transport import Connections

TURN = 16
"""Messages of one connection in one turn of the loop; the rest of a read waits for the next turn, and nothing is read meanwhile. At some
0.1 ms each, and 0.5 for a call, the loop is held for less than 10 ms; a datagram socket, which all share, has 64."""
PINGS = 10
"""Pings in a second that are answered. RFC 5626 4.4.1 has one every 95 to 120 s; the busiest phones send one in 5 s, so that even what
had to be repeated after a minute without network is less."""
SHOWN = 4096
"""Octets of a stream that cannot be followed which the trace shows: the start line and fields of any honest message."""


class StreamFlow(Flow):
    """The way to the peer at the other end of one connection. What comes by it is for subclasses: `came(data)`."""

    __slots__ = (
        "_engine",
        "_holds",
        "_id",
        "_pings",
        "_pings_since",
        "_tell",
        "among",
        "heard",
        "local",
        "names",
        "opened",
        "peer",
        "source",
        "stream",
        "stuck_since",
        "valid",
    )

    reliable = True

    def __init__(self, connections: Connections, engine: Pipeline, stream: Stream, source: Place | None) -> None:
        self.among = connections
        self.stream = stream
        self.source = source
        """Whose count it is in; None: we have opened it ourselves."""
        self._engine = engine
        self._id = "flow:" + engine.identifiers.instance + engine.token(5)
        self._holds = 0
        self._tell: list[Callable[[Flow, str], None]] | None = None
        self.local: Address = stream.local
        self.peer: Address = stream.peer
        self.names = getattr(stream, "names", ())  # an encrypted stream knows who the peer is
        self.valid = False
        self.heard = self.opened = engine.clock.now()
        self.stuck_since = 0.0
        self._pings_since = 0.0
        self._pings = 0
        if source is not None:
            source.goodbye = self
        stream.on_closed = self._closed
        stream.on_data = self.came

    def came(self, data: bytes) -> None:
        """Take what the peer has sent: as much of it as one turn of the loop may hold, then the rest, then what comes next."""
        if self.take(data) and not self.stream.closed:
            self.stream.on_data = None
            self._engine.clock.loop.call_soon(self._go_on)

    def _go_on(self) -> None:
        if self.stream.closed:
            return
        if not self.take(b""):
            if not self.stream.closed:
                self.stream.on_data = self.came
        elif not self.stream.closed:
            self._engine.clock.loop.call_soon(self._go_on)

    def take(self, data: bytes) -> bool:
        """Take octets and do what TURN allows of what they complete; True when some is left, and is to be asked for with b""."""
        raise NotImplementedError

    def answerable(self, pings: int) -> int:
        """How many of some pings are to be answered; who sends more than any keepalive and has brought no valid request is closed."""
        now = self._engine.clock.now()
        if now - self._pings_since >= 1.0:
            self._pings_since, self._pings = now, 0
        left = max(0, PINGS - self._pings)
        self._pings += pings
        if self._pings > PINGS and not self.valid:
            self.close(f"more than {PINGS} pings in a second, and no valid request")
            return 0
        return min(pings, left)

    @property
    def id(self) -> str:
        """Unique among all flows of this installation."""
        return self._id

    @property
    def listener(self) -> str:
        """The name of the plugin instance."""
        return self.among.owner.name

    @property
    def advertised(self) -> Address:
        """Our address in Via and Contact: that of the listener, for others cannot connect to an outgoing connection's port."""
        return self.among.owner.advertised or self.among.owner.listening_at(self.local)

    @property
    def closed(self) -> bool:
        """Tell whether nothing can be sent any more."""
        return bool(self.stream.closed)

    @property
    def held(self) -> bool:
        """Tell whether a binding, dialog or transaction needs the connection."""
        return self._holds > 0

    def send(self, data: bytes) -> None:
        """Send one message; raises ConnectionError when the connection is closed."""
        self.stream.write(data)

    def close(self, reason: str) -> None:
        """Close the connection."""
        self.stream.close(reason)

    def give_up(self, reason: str) -> None:
        """Close the connection at once, for another's sake; what can be said without waiting is said."""
        self.stream.give_up(reason)

    def on_closed(self, tell: Callable[[Flow, str], None]) -> None:
        """Have `tell(flow, reason)` called once when the connection closes."""
        if self._tell is None:
            self._tell = []
        self._tell.append(tell)

    def proved(self) -> None:
        """Note that a valid request came by this connection."""
        if not self.valid:
            self.valid = True
            if self.source is not None:
                self.source.prove()
        if not self._holds and self.source is not None:
            self.source.spare()

    def hold(self) -> None:
        """Keep the connection open."""
        self._holds += 1
        if self._holds == 1 and self.source is not None:
            self.source.need()

    def release(self) -> None:
        """Give one hold back; the idle time begins anew."""
        self._holds -= 1
        self.heard = self._engine.clock.now()
        if not self._holds and self.valid and self.source is not None:
            self.source.spare()

    def _closed(self, reason: str) -> None:
        if self.source is not None:
            self.source.goodbye = None
        self.among.owner.gone(self)
        for tell in self._tell or ():
            tell(self, reason)
        self._tell = None
        self._engine.tell("flow.closed", flow=self._id, peer=self.peer, reason=reason)


class FramedFlow(StreamFlow):
    """A connection whose messages are told apart by their Content-Length."""

    __slots__ = ("_framer", "_pinged")

    by_length = True

    def __init__(self, connections: Connections, engine: Pipeline, stream: Stream, source: Place | None) -> None:
        self._framer: Framer | None = None
        self._pinged: list[Callable[[], object]] | None = None
        super().__init__(connections, engine, stream, source)

    def take(self, data: bytes) -> bool:
        """Cut messages and hand them on; answer keepalives."""
        self.heard = now = self._engine.clock.now()
        framer = self._framer or self._begin()
        pings = 0
        try:
            pieces = framer.feed(data, TURN)
            for piece in pieces:
                if isinstance(piece, bytes):
                    self._engine.receive(piece, self)
                elif piece is PING:
                    pings += 1
                elif self._pinged:
                    told, self._pinged = self._pinged, None
                    for each in told:
                        each()
                if self.stream.closed:
                    return False
            if pings and (answered := self.answerable(pings)):
                self.stream.write(PONG.value * answered)
            if framer.broken is not None and not self.stream.closed:
                framer.feed(b"")
        except Malformed as error:
            self._broken(error)
            return False
        except ConnectionError:
            return False
        if not framer.pending or len(pieces) >= TURN:  # whether what is left is unfinished the next turn tells
            self.stuck_since = 0.0
            return framer.pending > 0
        if pieces or not self.stuck_since:  # what is unfinished now began with this piece at the earliest
            self.stuck_since = now
        return False

    def _begin(self) -> Framer:
        """Make the framer; who has sent nothing has none."""
        framer = self._framer = Framer(self.among.owner.limits)
        return framer

    def keepalive(self, told: Callable[[], object]) -> bool:
        """Send a ping, and call `told()` with its pong. One at a time: two pongs that arrive together look like the peer's own ping."""
        if self.stream.closed:
            return False
        if self._pinged is not None:
            self._pinged.append(told)
            return True
        try:
            self.stream.write(PING.value)
        except ConnectionError:
            return False
        self._pinged = [told]
        (self._framer or self._begin()).awaited = True
        return True

    def _broken(self, error: Malformed) -> None:
        """The stream cannot be followed: say why (the head that we have can often be answered), then close."""
        self._engine.unframed(error, self, (self._framer or self._begin()).rest(SHOWN))
        self.stream.close(f"the stream cannot be followed: {error.reason}")
