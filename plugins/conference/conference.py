"""The plugin `conference`: the conferences of the channel core, as resources that can be watched. RFC 4575 3.

Rule: a conference is there while somebody is in it; then its name can be watched as a user of the first domain, and when it ends so does
the subscription (RFC 4575 3.3). One that has a hint (`[hint.NAME] conference = "room"`) can be watched always, empty too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import attrs

from pipeline import hookimpl, option, plugin
from pipeline.core.party import Presentation
from pipeline.destinations.identity import uri_of
from pipeline.pending import settle, walk
from pipeline.pubsub import NoSuchResource, Package
from pipeline.pubsub.lookout import CONFERENCES, Lookout, Meant
from pipeline.pubsub.states import Conference as ConferenceState
from pipeline.pubsub.states import Member
from pipeline.pubsub.xml import Numbered

from .writing import conference_info

if TYPE_CHECKING:
    from collections.abc import Generator

    from pipeline.core import Bridge, Channel
    from pipeline.engine import Pipeline
    from pipeline.pubsub import Form, Publication, Resource

EVENT = "conference"
TYPE = "application/conference-info+xml"
INTERVAL = 5.0
"""RFC 4575 3.9: one NOTIFY every five seconds at most; the first after a quiet time goes at once."""
HEARD = (*CONFERENCES, "channel.hold", "channel.connected")


@plugin
class Conference:
    """Shows watchers who is in a conference (RFC 4575)."""

    stage: ClassVar[str] = "application"
    after: ClassVar[tuple[str, ...]] = ("reg",)
    packages: ClassVar[tuple[Package, ...]] = (Package(EVENT, bodies=(TYPE,), interval=INTERVAL, bare=True),)
    bodies: ClassVar[dict[str, tuple[str, ...]]] = {EVENT: (TYPE,)}

    members: bool = option(True, help="whether watchers see who is there, and not only how many; who wants to be anonymous is never shown")

    _engine: Any = attrs.field(init=False, default=None)
    _lookout: Any = attrs.field(init=False, default=None)
    _written: Any = attrs.field(init=False, factory=lambda: Numbered(lambda state, _: conference_info(state)))

    @hookimpl
    def start(self, engine: Pipeline) -> None:
        """Begin to look, or go on with what the instance before us looked at."""
        self._engine = engine
        self._lookout = engine.state(self, lambda: Lookout(engine, EVENT, HEARD))
        self._lookout.hear(HEARD)

    @hookimpl
    def stop(self) -> None:
        """Look no more."""
        if self._lookout is not None:
            self._lookout.close()

    @hookimpl
    def event_package(self, resource: Resource, published: tuple[Publication, ...]) -> Any:
        """Tell who is in a conference."""
        if resource.event != EVENT:
            return None
        return settle(walk(self._room(resource.aor)), lambda found: self._state(resource, *found))

    def _room(self, aor: str) -> Generator[Any, Any, tuple[str, str]]:
        """Return the name of a conference, and what it is called. Raises NoSuchResource."""
        user, _, domain = aor.rpartition("@")
        meant = Meant()
        try:
            meant = yield self._lookout.meant(aor)
        except NoSuchResource:
            if user not in self._engine.core.conferences or domain != self._engine.domains.first.id:
                raise
        if meant.conferences:
            return meant.conferences[0], meant.name
        if user not in self._engine.core.conferences:
            raise NoSuchResource(aor)
        return user, ""

    def _state(self, resource: Resource, name: str, shown: str) -> ConferenceState:
        self._lookout.watch(resource.aor, (f"conference:{name}",))
        room: Bridge | None = self._engine.core.conferences.get(name)
        channels = room.channels if room is not None else []
        domain = resource.aor.rpartition("@")[2]
        members = [self._member(channel, domain, number) for number, channel in enumerate(channels, 1)]
        return ConferenceState(resource.uri, shown or name, bool(channels), tuple(members))

    def _member(self, channel: Channel, domain: str, number: int) -> Member:
        party = channel.party
        hidden = not self.members or party.presentation is not Presentation.ALLOWED or not party.number
        return Member(
            id=channel.id,
            uri=f"sip:anonymous{number}@anonymous.invalid" if hidden else uri_of(party, domain),  # RFC 4575 5.6: each its own
            name="" if hidden else party.name,
            status="on-hold" if channel.held else "connected",
            joined="dialed-in" if channel.direction == "in" else "dialed-out",
            joined_at=channel.answered,
        )

    @hookimpl
    def event_body(self, resource: Resource, state: Any, form: Form) -> bytes | None:
        """Write the state as conference-info."""
        if form.content_type != TYPE or not isinstance(state, ConferenceState):
            return None
        written: bytes = self._written(state, None, form.version)
        return written
