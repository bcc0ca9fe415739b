"""Changes on their way to the disk: gathered, written in one thread batch by batch, and taken back when they could not be written.

Rule: what could not be written is taken back, with everything that was built upon it meanwhile, and who waits is told Unavailable; what
was promised `behind` is tried again.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from pipeline import Pending
from pipeline.dal import TYPES, StorageError, Unavailable

from .writer import Change, Writer

if TYPE_CHECKING:
    import asyncio
    import sqlite3
    from collections.abc import Callable

    from .database import Database
    from .reading import Reading

RETRY = 1.0
"""Seconds until what was promised `behind` is tried again."""

_write = object.__setattr__


class Batches:
    """The writing thread of one database, and what waits for it."""

    def __init__(self, database: Database, reading: Reading, connect: Callable[[], sqlite3.Connection], gather: float) -> None:
        self.writing: list[Change] = []  # on its way to the disk
        self.waiting: list[Change] = []  # will go with the next batch
        self.gather = gather
        self.stopping: Pending | None = None
        self.counts = dict.fromkeys(("changes", "commits", "largest", "failures", "conflicts", "refused", "retried", "dropped"), 0)
        self.writer = Writer(connect, reading.rows)
        self._database = database
        self._reading = reading
        self._thread = ThreadPoolExecutor(1, "sqlite-writer")
        self._timer: Any = None
        self._retrying = False
        self._due = False

    def job(self, fn: Callable[[Writer], Any]) -> asyncio.Future[Any]:
        """Run fn(writer) in the thread, between two batches."""
        return self._database.loop.run_in_executor(self._thread, fn, self.writer)

    async def stop(self) -> None:
        """Write what waits. What still cannot be written is counted as dropped."""
        self.stopping = Pending()
        if self._timer is not None:
            self._timer.cancel()
        if not self.writing:
            self._next()
        await self.stopping

    async def close(self) -> None:
        """End the thread."""
        await self._database.loop.run_in_executor(self._thread, self.writer.close)
        self._thread.shutdown()

    def queue(self, change: Change) -> None:
        """Let a change go with the next batch."""
        self.waiting.append(change)
        if self._retrying:  # what is new does not wait for the retry: that goes with it
            self._timer.cancel()
            self._timer, self._retrying = None, False
        if self._timer is None and not self._due:
            self._timer = self._database.clock.call_later(self.gather, self._ripe)

    def _ripe(self) -> None:
        self._timer, self._retrying = None, False
        if self.writing:
            self._due = True  # the disk is slower than the gathering: the next batch goes when this one is done
        else:
            self._next()

    def _next(self) -> None:
        self._due = False
        if not self.waiting:
            if self.stopping is not None:
                self.stopping.resolve()
            return
        self.writing, self.waiting = self.waiting, []
        future = self._database.loop.run_in_executor(self._thread, self.writer.write, self.writing)
        future.add_done_callback(self._written)

    def _written(self, future: asyncio.Future[list[StorageError | None]]) -> None:
        batch, self.writing = self.writing, []
        error = Unavailable(f"{self._database.name} was stopped") if future.cancelled() else future.exception()
        try:
            if error is None:
                self._committed(batch, future.result())
            else:
                self._failed(batch, error)
        finally:
            if self._due or self.stopping is not None:
                self._next()

    def _committed(self, batch: list[Change], errors: list[StorageError | None]) -> None:
        counts, caches = self.counts, self._reading.caches
        counts["commits"] += 1
        counts["changes"] += len(batch)
        counts["largest"] = max(counts["largest"], len(batch))
        for kind in {change.kind for change in batch} & caches.keys():
            caches[kind].forget()
        refused = [(change, error) for change, error in zip(batch, errors, strict=True) if error is not None]
        if refused:
            self._undo([change for change, _ in refused], refused)
        for change, error in zip(batch, errors, strict=True):
            if error is None and change.pending is not None:
                after = change.after if change.before is not None else self._after(change)
                self._tell(change.pending.resolve, after)

    def _after(self, change: Change) -> Any:
        if not TYPES[change.kind].owner:  # what stands alone is what was put
            return change.puts
        try:
            return self._database.owned(change.kind, change.owner)
        except Unavailable:  # it is written all the same
            return change.puts

    def _failed(self, batch: list[Change], error: BaseException) -> None:
        self.counts["failures"] += 1
        if not isinstance(error, StorageError):
            error = Unavailable(f"{self._database.name}: {error}")
        promised = [change for change in batch if change.pending is None]
        self._undo([change for change in batch if change.pending is not None], [(c, error) for c in batch if c.pending is not None])
        again = [change for change in promised if change.durability == "behind" and self.stopping is None]
        self.counts["dropped"] += len(promised) - len(again)
        if again:
            self.counts["retried"] += len(again)
            self.waiting[:0] = again
            if self._timer is None and not self._due:
                self._timer, self._retrying = self._database.clock.call_later(RETRY, self._ripe), True

    def _undo(self, changes: list[Change], errors: list[tuple[Change, StorageError]]) -> None:
        """Take back what could not be written, and what was built upon it meanwhile; then tell whoever waits."""
        name = self._database.name
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
                *((change, Unavailable(f"{name}: an earlier change of {change.owner!r} was not written")) for change in doomed),
            ]
        for (kind, owner), change in first.items():
            table = self._reading.tables[kind]
            table.replace(owner, table.owned(owner), change.before or ())
            self._database.touched(kind, owner)
        for change, error in errors:
            if change.pending is not None:
                self.counts["conflicts" if change.before is None and not isinstance(error, Unavailable) else "refused"] += 1
                self._tell(change.pending.fail, error)
            else:
                self.counts["dropped"] += 1

    def _tell(self, fn: Callable[[Any], None], value: Any) -> None:
        try:
            fn(value)
        except Exception as error:  # one who waits must not keep it from the others
            context = {"message": f"{self._database.name}: a waiting function failed", "exception": error}
            self._database.loop.call_exception_handler(context)
