"""`sipline record`: the running server records a conversation, from now on, or no more."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from pipeline.cli.client import Client
from pipeline.cli.files import state_of

if TYPE_CHECKING:
    from argparse import Namespace


def run(args: Namespace) -> int:
    """Ask, and print what is recorded where."""
    with closing(Client.of(state_of(args))) as client:
        rows = client.rows("record", id=args.id, on=args.action == "start", name=args.name or "")
    for row in rows:
        print(f"recording {row['channel']} to {row['path']}" if row["path"] else f"{row['channel']} is not recorded any more")
    return 0
