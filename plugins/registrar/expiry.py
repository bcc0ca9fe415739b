"""When to look at an address of record again, because its first binding ends. One timer for all of them.

Rule: a look per AOR is planned, never one per registration: a refresh finds that a look is planned early enough already and costs a
dictionary access. What is due is found in buckets of one second. Nothing depends on the look being on time: a binding that
has expired is not used, swept or not; only the event comes with the sweep, a second late at most.
"""

from __future__ import annotations

from heapq import heappop, heappush
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.clock import Clock

BATCH = 200
"""Addresses of record per turn of the loop: at 10 us each, 2 ms. After an outage a hundred thousand may end in one second."""
PAUSE = 0.01
NAP = 60.0
"""The timer sleeps no longer, so that a corrected clock (expiry is in UTC) delays an event by a minute at most."""


class Bucket(list[str]):
    """Addresses of record to look at in one second."""

    __slots__ = ("second",)

    def __init__(self, second: int) -> None:
        super().__init__()
        self.second = second


class Expiry:
    """Plans looks at addresses of record: `look(aor)` is called when one is due."""

    __slots__ = ("_buckets", "_clock", "_due", "_handle", "_look", "_planned")

    def __init__(self, clock: Clock, look: Callable[[str], object]) -> None:
        self._clock = clock
        self._look = look
        self._planned: dict[str, Bucket] = {}
        self._buckets: dict[int, Bucket] = {}
        self._due: list[int] = []
        self._handle: Any = None

    def __len__(self) -> int:
        return len(self._planned)

    def by(self, aor: str, when: float) -> None:
        """Have a look at `aor` soon after `when` (UTC seconds), unless one is planned before that."""
        second = int(when) + 1
        planned = self._planned.get(aor)
        if planned is not None and planned.second <= second:
            return
        bucket = self._buckets.get(second)
        if bucket is None:
            bucket = self._buckets[second] = Bucket(second)
            heappush(self._due, second)
            if self._due[0] == second:
                self._sleep()
        bucket.append(aor)  # in a later bucket it may still stand: what is planned is said by _planned alone
        self._planned[aor] = bucket

    def stop(self) -> None:
        """Look no more."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _sleep(self, seconds: float = -1.0) -> None:
        self.stop()
        if seconds < 0:
            seconds = min(max(self._due[0] - self._clock.time(), PAUSE), NAP)
        self._handle = self._clock.call_later(seconds, self._wake)

    def _wake(self) -> None:
        self._handle = None
        left, now = BATCH, self._clock.time()
        while self._due and self._due[0] <= now:
            bucket = self._buckets[self._due[0]]
            while bucket and left:
                left -= 1
                aor = bucket.pop()
                if self._planned.get(aor) is bucket:
                    del self._planned[aor]
                    self._look(aor)
            if bucket:
                self._sleep(PAUSE)
                return
            del self._buckets[heappop(self._due)]
        if self._due:
            self._sleep()
