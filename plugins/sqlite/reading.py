"""Reading on the loop: the connection, whole tables of hot types, single rows and short lists of the others, and what is remembered.

Rule: one row by its key from a warm page is 10 us, less than a thread would cost, and what is asked again comes from a cache.
"""

from __future__ import annotations

import gc
import sqlite3
from typing import TYPE_CHECKING, Any

from pipeline.dal import TYPES, Table, Unavailable, Unstored

from . import schema
from .cache import UNKNOWN, Cache
from .rows import Rows, Unreadable, storable

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .database import Database


class Reading:
    """What the loop reads of one file."""

    def __init__(self, database: Database, path: Path, connect: Callable[[], sqlite3.Connection], cache: int) -> None:
        self.rows: dict[str, Rows] = {}
        self.tables: dict[str, Table] = {}
        """Hot types, whole."""
        self.caches: dict[str, Cache] = {}
        self.version = int(database.clock.time() * 1e6)
        """Higher than all that was ever given, also by another process."""
        self.unreadable = 0
        self._database = database
        self._path = path
        self._connect = connect
        self._cache = cache
        self._connection: sqlite3.Connection | None = None

    def serve(self, kind: str) -> None:
        """Make the type's table in the file if need be; load it if the type is hot. Raises Unavailable."""
        database = self._database
        try:
            connection = self.opened()
            rows = Rows(TYPES[kind], database.name)
            if schema.ensure(connection, rows):
                database.ours()
            if rows.cls.hot:
                self.tables[kind] = self._load(connection, rows)
            else:
                self.caches[kind] = Cache(self._cache)
                newest = connection.execute(f'SELECT max(version) FROM "{kind}"').fetchone()[0]  # noqa: S608
                self.version = max(self.version, newest or 0)
        except (sqlite3.Error, OSError, Unavailable) as error:
            raise Unavailable(f"{database.name}: {self._path}: {error}") from error
        self.rows[kind] = rows

    def opened(self) -> sqlite3.Connection:
        """Return the connection; the first time the file is made and brought up to date."""
        if self._connection is None:
            schema.create_file(self._path)
            connection = self._connect()
            try:
                schema.prepare(connection)
            except BaseException:
                connection.close()
                raise
            self._connection = connection
            self._database.ours()  # what is changed from now on, after it is loaded, will be noticed
        return self._connection

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()

    def _load(self, connection: sqlite3.Connection, rows: Rows) -> Table:
        table = Table(rows.cls, self._database.name, self.version)
        collecting = gc.isenabled()
        gc.disable()  # a hundred thousand objects that all stay: looking for garbage among them doubles the time
        try:
            for row in connection.execute(rows.select):
                try:
                    table.load(rows.stored(row))
                except Unreadable:
                    self.unreadable += 1
        finally:
            if collecting:
                gc.enable()
        return table

    def rows_of(self, kind: str) -> Rows:
        """Return how objects of a type are written; raises Unstored."""
        if (rows := self.rows.get(kind)) is None:
            raise Unstored(f"{self._database.name} does not hold the type {kind!r}")
        return rows

    def known(self, kind: str, question: Any, name: str, value: str) -> tuple[Any, ...]:
        """Return the objects whose field `name` is `value`: remembered as the answer to `question`, else read. Raises Unavailable."""
        rows = self.rows_of(kind)
        cache = self.caches[kind]
        answer = cache.get(question)
        if answer is not UNKNOWN:
            known: tuple[Any, ...] = answer
            return known
        fields = {name: value}
        sql, values = (rows.select_one, [storable(value)]) if name == "id" else rows.where(fields)
        try:
            # fetchall: a statement that was not read to its end would hold its snapshot, and the log could not be shortened
            found = rows.chosen(self.opened().execute(sql, values).fetchall(), fields)
        except (sqlite3.Error, ValueError) as error:
            raise Unavailable(f"{self._database.name}: {error}") from error
        cache.put(question, found)
        return found

    def forget(self) -> None:
        """Forget what was read."""
        for cache in self.caches.values():
            cache.forget()
