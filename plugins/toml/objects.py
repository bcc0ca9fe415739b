"""The backend `toml`: what the configuration file defines, found by id, owner and indexed field. To write, edit the file and reload."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from pipeline import hookimpl, plugin
from pipeline.dal import TYPES, Backend, Table

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pipeline.engine import Pipeline


@plugin
class Toml:
    """The objects written in pipeline.toml itself; read-only."""

    stage: ClassVar[str] = "integration"
    after: ClassVar[tuple[str, ...]] = ("memory",)
    stores: ClassVar[tuple[str, ...]] = ("endpoint", "auth", "aor", "identify", "domain")
    writable: ClassVar[bool] = False

    @hookimpl
    def store(self, engine: Pipeline) -> Backend:
        """Return the file's objects; each generation has its own."""
        return File(engine.plan.objects)


class File(Backend):
    """One Table per type; filled when the engine has given the backend its name, which is stamped on every object."""

    writable = False

    def __init__(self, objects: Iterable[Any]) -> None:
        self._objects = tuple(objects)
        self._tables: dict[str, Table] = {}

    def serve(self, kind: str, durability: str) -> None:
        """Index the file's objects of this type."""
        if kind not in self._tables:
            table = self._tables[kind] = Table(TYPES[kind], self.name)
            for stored in self._objects:
                if stored.kind == kind:
                    table.change(getattr(stored, stored.owner or "id"), (stored,))

    def get(self, kind: str, ident: str, /) -> Any:
        """Return the object of this id or None."""
        return self._tables[kind].objects.get(ident)

    def find(self, kind: str, /, **fields: Any) -> tuple[Any, ...]:
        """Return the objects whose fields are so."""
        return self._tables[kind].find(fields)

    def owned(self, kind: str, owner: str, /) -> tuple[Any, ...]:
        """Return the owner's objects."""
        return self._tables[kind].owned(owner)

    def stats(self) -> dict[str, Any]:
        """Return how many objects of each type there are."""
        return {kind: len(table.objects) for kind, table in self._tables.items()}
