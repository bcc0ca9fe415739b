"""The plugin `pubsub`: SUBSCRIBE, NOTIFY and PUBLISH to who works on them. RFC 6665, RFC 3903, RFC 4662.

Rule: dispatch and options. What can be watched is up to the listed event packages; without one every event is a 489.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import attrs

from pipeline import Reply, hookimpl, option, plugin

from . import publishing, subscribing
from .access import POLICIES
from .notifier import Notifier
from .restore import restore
from .service import Service

if TYPE_CHECKING:
    from pipeline import Passage, Request, Verdict
    from pipeline.engine import Pipeline

FAREWELL = 2.0
"""Seconds at most that the last NOTIFYs take when the server stops and its subscriptions are not kept."""


@plugin
class Pubsub:
    """Tells who watches what has changed: subscriptions, publications, lists. RFC 6665, RFC 3903."""

    stage: ClassVar[str] = "application"
    after: ClassVar[tuple[str, ...]] = ("messages",)
    methods: ClassVar[tuple[str, ...]] = ("SUBSCRIBE", "NOTIFY", "PUBLISH")
    accepts: ClassVar[tuple[str, ...]] = ()
    extensions: ClassVar[tuple[str, ...]] = ("eventlist",)
    own_bodies: ClassVar[tuple[str, ...]] = ("PUBLISH", "NOTIFY")
    needs: ClassVar[tuple[str, ...]] = ("aor",)

    watch: str = option(
        "users",
        validator=attrs.validators.in_(POLICIES),
        help='who may watch where no plugin says otherwise: "users" each of ours, "owner" only himself, "all" strangers too, "none"',
    )
    publish: str = option(
        "owner",
        validator=attrs.validators.in_(POLICIES),
        help='who may publish about an address of record where no plugin says otherwise: its "owner", all "users" of ours, "all", "none"',
    )
    min_expires: int = option(
        30,
        unit="s",
        validator=[attrs.validators.ge(0), attrs.validators.lt(3600)],
        help="shorter subscriptions and publications are refused with 423 and Min-Expires; an endpoint may have its own (sub_min_expiry)",
    )
    max_expires: int = option(
        7200, unit="s", validator=attrs.validators.ge(60), help="longer subscriptions and publications are shortened to this"
    )
    publication_expires: int = option(
        3600, unit="s", validator=attrs.validators.ge(1), help="how long a publication is valid whose PUBLISH does not say (RFC 3903 4.5)"
    )
    pending_seconds: int = option(
        86400,
        unit="s",
        validator=attrs.validators.ge(0),
        help="how long a subscription may wait for approval until it ends with reason giveup; 0 = as long as it is refreshed",
    )
    rate: float = option(
        1000.0,
        validator=attrs.validators.gt(0),
        help="NOTIFYs of changes in a second, for all who watch together; what answers a SUBSCRIBE does not wait",
    )
    turn: int = option(
        5,
        validator=attrs.validators.ge(1),
        help="NOTIFYs of changes in one turn of the loop, at 0.2 ms each: between turns others are served",
    )
    subscriptions: int = option(100_000, validator=attrs.validators.ge(0), help="subscriptions there may be (503), at about 5 kB each")
    per_resource: int = option(20_000, validator=attrs.validators.ge(0), help="subscriptions to one address of record (480)")
    per_endpoint: int = option(1_000, validator=attrs.validators.ge(0), help="subscriptions of one endpoint that proves itself (403)")
    per_source: int = option(5_000, validator=attrs.validators.ge(0), help="subscriptions of all others from one address (403)")
    per_pair: int = option(
        10,
        validator=attrs.validators.ge(1),
        help="dialogs in which one watcher may watch the same; one more ends the oldest, which a phone that started anew has forgotten",
    )
    publications: int = option(50_000, validator=attrs.validators.ge(0), help="publications there may be (503)")
    publications_per_resource: int = option(
        50, validator=attrs.validators.ge(0), help="publications about one resource in one package (480)"
    )
    publications_per_publisher: int = option(
        100, validator=attrs.validators.ge(0), help="publications of one endpoint, or stranger's address (403)"
    )
    publish_rate: float = option(
        10.0,
        validator=attrs.validators.ge(0),
        help="PUBLISHes a second that one endpoint, or stranger's address, may send in the long run (503 with Retry-After), where `auth` is"
        " listed; 0 = no limit",
    )
    publish_burst: int = option(100, validator=attrs.validators.ge(1), help="PUBLISHes that one of them may send at once")
    publication_bytes: int = option(
        16384, unit="bytes", validator=attrs.validators.ge(0), help="longest document that may be published (413)"
    )

    list_interval: float = option(
        1.0,
        unit="s",
        validator=attrs.validators.ge(0),
        help="what happens to members of a list within this time is told in one NOTIFY (RFC 4662 4.6)",
    )
    list_members: int = option(200, validator=attrs.validators.ge(1), help="members of a list, with those of nested ones, that are told of")

    notifier: Any = attrs.field(init=False, default=None)
    _stops: tuple[Any, ...] = attrs.field(init=False, default=())

    @hookimpl
    async def start(self, engine: Pipeline) -> None:
        """Take over the subscriptions that live, or those that the store has kept."""
        made: list[Notifier] = []

        def make() -> Notifier:
            made.append(Notifier(engine))
            return made[0]

        notifier = self.notifier = engine.state(self, make)
        notifier.options = self
        notifier.pace.rate, notifier.pace.turn = self.rate, self.turn
        notifier.publishes.configure(self.publish_rate if engine.authenticates else 0.0, self.publish_burst)
        if made:
            engine.pubsub = Service(notifier)
            notifier.listen()
            notifier.rights.open()
            await notifier.lists.open()
            await restore(notifier)

    @hookimpl
    async def stop(self, engine: Pipeline) -> None:
        """Say goodbye to those whose subscriptions are not kept."""
        notifier = self.notifier
        if notifier is None or notifier.options is not self:
            return
        notifier.watches.stop()
        await notifier.farewell(FAREWELL, kept=_kept(engine))
        notifier.stop()
        engine.pubsub = None

    @hookimpl
    def application(self, message: Request, passage: Passage) -> Verdict | None:
        """Take what is of pub/sub."""
        method = message.method
        if method == "SUBSCRIBE":
            return subscribing.subscribe(self.notifier, message, passage)
        if method == "PUBLISH":
            return publishing.publish(self.notifier, message, passage)
        if method == "NOTIFY":
            return Reply(481, because="pubsub: a NOTIFY of no subscription (RFC 6665 4.1.3)", stateless=True)
        return None

    def stats(self) -> dict[str, Any]:
        """Return the counters."""
        notifier = self.notifier
        return {
            "subscriptions": len(notifier.subscriptions),
            "topics": len(notifier.topics),
            "watches": len(notifier.watches),
            "publications": len(notifier.publications),
            "publication_bytes": notifier.publications.bytes,
            "queued": len(notifier.pace),
            **dict(sorted(notifier.counts.items())),
        }


def _kept(engine: Pipeline) -> bool:
    """Tell whether subscriptions outlive the server."""
    mapping = engine.dal.mapping.get("subscription")
    if mapping is None:
        return False
    names = {listing.name: listing.plugin for listing in engine.plan.stages["integration"]}
    return any(getattr(names.get(name), "keeps", True) for name in mapping.backends)
