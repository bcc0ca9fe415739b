"""The integration stage: what is not SIP. At start it builds the data access layer from the backends that are listed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.dal import Layer

if TYPE_CHECKING:
    from pipeline.dal import Backend
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
