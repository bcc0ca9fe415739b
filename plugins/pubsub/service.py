"""What other plugins ask of pub/sub: `engine.pubsub`, see pipeline/pubsub/service.py.

Rule: nothing is decided here that is not decided for a SUBSCRIBE from outside.
"""

from __future__ import annotations

from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any

from pipeline import Pending
from pipeline.pubsub import Refused, states
from pipeline.pubsub.service import WatcherInfo

from . import access, subscribing, unsolicited
from .limits import counted_as
from .lists import Member
from .subscription import PENDING, TERMINATED, WAITING, Subscription
from .usage import EventDialog

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pipeline import Passage, Request
    from pipeline.dal import Endpoint
    from pipeline.pubsub import Package
    from pipeline.pubsub.service import Carrier, Heard

    from .inside import Inside
    from .notifier import Notifier
    from .watching import Watching

EVENTS = frozenset({"subscribe", "approved", "deactivated", "probation", "rejected", "timeout", "giveup", "noresource"})
"""RFC 3857 4.7.1; whoever could not be told any more counts as timeout."""
STATUS = {PENDING: states.Watching.PENDING, WAITING: states.Watching.WAITING, TERMINATED: states.Watching.TERMINATED}
QUEUED = 32
"""States of an implicit subscription that may wait for their turn; of more the oldest is left out."""


class Service:
    """Pub/sub, for plugins."""

    def __init__(self, notifier: Notifier) -> None:
        self.notifier = notifier

    def package(self, event: str) -> Package | None:
        """Return what a listed plugin says of an event package."""
        return self.notifier.package(event)

    def watchers(self, event: str, aor: str) -> tuple[WatcherInfo, ...]:
        """Return who watches an address of record, and who lately did."""
        topics = self.notifier.topics
        topic, about = topics.get(event, aor), topics.get(event + ".winfo", aor)
        hearers = topic.hearers.values() if topic is not None else ()
        now = [each.subscription if isinstance(each, Member) else each for each in hearers if isinstance(each, Subscription | Member)]
        return (
            *(_info(each, "subscribe") for each in now),
            *(_info(each, why) for each, why in (about.lately.values() if about is not None else ())),
        )

    def subscriptions(self) -> Iterator[dict[str, Any]]:
        """Return a row for each subscription."""
        notifier = self.notifier
        now = notifier.engine.clock.time()
        known = sorted(notifier.subscriptions.values(), key=lambda each: (each.topic.resource.event, each.topic.resource.aor))
        ours = [
            {
                "event": each.event, "resource": each.uri, "watcher": "", "endpoint": "", "state": f"ours, {each.state}", "expires": "",
                "type": each.last.content_type if each.last is not None else "", "list": False, "sent": "", "id": "",
            }
            for each in notifier.watches.all.values()
        ]  # fmt: skip
        return chain((_row(each, now) for each in known), ours)

    def publications(self) -> Iterator[dict[str, Any]]:
        """Return a row for each valid publication."""
        now = self.notifier.engine.clock.time()
        return (
            {
                "event": kept.event,
                "resource": kept.aor,
                "publisher": kept.publication.publisher,
                "type": kept.publication.content_type,
                "octets": len(kept.publication.body),
                "since": kept.publication.published_at,
                "expires": round(kept.expires_at - now),
                "etag": kept.publication.etag,
            }
            for kept in sorted(self.notifier.publications.kept.values(), key=lambda kept: (kept.event, kept.aor))
        )

    def implicit(
        self,
        event: str,
        event_id: str,
        message: Request,
        passage: Passage,
        *,
        write: Callable[[Any], bytes],
        carrier: Carrier | None = None,
        expires: float = 180.0,
    ) -> Implicit:
        """Make the subscription that a request implies."""
        notifier = self.notifier
        engine = notifier.engine
        package = notifier.package(event)
        if package is None:
            raise LookupError(f"no listed plugin declares the event package {event!r}")
        aor = engine.aor_of(message.uri, passage.flow) or f"@{engine.domains.first.id}"
        watcher = access.watcher_of(engine, message.from_.uri, passage)
        refusal = notifier.limits.refusal(engine, notifier.options, counted_as(passage), aor)
        if refusal is not None:
            raise Refused(refusal.because, refusal.status)
        usage = self._usage(message, passage, carrier)
        topic = notifier.topics.of(access.resource_of(event, aor), package)
        subscription = Subscription(engine.token(8), topic, usage, watcher, (event, event_id))
        subscription.source = counted_as(passage)
        subscription.content_type = package.bodies[0]
        subscription.created_at = engine.clock.time()
        subscription.expires_at = subscription.created_at + expires
        subscription.pushed, subscription.write = [], write
        notifier.enter(subscription)
        return Implicit(notifier, subscription)

    def _usage(self, message: Request, passage: Passage, carrier: Carrier | None) -> EventDialog:
        notifier = self.notifier
        if carrier is not None:
            found = notifier.engine.dialogs.shared(*carrier.dialog.id)
            return found if isinstance(found, EventDialog) else subscribing.carried(notifier, message, carrier)
        return subscribing.opened(notifier, message, passage)

    def take(self, message: Request, passage: Passage, carrier: Carrier) -> None:
        """Answer a SUBSCRIBE or NOTIFY in a session's dialog; the session has looked at its CSeq."""
        notifier = self.notifier
        if message.method != "SUBSCRIBE":
            passage.reply(481, because="pubsub: nothing is watched in this dialog")
            return
        usage = subscribing.carried(notifier, message, carrier)
        done = None
        try:
            done = subscribing.within(notifier, usage, passage)
        finally:
            if not isinstance(done, Pending) and not usage.subscriptions:  # refused
                usage.close()
        if isinstance(done, Pending):
            done.then(partial(self._taken, usage, passage))

    def _taken(self, usage: EventDialog, passage: Passage, done: Pending) -> None:
        """The state that had to be waited for is there, or is not."""
        if not usage.subscriptions:
            usage.close()
        try:
            done.value()
        except Exception as error:
            self.notifier.failed(access.resource_of("", ""), error)
            passage.reply(500, because=f"pubsub: {error!r}")

    def subscribe(
        self,
        uri: str,
        event: str,
        heard: Callable[[Heard], object],
        *,
        expires: int = 3600,
        accept: tuple[str, ...] = (),
        as_: str = "",
        endpoint: Endpoint | None = None,
        target: Any = None,
    ) -> Watching | Inside:
        """Watch something."""
        return self.notifier.watches.watch(uri, event, heard, expires=expires, accept=accept, as_=as_, endpoint=endpoint, target=target)

    def notify(
        self,
        where: str,
        event: str,
        body: bytes = b"",
        content_type: str = "",
        state: str = "terminated",
        told: Callable[[str, int], object] | None = None,
    ) -> Any:
        """Send a NOTIFY outside any dialog."""
        return unsolicited.send(self.notifier.engine, where, event, body, content_type, state, told)


class Implicit:
    """An implicit subscription."""

    def __init__(self, notifier: Notifier, subscription: Subscription) -> None:
        self._notifier = notifier
        self._subscription = subscription
        self.contact = subscription.usage.dialog.contact

    @property
    def over(self) -> bool:
        """Whether nobody listens any more."""
        return self._subscription.over

    def push(self, state: Any, reason: str = "") -> None:
        """Tell a state; with `reason` it is the last one."""
        subscription, notifier = self._subscription, self._notifier
        if subscription.over or subscription.pushed is None:
            return
        if reason:
            subscription.pushed[:] = [state]
            notifier.end(subscription, reason, at_once=True)
            return
        subscription.pushed.append(state)
        del subscription.pushed[:-QUEUED]
        subscription.news = subscription.forced = True
        notifier.send(subscription)


def _row(subscription: Subscription, now: float) -> dict[str, Any]:
    resource = subscription.topic.resource
    return {
        "event": resource.event,
        "resource": resource.aor,
        "watcher": subscription.watcher.uri,
        "endpoint": subscription.watcher.endpoint,
        "state": subscription.state,
        "expires": round(subscription.expires_at - now),
        "type": subscription.content_type,
        "list": subscription.view is not None,
        "sent": subscription.document,
        "id": subscription.id,
    }


def _info(subscription: Subscription, event: str) -> WatcherInfo:
    status = STATUS.get(subscription.state, states.Watching.ACTIVE)
    return WatcherInfo(
        subscription.id,
        subscription.watcher.uri,
        subscription.display,
        status,
        event if event in EVENTS else "timeout",
        subscription.created_at,
        subscription.expires_at,
    )
