"""`sipline notify`: the running server sends a NOTIFY that nobody subscribed to, as phones want it to read their configuration anew."""

from __future__ import annotations

import sys
from contextlib import closing
from typing import TYPE_CHECKING

from pipeline.cli.client import Client
from pipeline.cli.table import show_table

if TYPE_CHECKING:
    from argparse import Namespace


def run(args: Namespace) -> int:
    """Send, wait for the answers, print them; 1 when nobody took it."""
    body = sys.stdin.read() if args.body == "-" else args.body
    with closing(Client.of(args)) as client:
        rows = client.rows("notify", to=args.to, event=args.event, body=body, type=args.type, state=args.state)
    show_table(rows, empty="no answer", as_json=args.json)
    return 0 if any(isinstance(row["status"], int) and 200 <= row["status"] < 300 for row in rows) else 1
