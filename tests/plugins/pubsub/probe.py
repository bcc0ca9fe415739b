"""An event package for the tests of pub/sub: the state of a resource is a number and what was published, written as text."""

from typing import ClassVar

import attrs

from pipeline import Pending, hookimpl, plugin
from pipeline.pubsub import NoSuchResource, Package, Refused, Unpublishable

TEXT, UPPER = "text/plain", "text/upper"


@plugin
class Probe:
    """Events "probe" (published and watched), "slow" (a second apart) and "bare" (of resources that are no address of record)."""

    stage: ClassVar[str] = "application"
    packages: ClassVar[tuple[Package, ...]] = (
        Package("probe", bodies=(TEXT,), publishes=(TEXT,)),
        Package("slow", bodies=(TEXT,), interval=5.0),
        Package("bare", bodies=(TEXT,), bare=True),
        Package("refer", bodies=("message/sipfrag",), bare=True),
    )
    bodies: ClassVar[dict[str, tuple[str, ...]]] = {"probe": (UPPER,)}

    engine: object = attrs.field(init=False, default=None)
    values: dict = attrs.field(init=False, factory=dict)
    asked: list = attrs.field(init=False, factory=list)
    written: list = attrs.field(init=False, factory=list)
    verdicts: dict = attrs.field(init=False, factory=dict)
    publishers: dict = attrs.field(init=False, factory=dict)
    numbered: bool = attrs.field(init=False, default=True)

    @hookimpl
    def start(self, engine):
        self.engine = engine

    def set(self, user, value, event="probe"):
        """Change the state of a resource and say so."""
        self.values[user] = value
        self.engine.tell("state.changed", event=event, resource=f"{user}@example.com")

    @hookimpl
    def event_package(self, resource, published):
        if resource.event not in ("probe", "slow", "bare"):
            return None
        self.asked.append(resource.aor)
        user = resource.aor.partition("@")[0]
        value = self.values.get(user, 0)
        if value == "nobody":
            raise NoSuchResource(user)
        if value == "refused":
            raise Refused("not now", 480)
        if isinstance(value, Exception):
            raise value
        if isinstance(value, Pending):
            return value
        return value, tuple(each.body for each in published)

    @hookimpl
    def event_body(self, resource, state, form):
        if resource.event not in ("probe", "slow", "bare"):
            return None
        self.written.append(form.content_type)
        value, published = state
        text = f"{value} {b'+'.join(published).decode()}"
        if self.numbered:
            text = f"#{form.version} {text}"
        return (text.upper() if form.content_type == UPPER else text).encode()

    @hookimpl
    def event_published(self, resource, publication):
        if resource.event != "probe":
            return None
        if publication.body == b"nonsense":
            raise Unpublishable("that is nonsense")
        return True

    @hookimpl
    def event_watched(self, resource, watcher):
        verdict = self.verdicts.get((watcher.uri, resource.aor), self.verdicts.get(watcher.uri))
        if isinstance(verdict, Exception):
            raise verdict
        return verdict

    @hookimpl
    def event_publisher(self, publisher):
        return self.publishers.get(publisher.uri)
