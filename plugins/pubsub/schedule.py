"""When things are to be looked at again: one heap and one timer for all subscriptions and publications.

Rule: a look is never cancelled. Who is looked at says whether it is time, and when else; so a refresh costs nothing here. Times are the
monotonic clock's; what is stored in UTC is looked at again when the clock was corrected meanwhile.
"""

from __future__ import annotations

from heapq import heappop, heappush
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.clock import Clock

BATCH = 100
"""Looks in one turn of the loop: each may send a NOTIFY of 200 us."""
GRAIN = 0.05
"""Seconds by which a look may be late, so that many share one wake-up."""


class Schedule:
    """Calls `look(item)` when its time has come."""

    __slots__ = ("_clock", "_handle", "_heap", "_look", "_serial", "_when")

    def __init__(self, clock: Clock, look: Callable[[Any], object]) -> None:
        self._clock = clock
        self._look = look
        self._heap: list[tuple[float, int, Any]] = []
        self._serial = 0
        self._handle: Any = None
        self._when = 0.0

    def __len__(self) -> int:
        return len(self._heap)

    def after(self, seconds: float, item: Any) -> None:
        """Have a look at `item` in so many seconds."""
        when = self._clock.now() + seconds
        self._serial += 1
        heappush(self._heap, (when, self._serial, item))
        if self._handle is None or when < self._when - GRAIN:
            self._sleep()

    def stop(self) -> None:
        """Look no more."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _sleep(self) -> None:
        self.stop()
        if self._heap:
            self._when = max(self._heap[0][0], self._clock.now())
            self._handle = self._clock.call_at(self._when, self._wake)

    def _wake(self) -> None:
        self._handle = None
        heap, now = self._heap, self._clock.now() + 1e-6
        for _ in range(BATCH):
            if not heap or heap[0][0] > now:
                break
            item = heappop(heap)[2]
            self._look(item)
        if self._handle is not None or not heap:
            return
        if heap[0][0] <= now:
            self._when = now
            self._handle = self._clock.loop.call_soon(self._wake)
        else:
            self._sleep()
