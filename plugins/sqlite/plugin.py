"""The plugin `sqlite`: its options, and the life of its database."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import attrs

from pipeline import hookimpl, option, plugin

from .database import Database

if TYPE_CHECKING:
    from pipeline.dal import Backend
    from pipeline.engine import Pipeline


@plugin
class Sqlite:
    """Objects in an SQLite file that other programs may open meanwhile; contacts survive a restart, a crash and kill -9."""

    stage: ClassVar[str] = "integration"
    after: ClassVar[tuple[str, ...]] = ("toml",)
    fixed: ClassVar[tuple[str, ...]] = ("path", "cache", "timeout")

    path: str = option(default="sipline.db", writes=True, help="the database file; relative to the state directory")
    gather: float = option(
        default=0.01, unit="s", validator=attrs.validators.ge(0), help="how long a write waits for others to share its fsync"
    )
    backlog: int = option(default=100_000, validator=attrs.validators.ge(1), help="changes that may wait for the disk; more are refused")
    cache: int = option(default=20_000, validator=attrs.validators.ge(1), help="answers remembered per type that is not held in memory")
    timeout: float = option(
        default=1.0, unit="s", validator=attrs.validators.ge(0), help="how long another process may keep the file locked"
    )

    @hookimpl
    def store(self, engine: Pipeline) -> Backend:
        """Return the database; it is the engine's, so that a reload keeps it open."""
        database: Database = engine.state(self, lambda: self._make(engine))
        return database

    @hookimpl
    def start(self, engine: Pipeline) -> None:
        """Begin to notice what other processes change."""
        database: Database = engine.state(self, lambda: self._make(engine))
        database.tune(self.gather, self.backlog)
        database.start()

    @hookimpl
    async def stop(self, engine: Pipeline) -> None:
        """Write what waits, close the file."""
        await engine.state(self, lambda: self._make(engine)).stop()

    def _make(self, engine: Pipeline) -> Database:
        path = engine.plan.state / self.path
        return Database(path, engine.loop, engine.clock, gather=self.gather, backlog=self.backlog, cache=self.cache, timeout=self.timeout)
