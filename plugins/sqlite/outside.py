"""What happens outside the loop: searches in a thread of their own, and noticing that another process wrote to the file.

Rule: SQLite says only that something was committed elsewhere (PRAGMA data_version), not what. So cached answers are forgotten and hot
tables are compared with the file, in the thread; what the loop changed meanwhile is the newer truth and is left alone until next time.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from pipeline import Pending
from pipeline.dal import Unavailable

from .rows import Unreadable

if TYPE_CHECKING:
    import asyncio
    import sqlite3
    from collections.abc import Callable, Sequence

    from .database import Database
    from .writer import Writer

INTERVAL = 0.5
"""Seconds between two looks: a running server obeys `sipline user remove` within a second."""

Difference = tuple[str, str, Any]
"""(type, id, the object as the file has it; None: it is no longer there)."""


class Outside:
    """The reading thread of one database."""

    def __init__(self, database: Database) -> None:
        self.noticed = 0  # how often another process had written
        self._database = database
        self._thread = ThreadPoolExecutor(1, "sqlite-reader")
        self._connection: sqlite3.Connection | None = None
        self._touched: set[tuple[str, str]] | None = None  # while comparing: the owners that the loop has changed
        self._again = False
        self._timer: Any = None
        self._stopped = False

    def start(self) -> None:
        """Begin to look."""
        if self._timer is None and not self._stopped:
            self._timer = self._database.clock.call_later(INTERVAL, self._look)

    def stop(self) -> None:
        """Look no more."""
        self._stopped = True
        if self._timer is not None:
            self._timer.cancel()

    async def close(self) -> None:
        """End the thread."""
        await self._database.loop.run_in_executor(self._thread, self._close)
        self._thread.shutdown()

    def touch(self, kind: str, owner: str) -> None:
        """Note that the loop has changed this owner."""
        if self._touched is not None:
            self._touched.add((kind, owner))

    def read(self, sql: str, values: Sequence[Any], fn: Callable[[list[Any]], Any]) -> Pending:
        """Return a Pending of fn(rows)."""
        pending = Pending()

        def arrived(future: asyncio.Future[Any]) -> None:
            error = future.exception()
            if error is None:
                pending.resolve(future.result())
            else:
                pending.fail(Unavailable(f"{self._database.name}: {error}"))

        def rows() -> Any:
            return fn(self._opened().execute(sql, values).fetchall())

        self._database.loop.run_in_executor(self._thread, rows).add_done_callback(arrived)
        return pending

    def _opened(self) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = self._database.connect()
            self._connection.execute("PRAGMA query_only=1")
        return self._connection

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _look(self) -> None:
        self._database.writer_job(_changed).add_done_callback(self._looked)

    def _looked(self, future: asyncio.Future[bool]) -> None:
        changed = not future.cancelled() and future.exception() is None and future.result()
        if self._stopped:
            return
        if changed:
            self.noticed += 1
        if changed or self._again:
            database = self._database
            self._again = False
            self._touched = {(change.kind, change.owner) for change in database.under_way}
            database.loop.run_in_executor(self._thread, self._compare).add_done_callback(self._compared)
        else:
            self._timer = self._database.clock.call_later(INTERVAL, self._look)

    def _compare(self) -> tuple[list[Difference], int]:
        """In the thread: find where memory and file differ. Reads memory as it is at each moment; the loop looks again."""
        found: list[Difference] = []
        unreadable = 0
        connection = self._opened()
        for kind, table in tuple(self._database.tables.items()):
            rows, objects, seen = self._database.rows[kind], table.objects, set()
            for row in connection.execute(rows.select):
                seen.add(row[0])
                known = objects.get(row[0])
                if known is None or rows.row(known) != list(row):
                    try:
                        stored = rows.stored(row)
                    except Unreadable:
                        unreadable += 1
                        continue
                    if known is None or not rows.same(known, stored):
                        found.append((kind, stored.id, stored))
            found += [(kind, ident, None) for ident in tuple(objects) if ident not in seen]
        return found, unreadable

    def _compared(self, future: asyncio.Future[tuple[list[Difference], int]]) -> None:
        touched, self._touched = self._touched or set(), None
        if self._stopped:
            return
        if future.cancelled() or future.exception() is not None:
            self._again = True  # the file could not be read; it is compared when it can
        else:
            differences, unreadable = future.result()
            self._database.count_unreadable(unreadable)
            for kind, ident, stored in differences:
                self._again |= not self._adopt(kind, ident, stored, touched)
        self._database.changed_outside()
        self._timer = self._database.clock.call_later(INTERVAL, self._look)

    def _adopt(self, kind: str, ident: str, stored: Any, touched: set[tuple[str, str]]) -> bool:
        """Let memory be as the file; False if the loop was faster."""
        table = self._database.tables[kind]
        field = table.cls.owner or "id"
        known = table.objects.get(ident)
        owners = {getattr(one, field) for one in (known, stored) if one is not None}
        if any((kind, owner) in touched for owner in owners):
            return False
        for owner in owners:
            before = table.owned(owner)
            after = tuple(one for one in before if one is not known)
            if stored is not None and getattr(stored, field) == owner:
                after = (*after, stored)
                table.version = max(table.version, stored.version)
            table.replace(owner, before, after)
        return True


def _changed(writer: Writer) -> bool:
    return writer.changed()
