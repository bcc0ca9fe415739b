"""Rows of plain values as a table, or as JSON."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

from pipeline.plain import plain

if TYPE_CHECKING:
    from collections.abc import Sequence


def show_table(rows: Sequence[dict[str, Any]], *, empty: str, as_json: bool = False) -> None:
    """Print rows of the same columns; `empty` when there is none. Not by rich's Table: 100,000 rows take it 30 seconds."""
    if as_json:
        print(json_of(list(rows)))
        return
    if not rows:
        print(empty)
        return
    names = list(rows[0])
    cells = [[name.replace("_", " ") for name in names], *([cell(value) for value in row.values()] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    right = [all(isinstance(row[name], int | float) and not isinstance(row[name], bool) for row in rows) for name in names]
    lines = ("  ".join(text.rjust(w) if r else text.ljust(w) for text, w, r in zip(line, widths, right, strict=True)) for line in cells)
    if sys.stdout.isatty():
        print(f"\x1b[1m{next(lines).rstrip()}\x1b[0m")
    sys.stdout.writelines(line.rstrip() + "\n" for line in lines)
    if sys.stdout.isatty():
        print(f"\n{len(rows)} row{'s' if len(rows) != 1 else ''}")


def cell(value: Any) -> str:
    """Write one value; what came from the network cannot control the terminal."""
    if isinstance(value, list):
        return ", ".join(cell(item) for item in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else _line(plain(str(value)))


def _line(text: str) -> str:
    """Return a text that fits one line and any terminal: no line feed of somebody's name begins a row of its own."""
    if text.isascii() and text.isprintable():
        return text
    return text.replace("\n", "\\n").replace("\t", "\\t").encode("utf-8", "backslashreplace").decode()


def json_of(value: Any) -> str:
    """Write JSON to be read by people and programs: octets that were never UTF-8 are written as escapes."""
    return json.dumps(value, indent=1, ensure_ascii=False).encode("utf-8", "backslashreplace").decode()
