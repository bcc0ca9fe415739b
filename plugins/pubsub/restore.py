"""After a start: the dialogs and subscriptions that the store has kept go on (RFC 6665 says nothing of restarts; phones know of none).

Rule: each server takes over its own (`node`), for a dialog is with one. Who has expired meanwhile is removed in silence, and so is who has
no endpoint any more; who may still watch is told the state anew, at the pace of changes, with numbers above all that he has seen. Who
cannot be reached any more is found out by that.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from pipeline.pending import finished
from pipeline.pubsub import Watcher
from pipeline.reach import STREAM

from . import access
from .subscription import Subscription, dialog_of, options_of
from .usage import EventDialog

if TYPE_CHECKING:
    from pipeline.dal import Subscription as Stored
    from pipeline.pubsub import Package

    from .notifier import Notifier

LOG = logging.getLogger("sipline.pubsub")
COMING_BACK = 60.0
"""Seconds in which a phone connects anew: RFC 5626 4.5 has thirty seconds as the base of its waiting when all flows are lost."""


async def restore(notifier: Notifier) -> None:
    """Take over what is stored."""
    dal, now, node = notifier.engine.dal, notifier.engine.clock.time(), notifier.engine.plan.name
    if dal.stores("publication"):
        for stored in await finished(dal.find("publication")):
            notifier.publications.restore(stored)
    if not dal.stores("subscription"):
        return
    notifier.restored = True
    usages: dict[Any, EventDialog] = {}
    endpoints: dict[str, Any] = {}
    others: set[str] = set()
    for stored in await finished(dal.find("subscription")):
        if stored.node not in ("", node) and stored.expires_at > now:
            notifier.counts["others"] += 1  # of another server that shares the store: its watcher is told by that one alone
            others.add(stored.node)
            continue
        package = notifier.package(stored.event)
        if stored.endpoint not in endpoints:
            endpoints[stored.endpoint] = await finished(dal.get("endpoint", stored.endpoint)) if stored.endpoint else None
        gone = stored.endpoint and endpoints[stored.endpoint] is None  # a user who was removed meanwhile
        if package is None or stored.expires_at <= now or gone:
            notifier.forget(stored.id)
            continue
        _again(notifier, stored, package, usages, endpoints[stored.endpoint])
    if others and not notifier.engine.plan.options.name:  # by the host's name, which may have been another
        names = ", ".join(sorted(others))
        LOG.warning(
            'subscriptions of %s do not go on here, at %s: if it was this server, write [pipeline] name = "%s"', names, node, min(others)
        )


def _again(notifier: Notifier, stored: Stored, package: Package, usages: dict[Any, EventDialog], endpoint: Any) -> None:
    key = stored.call_id, stored.local_tag, stored.remote_tag
    usage = usages.get(key)
    if usage is None:
        user = stored.aor.rpartition("@")[0]
        usage = usages[key] = EventDialog(notifier, dialog_of(stored), endpoint, user)
        usage.reach, usage.listener, usage.pinned = stored.reach, stored.listener, bool(stored.reach)
        if len(stored.source) == 2:
            usage.source = (stored.source[0], stored.source[1])
        usage.open()
    else:
        usage.dialog.local_cseq = max(usage.dialog.local_cseq, stored.local_cseq)
        usage.dialog.remote_cseq = max(usage.dialog.remote_cseq, stored.remote_cseq)
    resource = access.resource_of(stored.event, stored.aor)
    watcher = Watcher(stored.watcher, stored.watcher_aor, stored.endpoint)
    subscription = Subscription(stored.id, notifier.topics.of(resource, package), usage, watcher, (stored.event, stored.event_id))
    subscription.options = options_of(stored)
    subscription.display, subscription.content_type, subscription.lists = stored.display, stored.content_type, stored.lists
    subscription.source = stored.endpoint if endpoint is not None and endpoint.auth else f"source {usage.source[1]}"
    subscription.state, subscription.created_at, subscription.expires_at = stored.state, stored.created_at, stored.expires_at
    subscription.interval, subscription.beat, subscription.document = stored.interval, stored.beat, stored.document
    subscription.ceiling = (stored.local_cseq, stored.document)  # reached: the first NOTIFY writes new ones
    subscription.written = True
    if notifier.lists.knows(stored.aor, stored.event):
        notifier.lists.attach(subscription, later=True)  # who may watch its members is up to plugins that have not started yet
    notifier.enter(subscription)


def tell_all(notifier: Notifier) -> None:
    """Tell everybody the state anew, when everything else has started."""
    for topic in {id(each.topic): each.topic for each in notifier.subscriptions.values()}.values():
        notifier.read(topic)
    for subscription in tuple(notifier.subscriptions.values()):
        if subscription.view is not None and not subscription.view.opened:
            subscription.view.open()
        if subscription.usage.reach.startswith(STREAM):
            # Its connection is gone with the server that was: its phone has a while to come back by another.
            subscription.news = subscription.forced = True
            subscription.held_until = notifier.engine.clock.now() + COMING_BACK
            notifier.wakes.after(COMING_BACK + 0.1, subscription)
        else:
            notifier.due(subscription, forced=True)
