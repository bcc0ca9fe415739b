"""The plugin `logging`: a line for every message that meets the interceptors. What a line looks like stands in line.py.

Rule: cheap, and never in the way. Lines gather in memory and are written together, at most 0.2 s later and at the end; a disk that is
full loses lines, which is counted and told, and no message. Listed first it sees every message in as it came, and every one out as it goes.
"""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING, Any, ClassVar

import attrs

from pipeline import hookimpl, option, plugin

from .journal import Journal
from .line import Writer

if TYPE_CHECKING:
    from io import FileIO
    from pathlib import Path

    from pipeline import Message, Passage
    from pipeline.engine import Pipeline
    from pipeline.events import Event

EVERY = 0.2
"""Seconds that a line may wait for others: what a person who watches the file does not notice."""
MANY = 4096
"""Lines (about 0.7 MB) that are written at once, before the time has come."""
LOGGER = "sipline.messages"


@plugin
class Logging:
    """One line per message, to a file, the journal or the server's log."""

    stage: ClassVar[str] = "intercept"

    file: str = option(
        "", writes=True, help='file to append to, from the folder of this file; "" = the server\'s own log (logger "sipline.messages")'
    )
    journal: bool = option(False, sends=True, help="whether lines go to systemd's journal; with a `file`, to both")

    lost: int = attrs.field(init=False, default=0)
    """Lines that could not be written."""
    _engine: Any = attrs.field(init=False, default=None)
    _lines: list[str] = attrs.field(init=False, factory=list)
    _writer: Writer = attrs.field(init=False, factory=Writer)
    _timer: Any = attrs.field(init=False, default=None)
    _path: Path | None = attrs.field(init=False, default=None)
    _file: FileIO | None = attrs.field(init=False, default=None)
    _journal: Journal | None = attrs.field(init=False, default=None)
    _deaf: Any = attrs.field(init=False, default=None)
    _failing: bool = attrs.field(init=False, default=False)

    @hookimpl
    def start(self, engine: Pipeline) -> None:
        """Open the file or the journal; raises OSError when that cannot be."""
        self._engine = engine
        if self.file:
            self._path = engine.plan.path.parent / self.file
            self._file = self._open(self._path)
        if self.journal:
            self._journal = Journal(engine.name_of(self))
        self._deaf = engine.bus.listen("log.reopen", self._reopen)

    @hookimpl
    def intercept(self, message: Message, passage: Passage) -> None:
        """Log what came."""
        self._add(self._writer.line(self._engine.clock.time(), message, passage, out=False))

    @hookimpl
    def intercept_out(self, message: Message, passage: Passage) -> None:
        """Log what goes."""
        self._add(self._writer.line(self._engine.clock.time(), message, passage, out=True))

    @hookimpl
    def stop(self) -> None:
        """Write what is left and close."""
        if self._deaf is not None:
            self._deaf()
        self._flush()
        if self._file is not None:
            self._file.close()
            self._file = None
        if self._journal is not None:
            self._journal.close()
            self._journal = None

    def stats(self) -> dict[str, int]:
        """Return the counters that `sipline show stats` shows."""
        return {"lost": self.lost + (self._journal.lost if self._journal is not None else 0)}

    def _add(self, line: str) -> None:
        lines = self._lines
        lines.append(line)
        if self._timer is None:
            self._timer = self._engine.clock.call_later(EVERY, self._flush)
        elif len(lines) >= MANY:
            self._flush()

    def _flush(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        lines = self._lines
        if not lines:
            return
        self._lines = []
        if self._journal is not None:
            self._journal.write(lines)
        if self._path is not None:
            self._write(lines)
        elif self._journal is None:
            logger = logging.getLogger(LOGGER)
            if logger.isEnabledFor(logging.INFO):
                for line in lines:
                    logger.info("%s", line)

    def _write(self, lines: list[str]) -> None:
        """Append the lines in one piece, so that several writers of one file do not mix theirs."""
        try:
            if self._file is None and self._path is not None:
                self._file = self._open(self._path)
            if self._file is not None:
                self._file.write(("\n".join(lines) + "\n").encode("utf-8", "replace"))
            self._failing = False
        except OSError as error:
            self.lost += len(lines)
            if not self._failing:  # once, not five times a second
                self._failing = True
                self._engine.tell("log.failed", file=str(self._path), error=str(error))

    def _reopen(self, event: Event) -> None:
        """Write to a new file of the same name: the old one was moved away (logrotate)."""
        self._flush()
        if self._file is not None:
            self._file.close()
            self._file = None

    @staticmethod
    def _open(path: Path) -> FileIO:
        # Unbuffered: the lines are our buffer. 0640: it says who calls whom.
        return open(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o640), "ab", buffering=0)  # noqa: PTH123
