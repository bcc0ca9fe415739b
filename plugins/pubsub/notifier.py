"""The notifier (RFC 6665 4.2): its subscriptions, what becomes of each, and when it is told what.

Rule: every NOTIFY goes through `send`, one at a time in a dialog. What is told is the state of the moment at which it goes out, not of the
change that caused it: so changes that come faster than a watcher may be told, or than he answers, are told as one. It outlives a reload.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Any

from pipeline.client import Final, Provisional
from pipeline.client import Timeout as TimedOut
from pipeline.core.rates import Rate
from pipeline.pending import Pending
from pipeline.pubsub import NoSuchResource, Package, Refused
from pipeline.sip.grammar import Malformed

from . import access, failures, restore
from .limits import Limits
from .lists import Lists
from .pace import Pace
from .publications import Publications
from .rights import Rights
from .schedule import Schedule
from .standing import Standing
from .subscription import ACTIVE, NOTHING, PENDING, TERMINATED, WAITING, Subscription
from .topics import LATELY, Topic, Topics
from .watches import Watches

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline import Passage
    from pipeline.client import Outcome
    from pipeline.engine import Pipeline
    from pipeline.events import Event
    from pipeline.generation import Generation
    from pipeline.pubsub import Resource
    from pipeline.pubsub.service import Heard

    from .pubsub import Pubsub
    from .usage import EventDialog
    from .watches import Share

LOOKS = 20
"""States that are read in one turn of the loop."""


class Notifier:
    """The subscriptions of a server."""

    def __init__(self, engine: Pipeline) -> None:
        self.engine = engine
        self.options: Pubsub = None  # type: ignore[assignment]  # the plugin of the moment, set before anything can happen
        self.subscriptions: dict[str, Subscription] = {}
        self.publications = Publications(self)
        self.publishes = Rate(0, 1)
        """PUBLISHes by whom they count for."""
        self.topics = Topics(engine, self.publications.about)
        self.limits = Limits()
        self.rights = Rights(self)
        self.lists = Lists(self)
        self.watches = Watches(self)
        """What we watch elsewhere."""
        self.standing = Standing(self)
        self.pace = Pace(engine.clock, self._paced)
        self.ends = Schedule(engine.clock, self._look, _over)
        """When subscriptions expire."""
        self.wakes = Schedule(engine.clock, self._wake, _over)
        """When those may be told again that were told a moment ago."""
        self.beats = Schedule(engine.clock, self._beat, _beaten)
        """When those want to hear the same again that have heard nothing for long; each stands there once."""
        self.looks = Schedule(engine.clock, self._now, _unheard)
        """When what was read a moment ago is read again; each stands there once."""
        self.counts: Counter[str] = Counter()
        self._dirty: list[Topic] = []
        self._generation: Generation | None = None
        self._packages: dict[str, Package] = {}
        self._generators: dict[str, tuple[str, ...]] = {}
        self.stopping = False
        self.restored = False
        """Whether subscriptions were taken over whose watchers have not been told yet."""
        self._deafen: list[Callable[[], None]] = []
        self.under_way = 0
        """NOTIFYs that have not been answered yet."""

    # -- packages ----------------------------------------------------------------------------------------------------

    def _learn(self) -> None:
        generation = self.engine.generation
        if self._generation is generation:
            return
        self._generation = generation
        self._packages, generators = {}, {}  # type: ignore[var-annotated]
        for listing in generation.plan.stages["application"]:
            for package in getattr(listing.plugin, "packages", ()):
                self._packages.setdefault(package.name, package)
            for event, kinds in getattr(listing.plugin, "bodies", {}).items():
                generators[event] = (*generators.get(event, ()), *kinds)
        self._generators = generators

    def package(self, event: str) -> Package | None:
        """Return an event package that a listed plugin declares."""
        self._learn()
        return self._packages.get(event)

    def generators(self, event: str) -> tuple[str, ...]:
        """Return the content types that generators beside the package write."""
        self._learn()
        return self._generators.get(event, ())

    @property
    def allow_events(self) -> str:
        """The event packages there are, as Allow-Events says them."""
        self._learn()
        return ", ".join(self._packages)

    def elsewhere(self, uri: str, event: str, heard: Callable[[Heard], object], subscription: Subscription) -> Share | None:
        """Watch the member of a list that is not ours; None: as much is watched already as may be."""
        try:
            return self.watches.share(uri, event, tuple(subscription.accepts) or subscription.topic.package.bodies, heard)
        except RuntimeError:
            self.counts["watches.full"] += 1
            return None

    # -- the life of a subscription ----------------------------------------------------------------------------------

    def enter(self, subscription: Subscription) -> None:
        """A subscription begins; whoever made it has it told."""
        self.subscriptions[subscription.id] = subscription
        subscription.usage.subscriptions[subscription.key] = subscription
        self.limits.enter(subscription)
        self.rights.enter(subscription)
        if subscription.view is None and subscription.pushed is None:
            subscription.topic.hearers[subscription.id] = subscription
        self.plan(subscription)

    def plan(self, subscription: Subscription) -> None:
        """Have a look at it when it expires, or has waited too long for approval."""
        when = self._until(subscription)
        if when < subscription.planned:
            subscription.planned = when
            self.ends.after(max(0.0, when - self.engine.clock.time()), subscription)

    def _until(self, subscription: Subscription) -> float:
        patience = self.options.pending_seconds
        if subscription.state == PENDING and patience:
            return min(subscription.expires_at, subscription.created_at + patience)
        return subscription.expires_at

    def _look(self, subscription: Subscription) -> None:
        subscription.planned = float("inf")
        now = self.engine.clock.time() + 1e-3
        if self._until(subscription) > now:
            self.plan(subscription)
        else:
            self.end(subscription, "timeout" if subscription.expires_at <= now else "giveup")

    def end(self, subscription: Subscription, reason: str, retry_after: int | None = None, *, at_once: bool = False) -> None:
        """End a subscription and tell its watcher why (4.2.2, 4.1.3)."""
        if subscription.over:
            return
        subscription.blocked = subscription.state == WAITING
        subscription.state, subscription.reason, subscription.retry_after = TERMINATED, reason, retry_after
        self._leave(subscription, reason)
        subscription.news = subscription.forced = True
        if at_once:
            self.send(subscription)
        else:
            self._queue(subscription)

    def drop(self, subscription: Subscription, why: str) -> None:
        """Remove a subscription whose watcher cannot be told (4.2.2)."""
        if not subscription.over:
            subscription.state, subscription.reason = TERMINATED, why
            self._leave(subscription, why)
        self._gone(subscription)

    def _leave(self, subscription: Subscription, reason: str) -> None:
        """Nothing more is due to it but, perhaps, its last NOTIFY."""
        self.counts["ended." + reason] += 1
        self.subscriptions.pop(subscription.id, None)
        self.limits.leave(subscription)
        self.rights.leave(subscription)
        topic = subscription.topic
        self.note_watcher(subscription, reason)
        if subscription.view is not None and not subscription.last_words:
            subscription.view.close()
        self.topics.leave(topic, subscription.id)
        if subscription.written:
            subscription.written = False
            self.forget(subscription.id)
        self.engine.tell(
            "subscription.ended", event=subscription.key[0], resource=topic.resource.aor, watcher=subscription.watcher.uri, reason=reason
        )

    def _gone(self, subscription: Subscription) -> None:
        """Nothing is left of it."""
        subscription.ended = True
        self.limits.gone(subscription)
        if subscription.view is not None:
            subscription.view.close()
        usage = subscription.usage
        if usage.subscriptions.get(subscription.key) is subscription:
            del usage.subscriptions[subscription.key]
        if not usage.subscriptions:
            usage.close()

    def note_watcher(self, subscription: Subscription, event: str) -> None:
        """Have those told who watch the watchers (RFC 3857)."""
        topic = subscription.topic
        resource = topic.resource
        about = self.topics.get(resource.event + ".winfo", resource.aor)
        if about is not None:
            if subscription.over:
                about.lately[subscription.id] = (subscription, event)
                while len(about.lately) > LATELY:
                    del about.lately[next(iter(about.lately))]
            self._changed_again(about)

    # -- what is told ------------------------------------------------------------------------------------------------

    def listen(self) -> None:
        """Hear what concerns subscriptions, from now until `stop`."""
        engine = self.engine
        for name, fn in (
            ("state.changed", self.heard),
            ("state.ended", self.ended),
            ("watchers.changed", self.judge),
            ("pipeline.started", self._begun),
            ("pipeline.reloaded", self._begun),
        ):
            self.until_stopped(engine.bus.listen(name, fn))
        if engine.dal.stores("aor"):
            self.until_stopped(engine.dal.watch("aor", self._aor))

    def until_stopped(self, deafen: Callable[[], None]) -> None:
        """Keep the way to end something that is heard until `stop`."""
        self._deafen.append(deafen)

    def _begun(self, _: Event) -> None:
        """Everything has started: tell those whose subscriptions were kept; end those to packages that are listed no more.

        And those of watchers who may watch no more by the new file.
        """
        if all(listing.plugin is not self.options for listing in self.engine.generation.listings()):
            return  # about to be stopped
        self.rights.judge()
        self.standing.begin()
        if self.restored:
            self.restored = False
            restore.tell_all(self)
        for topic in self.topics.all():
            package = self.package(topic.resource.event)
            if package is None:
                for hearer in tuple(topic.hearers.values()):
                    if not (isinstance(hearer, Subscription) and hearer.pushed is not None):  # who pushes to it ends it
                        hearer.gone("noresource", None)
            else:
                topic.package = package

    def heard(self, event: Event) -> None:
        """Take `state.changed` from the bus."""
        topic = self.topics.get(str(event.fields.get("event", "")), str(event.fields.get("resource", "")))
        if topic is not None:
            self.changed(topic)

    def ended(self, event: Event) -> None:
        """Take `state.ended` from the bus: what was watched is no more, for a reason of Subscription-State."""
        fields = event.fields
        topic = self.topics.get(str(fields.get("event", "")), str(fields.get("resource", "")))
        if topic is not None:
            for hearer in tuple(topic.hearers.values()):
                hearer.gone(str(fields.get("reason") or "noresource"), fields.get("retry_after"))

    def changed(self, topic: Topic) -> None:
        """The state of a topic may be another: read it soon, once for all changes of this turn."""
        if topic.dirty:
            return
        topic.dirty = True
        self._dirty.append(topic)
        if len(self._dirty) == 1:
            self.engine.loop.call_soon(self._read)

    def _changed_again(self, topic: Topic) -> None:
        """The state of a topic that costs much to read may be another: it is read no more often than it may be told."""
        wait = topic.read_at + topic.package.interval - self.engine.clock.now()
        if wait <= 0:
            self.changed(topic)
        elif not topic.later:
            topic.later = True
            self.looks.after(wait, topic)

    def _now(self, topic: Topic) -> None:
        topic.later = False
        self.changed(topic)

    def _read(self) -> None:
        some, self._dirty = self._dirty[:LOOKS], self._dirty[LOOKS:]
        for topic in some:
            topic.dirty = False
            self.read(topic)
        if self._dirty:
            self.engine.loop.call_soon(self._read)

    def read(self, topic: Topic) -> None:
        """Read the state of a topic and have its change told."""
        try:
            state = self.topics.read(topic.resource)
        except Exception as error:
            self._unreadable(topic, error)
            return
        if isinstance(state, Pending):
            state.then(partial(self._came, topic))
        else:
            self._take(topic, state)

    def _came(self, topic: Topic, pending: Pending) -> None:
        try:
            state = pending.value()
        except Exception as error:
            self._unreadable(topic, error)
            return
        self._take(topic, state)

    def _take(self, topic: Topic, state: Any) -> None:
        if topic.take(state, self.engine.clock.now()):
            for hearer in tuple(topic.hearers.values()):
                hearer.changed()

    def _unreadable(self, topic: Topic, error: Exception) -> None:
        if isinstance(error, NoSuchResource | Refused):
            reason = "noresource" if isinstance(error, NoSuchResource) else "rejected"
            for hearer in tuple(topic.hearers.values()):
                hearer.gone(reason, None)
        else:
            self.failed(topic.resource, error)

    def failed(self, resource: Resource, error: Exception) -> None:
        """A package or generator has failed: it is named, and those who watch know nothing new."""
        self.engine.counts["failed.pubsub"] += 1
        self.engine.tell("step.failed", plugin=resource.event, stage="application", error=repr(error), exception=error)

    def due(self, subscription: Subscription, *, forced: bool = False) -> None:
        """A subscription is to be told the state, as soon as the pace allows it."""
        subscription.news = True
        if forced:
            subscription.forced = True
        if not subscription.ended:
            self._queue(subscription)

    def _queue(self, subscription: Subscription) -> None:
        if not subscription.queued and not self.stopping:
            subscription.queued = True
            self.pace.add(subscription)

    def _paced(self, subscription: Subscription) -> bool:
        subscription.queued = False
        return self.send(subscription)

    def _wake(self, subscription: Subscription) -> None:
        if subscription.news:
            self._queue(subscription)

    def _beat(self, planned: tuple[Subscription, float]) -> None:
        subscription, beat = planned
        left = subscription.told_at + beat - self.engine.clock.now()
        if left > 1e-3:
            self.beats.after(left, planned)
        else:
            subscription.beating = 0.0
            self.due(subscription, forced=True)

    def send(self, subscription: Subscription) -> bool:
        """Send what is due, unless it has to wait or is no news; True when a NOTIFY went out."""
        if not subscription.news or subscription.ended:
            return False
        usage = subscription.usage
        if usage.busy:
            usage.queue(subscription)
            return False
        now = self.engine.clock.now()
        if subscription.held_until > now + 1e-3 and not subscription.over:
            return False
        # What answers a SUBSCRIBE goes at once, but a whole list once in `list_interval` at most, however often its watcher asks.
        if not subscription.over and (not subscription.forced or subscription.view is not None):
            if not subscription.forced and self._known(subscription):
                subscription.news = False
                return False
            interval = 0.0 if subscription.forced else max(subscription.interval, subscription.topic.package.interval)
            if subscription.view is not None:
                interval = max(interval, self.options.list_interval)
            wait = subscription.told_at + interval - now
            if wait > 1e-3:
                if subscription.wake_at <= now:
                    subscription.wake_at = now + wait
                    self.wakes.after(wait, subscription)
                return False
        return self._notify(subscription, usage, now)

    def _known(self, subscription: Subscription) -> bool:
        """Whether it has been told already what there is to tell."""
        if subscription.pushed is not None:
            return not subscription.pushed
        if subscription.view is not None:
            return not subscription.view.news
        return subscription.told is subscription.topic.state or subscription.told == subscription.topic.state

    def _notify(self, subscription: Subscription, usage: EventDialog, now: float) -> bool:
        forced = subscription.forced
        subscription.news = subscription.forced = False
        headers = [("Event", subscription.event_text), ("Subscription-State", "")]
        body = b""
        state: Any = NOTHING
        try:
            blocked = subscription.state == WAITING or subscription.blocked
            if blocked:
                told = not subscription.over or subscription.last_words
                state, kind, body = self._nothing(subscription) if told else (NOTHING, "", b"")
            elif subscription.state == ACTIVE or (subscription.over and subscription.last_words):
                state, kind, body = self._body(subscription, forced=forced)
            if state is not NOTHING:
                if subscription.view is None and subscription.pushed is None:
                    headers.append(("SIP-ETag", subscription.topic.blocked_etag if blocked else subscription.topic.etag))
                    if subscription.empty or (subscription.quenched and not subscription.over):
                        body = b""
                if body:
                    headers.append(("Content-Type", kind))
                if subscription.view is not None:
                    headers.append(("Require", "eventlist"))
        except Exception as error:
            self.failed(subscription.topic.resource, error)
            if not (forced or subscription.over):
                return False
        headers[1] = ("Subscription-State", subscription.state_text(self.engine.clock.time()))
        if state is not NOTHING:
            subscription.told = state
            subscription.document += 1
        subscription.empty = False
        subscription.told_at = now
        if subscription.beat != subscription.beating:
            subscription.beating = subscription.beat
            if subscription.beat:
                self.beats.after(subscription.beat, (subscription, subscription.beat))
        usage.busy = True
        self.under_way += 1
        self.counts["notifies"] += 1
        if subscription.over:
            subscription.ended = True
        try:
            usage.ask("NOTIFY", headers, body, partial(self._answered, subscription))
        except Malformed as error:  # a Contact that nothing can be sent to
            usage.busy = False
            self.under_way -= 1
            self.engine.tell("send.failed", flow="", error=error.reason)
            self.drop(subscription, "unreachable")
            return False
        if subscription.written and subscription.above:
            self.write(subscription)
        return True

    def _nothing(self, subscription: Subscription) -> tuple[Any, str, bytes]:
        """Return what is told to who is politely blocked, as `_body` does.

        It looks like the state of somebody who does nothing, or like a list that nobody is in: who is in one is not for him either.
        """
        topic = subscription.topic
        if subscription.view is not None:
            return subscription.view.nothing()  # type: ignore[no-any-return]
        if topic.package.blocked is None:
            return NOTHING, "", b""
        state = topic.package.blocked(topic.resource)
        return state, subscription.content_type, self.topics.write(topic.resource, state, subscription.form(None)) or b""

    def _body(self, subscription: Subscription, *, forced: bool) -> tuple[Any, str, bytes]:
        """Return the state told, its content type and the body."""
        if subscription.view is not None:
            return subscription.view.body(subscription, forced=forced)  # type: ignore[no-any-return]
        topic = subscription.topic
        if subscription.pushed is not None:
            state = subscription.pushed.pop(0) if subscription.pushed else subscription.told
            subscription.news = subscription.forced = bool(subscription.pushed)
            return state, subscription.content_type, subscription.write(state) if state is not NOTHING else b""
        before = None if forced or subscription.told is NOTHING else subscription.told
        body = topic.body(self.topics.write, subscription.form(before))
        return topic.state, subscription.content_type, body or b""

    def _answered(self, subscription: Subscription, outcome: Outcome) -> None:
        """Take what became of a NOTIFY (4.2.2)."""
        if isinstance(outcome, Provisional):
            return
        usage = subscription.usage
        self.under_way -= 1
        if self.stopping:  # the next start finds out for itself
            return
        if isinstance(outcome, Final) and 200 <= outcome.response.status < 300:
            subscription.failures = 0
            self.limits.heard(subscription)
            if usage.dialog.refresh(outcome.response) and subscription.written:
                self.write(subscription)
            if subscription.ended:
                self._gone(subscription)
        else:
            self.counts["notify.timeout" if isinstance(outcome, TimedOut) else "notify.failed"] += 1
            failures.failed(self, subscription, outcome)
        usage.go_on()
        if subscription.news and not subscription.ended:
            self._queue(subscription)

    def retry(self, subscription: Subscription, seconds: float) -> None:
        """Tell the same again later: what was sent did not arrive."""
        subscription.news = subscription.forced = True
        subscription.held_until = self.engine.clock.now() + seconds
        self.wakes.after(seconds, subscription)

    # -- who may ------------------------------------------------------------------------------------------------------

    def permit(self, subscription: Subscription, verdict: str) -> None:
        """Carry out what is said about a watcher: "active", "pending", "waiting" or "rejected"."""
        if verdict == subscription.state or subscription.over:
            return
        if verdict == "rejected":
            self.end(subscription, "rejected")
            return
        was, subscription.state = subscription.state, {"active": ACTIVE, "pending": PENDING}.get(verdict, WAITING)
        if subscription.written:
            self.write(subscription)
        if was == PENDING:
            self.note_watcher(subscription, "approved")
        self.due(subscription, forced=True)

    def judge(self, event: Event) -> None:
        """Take `watchers.changed` from the bus: who may watch a resource is asked anew."""
        fields = event.fields
        resource = access.resource_of(str(fields.get("event", "")), str(fields.get("resource", "")))
        self.lists.judge(resource)
        topic = self.topics.get(resource.event, resource.aor)
        if topic is None:
            return
        for each in [each for each in topic.hearers.values() if isinstance(each, Subscription)]:
            self.permit(each, self.rights.verdict(each))

    def _aor(self, verb: str, aor: Any) -> None:
        """Take what happens to addresses of record: who watches one that is removed has nothing to watch."""
        if verb != "delete" or aor is None or self.stopping:
            return
        for topic in self.topics.about(aor.id):
            if not topic.package.bare:
                for hearer in tuple(topic.hearers.values()):
                    hearer.gone("noresource", None)

    # -- the store ---------------------------------------------------------------------------------------------------

    def write(self, subscription: Subscription) -> None:
        """Write a subscription behind: nothing waits for it."""
        if self.engine.dal.stores("subscription"):
            subscription.written = True
            self._change(subscription.id, (subscription.store(self.engine.plan.name),), ())

    def forget(self, ident: str) -> None:
        """Delete a subscription from the store, behind too: after an outage many have expired."""
        self._change(ident, (), (ident,))

    def _change(self, ident: str, puts: tuple[Any, ...], deletes: tuple[str, ...]) -> None:
        try:
            written = self.engine.dal.change("subscription", ident, puts, deletes)
        except Exception as error:
            self._unwritten(error)
            return
        if isinstance(written, Pending):
            written.then(self._written)

    def _written(self, pending: Pending) -> None:
        try:
            pending.value()
        except Exception as error:
            self._unwritten(error)

    def _unwritten(self, error: Exception) -> None:
        self.counts["unwritten"] += 1
        self.engine.tell("storage.failed", what="subscription", error=str(error))

    # -- what comes in a dialog ----------------------------------------------------------------------------------------

    def serve(self, usage: EventDialog, passage: Passage) -> Any:
        """Take a request in a dialog of ours."""
        from . import in_dialog  # noqa: PLC0415  in_dialog needs what stands here

        return in_dialog.serve(self, usage, passage)

    async def farewell(self, seconds: float, *, kept: bool) -> None:
        """End the subscriptions that are not kept, for the server stops (deactivated: come again at once). `kept`: the stored ones are."""
        ending = [each for each in self.subscriptions.values() if not (kept and each.written)]
        if not ending:
            return
        self.pace.rate = max(self.pace.rate, 5000.0)
        for subscription in ending:
            self.end(subscription, "deactivated")
        deadline = self.engine.clock.now() + seconds
        while (len(self.pace) or self.under_way) and self.engine.clock.now() < deadline:  # noqa: ASYNC110  counted, not signalled
            await asyncio.sleep(0.02)

    def stop(self) -> None:
        """Send nothing more."""
        self.stopping = True
        for deafen in self._deafen:
            deafen()
        self._deafen.clear()
        self.pace.stop()
        self.ends.stop()
        self.wakes.stop()
        self.beats.stop()
        self.looks.stop()
        self.publications.stop()


def _over(subscription: Subscription) -> bool:
    return subscription.over


def _unheard(topic: Topic) -> bool:
    return not topic.hearers


def _beaten(planned: tuple[Subscription, float]) -> bool:
    """Tell whether a beat is not wanted any more."""
    subscription, beat = planned
    return subscription.over or subscription.beating != beat


__all__ = ["Notifier"]
