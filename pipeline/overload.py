"""Overload control: four things are looked at, and above its high water each has new work refused until it is below its low water.

    lag       how late the event loop runs: beyond 2*T1 every request that waits has been sent three times (RFC 3261 17.1.2.2)
    waiting   how long a datagram socket has never been empty: what comes waits in the kernel, where nobody sees it grow old, and past T1
              each message comes a second time. Without this more calls than can be served end in none that is served
    backlog   jobs of servants that are queued ([pipeline] backlog; taken again at 90 % of it, as Asterisk's taskprocessors)
    memory    resident memory ([pipeline] memory_limit; taken again at 95 % of it)

Rule: only requests outside of any dialog are refused: 503 with a jittered Retry-After (RFC 3261 21.5.4), so that what was refused together
does not come back together. ACK, BYE, CANCEL, PRACK, responses and all else within a dialog go on: to finish what has begun is the way
down. RFC 7339 (feedback in Via, so that neighbours send less) is the plugin `overload_control`.
"""

from __future__ import annotations

import resource
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.engine import Pipeline

LOOK = 0.5
"""Seconds between two looks."""
LAG_HIGH, LAG_LOW = 1.0, 0.5
"""Seconds the loop may run late before new work is refused, and when it is taken again."""
WAITING_HIGH, WAITING_LOW = 0.5, 0.05
"""Seconds that a socket may be busy without a break: T1 (RFC 3261 17.1.1.1); a lesser load empties it many times a second."""
BACKLOG_LOW, MEMORY_LOW = 0.9, 0.95
PAGE = resource.getpagesize()


def resident() -> int:
    """Return the resident memory of this process in octets; 0 where the system does not say."""
    if sys.platform != "linux":
        return 0
    try:
        with open("/proc/self/statm", "rb") as file:  # noqa: PTH123  # every half second
            return int(file.read().split()[1]) * PAGE
    except (OSError, ValueError, IndexError):
        return 0


def _busy_since(transport: Any) -> list[float]:
    """Return since when sockets of a transport have not been empty; those that were are left out. A transport may know nothing of it."""
    told = getattr(transport, "busy_since", None)
    return [] if told is None else [since for since in told() if since]


class Overload:
    """Whether there is too much to do. `reasons` says of what, and is empty when there is not."""

    def __init__(self, engine: Pipeline, memory: Callable[[], int] = resident) -> None:
        self.reasons: set[str] = set()
        self.memory = memory
        self._engine = engine
        self._late = False
        self._handle: Any = None

    def start(self) -> None:
        """Look from now on."""
        engine = self._engine
        self._handle = engine.clock.call_later(LOOK, self._look, engine.clock.now() + LOOK)

    def _look(self, due: float) -> None:
        engine = self._engine
        options = engine.plan.options
        late = engine.clock.now() - due
        # One pause of the machine is no overload: two looks in a row are.
        self._judge("lag", late, LAG_HIGH if self._late else float("inf"), LAG_LOW, lag=late)
        self._late = late > LAG_HIGH or (self._late and late >= LAG_LOW)
        self._judge("waiting", self._waiting(), WAITING_HIGH, WAITING_LOW, lag=late)
        high = options.backlog
        self._judge("backlog", engine.lanes.backlog, high, high * BACKLOG_LOW, lag=late)
        if options.memory_limit:
            self._judge("memory", self.memory(), options.memory_limit, options.memory_limit * MEMORY_LOW, lag=late)
        elif "memory" in self.reasons:  # the limit was taken away by a reload
            self._judge("memory", 0, 1, 1, lag=late)
        engine.overloaded = bool(self.reasons)
        if not engine.draining:
            self.start()

    def _waiting(self) -> float:
        """Return for how many seconds the busiest datagram socket has not been empty."""
        begun = [since for listing in self._engine.plan.stages["transport"] for since in _busy_since(listing.plugin)]
        return self._engine.clock.now() - min(begun) if begun else 0.0

    def _judge(self, what: str, value: float, high: float, low: float, *, lag: float) -> None:
        reasons = self.reasons
        if value > high and what not in reasons:
            reasons.add(what)
            self._engine.tell("overload.begun", what=what, value=value, limit=high, lag=lag)
        elif value < low and what in reasons:
            reasons.discard(what)
            self._engine.tell("overload.ended", what=what, value=value, limit=low, lag=lag)
