"""The wire tap: sees every message that comes or goes, keeps it in a bounded ring, and tells the viewers a few times a second.

Rule: `came`, `went` and `again` run on the hot path: they append one tuple and return. A turn of the pump works for BUDGET seconds
at most, so that tracing slows the server by a known share; what the ring then loses is counted and told ("12 messages not shown").
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, Protocol, cast

import attrs

from pipeline.passage import Drop, Wait
from pipeline.trace.calls import Calls
from pipeline.trace.filter import Filter
from pipeline.trace.record import AGAIN, CAME, HELD, LATER, TOLD, WENT, Record, Scribe, Seen, shown

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from pipeline.engine import Pipeline
    from pipeline.events import Event
    from pipeline.flow import Flow
    from pipeline.passage import Passage

RING = 4096
"""Messages kept until they are told: half a second of 8,000 a second, and with 5 kB of objects behind each 20 MB."""
BEAT = 0.05
"""Seconds between turns of the pump: what a viewer feels as at once."""
BUDGET = 0.01
"""Seconds of work in one turn: with BEAT, tracing takes a fifth of one core at most."""
UNSETTLED = 1000
"""Passages that waited when they were shown and whose end is still looked for."""


class Sink(Protocol):
    """Where records go."""

    def show(self, record: Record) -> None:
        """Take one record."""

    def gap(self, count: int) -> None:
        """Say that `count` messages are missing here."""

    def flush(self) -> None:
        """The turn is over."""

    def close(self) -> None:
        """Nothing more comes."""


@attrs.define(eq=False)
class Viewer:
    """Somebody who looks: what at, how closely, and where to."""

    sink: Sink
    filter: Filter = attrs.field(factory=Filter)
    depth: str = "lines"
    """"lines", "stages" (the walk too), "full" (the message too) or "ladder" (the walk, and what became of the calls)."""
    data: bool = False
    """Whether the record carries the bytes themselves, unmasked: a capture needs them."""
    missed: int = 0


class Tap:
    """What `engine.tap` is while anybody looks."""

    def __init__(self, engine: Pipeline, ring: int = RING) -> None:
        self.viewers: list[Viewer] = []
        self.missed = 0
        """Messages that no viewer was told of, in all."""
        self._engine = engine
        self._now = engine.clock.now
        self._limit = ring
        self._ring: deque[Seen] = deque(maxlen=ring)
        self._lost = 0
        self._backlog: deque[Seen] = deque()
        self._unsettled: dict[int, tuple[Passage, Any, float]] = {}
        self._scribe = Scribe(engine)
        self._calls: Calls | None = None
        """While somebody looks at ladders."""
        self._handle: asyncio.TimerHandle | None = None
        self._beat()

    # -- on the hot path ---------------------------------------------------------------------------------------------

    def came(self, passage: Passage) -> None:
        """Note a received packet: its walk is over, or waits."""
        ring = self._ring
        if len(ring) == self._limit:
            self._lost += 1
        packet: Any = passage.packet
        ring.append((CAME, passage.arrived, self._now(), passage, packet.data, passage.flow))

    def went(self, passage: Passage, data: bytes) -> None:
        """Note a message on its way out."""
        ring = self._ring
        if len(ring) == self._limit:
            self._lost += 1
        now = self._now()
        ring.append((WENT, now, now, passage, data, passage.flow))

    def stopped(self, passage: Passage, data: bytes) -> None:
        """Note a message that an interceptor refused to send."""
        ring = self._ring
        if len(ring) == self._limit:
            self._lost += 1
        now = self._now()
        ring.append((HELD, now, now, passage, data, passage.flow))

    def again(self, data: bytes, flow: Flow) -> None:
        """Note bytes that were sent before."""
        ring = self._ring
        if len(ring) == self._limit:
            self._lost += 1
        now = self._now()
        ring.append((AGAIN, now, now, None, data, flow))

    def told(self, event: Event) -> None:
        """Note what the bus told of a call."""
        ring = self._ring
        if len(ring) == self._limit:
            self._lost += 1
        now = self._now()
        ring.append((TOLD, now, now, None, b"", cast("Flow", event)))

    # -- behind it ---------------------------------------------------------------------------------------------------

    def add(self, viewer: Viewer) -> None:
        """Tell a viewer from now on."""
        self.viewers.append(viewer)
        if viewer.depth == "ladder":
            if self._calls is None:
                self._calls = Calls(self._engine, self._scribe, self.told)
            self._calls.viewers.append(viewer)

    def remove(self, viewer: Viewer) -> None:
        """Tell it no more."""
        self.viewers.remove(viewer)
        calls = self._calls
        if calls is not None and viewer in calls.viewers:
            calls.viewers.remove(viewer)
            if not calls.viewers:
                self._calls = None
                calls.close()

    def _beat(self) -> None:
        self._handle = self._engine.clock.call_later(BEAT, self._turn)

    def _turn(self) -> None:
        self.pump(BUDGET)
        self._beat()

    def pump(self, budget: float | None = None) -> None:
        """Tell the viewers what the ring holds, for `budget` seconds at most (None: all of it)."""
        self._take()
        now, backlog = self._now, self._backlog
        deadline = None if budget is None else now() + budget
        while backlog:
            self._tell(backlog.popleft())
            if deadline is not None and now() > deadline:
                break
        self._settle()
        if self._calls is not None:
            self._calls.settle(final=budget is None and self._handle is None)
        for viewer in self.viewers:
            viewer.sink.flush()

    def _take(self) -> None:
        """Empty the ring. An answer is noted before the request that it answers has ended its walk: put them in order of time."""
        fresh = sorted(self._ring, key=_order)
        self._ring.clear()
        lost, self._lost = self._lost, 0
        backlog = self._backlog
        backlog.extend(fresh)
        while len(backlog) > self._limit:
            backlog.popleft()
            lost += 1
        if lost:
            self.missed += lost
            for viewer in self.viewers:
                viewer.sink.gap(lost)

    def _tell(self, seen: Seen) -> None:
        calls = self._calls
        if seen[0] is TOLD:
            if calls is not None:
                calls.told(seen)
            return
        passage = seen[3]
        message = self._scribe.message_of(seen)
        if calls is not None:
            calls.met(seen, message)
        for viewer in self.viewers:
            if viewer.depth != "ladder" and viewer.filter.matches(seen, message):
                viewer.sink.show(self._scribe.describe(seen, message, viewer.depth, data=viewer.data))
        if passage is None:
            return
        cause = passage.cause
        if cause is not None and shown(cause):  # its later steps are told once
            cause.keep("trace", len(cause.spans or ()))
        if seen[0] is CAME and message is not None and unsettled(passage):
            passage.keep("trace", len(passage.spans or ()))
            if len(self._unsettled) < UNSETTLED:
                self._unsettled[id(passage)] = (passage, passage.decided, seen[1])

    def _settle(self) -> None:
        """Tell how passages ended that waited when they were shown, when no answer shows it."""
        for key, (passage, decided, _) in tuple(self._unsettled.items()):
            if unsettled(passage) and passage.decided is decided:
                continue
            del self._unsettled[key]
            if passage.decided is not None and isinstance(passage.decided[2], Drop | Exception):
                now = self._now()
                self._tell((LATER, now, now, passage, passage.packet.data if passage.packet else b"", passage.flow))

    def close(self) -> None:
        """Tell what is left, and stop."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
        self.pump()
        if self._calls is not None:
            self._calls.close()
            self._calls = None


def _order(seen: Seen) -> tuple[float, bool]:
    return seen[1], seen[0] is not CAME


def unsettled(passage: Passage) -> bool:
    """Tell whether a passage waits: for a database, or behind another message of its call."""
    decided = passage.decided
    if decided is None:
        if passage.message is None:
            return False
        return passage.pipeline.waiting.orders.get(passage.message.call_id) is not None
    return type(decided[2]) is Wait


def begin(engine: Pipeline) -> Tap:
    """Turn tracing on: swap the traced twin of the generation in, and tap the wire."""
    if engine.tap is None:
        engine.tap = Tap(engine)
        engine.generation = engine.untraced.traced(engine.clock.now)
    return engine.tap


def end(engine: Pipeline) -> None:
    """Turn tracing off: the twin is gone, and nothing of it is left on the hot path."""
    tap = engine.tap
    if tap is not None:
        engine.generation = engine.untraced
        engine.tap = None
        tap.close()


def watch(engine: Pipeline, viewer: Viewer) -> Callable[[], None]:
    """Show everything to `viewer` from now on; returns the way to stop. Tracing is on while anybody watches."""
    tap = begin(engine)
    tap.add(viewer)

    def stop() -> None:
        if viewer in tap.viewers:
            if tap.viewers == [viewer]:
                end(engine)
            tap.remove(viewer)
            viewer.sink.close()

    return stop
