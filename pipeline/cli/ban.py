"""`sipline ban list|add|remove`: through the running server when there is one, which obeys at once; else in its stores."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

from pipeline.cli import Failed
from pipeline.cli.client import Client
from pipeline.cli.files import plan_of
from pipeline.cli.table import show_table

if TYPE_CHECKING:
    from argparse import Namespace

    from pipeline.engine import Pipeline

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def seconds_of(text: str) -> float:
    """Read "90", "15m", "2h" or "7d"; raises ValueError."""
    number, unit = (text[:-1], UNITS[text[-1]]) if text and text[-1] in UNITS else (text, 1)
    seconds = float(number) * unit
    if not 0 < seconds < 1e10:
        raise ValueError(text)
    return seconds


def run(args: Namespace) -> int:
    """Do one of the three."""
    if args.action == "add":
        rows = _ask(args, "bans.add", source=args.source, seconds=_seconds(args.time), reason=args.reason or "")
        print(f"banned {rows[0]['source']} {_left(rows[0])}")
    elif args.action == "remove":
        rows = _ask(args, "bans.remove", source=args.source)
        for row in rows:
            print(f"lifted the ban of {row['source']}")
        if not rows:
            print("no bans")
    else:
        rows = _ask(args, "show", what="bans")
        show_table(rows if args.json else [shown(row) for row in rows], empty="no bans", as_json=args.json)
    return 0


def shown(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row as a person reads it."""
    return {"source": row["source"], "left": _left(row), "by": row["by"], "reason": row["reason"]}


def _left(row: dict[str, Any]) -> str:
    return "until it is lifted" if row["seconds"] is None else f"for {row['seconds']} s"


def _seconds(text: str | None) -> float:
    if text is None:
        return 0.0
    try:
        return seconds_of(text)
    except ValueError:
        raise Failed(f"{text!r} is no time: write 90 (seconds), 15m, 2h or 7d") from None


def _ask(args: Namespace, do: str, **more: Any) -> list[dict[str, Any]]:
    client = Client.unless_offline(args)
    if client is not None:
        with closing(client):
            return client.rows(do, **more)
    from pipeline.cli.offline import offline  # noqa: PLC0415  # the engine, which a question to a server does not need
    from pipeline.control import bans  # noqa: PLC0415
    from pipeline.dal import StorageError  # noqa: PLC0415

    async def work(engine: Pipeline) -> list[dict[str, Any]]:
        if do == "bans.add":
            return await bans.add(engine, more)
        if do == "bans.remove":
            return await bans.remove(engine, more["source"])
        return list(await bans.listed(engine))

    try:
        rows: list[dict[str, Any]] = offline(plan_of(args), work)
    except (StorageError, LookupError, ValueError, OSError) as error:
        raise Failed(str(error)) from None
    return rows
