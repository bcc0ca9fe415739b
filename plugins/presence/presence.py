"""The plugin `presence`: the package's state, its document, and what may be published. RFC 3856, RFC 3903 6.

Rule: who may publish about whom is asked by `pubsub`; here a document is refused that speaks of somebody else than it was sent to.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar

import attrs

from pipeline import Malformed, Uri, hookimpl, option, plugin
from pipeline.core import State
from pipeline.pending import gather, settle, walk
from pipeline.pubsub import Package, Unpublishable
from pipeline.pubsub.lookout import CALLS, CONTACTS, Lookout
from pipeline.pubsub.states import Presence as PresenceState
from pipeline.reach import static_key

from .compose import compose
from .reading import Document, document
from .writing import pidf

if TYPE_CHECKING:
    from collections.abc import Generator

    from pipeline.engine import Pipeline
    from pipeline.pubsub import Form, Publication, Resource, Watcher
    from pipeline.pubsub.lookout import Meant

EVENT = "presence"
PIDF_TYPE = "application/pidf+xml"
INTERVAL = 1.0
"""Seconds between two NOTIFYs of one subscription. RFC 3856 6.10 would have five; who watches on a telephone wants to see a call begin."""
DOCUMENTS = 1024
"""Documents that are kept taken apart: a change of one is composed with the others of its presentity, which have not changed."""


def blocked(resource: Resource) -> PresenceState:
    """Return the presence of somebody who is not there."""
    return compose(resource.uri, (), registered=False, talking=False)


@plugin
class Presence:
    """Presence: what phones publish, whether they are registered, whether they talk (RFC 3856)."""

    stage: ClassVar[str] = "application"
    after: ClassVar[tuple[str, ...]] = ("mwi",)
    needs: ClassVar[tuple[str, ...]] = ("aor", "contact", "endpoint")
    packages: ClassVar[tuple[Package, ...]] = (
        Package(EVENT, bodies=(PIDF_TYPE,), publishes=(PIDF_TYPE,), interval=INTERVAL, bare=True, blocked=blocked),
    )
    bodies: ClassVar[dict[str, tuple[str, ...]]] = {EVENT: (PIDF_TYPE,)}

    registrations: bool = option(
        True, help="whether who publishes nothing is told open while he is registered and closed otherwise; else nothing is said of him"
    )
    calls: bool = option(True, help='whether who is in a call is told "on-the-phone", whatever he publishes')

    _engine: Any = attrs.field(init=False, default=None)
    _lookout: Any = attrs.field(init=False, default=None)
    _read: Any = attrs.field(init=False, factory=lambda: lru_cache(DOCUMENTS)(document))

    @hookimpl
    def start(self, engine: Pipeline) -> None:
        """Begin to look, or go on with what the instance before us looked at."""
        self._engine = engine
        heard = (*CALLS, *CONTACTS)
        self._lookout = engine.state(self, lambda: Lookout(engine, EVENT, heard))
        self._lookout.hear(heard)

    @hookimpl
    def stop(self) -> None:
        """Look no more."""
        if self._lookout is not None:
            self._lookout.close()

    # -- the state -----------------------------------------------------------------------------------------------------

    @hookimpl
    def event_package(self, resource: Resource, published: tuple[Publication, ...]) -> Any:
        """Compose the state of a presentity."""
        if resource.event != EVENT:
            return None
        return settle(self._lookout.meant(resource.aor), lambda meant: self._state(resource, published, meant))

    def _state(self, resource: Resource, published: tuple[Publication, ...], meant: Meant) -> Any:
        self._lookout.watch(resource.aor, meant.keys())
        documents = self._documents(published)
        talking = self.calls and self._talks(meant)
        if not self.registrations or any(each.open is not None for read in documents for each in read.tuples):
            return compose(resource.uri, documents, registered=None, talking=talking)
        if meant.aor is None and meant.conferences:
            there = any(name in self._engine.core.conferences for name in meant.conferences)
            return compose(resource.uri, documents, registered=there, talking=talking)
        registered = walk(self._registered(meant))
        return settle(registered, lambda there: compose(resource.uri, documents, registered=there, talking=talking))

    def _documents(self, published: tuple[Publication, ...]) -> list[Document]:
        """Take apart what was published; it was judged when it came, and is left out if it cannot be read any more."""
        found = []
        for publication in published:
            try:
                found.append(self._read(publication.body))
            except Unpublishable:
                continue
        return found

    def _talks(self, meant: Meant) -> bool:
        """Tell whether one of the phones is in a call: it has called, or has answered."""
        return any(
            channel.state is State.UP or (channel.direction == "in" and channel.state is not State.ENDED)
            for channel in self._lookout.channels(meant.endpoints)
        ) or any(name in self._engine.core.conferences for name in meant.conferences)

    def _registered(self, meant: Meant) -> Generator[Any, Any, bool]:
        """Tell whether there is a phone that can be called."""
        engine = self._engine
        dead, now = engine.reachability.unreachable, engine.clock.time()
        for name in meant.aors:
            bound = yield engine.dal.owned("contact", name)
            if any(contact.expires_at > now and contact.id not in dead for contact in bound):
                return True
        aors = yield gather(engine.dal.get("aor", name) for name in meant.aors)
        return any(static_key(aor.id, uri) not in dead for aor in aors if aor is not None for uri in aor.contact)

    # -- documents -----------------------------------------------------------------------------------------------------

    @hookimpl
    def event_body(self, resource: Resource, state: Any, form: Form) -> bytes | None:
        """Write the state as PIDF."""
        if form.content_type != PIDF_TYPE or not isinstance(state, PresenceState):
            return None
        return pidf(state)

    @hookimpl
    def event_published(self, resource: Resource, publication: Publication, publisher: Watcher) -> bool | None:
        """Judge a document that was published."""
        if resource.event != EVENT:
            return None
        if publication.content_type.lower() != PIDF_TYPE:
            raise Unpublishable(f"presence is published as {PIDF_TYPE}, not as {publication.content_type}", 415)
        read = self._read(publication.body)
        if self._whose(read.entity) != resource.aor:
            raise Unpublishable(f'its entity is "{read.entity[:100]}", which is not {resource.uri}', 403)
        return True

    def _whose(self, entity: str) -> str | None:
        """Return the address of record that an entity means: a sip, sips or pres URI (RFC 3859 3.2)."""
        scheme, colon, rest = entity.partition(":")
        if colon and scheme.lower() == "pres":
            entity = f"sip:{rest}"
        try:
            found: str | None = self._engine.aor_of(Uri.parse(entity))
        except Malformed:
            return None
        return found
