"""The integration stage: what is not SIP. At start it builds the data access layer from the backends that are listed.

Then the stores are asked for what pipeline.toml refers to and does not hold. Rule: the stores are asked, the file is not: what it says now
is known; what a running server has read of it may be older.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline.config.references import unasked, unmet
from pipeline.dal import Layer, StorageError
from pipeline.pending import finished

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pipeline.config.plan import Plan
    from pipeline.dal import Backend
    from pipeline.dal.layer import View
    from pipeline.engine import Pipeline


def build(engine: Pipeline) -> Layer:
    """Return the layer over every listed backend, by the names that `[dal]` uses."""
    return Layer(engine.plan.dal, backends(engine))


def backends(engine: Pipeline) -> dict[str, Backend]:
    """Return the backends of the listed plugins, by their names."""
    found: dict[str, Backend] = {}
    for listing in engine.plan.stages["integration"]:
        store = getattr(listing.plugin, "store", None)
        if store is not None and hasattr(store, "sipline_impl"):
            backend = store(engine)
            if backend is not None:
                backend.name = listing.name
                found[listing.name] = backend
    return found


async def check_held(plan: Plan, layer: Layer | View) -> None:
    """Raise Problems when the file refers to what no store holds either; what only warns, or cannot be asked now, is among the warnings."""
    if not plan.references:
        return
    try:
        rows = await held(plan, layer, [pair for reference in plan.references for pair in reference.any])
    except StorageError as error:  # a store that is down must not keep those from calling whom the others hold
        plan.warnings.extend(unasked(plan, str(error)))
    else:
        unmet(plan, rows)


async def held(plan: Plan, layer: Layer | View, asked: Iterable[tuple[str, str]]) -> list[dict[str, Any]]:
    """Return a row for each (type, id): whether a store that can be written, or is another's, holds it."""
    files = {
        listing.name for listing in plan.stages["integration"] if listing.kind == "toml" or getattr(type(listing.plugin), "is_file", False)
    }
    mapping, stores = layer.mapping, layer.backends
    rows = []
    for kind, ident in asked:
        names = [name for name in (mapping[kind].backends if kind in mapping else ()) if name not in files]
        there = False
        for name in names:
            there = there or await finished(stores[name].get(kind, ident)) is not None
        rows.append({"type": kind, "id": ident, "there": there})
    return rows
