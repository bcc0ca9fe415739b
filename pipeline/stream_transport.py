"""A transport of connections: listeners, connections that we open, and who has to go. What tcp, tls and websocket share.

Rule: a connection is closed for idleness only when it never carried a valid request (within `first_request`), or when it has been
silent for `idle` and no binding, dialog or transaction holds it, or when a message it began is not finished in time; and for others'
sake when there are too many (sources.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import attrs

from pipeline.bind import advertised, binds, parse_advertised, parse_bind
from pipeline.clock import Deadlines
from pipeline.descriptors import allowed
from pipeline.heap import give_back
from pipeline.hookspecs import hookimpl
from pipeline.option import LARGEST_INT, option, plugin
from pipeline.pending import Pending
from pipeline.sip.framing import Limits

if TYPE_CHECKING:
    from pipeline.engine import Pipeline
    from pipeline.flow import Address, Flow, Target
    from pipeline.listeners import Bound
    from pipeline.network import Listener, Stream
    from pipeline.sources import Place
    from pipeline.stream_flow import StreamFlow

MANY, QUIET = 500, 15.0
"""Connections, of 2 kB and over TLS of 50 kB each, whose memory is worth giving back; and seconds until that is done, when a flood may be
over."""
SPARE = 8
"""This part of the file descriptors is not for connections: calls need some for media, stores and DNS a few."""
LOOK = 4.0
"""Seconds between two looks at one connection's idleness: an eighth of the shortest default limit."""


class Connections:
    """The connections that are open, by flow id and by peer. They outlive a reload; the instance that serves them now is their owner."""

    __slots__ = ("aliases", "by_peer", "closed", "crowded", "ended", "failed", "flows", "opening", "owner", "refused")

    def __init__(self) -> None:
        self.flows: dict[str, StreamFlow] = {}
        self.by_peer: dict[Address, StreamFlow] = {}
        self.aliases: dict[tuple[str, int, str], StreamFlow] = {}
        """Host, port and proved domain -> the connection that its peer, who listens there, has opened to us (RFC 5923 5)."""
        self.opening: dict[Any, Pending] = {}
        self.closed = 0
        self.refused = 0
        self.crowded = 0
        """Connections, by whatever transport, that made room for ours."""
        self.ended = 0
        """Connections that have closed since memory was given back."""
        self.failed = 0
        """Handshakes that did not succeed."""
        self.owner: StreamTransport


@plugin
class StreamTransport:
    """What every transport of connections can be told."""

    stage: ClassVar[str] = "transport"
    listens: ClassVar[str] = "tcp"
    fixed: ClassVar[tuple[str, ...]] = ("backlog", "write_bytes")
    default_port: ClassVar[int] = 5060

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
        1024,
        validator=attrs.validators.in_(range(1, LARGEST_INT + 1)),
        help="connections that may wait to be accepted; the kernel cuts it to net.core.somaxconn",
    )
    per_source: int = option(
        2000,
        validator=attrs.validators.ge(1),
        help="connections that one source address (of IPv6: one /64) may have open, by all transports, a whole office behind one address"
        " among them;"
        " for a further one the one has to go that no binding, dialog or transaction has needed for longest",
    )
    unproved_per_source: int = option(
        100,
        validator=attrs.validators.ge(1),
        help="how many of them, by all transports, may have brought no valid request yet; for a further one the oldest has to go",
    )
    unproved: int = option(
        1000,
        validator=attrs.validators.ge(1),
        help="how many connections of all sources, by all transports, may have brought no valid request yet; for a further one the oldest"
        " has to go; never more than a quarter of the file descriptors that the process may have",
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
        help="a silent connection that no binding, dialog or transaction holds is closed after this time, or when others need its place",
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

    name: str = attrs.field(init=False, default="")
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
        self._looks = Deadlines(engine.clock, min(LOOK, self.first_request / 8), self._look, grain=0.25)
        self._open = engine.state(self, Connections)
        self._open.owner = self
        for ident in self._open.flows:
            self._looks.add(ident)

    @hookimpl
    def listen(self, engine: Pipeline) -> None:
        """Bind every address."""
        for text in self.bind:
            host, port = parse_bind(text, self.default_port)
            listener = engine.sockets.take(self, host, port, self._bind).socket
            self._listeners.append(listener)
            self.advertised = parse_advertised(self.advertise, listener.local[1])
            engine.listening(self, self.via, listener.local, self.advertised)

    def _bind(self, bound: Bound) -> Listener:
        def accepted(stream: Stream) -> None:
            if bound.owner is None:
                stream.reset("nobody listens here")
            else:
                bound.owner._accept(stream)

        _, host, port, _ = bound.key
        listener: Listener = self._engine.network.listen(host, port, accepted, backlog=self.backlog, write_limit=self.write_bytes)
        return listener

    @property
    def via(self) -> str:
        """The transport as in a Via."""
        return "TCP"

    # -- connections -------------------------------------------------------------------------------------------------

    def _accept(self, stream: Stream) -> None:
        """Take a connection, unless its source or the process has too many that are needed."""
        files, sources = allowed(), self._engine.sources
        crowded = sources.open + sources.ours >= files - files // SPARE
        before = sources.crowded
        source = sources.come(
            stream.peer[0], self.per_source, self.unproved_per_source, min(self.unproved, files // 4), stream, crowded=crowded
        )
        self._open.crowded += sources.crowded - before
        if source is None:
            self._open.refused += 1
            reason = "too many connections are open" if crowded else "its source has too many connections"
            stream.reset(reason)
            self._engine.tell("flow.refused", transport=self.via, peer=stream.peer, reason=reason)
        else:
            stream.on_gone = source.leave
            self._accepted(stream, source)

    def _accepted(self, stream: Stream, source: Place) -> None:
        """Do with a connection that was taken what comes before its first message; then `_admitted`."""
        self._admitted(stream, source)

    def _admitted(self, stream: Stream, source: Place) -> None:
        """Take the bytes of a connection for messages from now on."""
        self._flow(stream, source)

    def _make(self, stream: Stream, source: Place | None) -> StreamFlow:
        """Make the flow of a connection."""
        raise NotImplementedError

    def _flow(self, stream: Stream, source: Place | None) -> StreamFlow:
        flow = self._make(stream, source)
        self._enter(flow)
        return flow

    def _enter(self, flow: StreamFlow) -> None:
        self._open.flows[flow.id] = flow
        self._open.by_peer[flow.peer] = flow
        self._engine.sources.ours += flow.source is None
        self._engine.flows[flow.id] = flow
        self._looks.add(flow.id)

    @hookimpl
    def connect(self, target: Target) -> Flow | Pending | None:
        """Give the connection to a target: one that is open, or a new one."""
        if target.transport != self.via:
            return None
        known = self._connection_to(target)
        if known is not None:
            return known
        key = (target.host, target.port, target.name)
        opening: Pending | None = self._open.opening.get(key)
        if opening is not None:
            return opening
        made: Pending = Pending()
        self._open.opening[key] = made

        def opened(flow: StreamFlow | None, error: OSError | None) -> None:
            del self._open.opening[key]
            if flow is None:
                made.fail(error or ConnectionError("closed"))
            else:
                flow.proved()
                made.resolve(flow)

        self._begin(target, opened)
        return made

    def _connection_to(self, target: Target) -> StreamFlow | None:
        """Return the open connection that leads to a target."""
        known: StreamFlow | None = self._open.by_peer.get((target.host, target.port))
        return known if known is not None and not known.closed and self._is_for(known, target) else None

    def _is_for(self, flow: StreamFlow, target: Target) -> bool:
        """Tell whether an open connection to the address of a target is one to the target itself."""
        return True

    def _begin(self, target: Target, opened: Any) -> None:
        """Open a connection and call `opened(flow, None)`, or `opened(None, error)`."""

        def connected(pending: Pending) -> None:
            try:
                stream = pending.value()
            except OSError as error:
                opened(None, error)
                return
            self._open.owner._connected(stream, target, opened)

        self._engine.network.connect(target.host, target.port, write_limit=self.write_bytes).then(connected)

    def _connected(self, stream: Stream, target: Target, opened: Any) -> None:
        opened(self._flow(stream, None), None)

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

    def gone(self, flow: StreamFlow) -> None:
        """Forget a closed connection."""
        if self._open.flows.pop(flow.id, None) is not None:
            self._engine.sources.ours -= flow.source is None
        self._looks.discard(flow.id)
        self._engine.flows.pop(flow.id, None)
        if self._open.by_peer.get(flow.peer) is flow:
            del self._open.by_peer[flow.peer]
        self._ended()

    def _ended(self) -> None:
        """Give memory back some time after many connections have closed."""
        self._open.ended += 1
        if self._open.ended == MANY:
            self._engine.clock.call_later(QUIET, self._give_back)

    def _give_back(self) -> None:
        self._open.ended = 0
        give_back()

    # -- who has to go -----------------------------------------------------------------------------------------------

    def _look(self, ident: str) -> None:
        flow = self._open.flows.get(ident)
        if flow is None or flow.closed or self._open.owner is not self:  # since a reload another looks
            return
        reason = self._overdue(flow, self._engine.clock.now())
        if reason:
            self._open.closed += 1
            flow.close(reason)
        else:
            self._looks.add(ident)

    def _overdue(self, flow: StreamFlow, now: float) -> str:
        """Say why a connection is to be closed; "" when it may stay."""
        silent = now - flow.heard
        if flow.stuck_since and now - flow.stuck_since >= self.message_seconds:
            return f"message_seconds: a message was not finished in {self.message_seconds:g} s"
        if not flow.valid and now - flow.opened >= self.first_request:
            return f"first_request: no valid request within {self.first_request:g} s"
        if not flow.held and silent >= self.idle:
            return f"idle: silent for {silent:.0f} s, and nobody needs it"
        return ""

    def stats(self) -> dict[str, int]:
        """Return the counters that `sipline show stats` shows."""
        return {
            "connections": len(self._open.flows),
            "closed_idle": self._open.closed,
            "refused": self._open.refused,
            "crowded": self._open.crowded,
        }

    @hookimpl
    def stop(self) -> None:
        """Close the connections."""
        if self._open is not None:
            for flow in tuple(self._open.flows.values()):
                flow.close("the server stops" if self._engine.draining else f"{self.name} is no longer listed")
