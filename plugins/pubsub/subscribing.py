"""A SUBSCRIBE that begins something (RFC 6665 4.2.1): who, what, how long, in which form; the 200, and the NOTIFY at once.

Rule: refusals come first and are stateless; a subscription exists only when its 200 is on its way. It is always 200:
whether somebody still has to approve it is said in the NOTIFY (4.2.1.1 has no 202 any more).
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, cast

import attrs

from pipeline import Address, Claim, Pending, Reply, Wait
from pipeline.pending import settle
from pipeline.pubsub import NoSuchResource, Refused
from pipeline.sip.dialog import Dialog
from pipeline.stages.application import unknown
from pipeline.way import is_pinned

from . import access
from .asked import accepted, bulky, content_type_of, event_of, expires_of, suppressed
from .limits import counted_as
from .subscription import ACTIVE, PENDING, TERMINATED, WAITING, Subscription
from .usage import SERVANT, EventDialog

if TYPE_CHECKING:
    from pipeline import Passage, Request, Verdict
    from pipeline.pubsub import Package, Resource, Watcher
    from pipeline.pubsub.service import Carrier

    from .asked import Event
    from .notifier import Notifier

SHORTEST_BEAT = 5.0
"""Seconds between two NOTIFYs that tell nothing new, at least: RFC 6446 5.2 lets us be slower than a min-rate asks for."""


@attrs.frozen
class Wanted:
    """What a SUBSCRIBE that may be carried out wants."""

    event: Event
    package: Package
    resource: Resource
    watcher: Watcher
    verdict: str
    """active, pending or waiting."""
    expires: int
    content_type: str
    accepts: frozenset[str]
    who: str
    """Whom it counts for."""
    suppress: str = ""
    """The entity tag of the state that the watcher has (RFC 5839); "*": he wants to hear nothing."""
    listed: bool = False
    """Whether the watcher takes lists (RFC 4662)."""


def subscribe(notifier: Notifier, message: Request, passage: Passage) -> Verdict:
    """Look at a SUBSCRIBE outside any dialog before anybody works on it."""
    stateless = not passage.identity
    aor = access.named(notifier.engine, message.uri, passage.flow)
    if aor is None and not message.uri.user and (domain := notifier.engine.domain_of(message.uri.host, passage.flow)) is not None:
        aor = f"@{domain.id}"  # the server itself: some packages know it (bare)
    wanted = want(notifier, message, passage, aor, access.watcher_of(notifier.engine, message.from_.uri, passage))
    if isinstance(wanted, Reply):
        wanted.stateless = stateless
        return wanted
    if not message.contacts:
        return Reply(400, "Missing Contact", because="a SUBSCRIBE makes a dialog (RFC 6665 4.1.2.1)", stateless=stateless)
    refusal = bulky(message) or notifier.limits.refusal(notifier.engine, notifier.options, wanted.who, wanted.resource.aor)
    if refusal is not None:
        refusal.stateless = stateless
        return refusal
    go_on = partial(_known, notifier, wanted, message.call_id)
    if wanted.package.bare or notifier.lists.knows(wanted.resource.aor, wanted.event.name):
        return go_on(False)
    missing = unknown(passage, message.uri)
    if isinstance(missing, Pending):
        return Wait(missing, go_on, because="aor")
    return go_on(missing)


def want(notifier: Notifier, message: Request, passage: Passage, aor: str | None, watcher: Watcher) -> Wanted | Reply:
    """Return what a SUBSCRIBE wants, or why it is refused."""
    options = notifier.options
    event = event_of(message)
    package = notifier.package(event.name) if event is not None else None
    if event is None or package is None:
        headers = (("Allow-Events", notifier.allow_events),)
        return Reply(489, headers=headers, because=f"Event: no package {event.name if event is not None else 'named'}")
    if aor is None:
        return Reply(404, because=f"{message.uri} is no address of record of ours")
    resource = access.resource_of(event.name, aor)
    endpoint = passage.endpoint
    verdict = access.may_watch(
        notifier.topics,
        resource,
        watcher,
        options.watch,
        allowed=endpoint is None or endpoint.allow_subscribe,
        owned=endpoint.aors if endpoint is not None else (),
    )
    if verdict == "rejected":
        return Reply(403, because=f"watch: {watcher.uri} may not watch {aor}")
    least = (endpoint.sub_min_expiry if endpoint is not None else 0) or options.min_expires
    expires = expires_of(message, package.expires, least, options.max_expires)
    if isinstance(expires, Reply):
        return expires
    kinds = accepted(message)
    kind = content_type_of(kinds, package, notifier.generators(event.name))
    if kind is None:
        can = ", ".join(dict.fromkeys((*package.bodies, *notifier.generators(event.name))))
        return Reply(406, headers=(("Accept", can),), because=f"Accept: {event.name} cannot be written so")
    listed = "supported" in message.first and any(tag.lower() == "eventlist" for tag in message.supported)
    who = counted_as(passage)
    return Wanted(event, package, resource, watcher, verdict, expires, kind, frozenset(kinds or ()), who, suppressed(message), listed)


def _known(notifier: Notifier, wanted: Wanted, call_id: str, missing: bool) -> Verdict:
    if missing:
        return Reply(404, because=f"there is no address of record {wanted.resource.aor}")
    return Claim(SERVANT, call_id, partial(_begin, notifier, wanted), because=wanted.resource.aor)


def _begin(notifier: Notifier, wanted: Wanted, passage: Passage) -> Any:
    return begin(notifier, wanted, passage, None)


def begin(notifier: Notifier, wanted: Wanted, passage: Passage, usage: EventDialog | None) -> Any:
    """Read the state, then accept; in the dialog of `usage`, or in a new one."""
    if notifier.lists.knows(wanted.resource.aor, wanted.event.name):
        if not wanted.listed:
            headers = (("Require", "eventlist"),)
            passage.reply(421, headers=headers, because=f"resource_list.{wanted.resource.aor}: the watcher takes no lists (RFC 4662 4.2)")
            return None
        return _accept(notifier, wanted, passage, usage, None)
    try:
        state = notifier.topics.read(wanted.resource)
    except (NoSuchResource, Refused) as error:
        _refused(passage, error)
        return None
    if isinstance(state, Pending):
        done = Pending()
        state.then(partial(_read, notifier, wanted, passage, usage, done))
        return done
    return _accept(notifier, wanted, passage, usage, state)


def _read(notifier: Notifier, wanted: Wanted, passage: Passage, usage: EventDialog | None, done: Pending, pending: Pending) -> None:
    try:
        state = pending.value()
    except (NoSuchResource, Refused) as error:
        _refused(passage, error)
    except Exception as error:
        done.fail(error)
        return
    else:
        try:
            _accept(notifier, wanted, passage, usage, state)
        except Exception as error:
            done.fail(error)
            return
    done.resolve(None)


def _refused(passage: Passage, error: NoSuchResource | Refused) -> None:
    status = 404 if isinstance(error, NoSuchResource) else error.status
    passage.reply(status, because=f"event_package: {error}")


def _accept(notifier: Notifier, wanted: Wanted, passage: Passage, usage: EventDialog | None, state: Any) -> None:
    """Make the subscription, answer, tell."""
    engine = notifier.engine
    message = cast("Request", passage.message)
    if usage is None:
        usage = opened(notifier, message, passage)
    subscription = made(notifier, wanted, usage, message)
    topic = subscription.topic
    try:
        if notifier.lists.knows(wanted.resource.aor, wanted.event.name):
            notifier.lists.attach(subscription)
        elif topic.take(state, engine.clock.now()):
            for hearer in tuple(topic.hearers.values()):
                hearer.changed()
    except Exception:  # a plugin's: its 500 leaves nothing behind
        notifier.topics.leave(topic, subscription.id)
        if subscription.view is not None:
            subscription.view.close()
        if not usage.subscriptions:
            usage.close()
        raise
    usage_answer(passage, subscription, wanted.expires)
    notifier.enter(subscription)
    notifier.counts["subscribed"] += 1
    engine.tell(
        "subscription.added", event=wanted.resource.event, resource=wanted.resource.aor, watcher=wanted.watcher.uri, id=subscription.id
    )
    if wanted.expires == 0:  # a fetch (4.4.3)
        subscription.told = None if subscription.state in (ACTIVE, WAITING) else subscription.told
        notifier.end(subscription, "timeout", at_once=True)
        return
    crowd(notifier, subscription)
    notifier.write(subscription)
    notifier.note_watcher(subscription, "subscribe")
    subscription.news = subscription.forced = True
    subscription.empty = matches(subscription, wanted)
    notifier.send(subscription)


def matches(subscription: Subscription, wanted: Wanted) -> bool:
    """Tell whether the watcher has the state already, or wants none (RFC 5839 6.2)."""
    if not wanted.suppress or subscription.state not in (ACTIVE, WAITING) or subscription.view is not None:
        return False
    topic = subscription.topic
    return wanted.suppress in ("*", topic.etag if subscription.state == ACTIVE else topic.blocked_etag)


def opened(notifier: Notifier, message: Request, passage: Passage) -> EventDialog:
    """Return the dialog that a request makes; its tag stands in `passage.tag`. Raises Malformed without a usable Contact."""
    engine = notifier.engine
    tag = passage.tag = engine.token()
    dialog = Dialog.from_request(message, tag)
    dialog.confirm()
    usage = EventDialog(notifier, dialog, passage.endpoint, message.uri.user or "")
    usage.come_by(engine.transactions.back(passage), pinned=is_pinned(message, passage))
    usage.passage = passage if engine.tap is not None else None
    usage.open()
    return usage


def made(notifier: Notifier, wanted: Wanted, usage: EventDialog, message: Request) -> Subscription:
    """Return a new subscription, which nobody knows yet."""
    now = notifier.engine.clock.time()
    topic = notifier.topics.of(wanted.resource, wanted.package)
    subscription = Subscription(notifier.engine.token(8), topic, usage, wanted.watcher, (wanted.event.name, wanted.event.id))
    subscription.display = message.from_.display[: access.DISPLAY]
    subscription.source = wanted.who
    subscription.created_at = now
    subscription.expires_at = now + wanted.expires
    subscription.state = {"active": ACTIVE, "pending": PENDING, "waiting": WAITING}.get(wanted.verdict, TERMINATED)
    renew(subscription, wanted)
    return subscription


def renew(subscription: Subscription, wanted: Wanted) -> None:
    """Take over what a SUBSCRIBE says about the form, and how often."""
    event = wanted.event
    subscription.options = event.options
    subscription.content_type = wanted.content_type
    subscription.accepts = wanted.accepts
    subscription.lists = wanted.listed
    subscription.quenched = wanted.suppress == "*"
    subscription.interval = event.interval
    subscription.beat = max(event.beat, SHORTEST_BEAT, event.interval) if event.beat else 0.0


def usage_answer(passage: Passage, subscription: Subscription, expires: int) -> None:
    """Answer a SUBSCRIBE with 200 (4.2.1.1)."""
    headers = [("Contact", subscription.usage.dialog.contact), ("Expires", str(expires))]
    if subscription.view is not None:
        headers.append(("Require", "eventlist"))
    passage.reply(200, headers=headers)


def crowd(notifier: Notifier, subscription: Subscription) -> None:
    """End the oldest when one watcher watches the same by too many dialogs: a phone that starts anew forgets its former ones."""
    alike = notifier.limits.alike(subscription)
    if len(alike) > notifier.options.per_pair:
        notifier.end(next(iter(alike.values())), "probation", notifier.options.max_expires)


def within(notifier: Notifier, usage: EventDialog, passage: Passage) -> Any:
    """Begin another subscription inside a dialog: what the dialog was made with is watched, in another package or under another id."""
    message = cast("Request", passage.message)
    engine = notifier.engine
    aor = access.named(engine, message.to.uri, passage.flow)
    watcher = access.watcher_of(engine, Address.parse(usage.dialog.remote, "From").uri, passage)
    wanted = want(notifier, message, passage, aor, watcher)
    if isinstance(wanted, Reply):
        passage.reply(wanted.status, wanted.reason, wanted.headers, because=wanted.because)
        return None
    refusal = bulky(message) or notifier.limits.refusal(notifier.engine, notifier.options, wanted.who, wanted.resource.aor)
    if refusal is not None:
        passage.reply(refusal.status, refusal.reason, refusal.headers, because=refusal.because)
        return None

    def known(missing: bool) -> Any:
        if missing:
            passage.reply(404, because=f"there is no address of record {wanted.resource.aor}")
            return None
        return begin(notifier, wanted, passage, usage)

    if wanted.package.bare or notifier.lists.knows(wanted.resource.aor, wanted.event.name):
        return known(False)
    return settle(unknown(passage, message.to.uri), known)


def carried(notifier: Notifier, message: Request, carrier: Carrier) -> EventDialog:
    """Return the usage for subscriptions in a session's dialog (RFC 5057 3), beside the session."""
    if carrier.flow is None:
        raise RuntimeError("a dialog in which a request came has a flow")
    usage = EventDialog(notifier, carrier.dialog, carrier.endpoint, message.uri.user or "")
    usage.come_by(carrier.flow, pinned=carrier.pinned)
    usage.dialog.contact = carrier.contact
    usage.open(shared=True)
    return usage
