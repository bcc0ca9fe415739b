"""One TCP connection as a flow: bytes in, whole messages to the pipeline; who holds it keeps it open. RFC 3261 18.3."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline import Flow, Malformed
from pipeline.sip.framing import PING, PONG, Framer

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.engine import Pipeline
    from pipeline.flow import Address
    from pipeline.network import Stream

    from .tcp import Connections

SHOWN = 4096
"""Octets of a stream that cannot be followed which the trace shows: the start line and fields of any honest message."""


class TcpFlow(Flow):
    """The way to the peer at the other end of one connection."""

    __slots__ = (
        "_among",
        "_engine",
        "_framer",
        "_holds",
        "_id",
        "_stream",
        "_tell",
        "heard",
        "local",
        "opened",
        "peer",
        "stuck_since",
        "valid",
    )

    transport = "TCP"
    reliable = True

    def __init__(self, connections: Connections, engine: Pipeline, stream: Stream) -> None:
        self._among = connections
        self._engine = engine
        self._stream = stream
        self._framer = Framer(connections.owner.limits)
        self._id = "flow:" + engine.identifiers.instance + engine.token(5)
        self._holds = 0
        self._tell: list[Callable[[Flow, str], None]] = []
        self.local: Address = stream.local
        self.peer: Address = stream.peer
        self.valid = False
        self.heard = self.opened = engine.clock.now()
        self.stuck_since = 0.0
        stream.on_closed = self._closed
        stream.on_data = self._came

    @property
    def id(self) -> str:
        """Unique among all flows of this installation."""
        return self._id

    @property
    def listener(self) -> str:
        """The name of the plugin instance."""
        return self._among.owner.name

    @property
    def advertised(self) -> Address:
        """Our address in Via and Contact: that of the listener, for others cannot connect to an outgoing connection's port."""
        return self._among.owner.advertised or self._among.owner.listening_at(self.local)

    @property
    def closed(self) -> bool:
        """Tell whether nothing can be sent any more."""
        return bool(self._stream.closed)

    @property
    def held(self) -> bool:
        """Tell whether a binding, dialog or transaction needs the connection."""
        return self._holds > 0

    def send(self, data: bytes) -> None:
        """Send one message; raises ConnectionError when the connection is closed."""
        self._stream.write(data)

    def close(self, reason: str) -> None:
        """Close the connection."""
        self._stream.close(reason)

    def on_closed(self, tell: Callable[[Flow, str], None]) -> None:
        """Have `tell(flow, reason)` called once when the connection closes."""
        self._tell.append(tell)

    def proved(self) -> None:
        """Note that a valid request came by this connection."""
        self.valid = True

    def hold(self) -> None:
        """Keep the connection open."""
        self._holds += 1

    def release(self) -> None:
        """Give one hold back; the idle time begins anew."""
        self._holds -= 1
        self.heard = self._engine.clock.now()

    def _came(self, data: bytes) -> None:
        self.heard = now = self._engine.clock.now()
        framer = self._framer
        found = False
        try:
            pieces = framer.feed(data)
            found = bool(pieces)
            while pieces:
                for piece in pieces:
                    if piece is PING:
                        self._stream.write(PONG.value)
                    elif piece is not PONG and isinstance(piece, bytes):
                        self._engine.receive(piece, self)
                    if self._stream.closed:
                        return
                pieces = framer.feed(b"") if framer.broken is not None else []
        except Malformed as error:
            self._broken(error)
            return
        except ConnectionError:
            return
        if not framer.pending:
            self.stuck_since = 0.0
        elif found or not self.stuck_since:  # what is unfinished now began with this piece at the earliest
            self.stuck_since = now

    def _broken(self, error: Malformed) -> None:
        """The stream cannot be followed: say why (the head that we have can often be answered), then close."""
        self._engine.unframed(error, self, self._framer.rest(SHOWN))
        self._stream.close(f"the stream cannot be followed: {error.reason}")

    def _closed(self, reason: str) -> None:
        self._among.owner.gone(self)
        for tell in self._tell:
            tell(self, reason)
        self._tell.clear()
        self._engine.tell("flow.closed", flow=self._id, peer=self.peer, reason=reason)
