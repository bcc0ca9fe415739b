"""The database as a backend: what the loop sees of it. Reading is in reading.py, writing in batches.py, other processes in outside.py.

Rule: the loop never waits for a disk that writes. Hot types (contacts) are held in memory whole, so that reading them is a dict access; a
change is in memory at once, for the next REGISTER of the same phone to see, and its Pending is resolved when it is on the disk. Other
types are read straight from the file, on the loop. Searches of unknown size go to a thread.
"""

from __future__ import annotations

import contextlib
import sqlite3
from functools import partial
from typing import TYPE_CHECKING, Any

from pipeline import Pending
from pipeline.dal import TYPES, Backend, Unavailable

from .batches import Batches
from .outside import Outside
from .reading import Reading
from .writer import Change

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from pipeline.clock import Clock
    from pipeline.dal.backend import Noticed

    from .rows import Rows

_write = object.__setattr__


class Database(Backend):
    """One SQLite file."""

    def __init__(
        self,
        path: Path,
        loop: asyncio.AbstractEventLoop,
        clock: Clock,
        *,
        gather: float = 0.01,
        backlog: int = 100_000,
        cache: int = 20_000,
        timeout: float = 1.0,
        connect: Callable[..., sqlite3.Connection] = sqlite3.connect,
    ) -> None:
        self.path = path
        self.loop = loop
        self.clock = clock
        self.backlog = backlog
        self.connect = partial(connect, path, timeout=timeout, isolation_level=None, check_same_thread=False)
        self._reading = Reading(self, path, self.connect, cache)
        self.tables = self._reading.tables
        self.rows = self._reading.rows
        self._batches = Batches(self, self._reading, self.connect, gather)
        self._queue = self._batches.queue
        self._outside = Outside(self)
        self.touched = self._outside.touch
        self.writer_job = self._batches.job
        self.ours = self._batches.writer.changed
        """Take what is committed by now for our own, not another process's."""
        self._durability: dict[str, str] = {}
        self._watchers: list[Noticed] = []

    # -- opening and closing -------------------------------------------------------------------------------------------

    def serve(self, kind: str, durability: str) -> None:
        """Make the type's table in the file if need be; load it if the type is hot."""
        self._durability[kind] = durability
        self._batches.writer.careful = any(each != "none" for each in self._durability.values())
        if kind not in self.rows:
            self._reading.serve(kind)

    def tune(self, gather: float, backlog: int) -> None:
        """Take the options of another reading of pipeline.toml."""
        self._batches.gather = gather
        self.backlog = backlog

    def start(self) -> None:
        """Begin to notice what other processes change."""
        self._outside.start()

    async def stop(self) -> None:
        """Write what waits, close the file. What still cannot be written is counted as dropped."""
        if self._batches.stopping is not None:
            await self._batches.stopping
            return
        self._outside.stop()
        await self._batches.stop()
        await self._outside.close()
        await self._batches.close()
        self._reading.close()

    # -- reading -------------------------------------------------------------------------------------------------------

    def get(self, kind: str, ident: str, /) -> Any:
        """Return the object of this id or None."""
        if (table := self.tables.get(kind)) is not None:
            return table.objects.get(ident)
        found = self._reading.known(kind, ident, "id", ident)
        return found[0] if found else None

    def owned(self, kind: str, owner: str, /) -> Any:
        """Return the owner's objects."""
        if (table := self.tables.get(kind)) is not None:
            return table.owned(owner)
        field = TYPES[kind].owner or "id"
        return self._reading.known(kind, (field, owner) if field != "id" else owner, field, owner)

    def find(self, kind: str, /, **fields: Any) -> Any:
        """Return the objects whose fields are so: at once by id, owner or an indexed field, else as a Pending."""
        if (table := self.tables.get(kind)) is not None:
            return table.find(fields)
        cls = TYPES[kind]
        if len(fields) == 1:
            ((name, value),) = fields.items()
            if isinstance(value, str) and name in ("id", cls.owner, *cls.indexed):
                return self._reading.known(kind, (name, value) if name != "id" else value, name, value)
        rows = self._reading.rows_of(kind)
        return self._outside.read(*rows.where(fields), lambda found: rows.chosen(found, fields))

    # -- writing -------------------------------------------------------------------------------------------------------

    @property
    def under_way(self) -> tuple[Change, ...]:
        """The changes that are not on the disk yet."""
        return (*self._batches.writing, *self._batches.waiting)

    def change(self, kind: str, owner: str, puts: Sequence[Any] = (), deletes: Sequence[str] = (), if_version: int | None = None, /) -> Any:
        """Change the owner's objects, all or nothing: at once in memory if the type is hot, then on the disk."""
        rows = self._reading.rows_of(kind)
        durability = self._durability[kind]
        batches = self._batches
        if batches.stopping is not None:
            raise Unavailable(f"{self.name} is closed")
        full = len(batches.waiting) >= self.backlog
        if full and durability != "none":
            raise Unavailable(f"{self.name}: {self.backlog} changes are waiting for the disk already")
        change = Change(kind, owner, tuple(puts), tuple(deletes), durability)
        if (table := self.tables.get(kind)) is not None:
            change.before = table.owned(owner)
            change.after = table.change(owner, change.puts, change.deletes, if_version)
            self.touched(kind, owner)
            if full:
                batches.counts["dropped"] += 1
                return change.after
            if durability != "commit":
                self._queue(change)
                return change.after
        else:
            change.if_version = if_version
            self._stamp(change, rows)
        change.pending = Pending()
        self._queue(change)
        return change.pending

    def _stamp(self, change: Change, rows: Rows) -> None:
        for stored in change.puts:
            if getattr(stored, rows.cls.owner or "id") != change.owner:
                raise ValueError(f"{change.kind} {stored.id!r} does not belong to {change.owner!r}")
        reading = self._reading
        for stored in change.puts:
            change.stamps.append((stored, stored.origin, stored.version))
            reading.version += 1
            _write(stored, "origin", self.name)
            _write(stored, "version", reading.version)

    # -- what others see -----------------------------------------------------------------------------------------------

    def watch(self, fn: Noticed) -> None:
        """Call fn(kind, "changed", None) when another process has changed the file."""
        self._watchers.append(fn)

    def changed_outside(self) -> None:
        """Forget what was read, and tell who watches."""
        self._reading.forget()
        for kind in self.rows:
            for fn in self._watchers:
                with contextlib.suppress(Unavailable):  # who reads again at once may find the file locked; it is told again
                    fn(kind, "changed", None)

    def count_unreadable(self, more: int) -> None:
        """Count rows that are no objects."""
        self._reading.unreadable += more

    def stats(self) -> dict[str, Any]:
        """Return the counters: what waits, what was written in how many commits, what was not."""
        caches = self._reading.caches.values()
        return {
            **{kind: len(table.objects) for kind, table in self.tables.items()},
            "queue": len(self._batches.waiting) + len(self._batches.writing),
            **self._batches.counts,
            "unreadable": self._reading.unreadable,
            "cached": sum(map(len, caches)),
            "cache_hits": sum(cache.hits for cache in caches),
            "cache_misses": sum(cache.misses for cache in caches),
            "changed_outside": self._outside.noticed,
        }
