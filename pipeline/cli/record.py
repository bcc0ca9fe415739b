"""`sipline record`: the running server records a conversation, from now on, or no more."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

from pipeline.cli.client import Client

if TYPE_CHECKING:
    from argparse import Namespace


def run(args: Namespace) -> int:
    """Ask, and print what is recorded where."""
    with closing(Client.of(args)) as client:
        rows = client.rows("record", id=args.id, on=args.action == "start", name=args.name or "")
    for row in rows:
        print(said(row))
    return 0


def said(row: dict[str, Any]) -> str:
    """Say what is recorded where; nothing is written while somebody is in no conversation."""
    if not row["path"]:
        return f"{row['channel']} is not recorded any more"
    if not row["writes"]:
        return f"{row['channel']} is in no conversation; from when it is, it will be recorded to {row['path']}"
    return f"recording {row['channel']} to {row['path']}"
