"""What other plugins ask of pub/sub: `engine.pubsub`, see pipeline/pubsub/service.py.

Rule: nothing is decided here that is not decided for a SUBSCRIBE from outside.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline.pubsub.service import WatcherInfo
from pipeline.pubsub.states import Watching
from pipeline.sip.dialog import Dialog
from pipeline.way import is_pinned

from . import access, subscribing
from .limits import counted_as
from .subscription import PENDING, TERMINATED, WAITING, Subscription
from .usage import EventDialog

if TYPE_CHECKING:
    from pipeline import Passage, Request
    from pipeline.pubsub import Package
    from pipeline.pubsub.service import Carrier

    from .notifier import Notifier

STATUS = {PENDING: Watching.PENDING, WAITING: Watching.WAITING, TERMINATED: Watching.TERMINATED}
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
        topic = self.notifier.topics.get(event, aor)
        if topic is None:
            return ()
        now = [each for each in topic.hearers.values() if isinstance(each, Subscription)]
        return (*(_info(each, "subscribe") for each in now), *(_info(each, why) for each, why in topic.lately.values()))

    def implicit(
        self, event: str, event_id: str, message: Request, passage: Passage, *, carrier: Carrier | None = None, expires: float = 180.0
    ) -> Implicit:
        """Make the subscription that a request implies."""
        notifier = self.notifier
        engine = notifier.engine
        package = notifier.package(event)
        if package is None:
            raise LookupError(f"no listed plugin declares the event package {event!r}")
        usage = self._usage(message, passage, carrier)
        aor = engine.aor_of(message.uri, passage.flow) or f"@{engine.domains.first.id}"
        topic = notifier.topics.of(access.resource_of(event, aor), package)
        watcher = access.watcher_of(engine, message, passage)
        subscription = Subscription(engine.token(8), topic, usage, watcher, (event, event_id))
        subscription.source = counted_as(passage)
        subscription.content_type = package.bodies[0]
        subscription.created_at = engine.clock.time()
        subscription.expires_at = subscription.created_at + expires
        subscription.pushed = []
        notifier.enter(subscription)
        return Implicit(notifier, subscription)

    def _usage(self, message: Request, passage: Passage, carrier: Carrier | None) -> EventDialog:
        notifier = self.notifier
        if carrier is not None:
            found = notifier.engine.dialogs.shared(*carrier.dialog.id)
            return found if isinstance(found, EventDialog) else subscribing.carried(notifier, message, carrier)
        tag = passage.tag = notifier.engine.token()
        dialog = Dialog.from_request(message, tag)
        dialog.confirm()
        usage = EventDialog(notifier, dialog, passage.endpoint, message.uri.user or "")
        usage.come_by(notifier.engine.transactions.back(passage), pinned=is_pinned(message, passage))
        usage.open()
        return usage

    def take(self, message: Request, passage: Passage, carrier: Carrier) -> None:
        """Answer a SUBSCRIBE or NOTIFY in a session's dialog; the session has looked at its CSeq."""
        notifier = self.notifier
        if message.method != "SUBSCRIBE":
            passage.reply(481, because="pubsub: nothing is watched in this dialog")
            return
        usage = subscribing.carried(notifier, message, carrier)
        subscribing.within(notifier, usage, passage)
        if not usage.subscriptions:  # refused, or the state has to be waited for
            usage.close()


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


def _info(subscription: Subscription, event: str) -> WatcherInfo:
    status = STATUS.get(subscription.state, Watching.ACTIVE)
    return WatcherInfo(
        subscription.id,
        subscription.watcher.uri,
        subscription.display,
        status,
        event,
        subscription.created_at,
        subscription.expires_at,
    )
