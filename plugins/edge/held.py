"""What outlives a reload: the connections of phones that are registered upstream, kept open as long as that lasts (RFC 5626 5.1), and who
is believed.

Rule: a connection is held once, whoever registers by it and how often; it is let go when the last registration ends, or when it closes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .trusted import Trusted

if TYPE_CHECKING:
    import asyncio

    from pipeline import Flow
    from pipeline.engine import Pipeline


class Held:
    """Holds connections. It outlives a reload."""

    __slots__ = ("_engine", "_timers", "_watched", "trusted", "under_way")

    def __init__(self, engine: Pipeline) -> None:
        self._engine = engine
        self._timers: dict[str, asyncio.TimerHandle] = {}
        """By the id of the connection: when it is let go."""
        self._watched: set[str] = set()
        self.under_way = 0
        """Requests that have been passed on and not answered."""
        self.trusted = Trusted(engine.clock)

    def __len__(self) -> int:
        return len(self._timers)

    def answered(self) -> None:
        """One of them has been answered."""
        self.under_way -= 1

    def until(self, flow: Flow, seconds: float) -> None:
        """Hold a connection for so long from now; 0: no longer."""
        if not flow.reliable or flow.closed:
            return
        timer = self._timers.pop(flow.id, None)
        if timer is not None:
            timer.cancel()
        elif seconds:
            flow.hold()
            if flow.id not in self._watched:
                self._watched.add(flow.id)
                flow.on_closed(self._closed)
        if seconds:
            self._timers[flow.id] = self._engine.clock.call_later(seconds, self._over, flow)
        elif timer is not None:
            flow.release()

    def _over(self, flow: Flow) -> None:
        if self._timers.pop(flow.id, None) is not None:
            flow.release()

    def _closed(self, flow: Flow, _reason: str) -> None:
        self._watched.discard(flow.id)
        timer = self._timers.pop(flow.id, None)
        if timer is not None:
            timer.cancel()
