"""What outlives a reload: the connections of phones that are registered upstream, kept open as long as that lasts (RFC 5626 5.1), or have
a dialog by us, and who is believed.

Rule: a connection is held once for its registrations and once for its dialogs, however many there are; it is let go when the last of them
has ended, as far as we can see that, or when it closes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .trusted import Trusted

if TYPE_CHECKING:
    import asyncio

    from pipeline import Flow
    from pipeline.engine import Pipeline


REGISTERED, DIALOG = "registered", "dialog"


class Held:
    """Holds connections. It outlives a reload."""

    __slots__ = ("_ends", "_engine", "_timers", "_watched", "trusted", "under_way")

    def __init__(self, engine: Pipeline) -> None:
        self._engine = engine
        self._timers: dict[tuple[str, str], asyncio.TimerHandle] = {}
        """By the id of the connection, and for what it is held: when it is let go."""
        self._ends: dict[str, float] = {}
        """By the id of the connection: until when it is held for dialogs."""
        self._watched: set[str] = set()
        self.under_way = 0
        """Requests that have been passed on and not answered."""
        self.trusted = Trusted(engine.clock)

    def __len__(self) -> int:
        return len(self._timers)

    def answered(self) -> None:
        """One of them has been answered."""
        self.under_way -= 1

    def at_least(self, flow: Flow, seconds: float) -> None:
        """Hold a connection for a dialog, for so long from now: that one of its dialogs is short ends no other."""
        end = self._engine.clock.now() + seconds
        if end > self._ends.get(flow.id, 0.0) and flow.reliable and not flow.closed:
            self._ends[flow.id] = end
            self.until(flow, seconds, DIALOG)

    def until(self, flow: Flow, seconds: float, what: str = REGISTERED) -> None:
        """Hold a connection for so long from now; 0: no longer."""
        if not flow.reliable or flow.closed:
            return
        timer = self._timers.pop((flow.id, what), None)
        if timer is not None:
            timer.cancel()
        elif seconds:
            flow.hold()
            if flow.id not in self._watched:
                self._watched.add(flow.id)
                flow.on_closed(self._closed)
        if seconds:
            self._timers[flow.id, what] = self._engine.clock.call_later(seconds, self._over, flow, what)
        elif timer is not None:
            flow.release()

    def _over(self, flow: Flow, what: str) -> None:
        if what == DIALOG:
            self._ends.pop(flow.id, None)
        if self._timers.pop((flow.id, what), None) is not None:
            flow.release()

    def _closed(self, flow: Flow, _reason: str) -> None:
        self._watched.discard(flow.id)
        self._ends.pop(flow.id, None)
        for what in (REGISTERED, DIALOG):
            timer = self._timers.pop((flow.id, what), None)
            if timer is not None:
                timer.cancel()
