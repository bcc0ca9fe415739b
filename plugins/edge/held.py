"""What outlives a reload: the connections of phones that are registered upstream, kept open as long as that lasts (RFC 5626 5.1), or have
a dialog by us, and who is believed.

Rules: a connection is held once for its registrations and once for its dialogs, however many there are; it is let go when the last of them
has ended, as far as we can see that, or when it closes. A datagram flow never closes and needs nobody to hold it; but who bans (`shield`)
hears of both, by `flow.held` and `flow.released`: of datagrams by their source, however many ports one user has registered from.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.dal.bans import source_of

from .trusted import Trusted

if TYPE_CHECKING:
    import asyncio

    from pipeline import Flow
    from pipeline.engine import Pipeline
    from pipeline.flow import Address


REGISTERED, DIALOG = "registered", "dialog"
MOST = 1 << 17
"""Sources of datagrams, at some 500 bytes each; as many as peers that `shield` knows."""


class Held:
    """Holds connections. It outlives a reload."""

    __slots__ = ("_ends", "_engine", "_sources", "_timers", "_watched", "trusted", "under_way")

    def __init__(self, engine: Pipeline) -> None:
        self._engine = engine
        self._timers: dict[tuple[str, str], asyncio.TimerHandle] = {}
        """By the id of the connection, and for what it is held: when that is looked at, not later than it ends."""
        self._ends: dict[tuple[str, str], float] = {}
        """Likewise: until when it is held."""
        self._sources: dict[str, float] = {}
        """Those of datagrams: until when somebody there is registered, or has a dialog."""
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
        if self._engine.clock.now() + seconds > self._ends.get((flow.id, DIALOG), 0.0):
            self.until(flow, seconds, DIALOG)

    def until(self, flow: Flow, seconds: float, what: str = REGISTERED) -> None:
        """Hold a connection for so long from now; 0: no longer."""
        if not flow.reliable:
            self._by_datagrams(flow.peer, seconds)
            return
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
            if flow.id not in self._watched:
                self._watched.add(flow.id)
                flow.on_closed(self._closed)
            self._timers[key] = self._engine.clock.call_later(seconds, self._look, flow, what)
        elif end < before:  # else the timer finds out itself that there is more time: refreshing costs none
            self._timers[key].cancel()
            self._timers[key] = self._engine.clock.call_later(seconds, self._look, flow, what)
        self._engine.tell("flow.held", flow=flow.id, peer=flow.peer)

    def _by_datagrams(self, peer: Address, seconds: float) -> None:
        """Note that somebody at the source of a peer is registered for so long, or has a dialog: others there may be for longer."""
        source = source_of(peer[0])
        before = self._sources.get(source)
        end = self._engine.clock.now() + seconds
        if not seconds or (before is None and len(self._sources) >= MOST):
            return
        if before is None:
            self._engine.clock.call_later(seconds, self._look_at, source, peer)
        self._sources[source] = max(before or 0.0, end)
        self._engine.tell("flow.held", flow=source, peer=peer)

    def _look_at(self, source: str, peer: Address) -> None:
        left = self._sources[source] - self._engine.clock.now()
        if left > 0:
            self._engine.clock.call_later(left, self._look_at, source, peer)
        else:
            del self._sources[source]
            self._engine.tell("flow.released", flow=source, peer=peer)

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
