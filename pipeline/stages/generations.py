"""What must be remembered for a while and then is of no use: a map whose entries are forgotten many at a time, the oldest first.

Rule: an entry lives for `seconds` at least, and for a PARTS-th of that longer at most. A dict per part of the time, dropped whole: no
timer, no queue and no look at an entry when its time has come; and no dict that is written and deleted in for ever, which Python
makes anew by tripling it, so that memory goes up and down by megabytes.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from pipeline.clock import Clock

K = TypeVar("K")
V = TypeVar("V")

PARTS = 6


class Generations(Generic[K, V]):
    """A map that forgets."""

    __slots__ = ("_clock", "_closed", "_handle", "_share", "_weight_share", "limit", "newest", "older", "seconds", "weight", "weight_limit")

    def __init__(self, clock: Clock, seconds: float, limit: float = inf, weight_limit: float = inf) -> None:
        self.seconds = seconds
        self.limit = limit
        """Entries at most. What goes to keep it goes by parts, the oldest first."""
        self.weight_limit = weight_limit
        self._share = max(1, limit / PARTS)
        self._weight_share = max(1, weight_limit / PARTS)
        self.newest: dict[K, V] = {}
        self.older: tuple[dict[K, V], ...] = ()
        """The parts before, the latest first."""
        self.weight = 0
        """Of the newest part."""
        self._closed: tuple[tuple[float, int], ...] = ()
        """When each of the older parts was closed, and its weight."""
        self._clock = clock
        self._handle: Any = None

    def __len__(self) -> int:
        return len(self.newest) + sum(map(len, self.older))

    @property
    def weights(self) -> int:
        """The weight of all that is remembered."""
        return self.weight + sum(weight for _, weight in self._closed)

    def get(self, key: K) -> V | None:
        """Return what is remembered; None: nothing, or no more."""
        found = self.newest.get(key)
        if found is None:
            for part in self.older:
                if (found := part.get(key)) is not None:
                    return found
        return found

    def put(self, key: K, value: V, weight: int = 0) -> int:
        """Remember it from now on; returns how many had to be forgotten for it before their time."""
        newest = self.newest
        newest[key] = value
        self.weight += weight
        if self._handle is None:
            self._handle = self._clock.call_later(self.seconds / PARTS, self._turned)
        if len(newest) >= self._share or self.weight >= self._weight_share:
            return self._full()
        return 0

    def first(self, key: K, value: V) -> V:
        """Return what is remembered, else remember `value` and return it."""
        found = self.get(key)
        if found is None:
            self.put(key, value)
            return value
        return found

    def pop(self, key: K) -> V | None:
        """Forget it before its time; returns what it was."""
        for part in (self.newest, *self.older):
            if key in part:
                return part.pop(key)
        return None

    def clear(self) -> None:
        """Forget everything."""
        self.newest, self.older = {}, ()
        self.weight, self._closed = 0, ()
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _full(self) -> int:
        """The newest part has its share: begin another, and let the oldest go."""
        self._turn()
        gone = 0
        while self.older and (len(self) + self._share > self.limit or self.weights + self._weight_share > self.weight_limit):
            gone += len(self.older[-1])
            self.older, self._closed = self.older[:-1], self._closed[:-1]
        return gone

    def _turn(self) -> None:
        self.older = (self.newest, *self.older)
        self._closed = ((self._clock.now(), self.weight), *self._closed)
        self.newest, self.weight = {}, 0

    def _turned(self) -> None:
        self._turn()
        over = self._clock.now() - self.seconds + 1e-6
        while self._closed and (self._closed[-1][0] <= over or not self.older[-1]):
            self.older, self._closed = self.older[:-1], self._closed[:-1]
        self._handle = self._clock.call_later(self.seconds / PARTS, self._turned) if self.older else None
