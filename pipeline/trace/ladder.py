"""Ladders on a terminal: one for each call, the server between the first party and the others, each message an arrow.

    3f2a                  alice                  sipline                   bob
    3f2a  +0.002            │ ←─ 100 Trying ───── ║
    3f2a  +0.004            │                     ║ ──── INVITE SDP ────→  │

Rule: it draws what stands in the records and asks nobody, so `sipline trace ladder` draws in its own process. Several calls at once: the
lines of one call stay together within a turn, each begins with the call's id, and the names are said again where another call was between.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from pipeline.trace.drawing import Drawing

if TYPE_CHECKING:
    from rich.console import Console

    from pipeline.trace.record import Record

GROUP = 200
"""Records of one turn that are drawn together."""
CALLS = 4000
"""Calls whose ladders are known: as many legs as the server knows."""


class Ladder:
    """Draws the records of calls on a console; others it leaves alone."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._drawings: dict[str, Drawing] = {}
        self._turn: dict[str, list[Record]] = {}
        self._waiting = 0
        self._last: Drawing | None = None

    def show(self, record: Record) -> None:
        """Take one record; it is drawn at the end of the turn."""
        call = record.get("call")
        if not call:
            return
        if was := record.get("was"):  # the core knows it now
            if was in self._drawings:
                self._drawings[call] = self._drawings.pop(was)
            if was in self._turn:
                self._turn[call] = self._turn.pop(was)
        self._turn.setdefault(call, []).append(record)
        self._waiting += 1
        if self._waiting >= GROUP:
            self.flush()

    def flush(self) -> None:
        """Draw what the turn has brought, call by call."""
        turn, self._turn, self._waiting = self._turn, {}, 0
        for call, records in turn.items():
            drawing = self._drawings.get(call)
            if drawing is None:
                if len(self._drawings) >= CALLS:
                    del self._drawings[next(iter(self._drawings))]
                drawing = self._drawings[call] = Drawing(call)
            for row in drawing.rows(records, self._console.width, again=drawing is not self._last):
                self._console.print(row, soft_wrap=True, highlight=False)
            self._last = drawing

    def gap(self, count: int) -> None:
        """Say that messages are missing here."""
        self.flush()
        self._console.print(Text(f"⋯ {count} message{'s' if count != 1 else ''} not shown", "bold magenta"), soft_wrap=True)

    def close(self) -> None:
        """Draw what is left."""
        self.flush()
