"""Whether those who watch still may: their endpoints are changed, removed and given other passwords while their subscriptions last.

Rule: a subscription ends with the right to it. A dialog is not proved anew when it is refreshed from where it came, so who was removed
would watch for ever; whose password is another has to prove that he knows it, and comes again at once (reason deactivated).
"""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from pipeline.dal import StorageError
from pipeline.pending import Pending

from . import access

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.dal import Endpoint

    from .notifier import Notifier
    from .subscription import Subscription


class Rights:
    """Subscriptions by the endpoints of those who watch."""

    def __init__(self, notifier: Notifier) -> None:
        self._notifier = notifier
        self._of: dict[str, dict[str, Subscription]] = {}
        self._secrets: dict[str, Any] = {}
        """What was stored of the passwords of those who watch, by the names of `auth` objects: whether one is another is told by that."""

    def open(self) -> None:
        """Hear of endpoints and passwords."""
        dal = self._notifier.engine.dal
        for kind, heard in (("endpoint", self._endpoint), ("auth", self._auth)):
            if dal.stores(kind):
                self._notifier.until_stopped(dal.watch(kind, heard))

    def enter(self, subscription: Subscription) -> None:
        """A subscription begins."""
        if subscription.watcher.endpoint:
            self._of.setdefault(subscription.watcher.endpoint, {})[subscription.id] = subscription
            endpoint = subscription.usage.endpoint
            for ident in endpoint.auth if endpoint is not None else ():
                if ident not in self._secrets:
                    self._secrets[ident] = None
                    self._look(ident, self._know)

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
        """A password is another, or gone; or may be."""
        if stored is not None:
            self._compare(stored.id, stored if verb == "put" else None)
            return
        for ident in tuple(self._secrets):
            self._look(ident, self._compare)

    def _look(self, ident: str, fn: Callable[[str, Any], object]) -> None:
        """Read an `auth` object; a store that cannot answer says nothing."""
        dal = self._notifier.engine.dal
        if not dal.stores("auth"):
            return

        def found(pending: Pending) -> None:
            with suppress(StorageError):
                fn(ident, pending.value())

        try:
            value = dal.get("auth", ident)
        except StorageError:
            return
        (value if isinstance(value, Pending) else Pending.of(value)).then(found)

    def _know(self, ident: str, stored: Any) -> None:
        self._secrets[ident] = _secret(stored)

    def _compare(self, ident: str, stored: Any) -> None:
        if ident not in self._secrets or self._secrets[ident] == _secret(stored):
            return
        del self._secrets[ident]
        for endpoint in tuple(self._of):
            for subscription in self.of(endpoint):
                known = subscription.usage.endpoint
                if known is not None and ident in known.auth and subscription.pushed is None:
                    self._notifier.end(subscription, "deactivated")


def _secret(stored: Any) -> Any:
    return None if stored is None else (stored.username, stored.password, stored.password_digest)
