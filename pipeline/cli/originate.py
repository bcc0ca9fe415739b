"""`sipline originate`: the running server calls somebody, and connects him with another party or with an extension."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from pipeline.cli.client import Client
from pipeline.cli.table import show_table

if TYPE_CHECKING:
    from argparse import Namespace


def run(args: Namespace) -> int:
    """Ask, wait until it is answered, print the channels. Ctrl-C ends the waiting, not the call."""
    with closing(Client.of(args)) as client:
        rows = client.rows("originate", target=args.target, to=args.to, extension=args.extension, caller=args.caller, seconds=args.timeout)
    show_table(rows, empty="answered, and over already", as_json=args.json)
    return 0
