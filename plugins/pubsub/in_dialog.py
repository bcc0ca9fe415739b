"""What comes in a dialog of subscriptions: SUBSCRIBE refreshes, ends or adds one; NOTIFY is for one of ours. RFC 6665 4.2.1.2, 4.4.

Rule: order of CSeq first (500), what it requires (420), then the method. A refusal leaves the subscription as it was (4.2.1.2: a 423 or
403 to a refresh ends nothing).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from pipeline import Reply
from pipeline.stages.application import SIP_METHODS
from pipeline.way import is_pinned

from . import subscribing
from .asked import bulky, event_of
from .subscription import NOTHING

if TYPE_CHECKING:
    from pipeline import Passage, Request

    from .notifier import Notifier
    from .subscription import Subscription
    from .usage import EventDialog

ALLOW = "SUBSCRIBE, NOTIFY, OPTIONS"


def serve(notifier: Notifier, usage: EventDialog, passage: Passage) -> Any:
    """Serve a request of the dialog."""
    message = cast("Request", passage.message)
    if status := usage.dialog.receive(message):
        passage.reply(status, because=f"pubsub: CSeq {message.cseq.number} is out of order")
        return None
    extensions = notifier.engine.generation.offer.extensions
    if "require" in message.first and (unsupported := [tag for tag in message.require if tag.lower() not in extensions]):
        passage.reply(420, headers=(("Unsupported", ", ".join(unsupported)),), because="pubsub: Require")
        return None
    method = message.method
    if method == "SUBSCRIBE":
        return _subscribe(notifier, usage, message, passage)
    if method == "NOTIFY":
        passage.reply(481, because="pubsub: nothing is watched in this dialog")
    elif method == "OPTIONS":
        passage.reply(200, headers=notifier.engine.generation.offer.headers)
    elif method == "BYE":
        passage.reply(481, because="pubsub: no session is in this dialog")
    else:
        status = 405 if method in SIP_METHODS else 501
        notifier.engine.tell("request.unsupported", passage=passage)
        passage.reply(status, headers=(("Allow", ALLOW),), because=f"pubsub: no {method} among subscriptions")
    return None


def _subscribe(notifier: Notifier, usage: EventDialog, message: Request, passage: Passage) -> Any:
    event = event_of(message)
    subscription = usage.subscriptions.get((event.name, event.id)) if event is not None else None
    if subscription is None or subscription.over:
        if event is not None and message.expires == 0 and subscription is not None:
            passage.reply(481, because="pubsub: this subscription has ended")
            return None
        return subscribing.within(notifier, usage, passage)
    if subscription.pushed is not None:
        return _pushed(notifier, subscription, message, passage)
    if message.body:
        passage.reply(415, headers=(("Accept", ""),), because="pubsub: no filters are taken")
        return None
    wanted = bulky(message) or subscribing.want(notifier, message, passage, subscription.topic.resource.aor, subscription.watcher)
    if isinstance(wanted, Reply):
        passage.reply(wanted.status, wanted.reason, wanted.headers, because=wanted.because)
        return None
    _come(notifier, usage, message, passage)
    same = subscription.content_type == wanted.content_type and subscription.told is not NOTHING and wanted.expires > 0
    subscribing.renew(subscription, wanted)
    notifier.permit(subscription, wanted.verdict)
    if subscription.view is None:
        notifier.read(subscription.topic)
    if subscription.over:  # there is nothing to watch any more: that is being told
        passage.reply(481, because="pubsub: what was watched is no more")
        return None
    if same and subscribing.matches(subscription, wanted):
        _go_on(notifier, subscription, wanted.expires)
        headers = (("Contact", usage.dialog.contact), ("Expires", str(wanted.expires)))
        passage.reply(204, headers=headers, because="Suppress-If-Match: the watcher has the state (RFC 5839 6.3)")
        return None
    return _renewed(notifier, subscription, wanted.expires, passage)


def _pushed(notifier: Notifier, subscription: Subscription, message: Request, passage: Passage) -> None:
    """Refresh or end an implicit subscription (RFC 3515 2.4.4)."""
    asked = message.expires
    _come(notifier, subscription.usage, message, passage)
    _renewed(notifier, subscription, min(180 if asked is None else asked, notifier.options.max_expires), passage)


def _come(notifier: Notifier, usage: EventDialog, message: Request, passage: Passage) -> None:
    """Learn where the peer is now (4.2.1.2: a SUBSCRIBE refreshes the target)."""
    usage.dialog.refresh(message)
    usage.come_by(notifier.engine.transactions.back(passage), pinned=is_pinned(message, passage))


def _go_on(notifier: Notifier, subscription: Subscription, expires: int) -> None:
    """Let it last for so long."""
    subscription.expires_at = notifier.engine.clock.time() + expires
    notifier.plan(subscription)
    if subscription.written:
        notifier.write(subscription)
    notifier.counts["refreshed"] += 1


def _renewed(notifier: Notifier, subscription: Subscription, expires: int, passage: Passage) -> None:
    subscription.expires_at = notifier.engine.clock.time() + expires
    subscribing.usage_answer(passage, subscription, expires)
    if not expires:
        notifier.end(subscription, "timeout", at_once=True)
        return
    _go_on(notifier, subscription, expires)
    subscription.news = subscription.forced = True
    subscription.held_until = float("-inf")  # he is there
    notifier.send(subscription)
