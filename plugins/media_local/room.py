"""What all media of this plugin share: the network, the ports, the two wheels, the sounds that were read.

Rule: time, chance and the network come from the engine, so all of it runs on the virtual ones too.
"""

from __future__ import annotations

import random
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import TYPE_CHECKING, Any, TypeVar

from pipeline.core.media import Unavailable
from pipeline.datagrams import literal
from pipeline.sip.sdp import NOWHERE as NOBODY

from .codecs import FRAME, named
from .pacing import Wheel
from .ports import Ports
from .wav import Shelf

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pipeline.core.channel import Channel
    from pipeline.engine import Pipeline

    from .codecs import Codec
    from .player import Playing

T = TypeVar("T")

PACE_SLOTS, HOUSE_SLOTS = 10, 20
HOUSE = 1.0
"""Seconds between two looks at a stream: reports are due every five, a dead peer is found a second late."""
NOWHERE = "192.0.2.1"
"""RFC 5737: an address that stands for the rest of the world when nothing is known about a peer."""


class Room:
    """Made once, by the plugin."""

    def __init__(
        self,
        engine: Pipeline,
        name: str,
        *,
        ports: tuple[int, int],
        codecs: str = "ulaw, alaw, l16",
        sounds: tuple[Path, ...] = (),
        home: Path | None = None,
        advertise: str = "",
        bind: tuple[str, ...] = (),
        symmetric: bool = True,
        strict: str = "strangers",
        strangers: frozenset[str] = frozenset({""}),
        timeout: float = 0.0,
        timeout_hold: float = 0.0,
        hold_music: str = "",
        inband: bool = True,
    ) -> None:
        self.engine = engine
        self.provider = name
        self.network = engine.network
        self.clock = engine.clock
        self.now = engine.clock.now
        self.time = engine.clock.time
        self.random = random.Random(engine.token(16))  # noqa: S311  seeded with what cannot be guessed, or by a test
        self.cname = f"{engine.token(4)}@sipline".encode()
        self.ports = Ports(*ports, start=self.random.randrange(32768))
        self.pace = Wheel(engine.clock, FRAME, PACE_SLOTS, self.failed)
        self.house = Wheel(engine.clock, HOUSE, HOUSE_SLOTS, self.failed)
        self.shelf = Shelf()
        self.reading: dict[tuple[Path, int], list[Playing]] = {}
        """Files that a thread is reading, and who waits for them."""
        self.codecs = named(codecs)
        self.sounds = sounds
        self.home = home
        self.advertise = advertise
        self.bind = bind
        self.symmetric = symmetric
        self.strict = strict
        self.strangers = strangers
        """Endpoints of callers of whom nothing is known; "": there is none."""
        self.timeout = timeout
        self.timeout_hold = timeout_hold
        self.hold_music = hold_music
        self.inband = inband

    def failed(self, error: Exception) -> None:
        """Count and tell that something raised that a timer or a packet had called."""
        self.engine.counts["failed." + self.provider] += 1
        self.engine.tell("step.failed", plugin=self.provider, stage="integration", error=repr(error), exception=error)

    def in_thread(self, work: Callable[[], T], done: Callable[[T | None, Exception | None], object]) -> None:
        """Do some work in a thread, then call done(result, error) on the loop."""
        future = self.engine.loop.run_in_executor(None, work)

        def over(_: Any) -> None:
            if future.cancelled():
                return
            error = future.exception()
            if error is None:
                done(future.result(), None)
            elif isinstance(error, Exception):
                done(None, error)

        future.add_done_callback(over)

    def codecs_of(self, channel: Channel) -> tuple[Codec, ...]:
        """Return the codecs for a channel, the best first: its endpoint's, so far as they are ours, else the plugin's."""
        wanted = channel.variables.get("codecs", "")
        return (named(wanted) if wanted else self.codecs) or ()

    def timeouts_of(self, channel: Channel) -> tuple[float, float]:
        """Return after how many silent seconds a channel is dead, and when it holds; 0: never. Its endpoint's, else the plugin's."""
        return _seconds(channel, "rtp_timeout", self.timeout), _seconds(channel, "rtp_timeout_hold", self.timeout_hold)

    def told(self, channel: Channel, bound: str) -> str:
        """Return the address that the peer of a channel is told, whose ports are bound on `bound`."""
        own = channel.variables.get("media_address", "")
        return next((told for told in (own, self.advertise) if told and (":" in told) == (":" in bound)), bound)

    def may_send(self, channel: Channel, host: str, port: int) -> bool:
        """Tell whether media may be sent where a peer has described itself: not to many at once, and not to a port where we listen for
        signalling: whatever waits for datagrams there did not ask for them. Where we wait for connections they harm nobody.
        """
        if not literal(host):
            return True  # nothing is, before the peer has been heard
        address = _address(host)
        if address.is_multicast or (address.version == 4 and address.is_reserved):  # 240/4, with 255.255.255.255
            return False
        if address.is_unspecified:
            return host in NOBODY  # any other writing of it would reach this machine
        return not any(
            local[1] == port and (local[0] == host or (_address(local[0]).is_unspecified and self._ours(host)))
            for _, transport, local in self.engine.listeners
            if transport == "UDP"
        )

    def wary(self, channel: Channel) -> bool:
        """Tell whether the peer of a channel must be heard before media are sent to where it says that it is."""
        return self.strict == "yes" or (self.strict == "strangers" and channel.direction == "in" and channel.endpoint in self.strangers)

    def _ours(self, host: str) -> bool:
        """Tell whether an address is this machine's: the route there begins and ends with it."""
        try:
            return self.network.local_for((host, 9)) == host
        except OSError:
            return False

    def host_for(self, channel: Channel, peer: str = "") -> str:
        """Return our address for the media of a channel whose peer described itself as being at `peer`; raises Unavailable.

        A peer that has not said anything yet is where its signalling is (the leg's `peer_host`, for drivers that know).
        """
        toward = peer if literal(peer) else getattr(channel.leg, "peer_host", "")
        toward = toward if literal(toward) else ""
        fitting = [host for host in self.bind if (":" in host) == (":" in toward)]
        if fitting:
            return fitting[0]
        try:
            if toward:
                return self.network.local_for((toward, 9))
            for _, _, local in self.engine.listeners:
                if local[0] not in {"0.0.0.0", "::"}:  # noqa: S104  (compared with)
                    return local[0]
            return self.network.local_for((NOWHERE, 9))
        except OSError as error:
            if not toward:
                return "127.0.0.1"  # a machine without a network talks to itself
            raise Unavailable(f"there is no way to {toward}: {error}") from error


def _address(host: str) -> IPv4Address | IPv6Address:
    address = ip_address(host.partition("%")[0])
    return getattr(address, "ipv4_mapped", None) or address


def _seconds(channel: Channel, name: str, otherwise: float) -> float:
    try:
        return float(channel.variables[name])
    except (KeyError, ValueError):
        return otherwise
