"""What event packages see of the house: which endpoints and conferences a name stands for, and when something about them has changed.

Rule: a resource that was asked about is told changed once; whoever still wants to know asks anew. So nobody counts watchers, a burst
costs one event as long as nobody has asked in between, and while nothing is watched nothing is listened to: a call or a registration
costs what it costs without event packages.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from pipeline.dal import StorageError
from pipeline.pending import walk
from pipeline.pubsub.watch import NoSuchResource

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable

    from pipeline.core import Channel
    from pipeline.dal import Aor
    from pipeline.engine import Pipeline
    from pipeline.events import Event

__all__ = ["CALLS", "CONFERENCES", "CONTACTS", "REFRESHES", "Lookout", "Meant"]

CALLS = ("channel.created", "channel.state", "channel.hold", "channel.connected")
CONFERENCES = ("bridge.entered", "bridge.left", "bridge.ended")
CONTACTS = ("contact.added", "contact.removed", "contact.expired", "contact.reachable", "contact.unreachable")
REFRESHES = ("contact.refreshed",)
RETRY = 5.0
"""Seconds after which a resource is read again that a store could not tell about."""
_STORED = ("endpoint", "aor", "hint")


@attrs.frozen
class Meant:
    """What a name stands for."""

    endpoints: tuple[str, ...] = ()
    """Ids of endpoints."""
    aors: tuple[str, ...] = ()
    """Addresses of record by which they are registered."""
    conferences: tuple[str, ...] = ()
    aor: Aor | None = None
    """The address of record itself; None: it is only a hint."""
    name: str = ""
    """What a hint is called."""
    absent: tuple[str, ...] = ()
    """Ids of endpoints that a hint names and nobody has made yet."""

    def keys(self) -> list[str]:
        """Name what it hangs on."""
        return [
            *(f"endpoint:{each}" for each in (*self.endpoints, *self.absent)),
            *(f"aor:{each}" for each in self.aors),
            *(f"conference:{each}" for each in self.conferences),
        ]


class Lookout:
    """Tells `state.changed` for one event package. It outlives a reload: `engine.state(plugin, lambda: Lookout(engine, ...))`."""

    def __init__(self, engine: Pipeline, event: str, heard: Iterable[str]) -> None:
        self.engine = engine
        self.event = event
        self._heard = tuple(heard)
        self._by: dict[str, set[str]] = {}
        """What they hang on -> resources that were asked about since they were told changed."""
        self._keys: dict[str, tuple[str, ...]] = {}
        """Resource -> what it hangs on."""
        self._deafen: list[Callable[[], None]] = []
        self.open = True
        self._stops = [engine.dal.watch(kind, self._stored) for kind in _STORED]
        self._stops.append(engine.bus.listen("pipeline.reloaded", self._reloaded))

    def __len__(self) -> int:
        return len(self._keys)

    def close(self) -> None:
        """Tell nothing any more: the plugin is gone."""
        self.open = False
        for stop in self._stops:
            stop()
        self._forget_all()

    # -- asking ------------------------------------------------------------------------------------------------------

    def meant(self, name: str) -> Any:
        """Return what "user@domain" means, a Meant or a Pending of it. Raises, or fails with, NoSuchResource.

        When a store fails it is told changed a little later, so that whoever watches asks again.
        """
        return walk(self._again(name))

    def _again(self, name: str) -> Generator[Any, Any, Meant]:
        try:
            return (yield from self._meant(name))
        except StorageError:
            self.watch(name, ())
            self.engine.clock.call_later(RETRY, self.tell, name)
            raise

    def _meant(self, name: str) -> Generator[Any, Any, Meant]:
        dal, engine = self.engine.dal, self.engine
        aor = yield dal.get("aor", name)
        hint = None
        if dal.stores("hint"):
            hint = yield dal.get("hint", name)
            user, _, domain = name.rpartition("@")
            if hint is None and domain == engine.domains.first.id:
                hint = yield dal.get("hint", user)
        if aor is None and hint is None:
            raise NoSuchResource(name)
        endpoints: dict[str, None] = {}
        aors: dict[str, None] = {}
        absent = []
        if aor is not None:
            aors[name] = None
            found = yield dal.find("endpoint", aors=name)
            endpoints.update(dict.fromkeys(each.id for each in found))
        if hint is not None:
            for ident in hint.endpoints:
                endpoint = yield dal.get("endpoint", ident)
                if endpoint is None:
                    absent.append(ident)
                else:
                    endpoints[ident] = None
                    aors.update(dict.fromkeys(endpoint.aors))
        conference = hint.conference if hint is not None else ""
        name = hint.name if hint is not None else ""
        return Meant(tuple(endpoints), tuple(aors), (conference,) if conference else (), aor, name, tuple(absent))

    def watch(self, resource: str, keys: Iterable[str]) -> None:
        """Tell when something happens to what a resource hangs on: "endpoint:ID", "aor:AOR", "conference:NAME". Once, then ask anew."""
        keys = tuple(keys)
        if self._keys.get(resource) == keys or not self.open:
            return
        self._forget(resource)
        self._keys[resource] = keys
        for key in keys:
            self._by.setdefault(key, set()).add(resource)
        if not self._deafen:
            self._listen()

    def hear(self, heard: Iterable[str]) -> None:
        """Listen to these events from now on: for an instance that takes over from another, whose options may have been others."""
        self._heard, self.open = tuple(heard), True
        if self._deafen:
            self._deaf()
            self._listen()

    def channels(self, endpoints: Iterable[str]) -> list[Channel]:
        """Return the channels of these endpoints, the oldest first."""
        wanted = set(endpoints)
        return [channel for channel in self.engine.core.channels.values() if channel.endpoint in wanted] if wanted else []

    # -- hearing -----------------------------------------------------------------------------------------------------

    def _happened(self, event: Event) -> None:
        if not self._by:
            self._deaf()
            return
        fields = event.fields
        name = event.name
        if name[:8] == "channel.":
            channel = fields["channel"]
            if channel.endpoint and not (name == "channel.created" and channel.direction == "out"):  # its phone knows nothing of it yet
                self.changed(f"endpoint:{channel.endpoint}")
            if channel.bridge is not None and channel.bridge.name:
                self.changed(f"conference:{channel.bridge.name}")
        elif name[:8] == "contact.":
            self.changed(f"aor:{fields['aor']}")
        elif fields["bridge"].name:
            self.changed(f"conference:{fields['bridge'].name}")

    def changed(self, key: str) -> None:
        """Tell that what hangs on `key` has changed."""
        found = self._by.get(key)
        if found:
            for resource in tuple(found):
                self.tell(resource)

    def tell(self, resource: str) -> None:
        """Tell that a resource has changed, if anybody has asked since it was told last."""
        if resource in self._keys:
            self._forget(resource)  # before: whoever hears of it asks at once
            self.engine.tell("state.changed", event=self.event, resource=resource)

    def _stored(self, verb: str, stored: Any) -> None:
        """What names stand for has changed: of those that this object is, was or will be part of. None: of any."""
        if stored is None:
            for resource in tuple(self._keys):
                self.tell(resource)
            return
        kind, ident = stored.kind, stored.id
        if kind == "hint":
            self.tell(ident if "@" in ident else f"{ident}@{self.engine.domains.first.id}")
            return
        self.changed(f"{kind}:{ident}")
        for name in stored.aors if kind == "endpoint" else (ident,):
            self.tell(name)

    def _reloaded(self, _: Event) -> None:
        """Another instance with other options may tell something else."""
        self._stored("changed", None)

    def _forget(self, resource: str) -> None:
        for key in self._keys.pop(resource, ()):
            at = self._by.get(key)
            if at is not None:
                at.discard(resource)
                if not at:
                    del self._by[key]

    def _forget_all(self) -> None:
        self._keys.clear()
        self._by.clear()
        self._deaf()

    def _listen(self) -> None:
        self._deafen = [self.engine.bus.listen(name, self._happened) for name in self._heard]

    def _deaf(self) -> None:
        for stop in self._deafen:
            stop()
        self._deafen.clear()
