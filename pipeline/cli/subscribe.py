"""`sipline subscribe`: the running server watches something, here or elsewhere, and what it is told is printed."""

from __future__ import annotations

import json
from contextlib import closing
from typing import TYPE_CHECKING

from pipeline.cli.client import Client
from pipeline.cli.files import state_of

if TYPE_CHECKING:
    from argparse import Namespace


def run(args: Namespace) -> int:
    """Print until Ctrl-C, until it ends for good, or after the first NOTIFY (--once)."""
    with closing(Client.of(state_of(args))) as client:
        question = {"to": args.uri, "event": args.event, "accept": args.accept, "expires": args.expires, "from": args.author}
        for answer in client.ask("subscribe", **question):
            row = answer.get("heard")
            if row is None:
                continue
            if args.json:
                print(json.dumps(row), flush=True)
            else:
                why = f" ({row['reason']})" if row["reason"] else ""
                print(f"{row['uri']} {row['event']}: {row['state']}{why}", flush=True)
                if row["body"]:
                    print(row["body"].rstrip(), flush=True)
            if args.once:
                break
    return 0
