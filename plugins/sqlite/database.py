"""The database as a backend: what the loop sees of it.

Rule: the loop never waits for a disk that writes. Hot types (contacts) are held in memory whole, so that reading them is a dict access; a
change is in memory at once, for the next REGISTER of the same phone to see, and its Pending is resolved when it is on the disk. What
could not be written is taken back, with everything that was built upon it, and fails with Unavailable.
Other types are read straight from the file, on the loop: one row by its key from a warm page is 10 us, less than a thread would cost,
and what is asked again comes from a cache. Searches of unknown size go to a thread.
"""

from __future__ import annotations

import contextlib
import gc
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from pipeline import Pending
from pipeline.dal import TYPES, Backend, StorageError, Table, Unavailable, Unstored

from . import schema
from .cache import UNKNOWN, Cache
from .outside import Outside
from .rows import Rows, Unreadable, storable
from .writer import Change, Writer

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from pipeline.clock import Clock
    from pipeline.dal.backend import Noticed

RETRY = 1.0
"""Seconds until what was promised `behind` is tried again."""

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
        self.gather = gather
        self.backlog = backlog
        self.tables: dict[str, Table] = {}
        self.rows: dict[str, Rows] = {}
        self.writing: list[Change] = []  # on its way to the disk
        self.waiting: list[Change] = []  # will go with the next batch
        self._caches: dict[str, Cache] = {}
        self._cache = cache
        self._durability: dict[str, str] = {}
        self._timeout = timeout
        self._connector = connect
        self._connection: sqlite3.Connection | None = None  # for reads on the loop
        self._writer = Writer(self._connect, self.rows)
        self._thread = ThreadPoolExecutor(1, "sqlite-writer")
        self._outside = Outside(self)
        self._watchers: list[Noticed] = []
        self._timer: Any = None
        self._retrying = False
        self._due = False
        self._version = int(clock.time() * 1e6)  # higher than all that was ever given, also by another process
        self._stopping: Pending | None = None
        self._counts = dict.fromkeys(
            ("changes", "commits", "largest", "failures", "conflicts", "refused", "retried", "dropped", "unreadable"), 0
        )

    # -- opening and closing -------------------------------------------------------------------------------------------

    def serve(self, kind: str, durability: str) -> None:
        """Make the type's table in the file if need be; load it if the type is hot."""
        self._durability[kind] = durability
        if kind in self.rows:
            return
        try:
            connection = self._opened()
            rows = Rows(TYPES[kind], self.name)
            if schema.ensure(connection, rows):
                self._writer.changed()  # that was us
            if rows.cls.hot:
                self.tables[kind] = self._load(connection, rows)
            else:
                self._caches[kind] = Cache(self._cache)
                newest = connection.execute(f'SELECT max(version) FROM "{kind}"').fetchone()[0]  # noqa: S608
                self._version = max(self._version, newest or 0)
        except (sqlite3.Error, OSError, Unavailable) as error:
            raise Unavailable(f"{self.name}: {self.path}: {error}") from error
        self.rows[kind] = rows

    def start(self) -> None:
        """Begin to notice what other processes change."""
        self._outside.start()

    async def stop(self) -> None:
        """Write what waits, close the file. What still cannot be written is counted as dropped."""
        if self._stopping is not None:
            await self._stopping
            return
        self._stopping = Pending()
        self._outside.stop()
        if self._timer is not None:
            self._timer.cancel()
        if not self.writing:
            self._next()
        await self._stopping
        await self._outside.close()
        await self.loop.run_in_executor(self._thread, self._writer.close)
        self._thread.shutdown()
        if self._connection is not None:
            self._connection.close()

    def _opened(self) -> sqlite3.Connection:
        if self._connection is None:
            schema.create_file(self.path)
            connection = self._connect()
            try:
                schema.prepare(connection)
            except BaseException:
                connection.close()
                raise
            self._connection = connection
            self._writer.changed()  # what is changed from now on, after it is loaded, will be noticed
        return self._connection

    def _connect(self) -> sqlite3.Connection:
        return self._connector(self.path, timeout=self._timeout, isolation_level=None, check_same_thread=False)

    connect = _connect

    def _load(self, connection: sqlite3.Connection, rows: Rows) -> Table:
        table = Table(rows.cls, self.name, self._version)
        collecting = gc.isenabled()
        gc.disable()  # a hundred thousand objects that all stay: looking for garbage among them doubles the time
        try:
            for row in connection.execute(rows.select):
                try:
                    table.load(rows.stored(row))
                except Unreadable:
                    self._counts["unreadable"] += 1
        finally:
            if collecting:
                gc.enable()
        return table

    # -- reading -------------------------------------------------------------------------------------------------------

    def get(self, kind: str, ident: str, /) -> Any:
        """Return the object of this id or None."""
        if (table := self.tables.get(kind)) is not None:
            return table.objects.get(ident)
        found = self._known(kind, ident, "id", ident)
        return found[0] if found else None

    def owned(self, kind: str, owner: str, /) -> Any:
        """Return the owner's objects."""
        if (table := self.tables.get(kind)) is not None:
            return table.owned(owner)
        field = TYPES[kind].owner or "id"
        return self._known(kind, (field, owner) if field != "id" else owner, field, owner)

    def find(self, kind: str, /, **fields: Any) -> Any:
        """Return the objects whose fields are so: at once by id, owner or an indexed field, else as a Pending."""
        if (table := self.tables.get(kind)) is not None:
            return table.find(fields)
        cls = TYPES[kind]
        if len(fields) == 1:
            ((name, value),) = fields.items()
            if isinstance(value, str) and name in ("id", cls.owner, *cls.indexed):
                return self._known(kind, (name, value) if name != "id" else value, name, value)
        rows = self._rows(kind)
        return self._outside.read(*rows.where(fields), lambda found: rows.chosen(found, fields))

    def _known(self, kind: str, question: Any, name: str, value: str) -> tuple[Any, ...]:
        rows = self._rows(kind)
        cache = self._caches[kind]
        answer = cache.get(question)
        if answer is not UNKNOWN:
            known: tuple[Any, ...] = answer
            return known
        fields = {name: value}
        sql, values = (rows.select_one, [storable(value)]) if name == "id" else rows.where(fields)
        try:
            # fetchall: a statement that was not read to its end would hold its snapshot, and the log could not be shortened
            found = rows.chosen(self._opened().execute(sql, values).fetchall(), fields)
        except (sqlite3.Error, ValueError) as error:
            raise Unavailable(f"{self.name}: {error}") from error
        cache.put(question, found)
        return found

    def _rows(self, kind: str) -> Rows:
        if (rows := self.rows.get(kind)) is None:
            raise Unstored(f"{self.name} does not hold the type {kind!r}")
        return rows

    # -- writing -------------------------------------------------------------------------------------------------------

    def change(self, kind: str, owner: str, puts: Sequence[Any] = (), deletes: Sequence[str] = (), if_version: int | None = None, /) -> Any:
        """Change the owner's objects, all or nothing: at once in memory if the type is hot, then on the disk."""
        rows = self._rows(kind)
        durability = self._durability[kind]
        if self._stopping is not None:
            raise Unavailable(f"{self.name} is closed")
        full = len(self.waiting) >= self.backlog
        if full and durability != "none":
            raise Unavailable(f"{self.name}: {self.backlog} changes are waiting for the disk already")
        change = Change(kind, owner, tuple(puts), tuple(deletes), durability)
        if (table := self.tables.get(kind)) is not None:
            change.before = table.owned(owner)
            change.after = table.change(owner, change.puts, change.deletes, if_version)
            self._outside.touch(kind, owner)
            if full:
                self._counts["dropped"] += 1
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
        for stored in change.puts:
            change.stamps.append((stored, stored.origin, stored.version))
            self._version += 1
            _write(stored, "origin", self.name)
            _write(stored, "version", self._version)

    def _queue(self, change: Change) -> None:
        self.waiting.append(change)
        if self._retrying:  # what is new does not wait for the retry: that goes with it
            self._timer.cancel()
            self._timer, self._retrying = None, False
        if self._timer is None and not self._due:
            self._timer = self.clock.call_later(self.gather, self._ripe)

    def _ripe(self) -> None:
        self._timer, self._retrying = None, False
        if self.writing:
            self._due = True  # the disk is slower than the gathering: the next batch goes when this one is done
        else:
            self._next()

    def _next(self) -> None:
        self._due = False
        if not self.waiting:
            if self._stopping is not None:
                self._stopping.resolve()
            return
        self.writing, self.waiting = self.waiting, []
        future = self.loop.run_in_executor(self._thread, self._writer.write, self.writing)
        future.add_done_callback(self._written)

    def _written(self, future: asyncio.Future[list[StorageError | None]]) -> None:
        batch, self.writing = self.writing, []
        error = Unavailable(f"{self.name} was stopped") if future.cancelled() else future.exception()
        try:
            if error is None:
                self._committed(batch, future.result())
            else:
                self._failed(batch, error)
        finally:
            if self._due or self._stopping is not None:
                self._next()

    def _committed(self, batch: list[Change], errors: list[StorageError | None]) -> None:
        counts = self._counts
        counts["commits"] += 1
        counts["changes"] += len(batch)
        counts["largest"] = max(counts["largest"], len(batch))
        for kind in {change.kind for change in batch} & self._caches.keys():
            self._caches[kind].forget()
        refused = [(change, error) for change, error in zip(batch, errors, strict=True) if error is not None]
        if refused:
            self._undo([change for change, _ in refused], refused)
        for change, error in zip(batch, errors, strict=True):
            if error is None and change.pending is not None:
                after = change.after if change.before is not None else self._after(change)
                self._tell(change.pending.resolve, after)

    def _after(self, change: Change) -> Any:
        try:
            return self.owned(change.kind, change.owner)
        except Unavailable:  # it is written all the same
            return change.puts

    def _failed(self, batch: list[Change], error: BaseException) -> None:
        self._counts["failures"] += 1
        if not isinstance(error, StorageError):
            error = Unavailable(f"{self.name}: {error}")
        promised = [change for change in batch if change.pending is None]
        self._undo([change for change in batch if change.pending is not None], [(c, error) for c in batch if c.pending is not None])
        again = [change for change in promised if change.durability == "behind" and self._stopping is None]
        self._counts["dropped"] += len(promised) - len(again)
        if again:
            self._counts["retried"] += len(again)
            self.waiting[:0] = again
            if self._timer is None and not self._due:
                self._timer, self._retrying = self.clock.call_later(RETRY, self._ripe), True

    def _undo(self, changes: list[Change], errors: list[tuple[Change, StorageError]]) -> None:
        """Take back what could not be written, and what was built upon it meanwhile; then tell whoever waits."""
        first: dict[tuple[str, str], Change] = {}
        for change in changes:
            if change.before is not None and change.pending is not None:
                first.setdefault((change.kind, change.owner), change)
            for stored, origin, version in reversed(change.stamps):
                _write(stored, "origin", origin)
                _write(stored, "version", version)
        doomed = [change for change in self.waiting if (change.kind, change.owner) in first]
        if doomed:
            self.waiting = [change for change in self.waiting if (change.kind, change.owner) not in first]
            errors = [
                *errors,
                *((change, Unavailable(f"{self.name}: an earlier change of {change.owner!r} was not written")) for change in doomed),
            ]
        for (kind, owner), change in first.items():
            table = self.tables[kind]
            table.replace(owner, table.owned(owner), change.before or ())
            self._outside.touch(kind, owner)
        for change, error in errors:
            if change.pending is not None:
                self._counts["conflicts" if change.before is None and not isinstance(error, Unavailable) else "refused"] += 1
                self._tell(change.pending.fail, error)
            else:
                self._counts["dropped"] += 1

    def _tell(self, fn: Callable[[Any], None], value: Any) -> None:
        try:
            fn(value)
        except Exception as error:  # one who waits must not keep it from the others
            self.loop.call_exception_handler({"message": f"{self.name}: a waiting function failed", "exception": error})

    # -- what others see -----------------------------------------------------------------------------------------------

    def watch(self, fn: Noticed) -> None:
        """Call fn(kind, "changed", None) when another process has changed the file."""
        self._watchers.append(fn)

    def changed_outside(self) -> None:
        """Forget what was read, and tell who watches."""
        for cache in self._caches.values():
            cache.forget()
        for kind in self.rows:
            for fn in self._watchers:
                with contextlib.suppress(Unavailable):  # who reads again at once may find the file locked; it is told again
                    fn(kind, "changed", None)

    def writer_job(self, fn: Callable[[Writer], Any]) -> asyncio.Future[Any]:
        """Run fn(writer) in the thread that writes, between two batches."""
        return self.loop.run_in_executor(self._thread, fn, self._writer)

    def count_unreadable(self, more: int) -> None:
        """Count rows that are no objects."""
        self._counts["unreadable"] += more

    def stats(self) -> dict[str, Any]:
        """Return the counters: what waits, what was written in how many commits, what was not."""
        return {
            **{kind: len(table.objects) for kind, table in self.tables.items()},
            "queue": len(self.waiting) + len(self.writing),
            **self._counts,
            "cached": sum(map(len, self._caches.values())),
            "cache_hits": sum(cache.hits for cache in self._caches.values()),
            "cache_misses": sum(cache.misses for cache in self._caches.values()),
            "changed_outside": self._outside.noticed,
        }
