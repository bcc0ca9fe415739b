"""What is watched: for each resource and event its state as it was read last, who is to hear of it, and the bodies made of it.

Rule: a state is asked of its package once for all who watch, and a body is written once for all whose form gives the same: what a
generator reads of the Form (its version, the watcher ...) decides that, not what it might read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, cast

from pipeline.pubsub import Form, Refused

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.engine import Pipeline
    from pipeline.pubsub import Package, Publication, Resource, Watcher

BODIES = 256
"""Bodies of one state that are kept: a few content types, times the versions that its watchers are at."""
LATELY = 32
"""Watchers that have gone and are still told to who watches the watchers (RFC 3857 4.7.1: terminated, once)."""
Published = "Callable[[str, str], tuple[Publication, ...]]"


class Hearer(Protocol):
    """Who is to hear of a topic."""

    id: str

    def changed(self) -> None:
        """The state is another."""

    def gone(self, reason: str, retry_after: int | None) -> None:
        """There is nothing to watch any more, or not for now."""


class Noted(Form):
    """A Form that notes what is read of it."""

    __slots__ = ("noted",)
    noted: dict[str, Any]

    def __getattribute__(self, name: str) -> Any:
        value = object.__getattribute__(self, name)
        if name in READ:
            object.__getattribute__(self, "noted")[name] = value
        return value


READ = frozenset({"version", "watcher", "recipient", "before", "options"})


class Topic:
    """One resource in one event package."""

    __slots__ = (
        "_mark", "_serial", "bodies", "dirty", "hearers", "known", "lately", "later", "package", "read_at", "resource", "shapes", "state",
    )  # fmt: skip

    def __init__(self, resource: Resource, package: Package, mark: str = "") -> None:
        self._mark = mark
        """What its entity tags begin with: no other start has used it."""
        self._serial = 0
        self.resource = resource
        self.package = package
        self.state: Any = None
        self.read_at = float("-inf")
        """When the state was read, on the monotonic clock."""
        self.dirty = False
        self.later = False
        """Whether it is going to be read again in a while."""
        self.known = False
        """Whether the state has been read at all."""
        self.hearers: dict[str, Hearer] = {}
        self.bodies: dict[tuple[Any, ...], tuple[bytes | None, Any]] = {}
        self.shapes: dict[str, set[tuple[str, ...]]] = {}
        """Content type -> which fields of the Form its bodies depended on so far."""
        self.lately: dict[str, Any] = {}
        """Of a topic about watchers: (subscription, reason) of those that have gone, by id."""

    def take(self, state: Any, now: float, fresh: float = 1.0) -> bool:
        """Note the state as it was just read; True when it is another. What equals it but was read long ago is renewed too."""
        if self.known and state == self.state:
            if now - self.read_at <= fresh:
                return False
            changed = False
        else:
            changed = True
            self._serial += 1
        self.state, self.read_at, self.known = state, now, True
        self.bodies.clear()
        self.shapes.clear()
        return changed

    @property
    def etag(self) -> str:
        """The entity tag of the state (RFC 5839 6.1)."""
        return f"{self._mark}.{self._serial}"

    @property
    def blocked_etag(self) -> str:
        """The entity tag of the state that those are told who are politely blocked."""
        return f"{self._mark}.0"

    def body(self, write: Callable[[Resource, Any, Form], bytes | None], form: Form) -> bytes | None:
        """Return the state written in a form; None: nobody can."""
        kind = form.content_type
        for shape in self.shapes.get(kind, ()):
            found = self.bodies.get(_key(kind, shape, form))
            if found is not None:
                return found[0]
        noted = Noted(*(getattr(form, name) for name in FIELDS))
        object.__setattr__(noted, "noted", {})
        body = write(self.resource, self.state, noted)
        shape = tuple(sorted(noted.noted))
        if len(self.bodies) >= BODIES:
            self.bodies.clear()
        self.shapes.setdefault(kind, set()).add(shape)
        # The values are kept with it: their identity is the key, and must not be another's meanwhile.
        self.bodies[_key(kind, shape, form)] = body, form
        return body


FIELDS = ("content_type", "version", "watcher", "recipient", "before", "options")


def _key(kind: str, shape: tuple[str, ...], form: Form) -> tuple[Any, ...]:
    if not shape:
        return (kind,)
    values = (getattr(form, name) for name in shape)
    return (kind, shape, *(value if isinstance(value, int | str | tuple) else id(value) for value in values))


class Topics:
    """What is watched, by event and address of record."""

    def __init__(self, engine: Pipeline, published: Callable[[str, str], tuple[Publication, ...]]) -> None:
        self._engine = engine
        self._published = published
        self._topics: dict[tuple[str, str], Topic] = {}

    def __len__(self) -> int:
        return len(self._topics)

    def get(self, event: str, aor: str) -> Topic | None:
        """Return the topic, if anybody hears of it."""
        return self._topics.get((event, aor))

    def of(self, resource: Resource, package: Package) -> Topic:
        """Return the topic, made if need be."""
        key = resource.event, resource.aor
        found = self._topics.get(key)
        if found is None:
            found = self._topics[key] = Topic(resource, package, self._engine.token(4))
        return found

    def all(self) -> list[Topic]:
        """Return every topic."""
        return list(self._topics.values())

    def about(self, aor: str) -> list[Topic]:
        """Return every topic about an address of record."""
        return [topic for (_, about), topic in self._topics.items() if about == aor]

    def leave(self, topic: Topic, ident: str) -> None:
        """Take who hears out; a topic that nobody hears of is forgotten."""
        topic.hearers.pop(ident, None)
        if not topic.hearers:
            key = topic.resource.event, topic.resource.aor
            if self._topics.get(key) is topic:
                del self._topics[key]

    def read(self, resource: Resource) -> Any:
        """Ask the packages for the state: a value, or a Pending of it. Raises NoSuchResource and Refused."""
        published = self._published(resource.event, resource.aor)
        for step in self._engine.generation.event_package.steps:
            state = step(resource, published)
            if state is not None:
                return state
        raise Refused(f"no package gives a state of {resource.event} for {resource.aor}", 489)

    def write(self, resource: Resource, state: Any, form: Form) -> bytes | None:
        """Ask the generators for a body."""
        for step in self._engine.generation.event_body.steps:
            body = step(resource, state, form)
            if body is not None:
                return cast("bytes", body)
        return None

    def watched(self, resource: Resource, watcher: Watcher) -> str | None:
        """Ask who may watch: what a plugin says, or None."""
        for step in self._engine.generation.event_watched.steps:
            said = step(resource, watcher)
            if said is not None:
                return cast("str", said)
        return None
