"""In what time the NOTIFYs of a change go out: so many a second, so few in one turn of the loop, the first to wait first.

Rule: nothing here knows what is sent. A change that ten thousand watch must not hold up anybody's REGISTER: between two turns the loop
reads its sockets. What answers a SUBSCRIBE does not wait here (RFC 6665 4.2.1.2 wants it at once; SUBSCRIBEs pace themselves).
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.clock import Clock

BURST = 0.05
"""Seconds of the rate that may go out together after a quiet time."""


class Pace:
    """A queue that is worked off at a rate."""

    __slots__ = ("_clock", "_handle", "_last", "_queue", "_send", "_tokens", "rate", "turn")

    def __init__(self, clock: Clock, send: Callable[[Any], object]) -> None:
        self.rate = 1000.0
        self.turn = 5
        self._clock = clock
        self._send = send
        self._queue: deque[Any] = deque()
        self._handle: Any = None
        self._tokens = 0.0
        self._last = float("-inf")

    def __len__(self) -> int:
        return len(self._queue)

    def add(self, item: Any) -> None:
        """Put something at the end of the queue; who adds sees to it that nothing stands there twice."""
        self._queue.append(item)
        if self._handle is None:
            self._handle = self._clock.loop.call_soon(self._run)

    def stop(self) -> None:
        """Send nothing more."""
        self._queue.clear()
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _run(self) -> None:
        clock, queue = self._clock, self._queue
        now = clock.now()
        most = max(self.rate * BURST, 1.0)
        self._tokens = min(most, self._tokens + (now - self._last) * self.rate)
        self._last = now
        left = min(self.turn, int(self._tokens))
        while left and queue:
            if self._send(queue.popleft()):  # what turned out to be no news costs nothing
                left -= 1
                self._tokens -= 1
        if not queue:
            self._handle = None
        elif self._tokens >= 1:
            self._handle = clock.loop.call_soon(self._run)
        else:
            self._handle = clock.call_later(self.turn / self.rate, self._run)
