"""NOTIFY to phones that never subscribed: Asterisk's unsolicited MWI, for endpoints that say `mailboxes`. RFC 3842 has none; phones do.

Rule: told when a phone registers and when a number changes, in one NOTIFY for all mailboxes of the endpoint; what happens meanwhile is told
at once with it. Nobody is told who has subscribed. `pubsub` sends it; what a phone answers matters to nobody and is counted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline import Uri
from pipeline.core import Unroutable
from pipeline.dal import StorageError
from pipeline.pending import Pending
from pipeline.pubsub.states import Watching
from pipeline.sip.grammar import Malformed

from .summary import TYPE, summary

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from pipeline.dal import Endpoint
    from pipeline.engine import Pipeline
    from pipeline.events import Event
    from pipeline.pubsub.states import Waiting

    from .owners import Owners

EVENT = "message-summary"
TURN = 0.05
"""Seconds between two turns: the answer to a REGISTER goes first, and what happens in between is told at once."""
PER_TURN = 10
"""Endpoints of one turn: 200 a second, so that a start of all phones does not hold up their registrations."""


class Unasked:
    """Whom to tell, one endpoint after the other."""

    def __init__(self, engine: Pipeline, owners: Owners, state: Callable[[Endpoint], Waiting]) -> None:
        self._engine = engine
        self._owners = owners
        self.state = state
        self._due: dict[str, None] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._deaf: Callable[[], None] | None = None
        self.sent = self.refused = 0

    def listen(self) -> None:
        """Hear of registrations while there is anybody to tell, and only then: a REGISTER costs others nothing."""
        if self._owners.endpoints and self._deaf is None:
            self._deaf = self._engine.bus.listen("contact.added", self._registered)
        elif not self._owners.endpoints and self._deaf is not None:
            self._deaf()
            self._deaf = None

    def close(self) -> None:
        """Tell nobody any more."""
        if self._deaf is not None:
            self._deaf()
            self._deaf = None
        self._due.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def changed(self, mailbox: str) -> None:
        """The numbers of a mailbox are others."""
        for endpoint in self._owners.endpoints.values():
            if mailbox in endpoint.mailboxes:
                self._soon(endpoint.id)

    def _registered(self, event: Event) -> None:
        for endpoint in self._owners.by_aor.get(event.fields["aor"], ()):
            self._soon(endpoint.id)

    def _soon(self, ident: str) -> None:
        self._due[ident] = None
        if self._timer is None:
            self._timer = self._engine.clock.call_later(TURN, self._turn)

    def _turn(self) -> None:
        self._timer = None
        for ident in list(self._due)[:PER_TURN]:
            del self._due[ident]
            endpoint = self._owners.endpoints.get(ident)
            if endpoint is not None and not self._subscribed(endpoint):
                self._notify(endpoint)
        if self._due:
            self._timer = self._engine.clock.call_later(TURN, self._turn)

    def _subscribed(self, endpoint: Endpoint) -> bool:
        """Whether one of its phones watches one of its mailboxes."""
        pubsub = self._engine.pubsub
        return pubsub is not None and any(
            watcher.status in (Watching.ACTIVE, Watching.PENDING) and self._aor(watcher.uri) in endpoint.aors
            for mailbox in endpoint.mailboxes
            for resource in self._owners.resources(mailbox)
            for watcher in pubsub.watchers(EVENT, resource)
        )

    def _aor(self, uri: str) -> str | None:
        try:
            return self._engine.aor_of(Uri.parse(uri))
        except Malformed:
            return None

    def _notify(self, endpoint: Endpoint) -> None:
        pubsub = self._engine.pubsub
        if pubsub is None:
            return
        try:
            sent = pubsub.notify(endpoint.id, EVENT, summary(self.state(endpoint)), TYPE, told=self._told)
        except (Unroutable, StorageError):
            return  # nobody is registered: he is told when he is
        if isinstance(sent, Pending):
            sent.then(_read)

    def _told(self, uri: str, status: int) -> None:
        self.sent += 1
        self.refused += not 200 <= status < 300


def _read(sent: Pending) -> Any:
    """Take what it came to: nobody there is nobody's fault."""
    try:
        return sent.value()
    except (Unroutable, StorageError):
        return 0
