"""The objects of one type, held in memory: by id, by owner, by indexed field. What memory, toml and sqlite's warm types are made of.

Rule: every answer is given at once, and a change is made whole or not at all: everything that can be wrong is looked at first. One
dict access finds an owner's objects; a phone's binding costs two places in dicts beside the object itself, so it stays small.
"""

from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import Any

from .backend import Conflict
from .objects import Stored, version_of
from .query import condition, matcher

_write = object.__setattr__  # the objects are frozen for everyone but the backend that stamps them


class Table:
    """Objects of one class under one origin."""

    __slots__ = ("_indexes", "_owner_of", "cls", "objects", "origin", "owners", "version")

    def __init__(self, cls: type[Stored], origin: str, version: int = 0) -> None:
        self.cls = cls
        self.origin = origin
        self.version = version  # of the latest put; only rises
        self.objects: dict[str, Any] = {}
        # Only of types that have owners. One object stands for itself, several for a tuple: nearly all have one.
        self.owners: dict[str, Any] = {}
        self._owner_of = attrgetter(cls.owner) if cls.owner else None
        self._indexes: dict[str, dict[str, dict[str, Any]]] = {name: {} for name in cls.indexed}

    def owned(self, owner: str) -> tuple[Any, ...]:
        """Return the owner's objects; for a type without owners, the object of this id."""
        found = (self.objects if self._owner_of is None else self.owners).get(owner)
        if found is None:
            return ()
        return found if found.__class__ is tuple else (found,)

    def find(self, fields: dict[str, Any]) -> tuple[Any, ...]:
        """Return what these fields ask for, reading only the objects that an id, an owner or an index leads to, if one does."""
        candidates: Iterable[Any] = self.objects.values()
        for name, wanted in fields.items():
            op, value = condition(wanted)
            if op != "==" or not isinstance(value, str):
                continue
            if name == "id":
                candidates = (self.objects[value],) if value in self.objects else ()
            elif name == self.cls.owner:
                candidates = self.owned(value)
            elif name in self._indexes:
                candidates = self._indexes[name].get(value, {}).values()
            else:
                continue
            if len(fields) == 1:
                return tuple(candidates)
            break
        return tuple(filter(matcher(fields), candidates))

    def change(self, owner: str, puts: Sequence[Any] = (), deletes: Sequence[str] = (), if_version: int | None = None) -> tuple[Any, ...]:
        """Make a change of one owner's objects; raise Conflict, having changed nothing, if it cannot be made."""
        if len(puts) == 1 and not deletes:
            refreshed = self._refresh(owner, puts[0], if_version)
            if refreshed is not None:
                return refreshed
        before = self.owned(owner)
        if if_version is not None and version_of(before) != if_version:
            raise Conflict(f"{self.cls.kind} {owner!r} was changed by someone else")
        owner_of, objects = self._owner_of, self.objects
        for stored in puts:
            if (owner_of(stored) if owner_of is not None else stored.id) != owner:
                raise ValueError(f"{self.cls.kind} {stored.id!r} does not belong to {owner!r}")
            there = objects.get(stored.id)
            if there is not None and there not in before:
                raise Conflict(f"{self.cls.kind} {stored.id!r} belongs to another {self.cls.owner}")
        mixed = {stored.id: stored for stored in before}
        for ident in deletes:
            mixed.pop(ident, None)
        for stored in puts:
            self.version = version = self.version + 1
            _write(stored, "origin", self.origin)
            _write(stored, "version", version)
            mixed[stored.id] = stored
        return self.replace(owner, before, tuple(mixed.values()))

    def _refresh(self, owner: str, stored: Any, if_version: int | None) -> tuple[Any, ...] | None:
        """Make the commonest change: an owner's only object is replaced by one of the same id. None: it is not that."""
        former = self.owners.get(owner)
        if former is None or former.__class__ is tuple or former.id != stored.id:
            return None
        field = self.cls.owner
        theirs = getattr(stored, field)
        if theirs != owner or self._indexes or (if_version is not None and former.version != if_version):
            return None
        self.version = version = self.version + 1
        _write(stored, "origin", self.origin)
        _write(stored, "version", version)
        if theirs is not (known := getattr(former, field)):
            _write(stored, field, known)  # the string that is the key already
        self.objects[stored.id] = self.owners[owner] = stored
        return (stored,)

    def replace(self, owner: str, before: tuple[Any, ...], after: tuple[Any, ...]) -> tuple[Any, ...]:
        """Let `after` be the owner's objects instead of `before`; also the way back from a change that could not be written."""
        objects = self.objects
        for stored in after:
            objects[stored.id] = stored
        for stored in before:
            if objects[stored.id] is stored and stored not in after:
                del objects[stored.id]
        if self._owner_of is not None:
            if len(after) == 1:
                self.owners[owner] = after[0]
            elif after:
                self.owners[owner] = after
            else:
                self.owners.pop(owner, None)
        if self._indexes:
            self._reindex(before, after)
        return after

    def load(self, stored: Any) -> None:
        """Take an object as it is, with the stamps it has; its id must be new."""
        self.version = max(self.version, stored.version)
        self.objects[stored.id] = stored
        if self._owner_of is not None:
            owner = self._owner_of(stored)
            before = self.owned(owner)
            self.owners[owner] = (*before, stored) if before else stored
        if self._indexes:
            self._reindex((), (stored,))

    def _reindex(self, before: tuple[Any, ...], after: tuple[Any, ...]) -> None:
        for name, index in self._indexes.items():
            for stored in before:
                for value in _values(stored, name):
                    index[value].pop(stored.id, None)
                    if not index[value]:
                        del index[value]
            for stored in after:
                for value in _values(stored, name):
                    index.setdefault(value, {})[stored.id] = stored


def _values(stored: Any, name: str) -> tuple[str, ...]:
    value = getattr(stored, name)
    return tuple(dict.fromkeys(value)) if isinstance(value, tuple) else (value,)
