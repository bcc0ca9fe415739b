"""Whose word on who somebody is counts within a dialog: upstream's, and that of servers which are named. RFC 3325 5.

Rule: the token of a dialog says where a request goes and not who sends it, for the far end has it too. Upstream is known by its address:
the one that its URI holds, or those where requests for it went lately. Nobody else is believed.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from pipeline import Uri
from pipeline.prefixes import Prefixes, network

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pipeline import Flow
    from pipeline.clock import Clock

LATELY = 3600.0
"""Seconds: phones register at least as often (RFC 3261 10.2.1.1), so upstream is sent something as often."""
HOSTS = 64
"""Addresses of upstream that are remembered, the oldest out first."""


class Trusted:
    """The addresses that are believed. It outlives a reload."""

    __slots__ = ("_clock", "_named", "_reached", "_upstream")

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._upstream = ""
        self._named: Prefixes[bool] = Prefixes()
        self._reached: dict[str, float] = {}
        """Where requests for upstream went, and when last; the oldest first."""

    def configure(self, upstream: str, networks: Iterable[str]) -> None:
        """Take the options."""
        if upstream != self._upstream:
            self._upstream = upstream
            self._reached.clear()
        named = [network(text) for text in networks]
        with suppress(ValueError):  # a name: its addresses are known when something was sent there
            named.append(network(Uri.parse(upstream).host.strip("[]")))
        self._named = Prefixes([(each, True) for each in named])

    def reached(self, flow: Flow) -> None:
        """Note where a request for upstream goes."""
        host = flow.peer[0]
        self._reached.pop(host, None)
        while len(self._reached) >= HOSTS:
            del self._reached[next(iter(self._reached))]
        self._reached[host] = self._clock.now()

    def holds(self, flow: Flow) -> bool:
        """Tell whether who is at the other end is believed."""
        host = flow.peer[0]
        return self._named.find(host) is not None or self._clock.now() - self._reached.get(host, float("-inf")) <= LATELY
