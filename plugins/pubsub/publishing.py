"""PUBLISH (RFC 3903 6): the steps of the event state compositor, and the answer.

Rule: everything that can be wrong is looked at before anything changes; a body costs nobody anything before it is known who sends it.
PUBLISHes about one resource run in one lane. Nothing is told before it is kept.
"""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import attrs

from pipeline import Claim, Pending, Reply, Wait
from pipeline.pubsub import Publication, Unpublishable
from pipeline.stages.application import unknown

from . import access
from .asked import event_of, expires_of
from .limits import counted_as
from .publications import Kept

if TYPE_CHECKING:
    from pipeline import Passage, Request, Verdict
    from pipeline.pubsub import Package, Resource, Watcher

    from .notifier import Notifier

MULTIPLE = "SIP-If-Match names one entity tag (RFC 3903 6 step 3)"


def publish(notifier: Notifier, message: Request, passage: Passage) -> Verdict:
    """Look at a PUBLISH before anybody works on it."""
    engine, options = notifier.engine, notifier.options
    event = event_of(message)
    package = notifier.package(event.name) if event is not None else None
    if event is None or package is None or not package.publishes:
        headers = (("Allow-Events", notifier.allow_events),)
        because = f"Event: nobody publishes {event.name if event is not None else 'without a name'}"
        return Reply(489, headers=headers, because=because, stateless=not passage.identity)
    aor = engine.aor_of(message.uri, passage.flow)
    if aor is None:
        return Reply(404, because=f"{message.uri} is no address of record of ours", stateless=not passage.identity)
    resource = access.resource_of(event.name, aor)
    endpoint = passage.endpoint
    publisher = access.watcher_of(engine, message.from_.uri, passage)
    said = None
    for step in engine.generation.event_publisher.steps:
        said = step(resource, publisher)
        if said is not None:
            break
    allowed = endpoint is None or endpoint.allow_publish
    owned = endpoint.aors if endpoint is not None else ()
    if not access.may_publish(said, resource, publisher, options.publish, allowed=allowed, owned=owned):
        return Reply(403, because=f"publish: {publisher.uri} may not publish about {aor}", stateless=not passage.identity)
    who = counted_as(passage)
    if wait := notifier.publishes.take(who, engine.clock.now()):  # RFC 3903 9: 503, before a document is parsed and composed with others
        headers = (("Retry-After", str(math.ceil(wait))),)
        return Reply(503, headers=headers, because=f"publish_rate: {who} publishes too often", stateless=not passage.identity)
    if len(message.body) > options.publication_bytes:
        return Reply(413, because=f"publication_bytes: {len(message.body)} bytes", stateless=not passage.identity)
    go_on = partial(_known, notifier, resource, package, publisher)
    if package.bare:
        return go_on(False)
    missing = unknown(passage, message.uri)
    if isinstance(missing, Pending):
        return Wait(missing, go_on, because="aor")
    return go_on(missing)


def _known(notifier: Notifier, resource: Resource, package: Package, publisher: Watcher, missing: bool) -> Verdict:
    if missing:
        return Reply(404, because=f"there is no address of record {resource.aor}")
    return Claim("pubsub", f"publish {resource.aor}", partial(_take, notifier, resource, package, publisher))


def _take(notifier: Notifier, resource: Resource, package: Package, publisher: Watcher, passage: Passage) -> Any:
    """Work on it, in the lane of the resource."""
    message = cast("Request", passage.message)
    engine, options, publications = notifier.engine, notifier.options, notifier.publications
    tags = message.all("sip-if-match")
    if len(tags) > 1 or (tags and "," in tags[0]):
        passage.reply(400, "Bad SIP-If-Match", because=MULTIPLE)
        return None
    former = None
    if tags:
        former = publications.get(tags[0].strip(), resource.event, resource.aor)
        if former is None and message.expires == 0:
            former = publications.removable(tags[0].strip(), resource.event, resource.aor, message.call_id)
        if former is None:
            passage.reply(412, because=f"SIP-If-Match: nothing is published as {tags[0][:64]}")
            return None
    expires = expires_of(message, options.publication_expires, options.min_expires, options.max_expires)
    if isinstance(expires, Reply):
        passage.reply(expires.status, headers=expires.headers, because=expires.because)
        return None
    now = engine.clock.time()
    who = counted_as(passage)
    if former is not None and expires == 0:
        return _answer(notifier, passage, former, expires, publications.remove(former.publication.etag), tell=True)
    if not message.body:
        if former is None:
            passage.reply(400, "Missing Body", because="an initial PUBLISH has a body (RFC 3903 6 step 6)")
            return None
        etag = engine.token(8)
        kept = Kept(attrs.evolve(former.publication, etag=etag), former.event, former.aor, former.who, now + expires, message.call_id)
        return _answer(notifier, passage, kept, expires, publications.put(kept, former.publication.etag), tell=False)
    kind = message.content_type
    encoding = (message.get("content-encoding") or "identity").strip().lower()
    if kind not in package.publishes or encoding != "identity":
        headers = [("Accept", ", ".join(package.publishes)), *([("Accept-Encoding", "identity")] if encoding != "identity" else [])]
        passage.reply(415, headers=headers, because=f"{package.name} takes no {kind or 'body without a type'}")
        return None
    publication = Publication(engine.token(8), kind, message.body, publisher.uri, now)
    try:
        taken = any(step(resource, publication, publisher) is not None for step in engine.generation.event_published.steps)
    except Unpublishable as error:
        why = "".join(mark for mark in str(error)[:100] if mark.isprintable() and mark.isascii())
        passage.reply(error.status, why if error.status == 400 else "", because=f"{package.name}: {error}")
        return None
    if not taken:
        passage.reply(
            489, headers=(("Allow-Events", notifier.allow_events),), because=f"no package takes what is published as {package.name}"
        )
        return None
    kept = Kept(publication, resource.event, resource.aor, who, now + expires, message.call_id)
    if expires == 0:  # valid for no time: told to nobody (RFC 3903 4.2 has no use for it)
        return _answer(notifier, passage, kept, 0, None, tell=False)
    if former is None and (refusal := _full(notifier, resource, who)) is not None:
        passage.reply(refusal.status, refusal.reason, refusal.headers, because=refusal.because)
        return None
    return _answer(notifier, passage, kept, expires, publications.put(kept, former.publication.etag if former else ""), tell=True)


def _full(notifier: Notifier, resource: Resource, who: str) -> Reply | None:
    options, publications = notifier.options, notifier.publications
    later = (("Retry-After", str(30 + notifier.engine.identifiers.below(60))),)
    if len(publications) >= options.publications:
        return Reply(503, headers=later, because=f"publications: there are {len(publications)} already")
    if publications.count(resource.event, resource.aor) >= options.publications_per_resource:
        return Reply(480, headers=later, because="publications_per_resource: there are as many about this one already")
    if publications.by_publisher[who] >= options.publications_per_publisher:
        return Reply(403, "Too Many Publications", because=f"publications_per_publisher: {who} has as many already")
    return None


def _answer(notifier: Notifier, passage: Passage, kept: Kept, expires: int, written: object, *, tell: bool) -> Any:
    """Answer when it is stored, then tell who watches."""
    if isinstance(written, Pending):
        done = Pending()
        written.then(partial(_stored, notifier, passage, kept, expires, tell, done))
        return done
    _accept(notifier, passage, kept, expires, tell=tell)
    return None


def _stored(notifier: Notifier, passage: Passage, kept: Kept, expires: int, tell: bool, done: Pending, written: Pending) -> None:
    try:
        written.value()
    except Exception as error:
        # It is kept in memory all the same: a restart loses it, which the publisher's refresh finds out (412).
        notifier._unwritten(error)
    _accept(notifier, passage, kept, expires, tell=tell)
    done.resolve(None)


def _accept(notifier: Notifier, passage: Passage, kept: Kept, expires: int, *, tell: bool) -> None:
    passage.reply(200, headers=(("SIP-ETag", kept.publication.etag), ("Expires", str(expires))))
    notifier.counts["published"] += 1
    notifier.engine.tell(
        "publication.changed", event=kept.event, resource=kept.aor, publisher=kept.publication.publisher, etag=kept.publication.etag
    )
    if tell:
        notifier.publications.tell(kept)
