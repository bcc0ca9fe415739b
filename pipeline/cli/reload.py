"""`sipline reload`: have the running server read pipeline.toml again. Prints what changed, or what `check` says and nothing changes."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from pipeline.cli.client import Client

if TYPE_CHECKING:
    from argparse import Namespace


def run(args: Namespace) -> int:
    """Ask; exit status 2 when the file is wrong."""
    client = Client.of(args)
    try:
        answers = client.rows("reload")
    finally:
        client.close()
    for row in answers:
        if "problems" in row:
            print(row["problems"], file=sys.stderr)
            print("sipline: not reloaded, the server goes on as before", file=sys.stderr)
            return 2
        warning = row["change"].startswith("warning: ")
        print(row["change"], file=sys.stderr if warning else sys.stdout)
    if all(row["change"].startswith("warning: ") for row in answers):
        print("nothing has changed")
    return 0
