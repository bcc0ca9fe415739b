"""Rows of plain values as a rich table, or as JSON."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence


def show_table(rows: Sequence[dict[str, Any]], *, empty: str, as_json: bool = False) -> None:
    """Print rows of the same columns; `empty` when there is none."""
    if as_json:
        json.dump(list(rows), sys.stdout, indent=1, ensure_ascii=False)
        print()
        return
    if not rows:
        print(empty)
        return
    from rich.console import Console  # noqa: PLC0415  # 60 ms, and JSON needs none
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in rows[0]:
        numbers = all(isinstance(row[name], int | float) and not isinstance(row[name], bool) for row in rows)
        table.add_column(name, justify="right" if numbers else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell(value)) for value in row.values()))
    if sys.stdout.isatty():
        Console().print(table)
        print(f"\n{len(rows)} row{'s' if len(rows) != 1 else ''}")
    else:  # for programs: one line a row, however long
        Console(width=10_000).print(table)


def cell(value: Any) -> str:
    """Write one value; what came from the network cannot control the terminal."""
    from pipeline.trace.screen import plain  # noqa: PLC0415

    if isinstance(value, list):
        return ", ".join(cell(item) for item in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else plain(str(value))
