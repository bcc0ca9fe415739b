"""An event package in one file: who watches sip:door@example.com in the event `doorbell` is told when somebody rings.

[[stage]]
name    = "application"
plugins = ["registrar", "pubsub", "doorbell", "options"]

[plugin.doorbell]
load = "examples/doorbell.py:Doorbell"
"""

from typing import Any, ClassVar

import attrs

from pipeline import hookimpl, plugin
from pipeline.engine import Pipeline
from pipeline.pubsub import Form, NoSuchResource, Package, Publication, Resource

EVENT, TEXT = "doorbell", "text/plain"


@plugin
class Doorbell:
    """Tell who watches the door how often it rang."""

    stage: ClassVar[str] = "application"
    after: ClassVar[tuple[str, ...]] = ("pubsub",)
    packages: ClassVar[tuple[Package, ...]] = (Package(EVENT, bodies=(TEXT,), interval=2.0, bare=True),)

    rung: int = attrs.field(init=False, default=0)
    _engine: Any = attrs.field(init=False, default=None)

    @hookimpl
    def start(self, engine: Pipeline) -> None:
        """Know whom to tell."""
        self._engine = engine

    def ring(self) -> None:
        """Somebody rings: whoever moves the hammer calls this."""
        self.rung += 1
        self._engine.tell("state.changed", event=EVENT, resource=f"door@{self._engine.domains.first.id}")

    @hookimpl
    def event_package(self, resource: Resource, published: tuple[Publication, ...]) -> int | None:
        """Give the state: a value that can be compared."""
        if resource.event != EVENT:
            return None
        if not resource.aor.startswith("door@"):
            raise NoSuchResource(resource.aor)
        return self.rung

    @hookimpl
    def event_body(self, resource: Resource, state: Any, form: Form) -> bytes | None:
        """Write it."""
        return f"rung {state} times\n".encode() if resource.event == EVENT else None
