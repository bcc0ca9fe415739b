"""The tables: made and brought up to date with sqlite-utils, which is imported only when there is something to make.

Rule: the columns are the attrs fields, so a field that a type gained is a column that is added; what else must change is a step in
MIGRATIONS, counted in PRAGMA user_version. A database of a newer Sipline is left alone. Importing sqlite-utils costs 250 ms, looking 20 us.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from pipeline.dal import Unavailable

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable
    from pathlib import Path

    from .rows import Rows

MIGRATIONS: tuple[Callable[[Any], None], ...] = ()
"""What took version n of the schema to n + 1, each a function of a sqlite_utils.Database; version 1 needed none."""

VERSION = 1 + len(MIGRATIONS)


def create_file(path: Path) -> None:
    """Make the file before SQLite does: it holds passwords, so only its owner may read it (its -wal and -shm take after it)."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    if hasattr(os, "posix_fadvise"):
        os.posix_fadvise(file, 0, 0, os.POSIX_FADV_WILLNEED)  # read ahead: users are looked up on the loop, from warm pages
    os.close(file)


def prepare(connection: sqlite3.Connection) -> None:
    """Make the database one of ours: write-ahead log, known version."""
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > VERSION:
        raise Unavailable(f"its schema is version {version}, of a newer Sipline; this one knows {VERSION}")
    if connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        connection.execute("PRAGMA journal_mode=WAL")
    if version < VERSION:
        if version:
            _migrate(connection, version)
        connection.execute(f"PRAGMA user_version={VERSION}")


def _migrate(connection: sqlite3.Connection, version: int) -> None:
    import sqlite_utils  # noqa: PLC0415

    database = sqlite_utils.Database(connection, execute_plugins=False)
    for step in MIGRATIONS[version - 1 :]:
        step(database)


def ensure(connection: sqlite3.Connection, rows: Rows) -> bool:
    """Make the table of a type and its indexes, or add what it lacks. Return whether there was anything to do."""
    there = {column[1] for column in connection.execute(f'PRAGMA table_info("{rows.kind}")')}
    if there >= set(rows.columns):
        return False
    import sqlite_utils  # noqa: PLC0415

    database = sqlite_utils.Database(connection, execute_plugins=False)
    table = database[rows.kind]
    if not there:
        table.create(rows.columns, pk="id", if_not_exists=True)  # type: ignore[union-attr,unused-ignore]
    for name, kind in rows.columns.items():
        if there and name not in there:
            table.add_column(name, kind)  # type: ignore[union-attr,unused-ignore]
    for name in (rows.cls.owner, *rows.cls.indexed):
        if name and name not in rows.several:
            table.create_index([name], if_not_exists=True)  # type: ignore[union-attr,unused-ignore]
    for name in rows.several:
        _index_values(connection, rows.kind, name)
    return True


def _index_values(connection: sqlite3.Connection, kind: str, name: str) -> None:
    """Keep the values of a list column in a table of their own, to be searched; triggers, so that any writer keeps it true."""
    side = f"{kind}_{name}"
    put = f'INSERT INTO "{side}" (value, id) SELECT DISTINCT value, NEW.id FROM json_each(NEW."{name}")'  # noqa: S608
    gone = f'DELETE FROM "{side}" WHERE id = '  # noqa: S608
    connection.executescript(f"""
        BEGIN IMMEDIATE;
        CREATE TABLE IF NOT EXISTS "{side}" (value TEXT, id TEXT, PRIMARY KEY (value, id)) WITHOUT ROWID;
        CREATE INDEX IF NOT EXISTS "idx_{side}_id" ON "{side}" (id);
        CREATE TRIGGER IF NOT EXISTS "{side}_insert" AFTER INSERT ON "{kind}" BEGIN {gone} NEW.id; {put}; END;
        CREATE TRIGGER IF NOT EXISTS "{side}_update" AFTER UPDATE OF id, "{name}" ON "{kind}" BEGIN {gone} OLD.id; {put}; END;
        CREATE TRIGGER IF NOT EXISTS "{side}_delete" AFTER DELETE ON "{kind}" BEGIN {gone} OLD.id; END;
        DELETE FROM "{side}";
        INSERT OR IGNORE INTO "{side}" (value, id) SELECT json_each.value, "{kind}".id FROM "{kind}", json_each("{kind}"."{name}");
        COMMIT;
    """)  # noqa: S608
