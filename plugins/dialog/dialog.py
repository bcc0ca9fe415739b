"""The plugin `dialog`: whose calls are watched, and what is said of them. RFC 4235 3.

Rule: the channel core knows the calls, this only reads them. A name with several phones shows the calls of all of them; a hint
(`[hint.NAME]`) shows those of other endpoints, or that a conference goes on.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any, ClassVar

import attrs

from pipeline import hookimpl, option, plugin
from pipeline.core import State
from pipeline.pending import settle
from pipeline.pubsub import Package
from pipeline.pubsub.lookout import CALLS, CONFERENCES, Lookout
from pipeline.pubsub.states import Dialog as DialogState
from pipeline.pubsub.states import Dialogs
from pipeline.pubsub.xml import Numbered

from .seen import ended, seen
from .writing import dialog_info

if TYPE_CHECKING:
    from pipeline.engine import Pipeline
    from pipeline.events import Event
    from pipeline.pubsub import Form, Publication, Resource
    from pipeline.pubsub.lookout import Meant

EVENT = "dialog"
TYPE = "application/dialog-info+xml"
HEARD = (*CALLS, *CONFERENCES)
ENDED = 1024
"""Calls of which is known how they ended: told within the second, as a rule."""


class Seen(Lookout):
    """A lookout that remembers for a while how calls ended."""

    def __init__(self, engine: Pipeline) -> None:
        super().__init__(engine, EVENT, HEARD)
        self.why: OrderedDict[str, tuple[str, int]] = OrderedDict()

    def _happened(self, event: Event) -> None:
        channel = event.fields.get("channel")
        if channel is not None and channel.state is State.ENDED and channel.hangup is not None and event.name == "channel.state":
            self.why[channel.id] = ended(channel.hangup, answered=bool(channel.answered))
            if len(self.why) > ENDED:
                self.why.popitem(last=False)
        super()._happened(event)


@plugin
class Dialog:
    """Shows watchers whether a phone rings, talks or holds (RFC 4235): the lamps of a telephone."""

    stage: ClassVar[str] = "application"
    after: ClassVar[tuple[str, ...]] = ("xpidf",)
    needs: ClassVar[tuple[str, ...]] = ("aor", "endpoint")
    # No interval, where RFC 4235 3.10 recommends a second: a lamp that is late is one under which somebody picks up a call that is gone.
    # NOTIFYs wait for each other's answers, all of them share `rate`, and a phone that wants fewer says so (max-rate, RFC 6446).
    packages: ClassVar[tuple[Package, ...]] = (Package(EVENT, bodies=(TYPE,), bare=True, blocked=lambda resource: Dialogs(resource.uri)),)
    bodies: ClassVar[dict[str, tuple[str, ...]]] = {EVENT: (TYPE,)}

    parties: bool = option(True, help="whether watchers see who the other party is; who wants to be anonymous is never shown")
    tags: bool = option(True, help="whether watchers see Call-ID and tags, by which a call can be picked up")
    idle_dialog: bool = option(
        True, help="whether a phone without calls is told as one terminated dialog instead of none: some phones put their lamp out only so"
    )

    _engine: Any = attrs.field(init=False, default=None)
    _lookout: Any = attrs.field(init=False, default=None)
    _written: Any = attrs.field(init=False, default=attrs.Factory(lambda self: Numbered(self._write), takes_self=True))

    @hookimpl
    def start(self, engine: Pipeline) -> None:
        """Begin to look, or go on with what the instance before us looked at."""
        self._engine = engine
        self._lookout = engine.state(self, lambda: Seen(engine))
        self._lookout.hear(HEARD)

    @hookimpl
    def stop(self) -> None:
        """Look no more."""
        if self._lookout is not None:
            self._lookout.close()

    @hookimpl
    def event_package(self, resource: Resource, published: tuple[Publication, ...]) -> Any:
        """Tell which calls there are."""
        if resource.event != EVENT:
            return None
        return settle(self._lookout.meant(resource.aor), lambda meant: self._state(resource, meant))

    def _state(self, resource: Resource, meant: Meant) -> Dialogs:
        self._lookout.watch(resource.aor, meant.keys())
        found = [seen(channel, resource.uri, parties=self.parties, tags=self.tags) for channel in self._lookout.channels(meant.endpoints)]
        dialogs = [dialog for dialog in found if dialog is not None]
        for name in meant.conferences:
            room = self._engine.core.conferences.get(name)
            if room is not None and room.channels:
                dialogs.append(DialogState(room.id, "confirmed", local_name=meant.name or name, local_uri=resource.uri))
        return Dialogs(resource.uri, tuple(dialogs))

    @hookimpl
    def event_body(self, resource: Resource, state: Any, form: Form) -> bytes | None:
        """Write the state as dialog-info."""
        if form.content_type != TYPE or not isinstance(state, Dialogs):
            return None
        written: bytes = self._written(state, form.before, form.version)
        return written

    def _write(self, state: Dialogs, before: object) -> bytes:
        return dialog_info(state, before, self._lookout.why, idle=self.idle_dialog)
