"""The one thread that writes: takes what has gathered and makes it one transaction, with one fsync for all (group commit).

Rule: a batch is written whole or not at all. Every statement carries many rows, because the interpreter's lock changes hands at each:
a row at a time would cost the loop more than SQLite. Runs in its own thread and knows nothing of the loop.
"""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any

from pipeline.dal import Conflict, StorageError, Unavailable, version_of

from .rows import storable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .rows import Rows

SYNCHRONOUS = {"commit": "FULL", "behind": "NORMAL", "none": "OFF"}
"""What durability means to SQLite: fsync of the log at each commit, at each checkpoint only, never.

Never is for a file that nothing else is kept in: a checkpoint brings the whole log into the database, and where it syncs neither, a power
cut takes with it what other types had committed and synced (https://www.sqlite.org/pragma.html#pragma_synchronous).
"""

CHUNKS = (64, 16, 4, 1)
"""Rows per statement: few sizes, so that all of them stay prepared."""


class Change:
    """One change() on its way to the disk."""

    __slots__ = ("after", "before", "deletes", "durability", "if_version", "kind", "owner", "pending", "puts", "stamps")

    def __init__(self, kind: str, owner: str, puts: Sequence[Any], deletes: Sequence[str], durability: str) -> None:
        self.kind = kind
        self.owner = owner
        self.puts = puts
        self.deletes = deletes
        self.durability = durability
        self.if_version: int | None = None  # to be compared with what is on the disk; a hot type was compared in memory
        self.before: tuple[Any, ...] | None = None  # hot types: what memory goes back to
        self.after: Any = None
        self.stamps: list[tuple[Any, str, int]] = []  # other types: what the objects' stamps go back to
        self.pending: Any = None


class Writer:
    """The connection that writes."""

    def __init__(self, connect: Callable[[], sqlite3.Connection], rows: dict[str, Rows]) -> None:
        self._connect = connect
        self._rows = rows
        self.careful = True
        """Whether the file holds types that a power cut may not take: nothing is written there without syncing checkpoints."""
        self._connection: sqlite3.Connection | None = None
        self._synchronous = ""
        self._seen: int | None = None

    def write(self, batch: list[Change]) -> list[StorageError | None]:
        """Write a batch; return the error of each change that could not be part of it. Raises Unavailable when nothing was written."""
        try:
            try:
                return self._write(self._opened(), batch, {})
            except (ValueError, TypeError, OverflowError) as error:  # a value that cannot be bound: once more, looking at each
                self._recover(error)
                return self._write(self._opened(), batch, self._unstorable(batch), careful=True)
        except Exception as error:
            self._recover(error)
            raise Unavailable(f"the database cannot be written: {error}") from error

    def changed(self) -> bool:
        """Whether another process has committed since this was asked last."""
        try:
            seen: int = self._opened().execute("PRAGMA data_version").fetchone()[0]
        except sqlite3.Error as error:
            self._recover(error)
            return False
        changed, self._seen = seen != self._seen, seen
        return changed

    def close(self) -> None:
        """Close the connection; the last one of all brings the log into the database."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _write(
        self, connection: sqlite3.Connection, batch: list[Change], unstorable: dict[tuple[str, str], StorageError], *, careful: bool = False
    ) -> list[StorageError | None]:
        level = next(SYNCHRONOUS[name] for name in SYNCHRONOUS if any(change.durability == name for change in batch))
        if level == "OFF" and self.careful:
            level = "NORMAL"
        if level != self._synchronous:
            connection.execute(f"PRAGMA synchronous={level}")
            self._synchronous = level
        connection.execute("BEGIN IMMEDIATE")
        refused: list[StorageError | None] = []
        last: dict[str, dict[str, Any]] = {}  # kind -> id -> its last object, or None: gone
        there = self._versions(connection, batch)
        for change in batch:
            error = unstorable.get((change.kind, change.owner))
            if error is None and change.before is None:
                error = self._conflict(connection, change, last.get(change.kind, {}), there)
            refused.append(error)
            if error is None:
                rows = last.setdefault(change.kind, {})
                for ident in change.deletes:
                    rows[ident] = None
                for stored in change.puts:
                    rows[stored.id] = stored
        for kind, rows in last.items():
            self._statements(connection, self._rows[kind], rows, careful=careful)
        connection.execute("COMMIT")
        return refused

    def _statements(self, connection: sqlite3.Connection, rows: Rows, last: dict[str, Any], *, careful: bool) -> None:
        read = rows.careful if careful else rows.row
        gone = [storable(ident) if careful else ident for ident, stored in last.items() if stored is None]
        for values in _chunked(gone):
            connection.execute(rows.delete(len(values)), values)
        for objects in _chunked([stored for stored in last.values() if stored is not None]):
            connection.execute(rows.upsert(len(objects)), [value for stored in objects for value in read(stored)])

    def _unstorable(self, batch: list[Change]) -> dict[tuple[str, str], StorageError]:
        """Find the changes that SQLite cannot hold; all of an owner's, since the later ones were made upon the first."""
        found: dict[tuple[str, str], StorageError] = {}
        for change in batch:
            try:
                for stored in change.puts:
                    self._rows[change.kind].careful(stored)
            except (ValueError, TypeError, OverflowError) as error:
                found[change.kind, change.owner] = Unavailable(f"it cannot be stored: {error}")
        return found

    def _versions(self, connection: sqlite3.Connection, batch: list[Change]) -> dict[tuple[str, str], int]:
        """Read, many at a time, the versions on the disk of what stands alone and will be compared: ten thousand users may be one batch."""
        asked: dict[str, dict[str, None]] = {}
        for change in batch:
            if change.before is None and not self._rows[change.kind].cls.owner:
                asked.setdefault(change.kind, {})[change.owner] = None
        found: dict[tuple[str, str], int] = {}
        for kind, idents in asked.items():
            for values in _chunked([storable(ident) for ident in idents]):
                sql = f'SELECT id, version FROM "{kind}" WHERE id IN ({", ".join("?" * len(values))})'  # noqa: S608
                found.update(((kind, ident), version or 0) for ident, version in connection.execute(sql, values).fetchall())
        return found

    def _conflict(
        self, connection: sqlite3.Connection, change: Change, last: dict[str, Any], versions: dict[tuple[str, str], int]
    ) -> Conflict | None:
        """Compare with what is there: on the disk, and earlier in this batch."""
        rows = self._rows[change.kind]
        field = rows.cls.owner or "id"
        known: dict[str, Any]
        if rows.cls.owner:
            sql = f'SELECT id, version FROM "{change.kind}" WHERE "{field}" = ?'  # noqa: S608
            there = connection.execute(sql, (change.owner,)).fetchall()
            known = {ident: _Seen(version or 0) for ident, version in there if ident not in last}
            known |= {ident: stored for ident, stored in last.items() if stored is not None and getattr(stored, field) == change.owner}
        elif change.owner in last:
            stored = last[change.owner]
            known = {} if stored is None else {change.owner: stored}
        else:
            version = versions.get((change.kind, storable(change.owner)))
            known = {} if version is None else {change.owner: _Seen(version)}
        if change.if_version is not None and version_of(tuple(known.values())) != change.if_version:
            return Conflict(f"{change.kind} {change.owner!r} was changed by someone else")
        for stored in change.puts:
            if stored.id not in known and rows.cls.owner:
                taken = last.get(stored.id) or connection.execute(f'SELECT 1 FROM "{change.kind}" WHERE id = ?', (stored.id,)).fetchone()  # noqa: S608
                if taken is not None and not (stored.id in last and last[stored.id] is None):
                    return Conflict(f"{change.kind} {stored.id!r} belongs to another {rows.cls.owner}")
        return None

    def _opened(self) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = self._connect()
            self._synchronous = ""
        return self._connection

    def _recover(self, error: Exception) -> None:
        """Leave the transaction. After anything but a lock the connection goes too: what it thinks is on the disk may not be."""
        connection, code = self._connection, getattr(error, "sqlite_errorcode", 0) & 0xFF
        if connection is None:
            return
        try:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                return
        except sqlite3.Error:
            pass  # it is closed now in any case
        self._connection = self._seen = None
        connection.close()


class _Seen:
    __slots__ = ("version",)

    def __init__(self, version: int) -> None:
        self.version = version


def _chunked(items: list[Any]) -> list[list[Any]]:
    chunks, begin = [], 0
    for size in CHUNKS:
        while len(items) - begin >= size:
            chunks.append(items[begin : begin + size])
            begin += size
    return chunks
