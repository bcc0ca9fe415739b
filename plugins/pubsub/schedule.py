"""When things are to be looked at again: one heap and one timer for all subscriptions and publications.

Rule: a look is never cancelled. Who is looked at says whether it is time, and when else; so a refresh costs nothing here. Times are the
monotonic clock's; what is stored in UTC is looked at again when the clock was corrected meanwhile.
"""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.clock import Clock

BATCH = 100
"""Looks in one turn of the loop: each may send a NOTIFY of 200 us."""
GRAIN = 0.05
"""Seconds by which a look may be late, so that many share one wake-up."""
FEW = 64
"""Entries that are never looked through for those nobody needs any more."""


class Schedule:
    """Calls `look(item)` when its time has come, unless it is `over` by then.

    What is over stays in the heap until there is as much of it as of the rest: whoever begins and ends things all day fills no memory.
    """

    __slots__ = ("_clock", "_handle", "_heap", "_look", "_most", "_over", "_serial", "_when")

    def __init__(self, clock: Clock, look: Callable[[Any], object], over: Callable[[Any], bool]) -> None:
        self._clock = clock
        self._look = look
        self._over = over
        self._most = FEW
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
        if len(self._heap) >= self._most:
            self._heap = [entry for entry in self._heap if not self._over(entry[2])]
            heapify(self._heap)
            self._most = max(FEW, 2 * len(self._heap))
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
            if not self._over(item):
                self._look(item)
                heap = self._heap  # a look may add, and that may tidy up
        if self._handle is not None or not heap:
            return
        if heap[0][0] <= now:
            self._when = now
            self._handle = self._clock.loop.call_soon(self._wake)
        else:
            self._sleep()
