"""One row of a drawing, letter by letter: what is written later stands on what was written before."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.text import Text


class Canvas:
    """One row."""

    def __init__(self, width: int) -> None:
        self._cells = [" "] * width
        self._styles = [""] * width

    def put(self, at: int, text: str, style: str = "") -> None:
        """Write at a place; what is beyond the row is not written."""
        for i, letter in enumerate(text, at):
            if 0 <= i < len(self._cells):
                self._cells[i], self._styles[i] = letter, style

    def centred(self, at: int, text: str, style: str = "", room: int = 0) -> None:
        """Write around a place, within the row and `room`."""
        width = len(self._cells)
        text = cut(text, min(room or width, width))
        self.put(max(0, min(at - len(text) // 2, width - len(text))), text, style)

    def onto(self, row: Text) -> Text:
        """Append the row to a text."""
        begin = 0
        for i in range(1, len(self._cells) + 1):
            if i == len(self._cells) or self._styles[i] != self._styles[begin]:
                row.append("".join(self._cells[begin:i]), self._styles[begin] or None)
                begin = i
        row.rstrip()
        return row


def cut(text: str, room: int) -> str:
    """Return at most so many characters."""
    return text if len(text) <= room else text[: max(room - 1, 0)] + "…"
