"""Which of the objects that pipeline.toml refers to, and does not hold, another backend holds.

Rule: the stores are asked, the file is not: what it says now, `check` has read itself; what the running server has read of it may be older.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline.pending import finished

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pipeline.engine import Pipeline


async def held(engine: Pipeline, asked: Iterable[tuple[str, str]]) -> list[dict[str, Any]]:
    """Return a row for each (type, id): whether a store that can be written, or is another's, holds it."""
    files = {
        listing.name
        for listing in engine.plan.stages["integration"]
        if listing.kind == "toml" or getattr(type(listing.plugin), "is_file", False)
    }
    mapping, backends = engine.dal.mapping, engine.dal.backends
    rows = []
    for kind, ident in asked:
        names = [name for name in (mapping[kind].backends if kind in mapping else ()) if name not in files]
        there = False
        for name in names:
            there = there or await finished(backends[name].get(kind, ident)) is not None
        rows.append({"type": kind, "id": ident, "there": there})
    return rows
