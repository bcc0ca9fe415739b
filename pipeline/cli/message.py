"""`sipline message`: the running server sends a message to somebody."""

from __future__ import annotations

import sys
from contextlib import closing
from typing import TYPE_CHECKING

from pipeline.cli.client import Client
from pipeline.cli.table import show_table

if TYPE_CHECKING:
    from argparse import Namespace


def run(args: Namespace) -> int:
    """Ask, wait until it is delivered or kept, say which."""
    text = sys.stdin.read() if args.text == "-" else args.text
    asked = {"to": args.to, "text": text, "from": args.author, "type": args.type, "expires": args.expires}
    with closing(Client.of(args)) as client:
        rows = client.rows("message", **asked)
    show_table(rows, empty="sent", as_json=args.json)
    return 0
