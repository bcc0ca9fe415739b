"""A plan moved into memory: what it would touch outside is moved, replaced or left out, and each of these is said.

Rules: files that options name for writing (`writes`) are in a folder that is thrown away; what leaves on another way than the engine's
network (`sends`: mail, a journal, code of the user's) does not. A store keeps what it keeps in such a file, or is replaced by memory: one
that says nothing of where it writes may be a database that somebody uses. Of the transports only UDP and TCP are there. Plugins of others
run, and what they do beyond their hooks is theirs: they are named.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.config.discover import BUILT_IN, Finder
from pipeline.config.hooks import hooks_of
from pipeline.config.schema import MISSING, options_of
from pipeline.testing.server import ADDRESS

if TYPE_CHECKING:
    from pipeline.config.plan import Listing, Plan

KEPT = ("udp", "tcp")
PORT = 5060
LEFT = "left out"
"""What stands in front of the names of plugins that do not run."""
MOVED, SILENT, REPLACED, FOREIGN = (
    "written into a folder that is thrown away",
    "left empty, so that nothing is sent",
    "replaced by memory, since where it writes is not known",
    "not ours, and run as they are, whatever they do",
)


def virtual(plan: Plan, folder: Path) -> dict[str, list[str]]:
    """Move a plan to the virtual network, and what it writes into a folder; give what was done to it: how -> to what."""
    plan.state = folder / "state"
    plan.references.clear()  # to what only stores can hold that are empty now
    notes: defaultdict[str, list[str]] = defaultdict(list)
    instances: dict[int, Any] = {}
    for stage, listings in plan.stages.items():
        kept: list[Listing] = []
        for listing in listings:
            known = id(listing.plugin)
            if known not in instances:  # listed under two stages it is one instance
                instances[known] = _confined(listing, folder, notes)
            if instances[known] is not None:
                listing.plugin = instances[known]
                kept.append(listing)
        plan.stages[stage] = kept
    ports = dict.fromkeys(KEPT, PORT)
    for listing in tuple(plan.stages["transport"]):
        listens = getattr(type(listing.plugin), "listens", "")
        if listens in KEPT:
            listing.plugin.bind = [f"{ADDRESS}:{ports[listens]}"]
            listing.plugin.advertise = ""
            ports[listens] += 1
        elif listens:
            notes[f"{LEFT}, since only UDP and TCP are there in memory"].append(listing.name)
            plan.stages["transport"].remove(listing)
    return dict(notes)


def _confined(listing: Listing, folder: Path, notes: dict[str, list[str]]) -> Any:
    """Give the plugin as it may run, another in its place, or None where it may not run at all."""
    plugin, cls = listing.plugin, type(listing.plugin)
    options = options_of(cls)
    told = {name: option.attribute.metadata for name, option in options.items()}
    writes = [name for name in options if told[name].get("writes")]
    sends = [name for name in options if told[name].get("sends")]
    if listing.kind != "toml" and _keeps(cls) and (sends or not writes):
        notes[REPLACED].append(listing.name)
        return Finder(folder, {}).find("memory").cls()
    for name in sends:
        if options[name].default is MISSING:
            notes[f"{LEFT}, since what its option '{name}' names would be used for real"].append(listing.name)
            return None
        if getattr(plugin, name):
            notes[SILENT].append(f"[plugin.{listing.name}] {name}")
            setattr(plugin, name, type(getattr(plugin, name))())
    for name in writes:
        if value := getattr(plugin, name):
            if name in listing.written:
                notes[MOVED].append(f"[plugin.{listing.name}] {name}")
            place = folder / "written" / listing.name
            place.mkdir(parents=True, exist_ok=True)
            setattr(plugin, name, str(place / (Path(value).name or name)))
    if listing.source != BUILT_IN:
        notes[FOREIGN].append(listing.name)
    return plugin


def _keeps(cls: type) -> bool:
    """Whether it is a store, and what is in it outlives the server. Ours of the file itself is only read."""
    stores = any(impl.hook == "store" for impl in hooks_of(cls))
    return stores and bool(getattr(cls, "keeps", True)) and not getattr(cls, "is_file", False)
