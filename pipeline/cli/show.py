"""`sipline show`: what the running server holds and does."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pipeline.cli.client import Client
from pipeline.cli.table import cell, json_of, show_table

if TYPE_CHECKING:
    from argparse import Namespace

EMPTY = {
    "contacts": "no contacts: no phone is registered",
    "endpoints": "no endpoints: add one with `sipline user add NAME`",
    "transactions": "no transactions at work",
    "servants": "no servant at work",
    "channels": "no channels",
    "bridges": "no bridges",
    "calls": "no calls",
    "bans": "no bans",
    "mailboxes": "no mailbox is in use yet",
    "subscriptions": "nobody watches anything, or `pubsub` is not listed",
    "publications": "nothing is published, or `pubsub` is not listed",
    "messages": "no messages wait: everything is delivered, or [dal] names no backend for message",
    "cdr": "no call in the last day, or [dal] names no backend for cdr",
}


def run(args: Namespace) -> int:
    """Ask and print."""
    client = Client.of(args)
    rows = client.rows("show", what=args.what)
    client.close()
    if args.what != "stats":
        if args.what == "contacts" and not args.json:
            for row in rows:
                row["expires"] = f"{row['expires']} s"
        elif not args.json:
            rows = [short(row) for row in rows]
        show_table(rows, empty=EMPTY.get(args.what, "nothing"), as_json=args.json)
    elif args.json:
        print(json_of(rows[0]))
    else:
        _stats(rows[0])
    return 0


def short(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row as a line of a table: what is nested is for JSON alone, times are of this place."""
    short = {name: value for name, value in row.items() if not isinstance(value, dict)}
    if "since" in short:
        short["since"] = datetime.fromtimestamp(short["since"], UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    if "begun" in short:
        short["begun"] = datetime.fromtimestamp(short["begun"], UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    return short


def _stats(stats: dict[str, Any]) -> None:
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="bold")
    table.add_column()
    table.add_column(justify="right", overflow="fold")
    for name, value in stats.items():
        begun = False
        for path, leaf in _leaves(value):
            table.add_row("" if begun else name, Text(cell(path)), Text(cell(leaf)))
            begun = True
    Console().print(table)


def _leaves(value: Any, path: str = "") -> list[tuple[str, Any]]:
    if not isinstance(value, dict):
        return [(path, value)]
    return [leaf for key, inner in value.items() for leaf in _leaves(inner, f"{path}.{key}" if path else str(key))]
