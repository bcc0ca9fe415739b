"""TCP listeners, connections that we open, and who has to go.

Rule: a connection is closed for idleness only when it never carried a valid request (within `first_request`), or when it has been
silent for `idle` and no binding, dialog or transaction holds it, or when a message it began is not finished in time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import attrs

from pipeline import Flow, Pending, hookimpl, option, plugin
from pipeline.bind import advertised, binds, parse_advertised, parse_bind
from pipeline.clock import Fifo
from pipeline.sip.framing import Limits

from .flow import TcpFlow

if TYPE_CHECKING:
    from pipeline import Target
    from pipeline.engine import Pipeline
    from pipeline.flow import Address
    from pipeline.listeners import Bound
    from pipeline.network import Listener, Stream

LOOK = 4.0
"""Seconds between two looks at one connection's idleness: an eighth of the shortest default limit."""


class Connections:
    """The connections that are open, by flow id and by peer. They outlive a reload; the instance that serves them now is their owner."""

    __slots__ = ("by_peer", "closed", "flows", "opening", "owner")

    def __init__(self) -> None:
        self.flows: dict[str, TcpFlow] = {}
        self.by_peer: dict[Address, TcpFlow] = {}
        self.opening: dict[Address, Pending] = {}
        self.closed = 0
        self.owner: Tcp


@plugin
class Tcp:
    """SIP over TCP."""

    stage: ClassVar[str] = "transport"
    listens: ClassVar[str] = "tcp"
    fixed: ClassVar[tuple[str, ...]] = ("backlog", "write_bytes")

    bind: list[str] = option(
        factory=lambda: ["0.0.0.0:5060"],
        validator=binds,
        help='addresses to listen on, as "0.0.0.0:5060" or "[::]:5060"; IPv6 listeners take no IPv4',
    )
    advertise: str = option(
        "",
        validator=advertised,
        help='what stands for us in our Via and Contact, as "sip.example.com:5060"; "" = the local address of the route',
    )
    backlog: int = option(
        1024, validator=attrs.validators.ge(1), help="connections that may wait to be accepted; the kernel cuts it to net.core.somaxconn"
    )
    first_request: float = option(
        32.0,
        unit="s",
        validator=attrs.validators.gt(0),
        help="a connection that brought no valid request within this time is closed (64*T1, as Asterisk)",
    )
    idle: float = option(
        600.0,
        unit="s",
        validator=attrs.validators.gt(0),
        help="a silent connection that no binding, dialog or transaction holds is closed after this time",
    )
    message_seconds: float = option(
        32.0, unit="s", validator=attrs.validators.gt(0), help="a message that has begun must be whole within this time (64*T1)"
    )
    head_bytes: int = option(
        65535, unit="bytes", validator=attrs.validators.ge(1024), help="largest head of a message (start line and header fields)"
    )
    body_bytes: int = option(65535, unit="bytes", validator=attrs.validators.ge(0), help="largest body of a message")
    write_bytes: int = option(
        1048576, unit="bytes", validator=attrs.validators.ge(65536), help="what may wait for a peer that does not read"
    )

    name: str = attrs.field(init=False, default="tcp")
    advertised: Address | None = attrs.field(init=False, default=None)
    limits: Limits = attrs.field(init=False, factory=Limits)
    _engine: Any = attrs.field(init=False, default=None)
    _listeners: list[Listener] = attrs.field(init=False, factory=list)
    _open: Any = attrs.field(init=False, default=None)
    _looks: Any = attrs.field(init=False, default=None)

    @hookimpl
    def start(self, engine: Pipeline) -> None:
        """Take over the connections that are open."""
        self._engine = engine
        self.name = engine.name_of(self)
        self.limits = Limits(head=self.head_bytes, body=self.body_bytes)
        if self._looks is not None:
            self._looks.clear()
        self._looks = Fifo(engine.clock, min(LOOK, self.first_request / 8), self._look, grain=0.25)
        self._open = engine.state(self, Connections)
        self._open.owner = self
        for flow in self._open.flows.values():
            self._looks.add(flow)

    @hookimpl
    def listen(self, engine: Pipeline) -> None:
        """Bind every address."""
        for text in self.bind:
            host, port = parse_bind(text)
            listener = engine.sockets.take(self, host, port, self._bind).socket
            self._listeners.append(listener)
            self.advertised = parse_advertised(self.advertise, listener.local[1])
            engine.listening(self, "TCP", listener.local, self.advertised)

    def _bind(self, bound: Bound) -> Listener:
        def accepted(stream: Stream) -> None:
            if bound.owner is None:
                stream.reset("nobody listens here")
            else:
                bound.owner._flow(stream)

        _, host, port, _ = bound.key
        listener: Listener = self._engine.network.listen(host, port, accepted, backlog=self.backlog, write_limit=self.write_bytes)
        return listener

    def _flow(self, stream: Stream) -> TcpFlow:
        flow = TcpFlow(self._open, self._engine, stream)
        self._open.flows[flow.id] = flow
        self._open.by_peer[flow.peer] = flow
        self._engine.flows[flow.id] = flow
        self._looks.add(flow)
        return flow

    @hookimpl
    def connect(self, target: Target) -> Flow | Pending | None:
        """Give the connection to a TCP target: one that is open, or a new one."""
        if target.transport != "TCP":
            return None
        peer = (target.host, target.port)
        known: TcpFlow | None = self._open.by_peer.get(peer)
        if known is not None and not known.closed:
            return known
        opening: Pending | None = self._open.opening.get(peer)
        if opening is not None:
            return opening
        made: Pending = Pending()
        self._open.opening[peer] = made

        def connected(pending: Pending) -> None:
            del self._open.opening[peer]
            try:
                stream = pending.value()
            except OSError as error:
                made.fail(error)
                return
            flow = self._open.owner._flow(stream)
            flow.proved()
            made.resolve(flow)

        self._engine.network.connect(target.host, target.port, write_limit=self.write_bytes).then(connected)
        return made

    def listening_at(self, local: Address) -> Address:
        """Return where others may connect to reach the listener behind a connection's local address."""
        for listener in self._listeners:
            if listener.local == local:
                return local
        family = ":" in local[0]
        for listener in self._listeners:
            if (":" in listener.local[0]) == family:
                return local[0], listener.local[1]
        return local

    def gone(self, flow: TcpFlow) -> None:
        """Forget a closed connection."""
        self._open.flows.pop(flow.id, None)
        self._engine.flows.pop(flow.id, None)
        if self._open.by_peer.get(flow.peer) is flow:
            del self._open.by_peer[flow.peer]

    def _look(self, flow: TcpFlow) -> None:
        if flow.closed or self._open.owner is not self:  # since a reload another looks
            return
        now = self._engine.clock.now()
        silent = now - flow.heard
        if flow.stuck_since and now - flow.stuck_since >= self.message_seconds:
            self._close(flow, f"message_seconds: a message was not finished in {self.message_seconds:g} s")
        elif not flow.valid and now - flow.opened >= self.first_request:
            self._close(flow, f"first_request: no valid request within {self.first_request:g} s")
        elif not flow.held and silent >= self.idle:
            self._close(flow, f"idle: silent for {silent:.0f} s, and nobody needs it")
        else:
            self._looks.add(flow)

    def _close(self, flow: TcpFlow, reason: str) -> None:
        self._open.closed += 1
        flow.close(reason)

    def stats(self) -> dict[str, int]:
        """Return the counters that `sipline show stats` shows."""
        return {"connections": len(self._open.flows), "closed_idle": self._open.closed}

    @hookimpl
    def stop(self) -> None:
        """Close the connections."""
        if self._open is not None:
            for flow in tuple(self._open.flows.values()):
                flow.close("the server stops" if self._engine.draining else f"{self.name} is no longer listed")
