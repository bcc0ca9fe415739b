"""The plugin `winfo`: the template package `winfo` over the packages that somebody might want to know his watchers of. RFC 3857.

Rule: who watches somebody is his affair alone: nobody else is told (3857 6), whatever `pubsub` lets strangers watch. The list itself is
`pubsub`'s, which says when it has changed; here it is only put into words.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import attrs

from pipeline import hookimpl, plugin
from pipeline.pubsub import Package
from pipeline.pubsub.states import Watched

from .writing import watcherinfo

if TYPE_CHECKING:
    from pipeline.engine import Pipeline
    from pipeline.pubsub import Form, Publication, Resource, Watcher

SUFFIX = ".winfo"
TYPE = "application/watcherinfo+xml"
INTERVAL = 5.0
"""RFC 3857 4.10: one NOTIFY every five seconds at most."""


@plugin
class Winfo:
    """Tells our users who watches them: presence.winfo, dialog.winfo (RFC 3857, RFC 3858)."""

    stage: ClassVar[str] = "application"
    after: ClassVar[tuple[str, ...]] = ("conference",)
    needs: ClassVar[tuple[str, ...]] = ("aor",)
    packages: ClassVar[tuple[Package, ...]] = tuple(
        Package(name + SUFFIX, bodies=(TYPE,), interval=INTERVAL) for name in ("presence", "dialog")
    )
    bodies: ClassVar[dict[str, tuple[str, ...]]] = {package.name: (TYPE,) for package in packages}

    _engine: Any = attrs.field(init=False, default=None)

    @hookimpl
    def start(self, engine: Pipeline) -> None:
        """Know whom to ask."""
        self._engine = engine

    @hookimpl
    def event_package(self, resource: Resource, published: tuple[Publication, ...]) -> Watched | None:
        """Give who watches."""
        name = resource.event
        if not name.endswith(SUFFIX) or self._engine.pubsub is None:
            return None
        about = name.removesuffix(SUFFIX)
        found = self._engine.pubsub.watchers(about, resource.aor)
        return Watched(resource.uri, about, tuple((each.id, each.uri, each.display, each.status, each.event) for each in found))

    @hookimpl
    def event_body(self, resource: Resource, state: Any, form: Form) -> bytes | None:
        """Write it."""
        if form.content_type != TYPE or not isinstance(state, Watched):
            return None
        return watcherinfo(state, form.version, form.before)

    @hookimpl
    def event_watched(self, resource: Resource, watcher: Watcher) -> str | None:
        """Let nobody know but himself."""
        if not resource.event.endswith(SUFFIX):
            return None
        return "active" if watcher.aor == resource.aor else "rejected"
