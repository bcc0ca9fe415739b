"""One timer for everything that beats: the wheel on which all streams that send of their own accord have their seats.

Rule: a seat's function is called once every interval, at a fixed place in it; newcomers sit where the fewest are, so that two hundred
streams spread over the interval instead of all falling due at once. The beat is that of the clock, not of how late a wake-up came: what
was missed is caught up, and after a real stop (a machine suspended) forgotten.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from pipeline.clock import Clock

CATCH_UP = 10
"""Intervals that are caught up at once: 200 ms of sound, what a usual jitter buffer still plays."""


class Wheel:
    """Calls each seat once per interval."""

    __slots__ = ("_clock", "_count", "_handle", "_place", "_slots", "_start", "failed", "interval", "skipped")

    def __init__(self, clock: Clock, interval: float, slots: int, failed: Callable[[Exception], object]) -> None:
        self.interval = interval
        self.failed = failed
        """Told what a seat's function raised; the others go on."""
        self.skipped = 0
        """Intervals forgotten because the loop stood still for so long."""
        self._clock = clock
        self._slots: list[dict[Callable[[], object], None]] = [{} for _ in range(slots)]
        self._count = 0
        self._handle: asyncio.TimerHandle | None = None
        self._start = 0.0
        self._place = 0  # how many slots have had their turn since `_start`

    def __len__(self) -> int:
        return self._count

    def join(self, fn: Callable[[], object]) -> Seat:
        """Call `fn()` every interval, from the next turn of the emptiest slot on."""
        slot = min(self._slots, key=len)
        slot[fn] = None
        self._count += 1
        if self._handle is None:
            self._start = self._clock.now()
            self._place = 0
            self._again()
        return Seat(self, slot, fn)

    def _again(self) -> None:
        """Set the timer for the next slot in which anybody sits."""
        slots, size = self._slots, len(self._slots)
        for _ in range(size):
            self._place += 1
            if slots[self._place % size]:
                break
        self._handle = self._clock.loop.call_at(self._start + self._place * self.interval / size, self._turn)

    def _turn(self) -> None:
        slots, size = self._slots, len(self._slots)
        step = self.interval / size
        now = self._clock.now() + 1e-6
        behind = int((now - self._start) / step) - self._place
        if behind > CATCH_UP * size:
            forgotten = behind // size
            self._place += forgotten * size
            self.skipped += forgotten
        while True:
            for fn in tuple(slots[self._place % size]):
                try:
                    fn()
                except Exception as error:
                    self.failed(error)
            if not self._count:
                self._handle = None
                return
            self._again()
            handle = self._handle
            if handle is None or handle.when() > now:
                return
            handle.cancel()

    def leave(self, slot: dict[Callable[[], object], None], fn: Callable[[], object]) -> None:
        """Free a seat."""
        if slot.pop(fn, self) is None:
            self._count -= 1  # the last one's timer stays: it finds nobody and sets no other


class Seat:
    """A place on the wheel."""

    __slots__ = ("_fn", "_slot", "_wheel")

    def __init__(self, wheel: Wheel, slot: dict[Callable[[], object], None], fn: Callable[[], object]) -> None:
        self._wheel, self._slot, self._fn = wheel, slot, fn

    def leave(self) -> None:
        """Be called no more."""
        self._wheel.leave(self._slot, self._fn)
