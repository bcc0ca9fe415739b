"""Sinks on a thread of their own: a terminal that is slow, or stopped with Ctrl-S, must never stop the server.

Rule: the loop's side puts records into a bounded queue and returns; what finds it full is counted, and told by `gap`, and so is what a
sink could not take: no record is missing in silence.
"""

from __future__ import annotations

import contextlib
import queue
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.trace.record import Record
    from pipeline.trace.tap import Sink

WAITING = 2000
"""Records that wait to be drawn: a terminal draws some 3,000 lines a second, and older ones are of no use to who watches."""

TURN = "turn"
"""In the queue: the turn is over."""


class Aside:
    """Passes records on to sinks in a thread."""

    def __init__(self, sinks: Sequence[Sink], limit: int = WAITING) -> None:
        self._sinks = tuple(sinks)
        self._limit = limit
        self._missed = 0
        self._drawn = True
        self._queue: queue.SimpleQueue[Record | int | str | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="trace", daemon=True)
        self._thread.start()

    def show(self, record: Record) -> None:
        """Queue one record, or count it."""
        if self._queue.qsize() >= self._limit:
            self._missed += 1
            return
        if self._missed:
            self._queue.put(self._missed)
            self._missed = 0
        self._queue.put(record)
        self._drawn = False

    def gap(self, count: int) -> None:
        """Count what was missed before it came here."""
        self._missed += count

    def flush(self) -> None:
        """Say what is missing also when nothing comes behind it; have drawn what sinks draw turn by turn."""
        if self._missed and self._queue.empty():
            self._queue.put(self._missed)
            self._missed = 0
        if not self._drawn:
            self._queue.put(TURN)
            self._drawn = True

    def close(self) -> None:
        """Draw what waits (for two seconds at most: the terminal may be stopped), then end."""
        self._queue.put(None)
        self._thread.join(2.0)

    def _run(self) -> None:
        untold = [0] * len(self._sinks)
        while (item := self._queue.get()) is not None:
            for at, sink in enumerate(self._sinks):
                untold[at] = _pass(sink, item, untold[at])
        for sink in self._sinks:
            with contextlib.suppress(OSError, ValueError):
                sink.close()


def _pass(sink: Sink, item: Record | int | str, untold: int) -> int:
    """Pass one thing on; returns how many records the sink has neither taken nor been told of."""
    missing = untold + item if isinstance(item, int) else untold
    try:
        if missing:
            sink.gap(missing)
            missing = 0
        if isinstance(item, str):
            sink.flush()
        elif not isinstance(item, int):
            sink.show(item)
    except Exception:  # the reader of a pipe went away, the disk is full, or this one cannot be written: the next may be
        return missing + (1 if isinstance(item, dict) else 0)
    return missing
