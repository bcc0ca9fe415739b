"""Who is asked when, and what came of it.

Rule: one heap and one timer for all contacts, and no more than `per_second` questions a second, whatever is due. The store is the truth
(`watch`): what is registered is asked at once, what is gone is forgotten. An answer of any status is an answer, unless the address of
record wants a 2xx (`qualify_2xx_only`). Where it wants CRLF (`qualify_by`), the connection that leads to the phone itself is asked for a
pong (RFC 5626 4.4.1): one that gives none has failed, and is closed.
"""

from __future__ import annotations

from functools import partial
from heapq import heappop, heappush
from typing import TYPE_CHECKING, Any

from pipeline import Address, Flow, Malformed, Pending, Uri
from pipeline.client import Final, Provisional, TransportError
from pipeline.dal import StorageError
from pipeline.pending import walk
from pipeline.reach import AVAIL, CREATED, UNAVAIL, Asked, static_key, way_of
from pipeline.sip.routing import route_within

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Generator

    from pipeline.client import Outcome
    from pipeline.dal import Aor, Contact
    from pipeline.engine import Pipeline

    from .qualify import Qualify

TURN = 0.05
"""Seconds between two turns at least: what falls due in between shares one."""
SOON = 1.0
"""Seconds within which a new contact is asked: not in step with its 200, which its phone may still be reading."""
LATER = 30.0
"""Seconds until a store that could not answer is asked again."""
PONG_SECONDS = 10.0
"""RFC 5626 4.4.1: a flow that has not answered a ping by then has failed."""
ASK, SILENT = 0, 1


class Watched:
    """One contact that is asked."""

    __slots__ = ("aor", "asked_at", "by_crlf", "contact", "frequency", "ident", "only_2xx", "pinged", "round", "timeout", "uri")

    def __init__(self, ident: str, aor: Aor, uri: str, contact: Contact | None) -> None:
        self.ident = ident
        self.uri = uri
        self.contact = contact
        """None: a static one."""
        self.round = 0
        """Which question is at work or due: what belongs to an older one is passed over."""
        self.asked_at = 0.0
        self.pinged: Flow | None = None
        """The connection whose pong is awaited."""
        self.by(aor)

    def by(self, aor: Aor) -> None:
        """Take the options of its address of record."""
        self.aor = aor.id
        self.frequency, self.timeout, self.only_2xx = aor.qualify_frequency, aor.qualify_timeout, aor.qualify_2xx_only
        self.by_crlf = aor.qualify_by == "crlf"


class Rounds:
    """Asks the contacts of one pipeline."""

    def __init__(self, engine: Pipeline) -> None:
        self._engine = engine
        self._plugin: Qualify | None = None
        self._watched: dict[str, Watched] = {}
        self._heap: list[tuple[float, int, int, int, Watched]] = []
        """(due, serial, what, round, whom); the serial keeps the order among equals."""
        self._serial = 0
        self._handle: asyncio.TimerHandle | None = None
        self._last_turn = 0.0
        self._stops: list[Callable[[], None]] = []
        self._reads_again = False
        self.asked = 0
        self.answered = 0

    def serve(self, plugin: Qualify) -> None:
        """Ask for this instance from now on: read everything, then follow the store."""
        self._plugin = plugin
        dal = self._engine.dal
        if not self._stops:
            self._stops = [dal.watch("contact", self._contact_changed), dal.watch("aor", self._aor_changed)]
        self._read()

    def close(self, plugin: Qualify) -> None:
        """Ask no more, unless for another instance."""
        if self._plugin is not plugin:
            return
        self._plugin = None
        for stop in self._stops:
            stop()
        self._stops.clear()
        for ident in tuple(self._watched):
            self._forget(ident)
        self._heap.clear()
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def stats(self) -> dict[str, int]:
        """Return counters."""
        unreachable = len(self._engine.reachability.unreachable)
        return {"contacts": len(self._watched), "unreachable": unreachable, "asked": self.asked, "answered": self.answered}

    # -- whom to ask -------------------------------------------------------------------------------------------------

    def _read(self) -> None:
        """Look at all there is; what is there already keeps its turn. A store that cannot answer now is asked again."""

        def ended(pending: Pending) -> None:
            try:
                pending.value()
            except StorageError:
                self._again(LATER)

        try:
            found = walk(self._reading())
        except StorageError:
            self._again(LATER)
            return
        if isinstance(found, Pending):
            found.then(ended)

    def _reading(self) -> Generator[Any, Any, None]:
        dal, node = self._engine.dal, self._engine.plan.name
        aors: dict[str, Aor] = {aor.id: aor for aor in (yield dal.find("aor"))}
        there: set[str] = set()
        for contact in (yield dal.find("contact")):
            aor = aors.get(contact.aor)
            if aor is not None and aor.qualify_frequency and contact.node in ("", node):
                there.add(contact.id)
                self._watch(contact.id, aor, contact.uri, contact, spread=True)
        for aor in aors.values():
            there.update(self._static(aor))
        for ident in [ident for ident in self._watched if ident not in there]:
            self._forget(ident)

    def _static(self, aor: Aor) -> list[str]:
        found = []
        for text in aor.contact if aor.qualify_frequency else ():
            try:
                uri = Address.parse(text if "<" in text else f"<{text}>", "contact").uri.text
            except Malformed:
                continue
            found.append(static_key(aor.id, text))
            self._watch(found[-1], aor, uri, None, spread=True)
        return found

    def _contact_changed(self, verb: str, contact: Contact | None) -> None:
        if self._plugin is None:
            return
        if contact is None:
            self._again()
        elif verb != "put":
            self._forget(contact.id)
        elif contact.node in ("", self._engine.plan.name):
            known = self._watched.get(contact.id)
            if known is not None:
                moved = known.contact is None or (known.contact.uri, known.contact.reach, known.contact.path) != (
                    contact.uri,
                    contact.reach,
                    contact.path,
                )
                known.uri, known.contact = contact.uri, contact
                if moved or contact.id in self._engine.reachability.unreachable:  # it is alive after all: ask at once
                    self._due(known, self._some(SOON))
            else:
                walk(self._look_up(contact))

    def _look_up(self, contact: Contact) -> Generator[Any, Any, None]:
        try:
            aor = yield self._engine.dal.get("aor", contact.aor)
        except StorageError:
            return
        if aor is not None and aor.qualify_frequency and self._plugin is not None:
            self._watch(contact.id, aor, contact.uri, contact)

    def _aor_changed(self, verb: str, aor: Aor | None) -> None:
        if self._plugin is not None:
            self._again()

    def _again(self, seconds: float = SOON) -> None:
        """Anything may have changed: read all of it again, soon, once."""
        if not self._reads_again:
            self._reads_again = True
            self._engine.clock.call_later(seconds, self._read_again)

    def _read_again(self) -> None:
        self._reads_again = False
        if self._plugin is not None:
            self._read()

    def _watch(self, ident: str, aor: Aor, uri: str, contact: Contact | None, *, spread: bool = False) -> None:
        known = self._watched.get(ident)
        if known is not None:
            if known.frequency != aor.qualify_frequency:
                known.by(aor)
                self._due(known, self._some(float(aor.qualify_frequency)))
            known.by(aor)
            known.uri, known.contact = uri, contact
            return
        watched = self._watched[ident] = Watched(ident, aor, uri, contact)
        self._engine.reachability.note(ident, Asked(CREATED))
        self._due(watched, self._some(float(aor.qualify_frequency) if spread else SOON))

    def _forget(self, ident: str) -> None:
        watched = self._watched.pop(ident, None)
        if watched is not None:
            watched.round += 1
            self._engine.reachability.forget(ident)

    def _some(self, seconds: float) -> float:
        """Return a random part of a time."""
        return seconds * self._engine.identifiers.below(1000) / 1000

    # -- the clock ---------------------------------------------------------------------------------------------------

    def _due(self, watched: Watched, seconds: float) -> None:
        """Ask in so many seconds; what was due before is not any more."""
        watched.round += 1
        self._push(self._engine.clock.now() + seconds, ASK, watched)

    def _push(self, when: float, what: int, watched: Watched) -> None:
        self._serial += 1
        heappush(self._heap, (when, self._serial, what, watched.round, watched))
        if self._handle is None or self._heap[0][1] == self._serial:
            self._wake(when)

    def _wake(self, when: float) -> None:
        if self._handle is not None:
            self._handle.cancel()
        self._handle = self._engine.clock.call_at(max(when, self._last_turn + TURN), self._turn)

    def _turn(self) -> None:
        """Do what is due; of questions no more than have room in a turn."""
        self._handle = None
        plugin = self._plugin
        if plugin is None:
            return
        now = self._last_turn = self._engine.clock.now()
        room = max(1, int(plugin.per_second * TURN))
        heap = self._heap
        while heap and heap[0][0] <= now + 1e-6 and room:
            _, _, what, number, watched = heappop(heap)
            if number != watched.round:
                continue
            if what == SILENT:
                self._silent(watched)
            else:
                room -= 1
                self._ask(watched, plugin)
        if heap:
            self._wake(heap[0][0])

    # -- one question ------------------------------------------------------------------------------------------------

    def _ask(self, watched: Watched, plugin: Qualify) -> None:
        watched.round += 1
        number, now = watched.round, self._engine.clock.now()
        watched.asked_at = now
        contact = watched.contact
        if contact is not None and contact.expires_at <= self._engine.clock.time():
            self._forget(watched.ident)
            return
        self.asked += 1
        try:
            way = way_of(self._engine, contact) if contact is not None else None
            uri, routes, hop = route_within(watched.uri.partition("?")[0], contact.path if contact is not None else ())
            Uri.parse(uri)
        except (Malformed, ConnectionError) as error:
            self._said(watched, UNAVAIL, str(error))
            return
        watched.pinged = None
        if watched.by_crlf and isinstance(way, Flow) and not routes and way.keepalive(partial(self._ponged, watched, number)):
            watched.pinged = way
            self._push(now + PONG_SECONDS, SILENT, watched)
            return
        self._push(now + watched.timeout, SILENT, watched)
        make = partial(plugin.question, uri, routes)
        self._engine.request(make, hop if way is None else way, partial(self._told, watched, number))

    def _ponged(self, watched: Watched, number: int) -> None:
        if number == watched.round:
            self.answered += 1
            self._said(watched, AVAIL)

    def _silent(self, watched: Watched) -> None:
        flow = watched.pinged
        if flow is None:
            self._said(watched, UNAVAIL, f"no answer in {watched.timeout:g} s")
            return
        self._said(watched, UNAVAIL, f"no pong in {PONG_SECONDS:g} s")
        flow.close("no pong came (RFC 5626 4.4.1)")

    def _told(self, watched: Watched, number: int, outcome: Outcome) -> None:
        if isinstance(outcome, Provisional) or number != watched.round:
            return  # too late: that question has been answered in its place
        if isinstance(outcome, Final):
            status = outcome.response.status
            if not watched.only_2xx or 200 <= status < 300:
                self.answered += 1
                self._said(watched, AVAIL)
            else:
                self._said(watched, UNAVAIL, f"{status} {outcome.response.reason}")
        else:
            self._said(watched, UNAVAIL, outcome.reason if isinstance(outcome, TransportError) else "no answer")

    def _said(self, watched: Watched, state: str, why: str = "") -> None:
        """Note what a question came to, tell when that is news, and set the next one."""
        engine = self._engine
        before = engine.reachability.of(watched.ident).state
        rtt = engine.clock.now() - watched.asked_at if state == AVAIL else None
        engine.reachability.note(watched.ident, Asked(state, rtt, engine.clock.time()))
        if before != state:
            if state == AVAIL:
                engine.tell("contact.reachable", aor=watched.aor, uri=watched.uri, contact=watched.contact, rtt=rtt)
            else:
                engine.tell("contact.unreachable", aor=watched.aor, uri=watched.uri, contact=watched.contact, reason=why)
        jitter = self._plugin.jitter if self._plugin is not None else 0.0
        self._due(watched, watched.frequency * (1 - jitter) + self._some(watched.frequency * 2 * jitter))
