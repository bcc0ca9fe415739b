"""The server's log: to standard error or a file, with Python's logging; what the event bus tells of failures is written there too.

One line per message is the business of the plugin `logging`; this is about the server itself. A plugin that fails on every message must
not fill the disk: each failure is written once in a while, and counted in between (`sipline show stats` has the exact numbers).
"""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.cli import Failed
from pipeline.plain import plain
from pipeline.sip.passwords import passwordless

if TYPE_CHECKING:
    from argparse import Namespace

    from pipeline.config.plan import Plan
    from pipeline.engine import Pipeline
    from pipeline.events import Event

LOG = logging.getLogger("sipline")
PAUSE = 10.0
"""Seconds for which the same failure is only counted."""
FAILURES = 1000
"""Different failures that are told apart."""


class Plain(logging.Formatter):
    """Entries as text that any terminal and UTF-8 can hold, without passwords: exceptions quote what came from the network."""

    def format(self, record: logging.LogRecord) -> str:
        """Write an entry."""
        return plain(passwordless(super().format(record)))


def log_as(args: Namespace, plan: Plan) -> None:
    """Log as the command line says, else the file. Opens the log anew, so that logrotate may have moved the former one away.

    A relative path on the command line is from the working directory, as in every program; one in the file is from its folder.
    """
    named = plan.options.log_file
    file = Path(args.log_file) if args.log_file else plan.document.folder / named if named else None
    configure(args.log_level or plan.options.log_level, file)


def configure(level: str, file: Path | None) -> None:
    """Send the log where it belongs."""
    handler: logging.Handler
    if file is None:
        handler = logging.StreamHandler(sys.stderr)
    else:
        try:
            # 0640, made before Python would make it 0644: the lines of the plugin `logging` may come here, and say who calls whom.
            os.close(os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640))
            handler = logging.FileHandler(file, encoding="utf-8")
        except OSError as error:
            raise Failed(f"log file {file}: {error.strerror}") from None
    handler.setFormatter(Plain("%(asctime)s %(levelname)-7s %(message)s"))
    root = logging.getLogger()
    former, root.handlers[:] = root.handlers[:], [handler]
    for each in former:
        if isinstance(each, logging.FileHandler):
            each.close()
    root.setLevel(level.upper())
    logging.getLogger("asyncio").setLevel("WARNING")


class Failures:
    """Writes what failed, once in a while."""

    def __init__(self, engine: Pipeline) -> None:
        self._last: dict[tuple[str, str, str], tuple[float, int]] = {}
        engine.bus.listen("step.failed", self._failed)
        engine.bus.listen("send.failed", lambda event: LOG.debug("not sent by %s: %s", event.fields["flow"], event.fields["error"]))
        engine.bus.listen("answer.too_large", self._too_large)
        engine.bus.listen("overload", self._overload)
        engine.bus.listen("identify.unreadable", self._unreadable)

    @staticmethod
    def _overload(event: Event) -> None:
        what, value, limit = event.fields["what"], event.fields["value"], event.fields["limit"]
        LOG.warning("%s: %s is %.4g (limit %.4g); the loop runs %.2f s late", event.name, what, value, limit, event.fields["lag"])

    def _unreadable(self, event: Event) -> None:
        ident, error = event.fields["id"], event.fields["error"]
        if self._more(event, (event.name, ident, error)) is not None:
            LOG.warning("identify %s in a store names a source that is none, and whoever comes from there is a stranger: %s", ident, error)

    def _failed(self, event: Event) -> None:
        fields = event.fields
        more = self._more(event, (fields["stage"], fields["plugin"], fields["error"]))
        if more is not None:
            LOG.error("%s failed in %s: %s%s", fields["plugin"], fields["stage"], fields["error"], more, exc_info=fields.get("exception"))

    def _too_large(self, event: Event) -> None:
        more = self._more(event, (event.name, "", ""))
        if more is not None:
            text = "an answer of %d octets is too large for a datagram: 513 went to %s in its place%s"
            LOG.warning(text, event.fields["octets"], event.fields["flow"], more)

    def _more(self, event: Event, key: tuple[str, str, str]) -> str | None:
        """Return how many of a kind were not written since the last one that was; None when this one is not either."""
        at, count = self._last.get(key, (float("-inf"), 0))
        if event.time - at < PAUSE:
            self._last[key] = (at, count + 1)
            return None
        if len(self._last) >= FAILURES:
            self._last.clear()
        self._last[key] = (event.time, 0)
        return f" ({count} more since)" if count else ""
