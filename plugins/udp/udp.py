"""UDP listeners and flows. A flow is a listener, our address and the peer's: made per datagram, and it never closes.

Rule: an answer leaves from the local address that the request came to, also under a wildcard bind (RFC 3581 4).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import attrs

from pipeline import Flow, hookimpl, option, plugin
from pipeline.bind import advertised, binds, parse_advertised, parse_bind
from pipeline.option import LARGEST_INT
from pipeline.sip.stun import LARGEST, binding_answer, is_stun

if TYPE_CHECKING:
    from pipeline import Target
    from pipeline.engine import Pipeline
    from pipeline.flow import Address
    from pipeline.listeners import Bound
    from pipeline.network import Endpoint, OnRefused

WAY_SECONDS = 5.0
"""How long it is believed by which address of ours a peer is reached. The kernel is asked by opening a socket, which costs 15 us."""
WAYS = 10_000
"""Peers of which that is remembered: 2 MB."""
WILDCARDS = ("0.0.0.0", "::")  # noqa: S104  # compared with, not bound to


if TYPE_CHECKING:
    Way = tuple[float, Endpoint, Address]


class UdpFlow(Flow):
    """The way to one peer by one listener."""

    __slots__ = ("_endpoint", "_owner", "local", "peer")

    transport = "UDP"
    reliable = False

    def __init__(self, owner: Udp, endpoint: Endpoint, peer: Address, local: Address) -> None:
        self._owner = owner
        self._endpoint = endpoint
        self.peer = peer
        self.local = local

    @property
    def id(self) -> str:
        """As `reach` keeps it: the peer's address."""
        return named(self.peer)

    @property
    def listener(self) -> str:
        """The name of the plugin instance."""
        return self._owner.name

    @property
    def advertised(self) -> Address:
        """Our address in Via and Contact."""
        return self._owner.advertised or self.local

    def toward(self, peer: Address) -> UdpFlow:
        """Return the flow to another peer from the same local address."""
        return UdpFlow(self._owner, self._endpoint, peer, self.local)

    def send(self, data: bytes) -> None:
        """Send one datagram; raises OSError when the kernel refuses it."""
        error = self._endpoint.send(data, self.peer, self.local)
        if error is not None:
            raise error

    def post(self, data: bytes, refused: OnRefused | None = None) -> None:
        """Send one datagram with the others of this moment; raises OSError when it is known already that the kernel refuses it."""
        error = self._endpoint.post(data, self.peer, self.local, refused)
        if error is not None:
            raise error


def named(peer: Address) -> str:
    """Name the flow to a peer."""
    host, port = peer[:2]
    return f"udp:[{host}]:{port}" if ":" in host else f"udp:{host}:{port}"


@plugin
class Udp:
    """SIP over UDP."""

    stage: ClassVar[str] = "transport"
    after: ClassVar[tuple[str, ...]] = ("shield",)
    listens: ClassVar[str] = "udp"
    fixed: ClassVar[tuple[str, ...]] = ("receive_buffer", "send_buffer", "sieve")

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
    receive_buffer: int = option(
        4194304,
        unit="bytes",
        validator=attrs.validators.in_(range(LARGEST_INT + 1)),
        help="kernel's receive buffer: a burst waits there; 0 = the system's default",
    )
    send_buffer: int = option(
        1048576, unit="bytes", validator=attrs.validators.in_(range(LARGEST_INT + 1)), help="kernel's send buffer; 0 = the system's default"
    )

    sieve: bool = option(
        True,
        help="whether the kernel drops what can be no SIP, STUN or keepalive (Linux): a flood of garbage then costs nothing; what it drops"
        " is counted among kernel_drops, and is in no trace",
    )
    stun: bool = option(
        True, help="whether STUN Binding requests on the SIP port are answered: the keepalive of phones behind NAT (RFC 5626 4.4.2)"
    )

    name: str = attrs.field(init=False, default="udp")
    advertised: Address | None = attrs.field(init=False, default=None)
    _engine: Any = attrs.field(init=False, default=None)
    _endpoints: list[Endpoint] = attrs.field(init=False, factory=list)
    _ways: dict[str, Way] = attrs.field(init=False, factory=dict)
    """Peer's host -> until when it is believed, listener, local address."""

    @hookimpl
    def listen(self, engine: Pipeline) -> None:
        """Bind every address."""
        self._engine = engine
        self.name = engine.name_of(self)
        for text in self.bind:
            host, port = parse_bind(text)
            endpoint = engine.sockets.take(self, host, port, self._open).socket
            self._endpoints.append(endpoint)
            self.advertised = parse_advertised(self.advertise, endpoint.local[1])
            engine.listening(self, "UDP", endpoint.local, self.advertised)

    def _open(self, bound: Bound) -> Endpoint:
        receive = self._engine.receive

        def came(data: bytes, source: Address, local: Address) -> None:
            owner = bound.owner
            if owner is not None:
                if data[:1] < b"\x04" and owner.keepalive(data, bound.socket, source, local):
                    return
                receive(data, UdpFlow(owner, bound.socket, source, local))

        _, host, port, _ = bound.key
        endpoint: Endpoint = self._engine.network.datagram(
            host, port, came, receive_buffer=self.receive_buffer, send_buffer=self.send_buffer, sieve=self.sieve
        )
        engine = self._engine  # and not ourselves, whom a reload replaces

        def refused(peer: Address, error: OSError, data: bytes, arrived: Address | None) -> None:
            owner = bound.owner
            if owner is None:
                engine.unsent(named(peer), error)
            else:
                engine.refused(data, UdpFlow(owner, endpoint, peer, arrived or endpoint.local), error)

        endpoint.on_refused = refused
        return endpoint

    @hookimpl
    def connect(self, target: Target) -> Flow | None:
        """Give the flow to a UDP target, from the listener whose address family and route fit."""
        if target.transport != "UDP":
            return None
        peer = (target.host, target.port)
        way = self._ways.get(target.host)
        now = self._engine.clock.now()
        if way is None or way[0] < now:
            way = self._way(peer, now)
            if way is None:
                return None
        return UdpFlow(self, way[1], peer, way[2])

    def _way(self, peer: Address, now: float) -> Way | None:
        """Find the listener and the local address that lead to a peer, and remember them for a moment."""
        host = peer[0]
        family = ":" in host
        fitting = [endpoint for endpoint in self._endpoints if (":" in endpoint.local[0]) == family]
        if not fitting:
            return None
        try:
            route = self._engine.network.local_for(peer)
        except OSError:
            return None
        exact = [endpoint for endpoint in fitting if endpoint.local[0] == route]
        wild = [endpoint for endpoint in fitting if endpoint.local[0] in WILDCARDS]
        endpoint = (exact or wild or fitting)[0]
        local = (route, endpoint.local[1]) if endpoint.local[0] in WILDCARDS else endpoint.local
        if len(self._ways) >= WAYS:
            self._ways.clear()
        way = self._ways[host] = (now + WAY_SECONDS, endpoint, local)
        return way

    def keepalive(self, data: bytes, endpoint: Endpoint, source: Address, local: Address) -> bool:
        """Answer a STUN Binding request (RFC 5626 4.4.2, 8); False: it is no STUN. What is STUN and no request is dropped.

        So is what is longer than any may be, and what the transport stage does not let in: bans and limits are for STUN too.
        """
        if not is_stun(data):
            return False
        answer = None
        if self.stun and len(data) <= LARGEST and self._engine.admits(data, UdpFlow(self, endpoint, source, local)):
            answer = binding_answer(data, *source[:2])
        self._engine.counts["stun.answered" if answer else "stun.dropped"] += 1
        if answer:
            endpoint.send(answer, source, local)
        return True

    def busy_since(self) -> list[float]:
        """Since when each socket has not been empty, on the loop's clock; 0.0: it was. Overload control looks at it."""
        return [getattr(endpoint, "full_since", 0.0) for endpoint in self._endpoints]

    def drops(self) -> int:
        """Datagrams that the kernel threw away because we did not read them in time."""
        return sum(endpoint.drops() for endpoint in self._endpoints)

    def stats(self) -> dict[str, int]:
        """Return the counters that `sipline show stats` shows."""
        return {"kernel_drops": self.drops(), "unsent": sum(getattr(endpoint, "unsent", 0) for endpoint in self._endpoints)}
