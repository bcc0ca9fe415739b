"""How many subscriptions there may be: of all, of one resource, of one endpoint, of one source of strangers, of one pair.

Rule: counted, never searched. Who is known is counted as himself, wherever he calls from (an office of two hundred phones is one
address); a stranger as his address. The answer says whose limit it is: 503 is ours, 480 the resource's, 403 the watcher's own.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from pipeline import Reply
from pipeline.dal.bans import source_of

if TYPE_CHECKING:
    from pipeline import Passage
    from pipeline.engine import Pipeline

    from .pubsub import Pubsub
    from .subscription import Subscription


UNHEARD = 100
"""Subscriptions of strangers from one address none of whose NOTIFYs has been answered. By UDP the address may be somebody else's, who gets
each of them eleven times (RFC 3261 17.1.2.2, Timer E). A phone with more lamps than this has answered the first before it asks for the
last."""


class Limits:
    """Counts subscriptions."""

    def __init__(self) -> None:
        self.total = 0
        self.of_watcher: Counter[str] = Counter()
        """By endpoint, or by "source ADDRESS" of strangers."""
        self.of_resource: Counter[str] = Counter()
        self.of_pair: dict[tuple[str, str, str, str], dict[str, Subscription]] = {}
        """Those alike, the oldest first, by (whom it counts for, event, resource, URI of the watcher)."""
        self.unheard: Counter[str] = Counter()
        """Those of strangers that nothing has been heard of yet, by whom they count for."""
        self.ending = 0
        """Subscriptions that have ended and whose last NOTIFY has not been answered: they count for their watchers still."""

    def refusal(self, engine: Pipeline, options: Pubsub, who: str, aor: str) -> Reply | None:
        """Return why there cannot be another."""
        later = (("Retry-After", str(30 + engine.identifiers.below(60))),)
        if self.total + self.ending >= options.subscriptions:
            return Reply(503, headers=later, because=f"subscriptions: there are {self.total + self.ending} already", stateless=True)
        if self.of_resource[aor] >= options.per_resource:
            return Reply(480, headers=later, because=f"per_resource: {self.of_resource[aor]} watch {aor} already", stateless=True)
        stranger = who.startswith("source ")
        most = options.per_source if stranger else options.per_endpoint
        if self.of_watcher[who] >= most:
            name = "per_source" if stranger else "per_endpoint"
            return Reply(403, "Too Many Subscriptions", because=f"{name}: {who} has {self.of_watcher[who]} already", stateless=True)
        if stranger and self.unheard[who] >= UNHEARD:
            because = f"{who} has {self.unheard[who]} whose NOTIFYs nobody has answered"
            return Reply(403, "Too Many Subscriptions", headers=later, because=because, stateless=True)
        return None

    def enter(self, subscription: Subscription) -> None:
        """Count one."""
        subscription.counted = True
        if subscription.source.startswith("source "):
            subscription.unheard = True
            self.unheard[subscription.source] += 1
        self.total += 1
        self.of_watcher[subscription.source] += 1
        self.of_resource[subscription.topic.resource.aor] += 1
        self.of_pair.setdefault(_pair(subscription), {})[subscription.id] = subscription

    def leave(self, subscription: Subscription) -> None:
        """Count one no more for what it watched; for its watcher it counts until it is `gone`, or he could end and begin as he likes."""
        self.total -= 1
        self.ending += 1
        _less(self.of_resource, subscription.topic.resource.aor)
        pair = _pair(subscription)
        alike = self.of_pair.get(pair)
        if alike is not None:
            alike.pop(subscription.id, None)
            if not alike:
                del self.of_pair[pair]

    def heard(self, subscription: Subscription) -> None:
        """A NOTIFY has been answered: somebody is there."""
        if subscription.unheard:
            subscription.unheard = False
            _less(self.unheard, subscription.source)

    def gone(self, subscription: Subscription) -> None:
        """Its last NOTIFY has been answered, or will not be any more."""
        self.heard(subscription)
        if subscription.counted:
            subscription.counted = False
            self.ending -= 1
            _less(self.of_watcher, subscription.source)

    def alike(self, subscription: Subscription) -> dict[str, Subscription]:
        """Return the subscriptions of its watcher to the same, the oldest first."""
        return self.of_pair.get(_pair(subscription), {})


def _pair(subscription: Subscription) -> tuple[str, str, str, str]:
    resource = subscription.topic.resource
    return subscription.source, resource.event, resource.aor, subscription.watcher.uri


def _less(counter: Counter[Any], key: Any) -> None:
    counter[key] -= 1
    if counter[key] <= 0:
        del counter[key]


def counted_as(passage: Passage) -> str:
    """Return whom a request counts for."""
    endpoint = passage.endpoint
    # An endpoint without credentials stands for everybody who writes its name, the anonymous one for whoever has none.
    if endpoint is not None and endpoint.auth:
        return endpoint.id
    return f"source {source_of(passage.flow.peer[0])}"
