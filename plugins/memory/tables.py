"""The backend `memory`: a Table per type. Everything is answered at once, nothing survives the server (a reload it does)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from pipeline import hookimpl, plugin
from pipeline.dal import TYPES, Backend, Table, Unstored

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.engine import Pipeline


@plugin
class Memory:
    """Objects held in memory: as fast as a dict, gone when the server stops."""

    stage: ClassVar[str] = "integration"
    keeps: ClassVar[bool] = False

    @hookimpl
    def store(self, engine: Pipeline) -> Backend:
        """Return the tables; they are the engine's, so that a reload keeps every binding."""
        tables: Tables = engine.state(self, Tables)
        return tables


class Tables(Backend):
    """One Table per type that [dal] maps here."""

    fallible = False

    def __init__(self) -> None:
        self._tables = _Known(self)

    def serve(self, kind: str, durability: str) -> None:
        """Make the table of a type; a durability asks nothing of memory."""
        if kind not in self._tables:
            self._tables[kind] = Table(TYPES[kind], self.name)

    def get(self, kind: str, ident: str, /) -> Any:
        """Return the object of this id or None."""
        return self._tables[kind].objects.get(ident)

    def find(self, kind: str, /, **fields: Any) -> tuple[Any, ...]:
        """Return the objects whose fields are so."""
        return self._tables[kind].find(fields)

    def owned(self, kind: str, owner: str, /) -> tuple[Any, ...]:
        """Return the owner's objects."""
        return self._tables[kind].owned(owner)

    def change(
        self, kind: str, owner: str, puts: Sequence[Any] = (), deletes: Sequence[str] = (), if_version: int | None = None, /
    ) -> tuple[Any, ...]:
        """Change the owner's objects, all or nothing."""
        return self._tables[kind].change(owner, puts, deletes, if_version)

    def stats(self) -> dict[str, Any]:
        """Return how many objects of each type there are."""
        return {kind: len(table.objects) for kind, table in self._tables.items()}


class _Known(dict[str, Table]):
    def __init__(self, tables: Tables) -> None:
        super().__init__()
        self.tables = tables

    def __missing__(self, kind: str) -> Table:
        raise Unstored(f"{self.tables.name} does not hold the type {kind!r}")
