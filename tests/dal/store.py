"""What the sqlite tests share: an engine as small as a store needs, contacts, a connection that fails or dies where it is told."""

import asyncio
import os
import sqlite3
from types import SimpleNamespace

from pipeline.plugins.sqlite.database import Database

from pipeline.clock import Clock
from pipeline.dal import Contact, Layer, Mapping

KINDS = ("endpoint", "auth", "aor", "contact", "identify", "domain")


class Engine:
    """plan.state, loop, clock, state(): nothing else is asked of it."""

    def __init__(self, loop, folder):
        self.loop = loop
        self.clock = Clock(loop)
        self.plan = SimpleNamespace(state=folder)
        self.states = {}

    def state(self, plugin, factory):
        name = type(plugin).__name__
        if name not in self.states:
            self.states[name] = factory()
        return self.states[name]


def opened(path, durability="commit", kinds=KINDS, **options):
    """Return (layer, database) over a file, on the running loop."""
    loop = asyncio.get_running_loop()
    database = Database(path, loop, Clock(loop), **{"gather": 0.001, **options})
    database.name = "sqlite"
    return Layer({kind: Mapping(("sqlite",), durability) for kind in kinds}, {"sqlite": database}), database


def contact(ident, aor="alice@example.com", **fields):
    return Contact(id=ident, aor=aor, uri=f"sip:{ident}@192.0.2.1", **fields)


def on_disk(path, sql="SELECT id FROM contact ORDER BY id"):
    """Read the file as any other program would."""
    connection = sqlite3.connect(path)
    try:
        return [row[0] if len(row) == 1 else row for row in connection.execute(sql)]
    finally:
        connection.close()


class Faulty(sqlite3.Connection):
    """A connection that does something at the n-th statement whose text begins so: raise, or end the process."""

    plan = {}  # statement's first word -> [how many go well, action before or after, "raise" or "die"]
    log = []

    def execute(self, sql, *args):
        word = sql.split(None, 1)[0]
        Faulty.log.append(sql)
        rule = Faulty.plan.get(word)
        if rule is None:
            return super().execute(sql, *args)
        if rule[0] > 0:
            rule[0] -= 1
            return super().execute(sql, *args)
        if rule[1] == "after":
            super().execute(sql, *args)
        if rule[2] == "die":
            os.kill(os.getpid(), 9)
        raise sqlite3.OperationalError("disk I/O error (injected)")


def faulty(*args, **options):
    return sqlite3.connect(*args, factory=Faulty, **options)
