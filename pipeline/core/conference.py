"""Conferences: mixes that are found by their name, begin with the first who is added and are gone with the last who leaves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.core.bridge import Bridge

if TYPE_CHECKING:
    from pipeline.core.core import Core


def conference(core: Core, name: str) -> Bridge:
    """Return the conference of this name, with whoever is in it."""
    bridge = core.conferences.get(name)
    if bridge is None:
        bridge = core.conferences[name] = Bridge(core, core.engine.token(4), "mix", name)
        core.bridges[bridge.id] = bridge
        core.tell("bridge.created", bridge=bridge)
    return bridge
