"""Time, handed in: one clock per engine, and the queue for timers that all last equally long.

Rule: nobody in the house asks the `time` module; who needs time gets a Clock. It runs on the loop's own time, so under
testing.VirtualLoop the same code runs 64*T1 in a millisecond. Two times, never mixed: `now()` is monotonic and measures
durations; `time()` is UTC seconds since 1970 and is what may be stored (a contact's expires_at), since it survives a restart.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from datetime import UTC, datetime, tzinfo
from itertools import islice, takewhile
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Item = TypeVar("Item")


class Clock:
    """The loop's time. `epoch` is the UTC time at which this clock starts (None: the machine's, followed as it is corrected)."""

    __slots__ = ("loop", "now", "time", "zone")

    now: Callable[[], float]
    """Seconds of the loop; only differences mean something."""
    time: Callable[[], float]
    """UTC seconds since 1970."""

    def __init__(self, loop: asyncio.AbstractEventLoop, epoch: float | None = None, zone: tzinfo | None = None) -> None:
        self.loop = loop
        self.zone = zone
        # Attributes, not methods: they are read several times per message and a Python frame costs as much as the answer.
        self.now = time.monotonic if type(loop).time is asyncio.BaseEventLoop.time else loop.time
        if epoch is None:
            self.time = time.time
        else:
            now, offset = self.now, epoch - self.now()
            self.time = lambda: now() + offset

    def local(self) -> datetime:
        """The time on the wall, with its zone (the machine's unless one was given)."""
        return datetime.fromtimestamp(self.time(), UTC).astimezone(self.zone)

    def call_later(self, seconds: float, fn: Callable[..., object], *args: Any) -> asyncio.TimerHandle:
        """Call `fn(*args)` in so many seconds; the handle has cancel()."""
        return self.loop.call_later(seconds, fn, *args)

    def call_at(self, when: float, fn: Callable[..., object], *args: Any) -> asyncio.TimerHandle:
        """Call `fn(*args)` when now() reaches `when`."""
        return self.loop.call_at(when, fn, *args)


class Fifo(Generic[Item]):
    """Timers of one duration (Timer J, Timer I, waits with one deadline): what was added first is due first, so a queue will do.

    An asyncio timer per message costs a heap operation and 400 bytes; an item here costs two deque slots and a float, and the whole
    queue has one timer, for its head. `fn(item)` is called when an item's time has come, never early and at most `grain`
    late (items that fall due close together share one wake-up; one alone comes on time).

    There is no cancel: put in the smallest thing from which `fn` finds the owner (a key), and let `fn` return when the
    owner is gone or has moved on. `pop()` takes the oldest out early: the way to keep a cap.
    """

    __slots__ = ("_clock", "_due", "_fn", "_handle", "_items", "grain", "seconds")

    BATCH = 1000
    """Items per turn of the loop: at 1-5 us each the loop is never held for more than a few milliseconds."""

    def __init__(self, clock: Clock, seconds: float, fn: Callable[[Item], object], grain: float = 0.05) -> None:
        self.seconds = seconds
        self.grain = grain
        self._clock = clock
        self._fn = fn
        self._due: deque[float] = deque()
        self._items: deque[Item] = deque()
        self._handle: asyncio.Handle | None = None

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[Item]:
        """Give what is under way, the oldest first."""
        return iter(self._items)

    def add(self, item: Item) -> None:
        """`fn(item)` in `seconds` from now."""
        due = self._clock.now() + self.seconds
        self._due.append(due)
        self._items.append(item)
        if self._handle is None:
            self._handle = self._clock.loop.call_at(due, self._expire)

    def pop(self) -> Item:
        """Take the oldest item out before its time, without calling `fn`. IndexError when there is none."""
        item = self._items.popleft()
        self._due.popleft()  # the timer stays: it then finds a head that is not due yet, and sets itself anew
        return item

    def clear(self) -> None:
        """Forget everything, the timer too."""
        self._due.clear()
        self._items.clear()
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _expire(self) -> None:
        due, items, fn, running = self._due, self._items, self._fn, self._handle
        # The loop wakes up to its clock's resolution early; what is due within it is due, or we would spin until then.
        now = self._clock.now()
        limit = now + 1e-6
        try:
            for _ in range(self.BATCH):
                if not due or due[0] > limit:
                    break
                due.popleft()
                fn(items.popleft())
        finally:  # also when fn raised: the rest of the queue must not hang on one bad item
            if self._handle is not running:
                pass  # fn called clear(), perhaps add() after it: that timer counts
            elif not due:
                self._handle = None
            elif due[0] <= limit:
                self._handle = self._clock.loop.call_soon(self._expire)
            else:
                self._handle = self._clock.loop.call_at(max(due[0], now + self.grain), self._expire)


class Deadlines(Generic[Item]):
    """A Fifo from which can be taken out what is done: `fn(item)` when an item's time has come and nobody has discarded it.

    For what usually ends before its time and may come in floods. 5,000 connections a second that wait 8 s each are 40,000 items of a Fifo,
    scattered among what lives on: the memory does not come back when they go.
    """

    __slots__ = ("_clock", "_fn", "_handle", "_items", "grain", "seconds")

    def __init__(self, clock: Clock, seconds: float, fn: Callable[[Item], object], grain: float = 0.05) -> None:
        self.seconds = seconds
        self.grain = grain
        self._clock = clock
        self._fn = fn
        self._items: dict[Item, float] = {}
        self._handle: asyncio.Handle | None = None

    def __len__(self) -> int:
        return len(self._items)

    def add(self, item: Item) -> None:
        """`fn(item)` in `seconds` from now."""
        due = self._items[item] = self._clock.now() + self.seconds
        if self._handle is None:
            self._handle = self._clock.loop.call_at(due, self._expire)

    def discard(self, item: Item) -> None:
        """It is done. The timer stays: it then finds a head that is not due yet, and sets itself anew."""
        self._items.pop(item, None)

    def clear(self) -> None:
        """Forget everything, the timer too."""
        self._items.clear()
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _expire(self) -> None:
        items, running = self._items, self._handle
        now = self._clock.now()
        limit = now + 1e-6  # a wake-up may be early by the clock's resolution
        due = list(islice(takewhile(lambda item: items[item] <= limit, items), Fifo.BATCH))
        try:
            for item in due:
                if items.pop(item, None) is not None:  # else discarded for what became of another
                    self._fn(item)
        finally:
            if self._handle is running:  # else fn called clear(), perhaps add() after it: that timer counts
                head = next(iter(items.values()), None)
                if head is None:
                    self._handle = None
                elif head <= limit:
                    self._handle = self._clock.loop.call_soon(self._expire)
                else:
                    self._handle = self._clock.loop.call_at(max(head, now + self.grain), self._expire)
