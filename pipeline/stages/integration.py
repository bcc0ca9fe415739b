"""The integration stage: what is not SIP. At start it builds the data access layer from the backends that are listed.

Then the stores are asked for what pipeline.toml refers to and does not hold. Rule: the stores are asked, the file is not: what it says now
is known; what a running server has read of it may be older.
"""

from __future__ import annotations

from bisect import bisect
from typing import TYPE_CHECKING, Any

from pipeline.config.problems import nearest
from pipeline.config.references import unasked, unmet
from pipeline.dal import Layer, StorageError
from pipeline.pending import finished

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pipeline.config.plan import Plan
    from pipeline.dal import Backend
    from pipeline.dal.layer import View
    from pipeline.engine import Pipeline


ALIKE = 500
"""Names before and behind a misspelt one that are looked at: of more, those that begin as it does. Each takes 2 to 20 us (measured)."""


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
    """Return a row for each (type, id): whether a store that can be written, or is another's, holds it, and what in them is like it."""
    files = {
        listing.name for listing in plan.stages["integration"] if listing.kind == "toml" or getattr(type(listing.plugin), "is_file", False)
    }
    mapping, stores = layer.mapping, layer.backends
    known: dict[str, list[str]] = {}
    rows = []
    for kind, ident in asked:
        names = [name for name in (mapping[kind].backends if kind in mapping else ()) if name not in files]
        there = False
        for name in names:
            there = there or await finished(stores[name].get(kind, ident)) is not None
        row = {"type": kind, "id": ident, "there": there}
        if not there:  # a mistake: then the stores may be read whole, as for `sipline user list`
            if kind not in known:
                known[kind] = sorted({stored.id for name in names for stored in await finished(stores[name].find(kind))})
            row["near"] = _near(ident, known[kind])
        rows.append(row)
    return rows


def _near(ident: str, known: list[str]) -> str:
    """Suggest what was probably meant; of addresses only the users of the same domain, for all of them are alike behind the @."""
    word, at, domain = ident.rpartition("@")
    names = [name.removesuffix(at + domain) for name in known if name.endswith(at + domain)] if at else known
    here = bisect(names, word or ident)
    return nearest(word or ident, names[max(here - ALIKE, 0) : here + ALIKE])
