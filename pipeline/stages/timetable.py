"""The timers of all transactions. RFC 3261 17: there are few durations and many timers, so each duration is one queue.

A timer is (key, name, serial): when its time comes the transaction is looked up by its key, and a serial that is not the
one it holds for that name was stopped or started anew. Nothing is ever searched or removed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.clock import Fifo

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.clock import Clock

Timer = tuple[str, str, int]


class Timetable:
    """Starts timers; calls `fire(key, name, serial)` when they have run out."""

    def __init__(self, clock: Clock, fire: Callable[[str, str, int], None]) -> None:
        self._clock = clock
        self._fire = fire
        self._queues: dict[float, Fifo[Timer]] = {}
        self._serial = 0

    def __len__(self) -> int:
        return sum(len(queue) for queue in self._queues.values())

    def start(self, key: str, name: str, seconds: float) -> int:
        """Start a timer and return its serial."""
        self._serial = serial = self._serial + 1
        queue = self._queues.get(seconds)
        if queue is None:
            # Retransmissions keep their beat (RFC 3261's intervals double from T1): a grain far below the smallest of them.
            queue = self._queues[seconds] = Fifo(self._clock, seconds, self._due, grain=min(0.05, seconds / 20))
        queue.add((key, name, serial))
        return serial

    def _due(self, timer: Timer) -> None:
        self._fire(*timer)
