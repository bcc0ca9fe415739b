"""Which sources have a live binding or dialog: they are never banned, whatever their neighbours behind the same address do.

Rule: a binding counts by where it is really reached, which is what its Contact says only where `reach` does not say otherwise. Kept by the
events of the registrar that make or end a binding; a refresh changes nothing and is not listened to. What was bound before the start is
read once. A flow that is held for who is registered elsewhere (`edge`) counts likewise, from `flow.held` to `flow.released`.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from pipeline import Malformed, Uri
from pipeline.dal.bans import source_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pipeline.dal import Contact
    from pipeline.engine import Pipeline
    from pipeline.events import Event
    from pipeline.flow import Address


class Bound:
    """The sources that contacts are reached at."""

    def __init__(self, engine: Pipeline) -> None:
        self._engine = engine
        self._of: dict[str, str] = {}
        self._sources: Counter[str] = Counter()
        self.stops = [
            engine.bus.listen("contact.added", self._added),
            engine.bus.listen("contact.removed", self._gone),
            engine.bus.listen("contact.expired", self._gone),
            engine.bus.listen("flow.held", self._held),
            engine.bus.listen("flow.released", self._released),
        ]

    def holds(self, source: str) -> bool:
        """Tell whether a source has a live binding, or a flow that is held."""
        return source in self._sources

    def talking(self) -> set[str]:
        """Return the sources that take part in a dialog; this looks at every dialog."""
        return set(map(source_of, self._engine.dialogs.hosts()))

    def read(self, contacts: Iterable[Contact]) -> list[Address]:
        """Take what is bound already; returns the peers by which these contacts are reached."""
        now = self._engine.clock.time()
        peers = []
        for contact in contacts:
            if contact.expires_at > now:
                peer = self._note(contact)
                if peer is not None:
                    peers.append(peer)
        return peers

    def _added(self, event: Event) -> None:
        self._note(event.fields["contact"])

    def _note(self, contact: Contact) -> Address | None:
        peer = self._peer(contact)
        if peer is not None:
            self._count(contact.id, peer)
        return peer

    def _gone(self, event: Event) -> None:
        self._uncount(event.fields["contact"].id)

    def _held(self, event: Event) -> None:
        self._count("flow " + event.fields["flow"], event.fields["peer"])

    def _released(self, event: Event) -> None:
        self._uncount("flow " + event.fields["flow"])

    def _count(self, ident: str, peer: Address) -> None:
        if ident not in self._of:
            source = self._of[ident] = source_of(peer[0])
            self._sources[source] += 1

    def _uncount(self, ident: str) -> None:
        source = self._of.pop(ident, None)
        if source is not None:
            self._sources[source] -= 1
            if self._sources[source] <= 0:
                del self._sources[source]

    def _peer(self, contact: Contact) -> Address | None:
        reach = contact.reach
        flow = self._engine.flows.get(reach)
        if flow is not None:
            return flow.peer[:2]
        if not reach:  # it is reached where its Contact says
            try:
                uri = Uri.parse(contact.uri)
            except Malformed:
                return None
            return uri.target_host.strip("[]"), uri.port or 5060
        _, _, where = reach.partition(":")
        host, _, port = where.rpartition(":")
        return (host.strip("[]"), int(port)) if host and port.isdigit() else None
