"""[dal]: which backends store which type of object, and how surely.

Rule: a backend is a plugin listed in the integration stage that implements `store`. Its class says what it can do:
`stores` (types; absent: every type), `writable` (absent: True), `keeps` (absent: True; False: its contents end with the process),
`is_file` (absent: False; True: it holds the objects of this very file, as `toml` does).

A type that [dal] does not map is stored by default
- as the file can hold it (domain, endpoint, auth, aor, identify): by every listed backend that can, the read-only ones first
  (the file itself), then those that keep, then those that do not;
- not at all when the type is stored on demand only (cdr);
- otherwise (contact ...): by the first writable backend that can, in the order of the list.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline.config.discover import builtins
from pipeline.config.hooks import hooks_of
from pipeline.config.problems import known, listed, nearest
from pipeline.config.schema import misspelt
from pipeline.config.stages import shown_name
from pipeline.config.values import shown
from pipeline.dal.layer import DURABILITIES, Mapping
from pipeline.dal.objects import TYPES

if TYPE_CHECKING:
    from pipeline.config.discover import Found
    from pipeline.config.problems import Report
    from pipeline.config.stages import Keys

__all__ = ["Store", "check_needs", "file_types", "read_dal"]

_FILE_TYPES = ("domain", "endpoint", "auth", "aor", "identify")


def file_types() -> dict[str, type]:
    """The types that have tables in the file: ours, and those of a plugin that say `in_file`."""
    return {name: cls for name, cls in TYPES.items() if name in _FILE_TYPES or getattr(cls, "in_file", False)}


class Store:
    """One listed backend, as its class describes it."""

    __slots__ = ("is_file", "keeps", "name", "stores", "writable")

    def __init__(self, name: str, found: Found) -> None:
        self.name = name
        self.stores: tuple[str, ...] | None = getattr(found.cls, "stores", None)
        self.writable = bool(getattr(found.cls, "writable", True))
        self.keeps = bool(getattr(found.cls, "keeps", True))
        self.is_file = found.kind == "toml" or bool(getattr(found.cls, "is_file", False))
        """Whether what it holds is this very file."""

    def can(self, kind: str) -> bool:
        """Whether it can store this type."""
        return self.stores is None or kind in self.stores or (self.is_file and kind in file_types())


def read_dal(
    report: Report, data: dict[str, Any], names: dict[str, Keys], classes: dict[str, Found]
) -> tuple[dict[str, Mapping], dict[str, Store]]:
    """Read [dal]: type -> Mapping, and the listed backends. `names` are those of the integration stage, in order."""
    stores = {
        name: Store(name, classes[name])
        for name in names
        if name in classes and any(impl.hook == "store" for impl in hooks_of(classes[name].cls))
    }
    table = data.get("dal", {})
    if not isinstance(table, dict):
        report.error(("dal",), "dal must be a table: write [dal]", key=True)
        table = {}
    reader = _Reader(report, stores, not_backends=names.keys() & classes.keys() - stores.keys(), not_found=names.keys() - classes.keys())
    mapping: dict[str, Mapping] = {}
    for kind, value in table.items():
        if kind not in TYPES:
            hint = nearest(kind, TYPES) or report.whose(kind) or known(kind, TYPES, what="the types are")
            report.error(("dal", kind), f"[dal] maps an unknown type '{kind}'", hint, key=True)
        elif (mapped := reader.mapping(kind, value)) is not None:
            mapping[kind] = mapped
    for kind in TYPES:
        if kind not in table and (backends := _default(kind, list(stores.values()))):
            mapping[kind] = Mapping(backends, TYPES[kind].durability)
    return mapping, stores


def _default(kind: str, stores: list[Store]) -> tuple[str, ...]:
    if TYPES[kind].on_demand:
        return ()
    able = [store for store in stores if store.can(kind)]
    if kind in file_types():
        able.sort(key=lambda store: (store.writable, not store.keeps))
        return tuple(store.name for store in able)
    return tuple(store.name for store in able if store.writable)[:1]


class _Reader:
    """Reads the lines of [dal]."""

    def __init__(self, report: Report, stores: dict[str, Store], *, not_backends: set[str], not_found: set[str]) -> None:
        self.report = report
        self.stores = stores
        self.not_backends = not_backends
        self.not_found = not_found

    def mapping(self, kind: str, value: Any) -> Mapping | None:
        """Read one line: a list of backends, or a table with `backends` and `durability`."""
        report = self.report
        keys: Keys = ("dal", kind)
        at = keys
        backends: Any = value
        durability: Any = TYPES[kind].durability
        if isinstance(value, dict):
            for key in value:
                if key not in ("backends", "durability"):
                    report.error((*keys, key), f"{kind} has no key '{key}'", report.meant(key, ("backends", "durability")), key=True)
            if "backends" not in value:
                if not misspelt("backends", value, ("durability",)):
                    report.error(keys, f"{kind} needs 'backends'", 'write backends = ["sqlite"]')
                return None
            backends, durability, at = value["backends"], value.get("durability", "commit"), (*keys, "backends")
        if not isinstance(durability, str) or durability not in DURABILITIES:
            hint = nearest(durability, DURABILITIES) if isinstance(durability, str) else ""
            text = f"unknown durability {shown_name(durability)}"
            report.error((*keys, "durability"), text, hint or f"it is {listed(DURABILITIES, 'or')}")
            return None
        if not isinstance(backends, list):
            write = f"write {at[-1]} = [{shown(backends)}]" if isinstance(backends, str) else ""
            report.error(at, f"{at[-1]} must be a list, not {shown(backends)}", write)
            return None
        if not backends:
            report.error(at, f"{kind} names no backend", "leave the line out for the default")
            return None
        right = [self.backend(kind, name, (*at, position)) for position, name in enumerate(backends)]
        for position, name in enumerate(backends):
            if name in backends[:position]:
                report.error((*at, position), f"{kind} names '{name}' twice", "remove one of the two")
        return Mapping(tuple(backends), durability) if all(right) else None

    def backend(self, kind: str, name: Any, keys: Keys) -> bool:
        """Check one name; what is listed but was not found is said where it is listed."""
        report, stores = self.report, self.stores
        if not isinstance(name, str):
            report.error(keys, f"a backend is named by text, not {shown(name)}")
        elif name in stores:
            if stores[name].can(kind):
                return True
            report.error(keys, f"'{name}' cannot store {kind}", f"it stores {listed(stores[name].stores or ())}")
        elif name in self.not_backends:
            hint = f"the backends are {listed(stores)}" if stores else ""
            report.error(keys, f"'{name}' is no backend: it does not implement store()", hint)
        elif name not in self.not_found:
            hint = nearest(name, stores) or nearest(name, {*stores, *builtins()} - {name}) if name not in builtins() else ""
            hint = hint or f"list '{name}' under the integration stage"
            report.error(keys, f"backend '{name}' is not listed in the integration stage", hint)
        return False


def check_needs(report: Report, classes: dict[str, Found], places: dict[str, Keys], mapping: dict[str, Mapping], mapped: set[str]) -> None:
    """Report plugins whose class says `needs` a type that nobody stores. `mapped`: types that [dal] got wrong already."""
    for name, found in classes.items():
        for kind in getattr(found.cls, "needs", ()):
            if kind not in mapping and kind not in mapped:
                hint = 'list a backend that can in the integration stage, such as "memory"'
                report.error(places[name], f"'{name}' needs '{kind}', which no backend stores", hint)
