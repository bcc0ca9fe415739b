"""What the shield keeps beyond a reload, and what it learns from: who logged in, who failed, what could not be read.

Rule: it learns from the event bus alone, so it works with any authenticator that tells `auth.challenged`, `auth.failed` and
`auth.succeeded` as ours does: `passage`, and for failures `proved`.
"""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING, Any

from pipeline import Drop, Pending, settle
from pipeline.dal import StorageError
from pipeline.dal.bans import source_of
from pipeline.heap import after_a_flood
from pipeline.pending import gather
from pipeline.prefixes import Prefixes, network

from .bound import Bound
from .buckets import Bucket, Buckets
from .jail import SCORED, Jail, wide
from .known import Known, inside
from .repeated import Repeated

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline import Passage
    from pipeline.dal import Ban
    from pipeline.engine import Pipeline
    from pipeline.events import Event

    from .shield import Shield

FAILED = 1.0
"""What a failed login adds to the score of who has proved that it receives our answers: the same whatever is wrong with it, or the ban
would tell who exists."""
UNREADABLE, UNANSWERED = 1.0, 0.2
"""A request by a stream that cannot be read; one that is challenged (most of them are answered, and a success wipes the score)."""
CROWD = 5.0
"""Known peers of one source for which it gets the budget of one stranger once more."""
TOLD = 1024
"""Sources of which it is remembered when they were told to be limited."""
JUDGE = 1.0
"""Seconds between two looks at all dialogs; who is to be banned meanwhile waits: a packet from each of many sources costs no look each."""
JUDGED = 100
"""Bans in one turn of the loop: each is a write to the store, 0.1 ms."""
FLOOD, LOOK = 5000, 5.0
"""Packets dropped within so many seconds that are a flood: when it is over the memory that it took is given back."""
PAUSE = 60.0
"""Seconds for which the same source and reason are not told again; also between two looks at what has expired."""


class State:
    """Tables, budgets, counters. One per listed shield."""

    def __init__(self, engine: Pipeline) -> None:
        self.engine = engine
        self.owner: Shield | None = None
        self.known = Known()
        self.jail = Jail(engine, self._out, self.tried)
        self.bound = Bound(engine)
        self.repeated = Repeated()
        self.identified: Prefixes[bool] | None = None
        """The networks of `identify` objects: trunks, which nobody challenges."""
        self.packets = Buckets(1.0, 1.0)
        self.requests = Buckets(1.0, 1.0)
        self.failures = Buckets(1.0, 1.0)
        self.keepalives = Buckets(1.0, 1.0)
        self.all_packets = (Bucket(1.0, 1.0), Bucket(1.0, 1.0))
        """What comes by datagrams, whose source may be forged, and what comes by streams: a flood of the former leaves the latter alone."""
        self.all_requests = (Bucket(1.0, 1.0), Bucket(1.0, 1.0))
        self.all_failures = (Bucket(1.0, 1.0), Bucket(1.0, 1.0))
        self.all_keepalives = Bucket(1.0, 1.0)
        self.repeated_keepalives = Bucket(1.0, 1.0)
        self.second_chance = Bucket(1.0, 1.0)
        self.neighbours = Bucket(1.0, 1.0)
        self.counts: Counter[str] = Counter()
        self._drops: dict[str, Drop] = {}
        self._told: dict[tuple[str, str], float] = {}
        self._read = False
        self._aged = engine.clock.now()
        self._due: dict[str, tuple[str, float]] = {}
        """Who is to be banned: why, and the score."""
        self._judged = -JUDGE
        self._judging: Any = None
        listen = engine.bus.listen
        self._stops = [
            listen("auth.succeeded", self._succeeded),
            listen("auth.challenged", self._challenged),
            listen("auth.stale", self._challenged),
            listen("auth.failed", self._failed),
            listen("request.malformed", self._malformed),
            *self.bound.stops,
            *self.jail.stops,
        ]
        if engine.dal.stores("identify"):
            self._stops.append(engine.dal.watch("identify", lambda *_: self.tried(self._identify)))
        self._timer: Any = engine.clock.call_later(PAUSE, self._look)
        self._flooded = False
        self._before = 0
        self._flood: Any = engine.clock.call_later(LOOK, self._ebb)

    def serve(self, owner: Shield) -> None:
        """Take the options of this reading of the file."""
        self.owner = owner
        self.packets.configure(owner.rate, 2 * owner.rate)
        self.requests.configure(owner.request_rate, owner.request_burst)
        self.failures.configure(owner.failure_rate, owner.failure_burst)
        self.keepalives.configure(owner.keepalive_rate, 2 * owner.keepalive_rate)
        self.all_keepalives.configure(owner.global_keepalive_rate, owner.global_keepalive_rate)
        self.repeated_keepalives.configure(owner.global_keepalive_rate, owner.global_keepalive_rate)
        for buckets, rate in (
            (self.all_packets, owner.global_rate),
            (self.all_requests, owner.global_request_rate),
            (self.all_failures, owner.global_failure_rate),
        ):
            for bucket in buckets:
                bucket.configure(rate, rate)
        self.second_chance.configure(owner.global_request_rate, owner.global_request_rate)
        self.neighbours.configure(owner.global_request_rate, owner.global_request_rate)
        if owner.lists is not None:
            for peer in [peer for peer in self.known.peers if owner.lists.find(peer[0]) is False]:
                self.known.drop(peer)

    def read(self) -> Any:
        """Read bans, bindings and trunks once; returns None or a Pending. What cannot be read is told, and read again in a minute."""
        if self._read:
            return None
        self._read = True
        return self.tried(self._everything)

    def _everything(self) -> Any:
        found = [self.jail.read(), self._identify()]
        if self.engine.dal.stores("contact"):
            found.append(settle(self.engine.dal.find("contact"), self._contacts))
        return gather(found)

    def tried(self, read: Callable[[], Any]) -> Pending | None:
        """Read something from the stores; what fails is told, and all is read again in a minute. Returns what to wait for, if anything."""
        done = Pending()

        def ended(reading: Pending) -> None:
            try:
                reading.value()
            except Exception as error:
                self._unread(error)
            done.resolve()

        try:
            reading = read()
        except StorageError as error:
            self._unread(error)
            return None
        if not isinstance(reading, Pending):
            return None
        reading.then(ended)
        return done

    def _unread(self, error: Exception) -> None:
        self._read = False
        self.engine.tell("shield.unread", error=str(error))

    def _contacts(self, contacts: Any) -> None:
        for peer in self.bound.read(contacts):
            self.known.add(peer)

    def _identify(self) -> Any:
        def took(rules: Any) -> None:
            nets = []
            for text in (text for rule in rules for text in rule.match):
                with suppress(ValueError):  # from a database: `identify` passes it over and tells it
                    nets.append((network(text), True))
            self.identified = Prefixes(nets) if nets else None

        return settle(self.engine.dal.find("identify"), took) if self.engine.dal.stores("identify") else None

    def scale(self, source: str) -> float:
        """Return how many strangers' budgets a source has: an office behind one address has many phones."""
        return max(1.0, len(self.known.sources.get(source, ())) / CROWD)

    def may_try(self, key: int, now: float, source: str) -> bool:
        """Tell whether credentials may be tried. A source that has just failed has one budget for all that is refused; else who answers his
        challenge need not wait for those behind his address who only ask. Two failures at once are let pass: a phone's, or its neighbours,
        which are not known yet, would wait for it.
        """
        failures = self.failures
        return failures.has(key, now) and (not failures.lacks(key, now) or self.requests.has(key, now, self.scale(source)))

    # -- what happened -----------------------------------------------------------------------------------------------

    def _succeeded(self, event: Event) -> None:
        peer = event.fields["passage"].flow.peer
        if peer in self.known.fresh and not self.jail.scores:  # hot: each refresh of each phone
            return
        host = peer[0]
        source = source_of(host) if ":" in host else host
        if peer not in self.known.peers:  # who is known was not charged: what he does earns his neighbours nothing
            self.requests.fill(hash(source) + event.fields["passage"].flow.reliable)
        self.known.add(peer)
        self.jail.forgive(source)

    def _challenged(self, event: Event) -> None:
        fields = event.fields
        flow = fields["passage"].flow
        peer = flow.peer
        if peer in self.known.peers:
            return
        source = source_of(peer[0])
        self._refused(source, flow.reliable, tried=fields["passage"].message.get("authorization") is not None)
        if flow.reliable:
            self._score(source, UNANSWERED, "challenges that it does not answer")

    def _refused(self, source: str, reliable: bool, *, tried: bool) -> None:
        """Charge an answer that refuses: `tried`, if there were credentials."""
        now = self.engine.clock.now()
        key = hash(source) + reliable
        self.requests.charge(key, now, self.scale(source))
        if tried:
            self.failures.charge(key, now)
        (self.all_failures if tried else self.all_requests)[reliable].charge(now)

    def _failed(self, event: Event) -> None:
        fields = event.fields
        flow = fields["passage"].flow
        peer = flow.peer
        if not fields["proved"] and peer in self.known.peers:
            return  # written in his name by anybody: it costs him nothing, and tells who guesses nothing
        source = source_of(peer[0])
        self._refused(source, flow.reliable, tried=True)
        if not self.failures.has(hash(source) + flow.reliable, self.engine.clock.now()):
            self.known.drop(peer)  # a stranger again: he logs in once a second at most
        if fields["proved"]:
            self._score(source, FAILED, f"failed logins, the last as {fields.get('user', '')!r}")

    def _malformed(self, event: Event) -> None:
        flow = event.fields["passage"].flow
        if flow.peer in self.known.peers:
            return
        source = source_of(flow.peer[0])
        self.requests.charge(hash(source) + flow.reliable, self.engine.clock.now(), self.scale(source))
        if flow.reliable:
            self._score(source, UNREADABLE, "requests that cannot be read")

    def scanner(self, passage: Passage, source: str, word: str) -> None:
        """A stranger's packet holds a signature: by a stream the source is no forgery."""
        self._tell("scanners", source, passage, f"scanners: {word}")
        if passage.flow.reliable and self.owner is not None:
            self._score(source, self.owner.ban_score, f"the signature {word}")

    # -- bans --------------------------------------------------------------------------------------------------------

    def _score(self, source: str, points: float, why: str) -> None:
        owner = self.owner
        if owner is None or not owner.ban_score:
            return
        lists, host = owner.lists, source.partition("/")[0]
        if (lists is not None and lists.find(host)) or (self.identified is not None and self.identified.find(host)):
            return
        score = self.jail.add(source, points, 1.0 / owner.ban_wears, self.engine.clock.now())
        if score < owner.ban_score:
            return
        if source in self.known.sources or self.bound.holds(source):
            self._spare(source, why)
        elif source in self._due or len(self._due) < SCORED:
            self._due[source] = (why, score)
            if self._judging is None:
                wait = self._judged + JUDGE - self.engine.clock.now()
                if wait <= 0:
                    self._judge()
                else:
                    self._judging = self.engine.clock.call_later(wait, self._judge)

    def _judge(self) -> None:
        """Ban who is to be banned, but for those who have a binding, a call or a phone by now."""
        due = dict(islice(self._due.items(), JUDGED))
        for source in due:
            del self._due[source]
        self._judging = self.engine.clock.call_later(JUDGE, self._judge) if self._due else None
        self._judged = self.engine.clock.now()
        owner = self.owner
        if owner is None:
            return
        talking = self.bound.talking()
        for source, (why, score) in due.items():
            if source in self.known.sources or self.bound.holds(source) or source in talking:
                self._spare(source, why)
            elif self.jail.ban(source, owner.ban_seconds, why):
                self.counts["bans"] += 1
                self.engine.tell("shield.banned", source=source, seconds=owner.ban_seconds, reason=why, score=score)

    def _spare(self, source: str, why: str) -> None:
        self.counts["spared"] += 1
        self._tell("spared", source, None, f"ban_score: {why}; not banned: it has a binding or a call, or somebody logged in from there")

    def _out(self, ban: Ban) -> None:
        """Who is banned is no longer known, and has no connection: an administrator may ban whom he likes."""
        if ban.by == "shield" and not wide(ban.id):  # by index: there may be thousands
            self.known.drop_source(ban.id)
            self.engine.sources.close(ban.id.partition("/")[0], "banned")
            return
        net = network(ban.id)
        self.known.drop_network(net)
        for flow in tuple(self.engine.flows.values()):
            if inside(flow.peer[0], net):
                flow.close("banned")

    def dropped(self, why: str, passage: Passage) -> Drop:
        """Count a packet that is not let in; tells it once in a while, and ends a connection that nobody will listen to."""
        self.counts[why] += 1
        flow = passage.flow
        self._tell(why, source_of(flow.peer[0]), passage, f"{why}: packets are dropped")
        if flow.reliable and why in ("deny", "banned", "scanners"):
            flow.close(f"shield: {why}")
        drop = self._drops.get(why)
        if drop is None:
            drop = self._drops[why] = Drop(f"{why}: shield")
        return drop

    def _tell(self, why: str, source: str, passage: Passage | None, reason: str) -> None:
        now = self.engine.clock.now()
        key = (why, source)
        if now - self._told.get(key, -PAUSE) < PAUSE:
            return
        if len(self._told) >= TOLD:
            if now - next(iter(self._told.values())) < PAUSE:
                return  # so many at once: they are counted
            self._told.clear()
        self._told[key] = now
        self.engine.tell("shield.limited", limit=why, source=source, reason=reason, passage=passage)

    # -- time --------------------------------------------------------------------------------------------------------

    def _look(self) -> None:
        now = self.engine.clock.now()
        if self.owner is not None and now - self._aged >= self.owner.remember:
            self._aged = now
            self.known.age()
        self.read()
        self._timer = self.engine.clock.call_later(JUDGE if self.jail.sweep() else PAUSE, self._look)

    def _ebb(self) -> None:
        """See whether a flood has begun or ended."""
        dropped = sum(self.counts.values())
        flooded = dropped - self._before > FLOOD
        if self._flooded and not flooded:
            after_a_flood()
        self._flooded, self._before = flooded, dropped
        self._flood = self.engine.clock.call_later(LOOK, self._ebb)

    def stats(self) -> dict[str, Any]:
        """Return the counters."""
        return {"known_peers": len(self.known.peers), "banned": len(self.jail), **dict(self.counts)}

    def stop(self) -> None:
        """Listen no more."""
        for stop in self._stops:
            stop()
        self._timer.cancel()
        if self._judging is not None:
            self._judging.cancel()
        self._flood.cancel()
