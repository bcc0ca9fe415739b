"""`sipline hangup`: the running server ends a channel, a call, a bridge, or all."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from pipeline.cli.client import Client

if TYPE_CHECKING:
    from argparse import Namespace


def run(args: Namespace) -> int:
    """Ask, and print what was ended."""
    with closing(Client.of(args)) as client:
        rows = client.rows("hangup", id=args.id)
    for row in rows:
        print(f"ended {row['channel']}")
    if not rows:
        print("no channels")
    return 0
