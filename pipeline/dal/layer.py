"""The data access layer: object type -> backends, as [dal] in pipeline.toml says. What plugins and servants read and write through.

Rule: whoever asks does not know where an object lives, and a call returns its value at once or a Pending of it. A type with one
backend costs nothing over that backend's own method (the hot path: a REGISTER makes one `owned` and one `change`). Errors are
typed; see backend.py.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import attrs

from pipeline.pending import Pending, settle

from .backend import Backend, Conflict, ReadOnly, Unstored
from .objects import Stored
from .spread import Spread

DURABILITIES = ("commit", "behind", "none")
Watcher = Callable[[str, Any], object]


@attrs.frozen
class Mapping:
    """Where one type is stored: the names of its backends in the order they are asked, and what a write waits for."""

    backends: tuple[str, ...]
    durability: str = attrs.field(default="commit", validator=attrs.validators.in_(DURABILITIES))


class _Routes(dict[str, Callable[..., Any]]):
    def __missing__(self, kind: str) -> Callable[..., Any]:
        raise Unstored(f"no backend stores the type {kind!r}: name one in [dal]")


class View(NamedTuple):
    """One reading of [dal]: which backends hold which type, and the way to each."""

    mapping: dict[str, Mapping]
    backends: dict[str, Backend]
    routes: tuple[_Routes, _Routes, _Routes, _Routes]


class Layer:
    """The objects of one server, wherever they are."""

    __slots__ = ("_change", "_find", "_get", "_owned", "_watchers", "backends", "mapping")

    def __init__(self, mapping: dict[str, Mapping], backends: dict[str, Backend]) -> None:
        self._watchers: dict[str, tuple[Watcher, ...]] = {}
        self.mapping: dict[str, Mapping] = {}
        self.backends: dict[str, Backend] = {}
        self._get = self._find = self._owned = self._change = _Routes()
        self.use(mapping, backends)

    def use(self, mapping: dict[str, Mapping], backends: dict[str, Backend]) -> None:
        """Map the types onto these backends."""
        self.take(self.prepare(mapping, backends))

    def prepare(self, mapping: dict[str, Mapping], backends: dict[str, Backend]) -> View:
        """Have the backends make ready what is new to them; nothing is mapped anew before `take`. Raises what a backend raises."""
        routes = _Routes(), _Routes(), _Routes(), _Routes()
        for kind, where in mapping.items():
            chosen = tuple(backends[name] for name in where.backends)
            served = self._chosen(kind)
            for backend in chosen:
                if not any(backend is known for known in served):
                    backend.serve(kind, where.durability)
            way = chosen[0] if len(chosen) == 1 else Spread(kind, chosen)
            for table, method in zip(routes, _methods(way), strict=True):
                table[kind] = method
        return View(dict(mapping), dict(backends), routes)

    def look(self, view: View) -> View:
        """Answer by another view from now on, and return the former: for the moment in which a plugin of the next generation starts."""
        former = View(self.mapping, self.backends, (self._get, self._find, self._owned, self._change))
        self.mapping, self.backends = view.mapping, view.backends
        self._get, self._find, self._owned, self._change = view.routes
        return former

    def take(self, view: View) -> None:
        """Use what was prepared. Who watches a type that other backends hold now goes on watching and hears "changed"."""
        known = {id(backend) for backend in self.backends.values()}
        before = {kind: self._chosen(kind) for kind in {*self.mapping, *view.mapping}} if self.backends else {}
        durable = {kind: where.durability for kind, where in self.mapping.items()}
        self.look(view)
        for kind, where in view.mapping.items():
            for backend in self._chosen(kind):
                if durable.get(kind, where.durability) != where.durability:
                    backend.serve(kind, where.durability)
        for backend in view.backends.values():
            if id(backend) not in known:
                backend.watch(self._tell)
        for kind, chosen in before.items():
            if list(map(id, chosen)) != list(map(id, self._chosen(kind))):
                self._tell(kind, "changed", None)

    def _chosen(self, kind: str) -> tuple[Backend, ...]:
        where = self.mapping.get(kind)
        return tuple(self.backends[name] for name in where.backends) if where is not None else ()

    def get(self, kind: str, ident: str) -> Any:
        """Return the object of this type and id, or None: at once or as a Pending, as all that follow."""
        return self._get[kind](kind, ident)

    def find(self, kind: str, /, **fields: Any) -> Any:
        """Return a tuple of the objects whose fields are so: name=value, or name=("<=", limit). No fields: all of the type."""
        return self._find[kind](kind, **fields)

    def owned(self, kind: str, owner: str) -> Any:
        """Return a tuple of the owner's objects (an address of record's contacts), oldest first, expired ones included."""
        return self._owned[kind](kind, owner)

    def change(self, kind: str, owner: str, puts: Sequence[Any] = (), deletes: Sequence[Any] = (), if_version: int | None = None) -> Any:
        """Change one owner's objects, all or nothing: put these, delete these (ids or objects). Return the owner's objects after it.

        The objects put belong to the layer from now on. With `if_version` (version_of what you read) raises Conflict if someone was faster.
        """
        if deletes:
            deletes = [gone if isinstance(gone, str) else gone.id for gone in deletes]
        watchers = self._watchers.get(kind)
        if not watchers:
            return self._change[kind](kind, owner, puts, deletes, if_version)
        if not deletes:  # the usual refresh: nobody need be asked what was there before
            after = self._change[kind](kind, owner, puts, (), if_version)
            if type(after) is Pending:
                return settle(after, lambda after: self._told(kind, puts, (), after))
            for stored in puts:
                for fn in watchers:
                    fn("put", stored)
            return after

        def watched(before: tuple[Any, ...]) -> Any:
            gone = [stored for stored in before if stored.id in deletes and all(put.id != stored.id for put in puts)]
            written = self._change[kind](kind, owner, puts, deletes, if_version)
            return settle(written, lambda after: self._told(kind, puts, gone, after))

        return settle(self._owned[kind](kind, owner), watched)

    def create(self, stored: Stored) -> Any:
        """Store a new object in the first writable backend of its type; Conflict if its id is taken. Returns the object."""

        def unless_taken(there: Any) -> Any:
            if there is not None:
                raise Conflict(f"{kind} {stored.id!r} exists already, in {there.origin}")
            return settle(self.change(kind, _owner(stored), (stored,)), lambda _: stored)

        kind = stored.kind
        names = self.mapping[kind].backends if kind in self.mapping else ()
        if names and not any(self.backends[name].writable for name in names):
            raise ReadOnly(f"{kind} {stored.id!r}: no backend of that type can be written: {', '.join(names)}")
        return settle(self.get(kind, stored.id), unless_taken)

    def update(self, stored: Stored) -> Any:
        """Store this in place of the object it was evolved from, where that lives; Conflict if someone was faster. Returns it."""
        if_version = None if stored.owner else stored.version
        return settle(self._write(stored, (stored,), (), if_version), lambda _: stored)

    def delete(self, stored: Stored) -> Any:
        """Delete this object from the backend it came from. Returns None."""
        return settle(self._write(stored, (), (stored.id,), None), lambda _: None)

    def watch(self, kind: str, fn: Watcher) -> Callable[[], None]:
        """Call fn(verb, object) for each change of this type: "put", "delete", or "changed" (with None: anything may have, read again).

        Returns the way to stop. It outlives a reload: who is taken away by one has to stop.
        """
        self._watchers[kind] = (*self._watchers.get(kind, ()), fn)

        def stop() -> None:
            watchers = list(self._watchers.get(kind, ()))
            if fn in watchers:
                watchers.remove(fn)
                self._watchers[kind] = tuple(watchers)

        return stop

    def stores(self, kind: str) -> bool:
        """Whether any backend stores this type."""
        return kind in self.mapping

    def stats(self) -> dict[str, dict[str, Any]]:
        """Return each backend's counters."""
        return {name: backend.stats() for name, backend in self.backends.items()}

    def _write(self, stored: Stored, puts: tuple[Any, ...], deletes: tuple[str, ...], if_version: int | None) -> Any:
        backend = self.backends.get(stored.origin)
        if backend is None:
            raise Conflict(f"{stored.kind} {stored.id!r} comes from no backend: create() it")
        if not backend.writable:
            raise ReadOnly(f"{stored.kind} {stored.id!r} is in {backend.name}, which is read-only")
        written = backend.change(stored.kind, _owner(stored), puts, deletes, if_version)
        return settle(written, lambda after: self._told(stored.kind, puts, () if puts else (stored,), after))

    def _told(self, kind: str, puts: Iterable[Any], gone: Iterable[Any], after: Any) -> Any:
        for stored in gone:
            self._tell(kind, "delete", stored)
        for stored in puts:
            self._tell(kind, "put", stored)
        return after

    def _tell(self, kind: str, verb: str, stored: Any) -> None:
        for fn in self._watchers.get(kind, ()):
            fn(verb, stored)


def _methods(way: Backend | Spread) -> tuple[Callable[..., Any], ...]:
    return way.get, way.find, way.owned, way.change


def _owner(stored: Stored) -> str:
    owner: str = getattr(stored, stored.owner or "id")
    return owner
