"""What outlives a reload: the connections of phones that are registered upstream, kept open as long as that lasts (RFC 5626 5.1), or have
a dialog by us, and who is believed.

Rules: a flow is held once for its registrations and once for its dialogs, however many there are; it is let go when the last of them
has ended, as far as we can see that, or when it closes. A datagram flow never closes and needs nobody to hold it, but who may be banned
(`shield`) is told of it likewise: `flow.held` and `flow.released`.
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
    """Holds flows. It outlives a reload."""

    __slots__ = ("_ends", "_engine", "_timers", "_watched", "trusted", "under_way")

    def __init__(self, engine: Pipeline) -> None:
        self._engine = engine
        self._timers: dict[tuple[str, str], asyncio.TimerHandle] = {}
        """By the id of the flow, and for what it is held: when that is looked at, not later than it ends."""
        self._ends: dict[tuple[str, str], float] = {}
        """Likewise: until when it is held."""
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
        """Hold a flow for a dialog, for so long from now: that one of its dialogs is short ends no other."""
        if self._engine.clock.now() + seconds > self._ends.get((flow.id, DIALOG), 0.0):
            self.until(flow, seconds, DIALOG)

    def until(self, flow: Flow, seconds: float, what: str = REGISTERED) -> None:
        """Hold a flow for so long from now; 0: no longer."""
        if flow.closed:
            return
        key = (flow.id, what)
        before = self._ends.get(key)
        if not seconds:
            if before is not None:
                self._over(flow, what)
            return
        self._ends[key] = end = self._engine.clock.now() + seconds
        if before is None:
            flow.hold()
            if flow.reliable and flow.id not in self._watched:
                self._watched.add(flow.id)
                flow.on_closed(self._closed)
            self._timers[key] = self._engine.clock.call_later(seconds, self._look, flow, what)
        elif end < before:  # else the timer finds out itself that there is more time: refreshing costs none
            self._timers[key].cancel()
            self._timers[key] = self._engine.clock.call_later(seconds, self._look, flow, what)
        self._engine.tell("flow.held", flow=flow.id, peer=flow.peer)

    def _look(self, flow: Flow, what: str) -> None:
        left = self._ends[flow.id, what] - self._engine.clock.now()
        if left > 0:
            self._timers[flow.id, what] = self._engine.clock.call_later(left, self._look, flow, what)
        else:
            self._over(flow, what)

    def _over(self, flow: Flow, what: str) -> None:
        self._forget(flow, what)
        flow.release()
        if not any((flow.id, other) in self._ends for other in (REGISTERED, DIALOG)):
            self._engine.tell("flow.released", flow=flow.id, peer=flow.peer)

    def _forget(self, flow: Flow, what: str) -> None:
        if self._ends.pop((flow.id, what), None) is not None:
            self._timers.pop((flow.id, what)).cancel()

    def _closed(self, flow: Flow, _reason: str) -> None:
        self._watched.discard(flow.id)
        for what in (REGISTERED, DIALOG):
            self._forget(flow, what)
        self._engine.tell("flow.released", flow=flow.id, peer=flow.peer)
