"""NOTIFY to phones that never subscribed: Asterisk's unsolicited MWI, for endpoints that say `mailboxes`. RFC 3842 has none; phones do.

Rule: told when a phone registers and when a number changes, in one NOTIFY for all mailboxes of the endpoint; what happens meanwhile is told
at once with it. Nobody is told who has subscribed. What a phone answers matters to nobody: it is counted.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from pipeline import Request, Uri
from pipeline.client import Final, Provisional
from pipeline.core import Unroutable
from pipeline.dal import StorageError
from pipeline.destinations import Credentials, Targets
from pipeline.destinations.identity import user_text
from pipeline.location import Called
from pipeline.pending import walk
from pipeline.pubsub.states import Watching
from pipeline.sip.grammar import Malformed

from .summary import TYPE, summary

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from pipeline import Flow
    from pipeline.client import Outcome
    from pipeline.dal import Endpoint
    from pipeline.destinations import Destination
    from pipeline.engine import Pipeline
    from pipeline.events import Event
    from pipeline.pubsub.states import Waiting

    from .owners import Owners

EVENT = "message-summary"
TURN = 0.05
"""Seconds between two turns: the answer to a REGISTER goes first, and what happens in between is told at once."""
PER_TURN = 10
"""Addresses of record of one turn: 200 a second, so that a start of all phones does not hold up their registrations."""


class Unasked:
    """Whom to tell, one address of record after the other."""

    def __init__(self, engine: Pipeline, owners: Owners, state: Callable[[Endpoint, str], Waiting]) -> None:
        self._engine = engine
        self._owners = owners
        self.state = state
        self._targets = Targets(engine, Credentials(engine))
        self._due: dict[str, None] = {}
        self._timer: Any = None
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
                for aor in endpoint.aors:
                    self._soon(aor)

    def _registered(self, event: Event) -> None:
        aor = event.fields["aor"]
        if aor in self._owners.by_aor:
            self._soon(aor)

    def _soon(self, aor: str) -> None:
        self._due[aor] = None
        if self._timer is None:
            self._timer = self._engine.clock.call_later(TURN, self._turn)

    def _turn(self) -> None:
        self._timer = None
        for aor in list(self._due)[:PER_TURN]:
            del self._due[aor]
            walk(self._tell(aor))
        if self._due and self._timer is None:
            self._timer = self._engine.clock.call_later(TURN, self._turn)

    def _tell(self, aor: str) -> Generator[Any, Any, None]:
        endpoints = {endpoint.id: endpoint for endpoint in self._owners.by_aor.get(aor, ()) if not self._subscribed(aor, endpoint)}
        if not endpoints:
            return
        try:
            found: list[Destination] | None = yield self._targets.registered(Called(aor))
        except (Unroutable, StorageError):
            return  # nobody is registered: he is told when he is
        for destination in found or ():
            endpoint = endpoints.get(destination.endpoint.id)
            if endpoint is not None:
                self._notify(destination, endpoint, aor)

    def _subscribed(self, aor: str, endpoint: Endpoint) -> bool:
        """Whether a phone of this address of record watches one of the endpoint's mailboxes."""
        pubsub = self._engine.pubsub
        if pubsub is None:
            return False
        for mailbox in endpoint.mailboxes:
            for resource in self._owners.resources(mailbox):
                for watcher in pubsub.watchers(EVENT, resource):
                    if watcher.status in (Watching.ACTIVE, Watching.PENDING) and self._aor(watcher.uri) == aor:
                        return True
        return False

    def _aor(self, uri: str) -> str | None:
        try:
            return self._engine.aor_of(Uri.parse(uri))
        except Malformed:
            return None

    def _notify(self, destination: Destination, endpoint: Endpoint, aor: str) -> None:
        make = partial(self._request, destination, aor, summary(self.state(endpoint, aor)))
        self.sent += 1
        self._engine.request(make, destination.target, self._heard, None, endpoint)

    def _request(self, destination: Destination, aor: str, body: bytes, flow: Flow) -> Request:
        host, port = flow.advertised
        where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        more = "" if flow.transport == "UDP" else f";transport={flow.transport.lower()}"
        user, _, domain = aor.rpartition("@")
        own = f"<sip:{user_text(user)}@{domain}>"
        return Request.new(
            "NOTIFY",
            destination.uri,
            [
                ("Max-Forwards", "70"),
                *(("Route", route) for route in destination.route),
                ("From", f"{own};tag={self._engine.token()}"),
                ("To", own),
                ("Call-ID", self._engine.token(12)),
                ("CSeq", "1 NOTIFY"),
                ("Contact", f"<sip:{where}{more}>"),
                ("Event", EVENT),
                ("Subscription-State", "terminated"),
                ("Content-Type", TYPE),
            ],
            body,
        )

    def _heard(self, outcome: Outcome) -> None:
        if not isinstance(outcome, Provisional) and not (isinstance(outcome, Final) and outcome.response.status < 300):
            self.refused += 1
