"""What servers downstream have asked for, and which requests are spared for that. RFC 7339 5.4, 5.5, 7.2 (the loss-based scheme).

Rule: nothing here sends. A share of all requests to a server is to be left out; what begins something new first, what belongs to something
that has begun only when that is not enough.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.flow import Address

SERVERS = 10000
"""Servers of which that is remembered, the oldest out first."""
SAMPLED = 5.0
"""Seconds between two looks at the mix of requests (7.2: 5 to 10)."""
USUAL = 80.0
"""Per cent of requests that begin something new, as long as nothing has been counted (7.2)."""
LONGEST = 60.0
"""Seconds that one answer counts at most: a server that needs longer says it again with the next."""


class Wish:
    """What one server has asked for."""

    __slots__ = ("loss", "sequence", "until")

    def __init__(self, loss: int, sequence: float, until: float) -> None:
        self.loss = loss
        self.sequence = sequence
        self.until = until


class Downstream:
    """The servers that we send to."""

    __slots__ = ("_began", "_counted", "_draw", "_now", "_share", "_wishes", "spared")

    def __init__(self, now: Callable[[], float], draw: Callable[[int], int]) -> None:
        self._now = now
        self._draw = draw
        self._wishes: dict[Address, Wish] = {}
        self._began = now()
        self._counted = [0, 0]
        """Requests since then: within something that has begun, and new."""
        self._share = USUAL
        self.spared = 0
        """Requests that were not sent."""

    def told(self, server: Address, loss: int, sequence: float, validity: float) -> None:
        """Take what a server says: the per cent of requests to leave out, for `validity` seconds; 0 of either ends it (5.7)."""
        known = self._wishes.get(server)
        now = self._now()
        if known is not None and known.until > now and sequence <= known.sequence:
            return  # an answer that was on its way for longer
        self._wishes.pop(server, None)
        if not loss or validity <= 0:
            return
        while len(self._wishes) >= SERVERS:
            del self._wishes[next(iter(self._wishes))]
        self._wishes[server] = Wish(min(loss, 100), sequence, now + min(validity, LONGEST))

    def spares(self, server: Address, *, new: bool) -> bool:
        """Tell whether a request to a server is not to be sent."""
        now = self._now()
        if now - self._began >= SAMPLED:
            total = sum(self._counted)
            self._share = 100.0 * self._counted[True] / total if total else USUAL
            self._began, self._counted = now, [0, 0]
        self._counted[new] += 1
        wish = self._wishes.get(server)
        if wish is None:
            return False
        if wish.until <= now:
            del self._wishes[server]
            return False
        share = self._share
        if wish.loss <= share:
            per_cent = 100.0 * wish.loss / share if new else 0.0
        else:
            per_cent = 100.0 if new else 100.0 * (wish.loss - share) / (100.0 - share)
        spared = self._draw(10000) < per_cent * 100
        self.spared += spared
        return spared
