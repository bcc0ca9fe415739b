"""Whether those who watch still may: their endpoints are changed, removed and given other passwords while their subscriptions last.

Rule: a subscription ends with the right to it. A dialog is not proved anew when it is refreshed from where it came, so who was removed
would watch for ever; whose password is another has to prove that he knows it, and comes again at once (reason deactivated).
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from pipeline.dal import StorageError
from pipeline.pending import Pending

from . import access

if TYPE_CHECKING:
    from pipeline.dal import Endpoint

    from .notifier import Notifier
    from .subscription import Subscription


class Rights:
    """Subscriptions by the endpoints of those who watch."""

    def __init__(self, notifier: Notifier) -> None:
        self._notifier = notifier
        self._of: dict[str, dict[str, Subscription]] = {}

    def open(self) -> None:
        """Hear of endpoints and passwords."""
        dal = self._notifier.engine.dal
        for kind, heard in (("endpoint", self._endpoint), ("auth", self._auth)):
            if dal.stores(kind):
                dal.watch(kind, heard)

    def enter(self, subscription: Subscription) -> None:
        """A subscription begins."""
        if subscription.watcher.endpoint:
            self._of.setdefault(subscription.watcher.endpoint, {})[subscription.id] = subscription

    def leave(self, subscription: Subscription) -> None:
        """It has ended."""
        found = self._of.get(subscription.watcher.endpoint)
        if found is not None:
            found.pop(subscription.id, None)
            if not found:
                del self._of[subscription.watcher.endpoint]

    def of(self, endpoint: str) -> tuple[Subscription, ...]:
        """Return the subscriptions of an endpoint, the oldest first."""
        return tuple(self._of.get(endpoint, {}).values())

    def verdict(self, subscription: Subscription) -> str:
        """Say anew whether somebody may watch."""
        notifier, endpoint = self._notifier, subscription.usage.endpoint
        return access.may_watch(
            notifier.topics,
            subscription.topic.resource,
            subscription.watcher,
            notifier.options.watch,
            allowed=endpoint is None or endpoint.allow_subscribe,
            owned=endpoint.aors if endpoint is not None else (),
        )

    def judge(self) -> None:
        """Say of everybody anew whether he may watch: the rules may be others."""
        for subscription in tuple(self._notifier.subscriptions.values()):
            if subscription.pushed is None:
                self._notifier.permit(subscription, self.verdict(subscription))
            if subscription.view is not None and not subscription.over:
                subscription.view.judge()

    # -- what is heard -----------------------------------------------------------------------------------------------

    def _endpoint(self, verb: str, stored: Endpoint | None) -> None:
        if stored is not None:
            self._changed(stored.id, None if verb == "delete" else stored)
            return
        for ident in tuple(self._of):
            try:
                found = self._notifier.engine.dal.get("endpoint", ident)
            except StorageError:
                continue
            if isinstance(found, Pending):
                found.then(partial(self._found, ident))
            else:
                self._changed(ident, found)

    def _found(self, ident: str, pending: Pending) -> None:
        try:
            endpoint = pending.value()
        except StorageError:
            return  # nobody knows; the next change tells
        self._changed(ident, endpoint)

    def _changed(self, ident: str, endpoint: Endpoint | None) -> None:
        for subscription in self.of(ident):
            if endpoint is None:
                self._notifier.end(subscription, "rejected")
                continue
            subscription.usage.endpoint = endpoint
            if subscription.pushed is not None:  # nobody asked whether it may
                continue
            aor = subscription.watcher.aor
            lost = aor and aor not in endpoint.aors and not endpoint.trust_from  # he is somebody else now
            self._notifier.permit(subscription, "rejected" if lost else self.verdict(subscription))
            if subscription.view is not None and not subscription.over:
                subscription.view.judge()

    def _auth(self, verb: str, stored: Any) -> None:
        """A password is another, or gone."""
        if stored is None:
            return
        for ident in tuple(self._of):
            for subscription in self.of(ident):
                endpoint = subscription.usage.endpoint
                if endpoint is not None and stored.id in endpoint.auth and subscription.pushed is None:
                    self._notifier.end(subscription, "deactivated")
