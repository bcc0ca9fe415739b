"""`sipline subscribe`: the running server watches something, here or elsewhere, and what it is told is printed."""

from __future__ import annotations

import json
from contextlib import closing
from typing import TYPE_CHECKING, Any

from pipeline.cli.client import Client
from pipeline.cli.table import cell
from pipeline.plain import plain

if TYPE_CHECKING:
    from argparse import Namespace


def run(args: Namespace) -> int:
    """Print until Ctrl-C, until it ends for good, or after the first NOTIFY (--once)."""
    with closing(Client.of(args)) as client:
        question = {"to": args.uri, "event": args.event, "accept": args.accept, "expires": args.expires, "from": args.author}
        for answer in client.ask("subscribe", **question):
            row = answer.get("heard")
            if row is None:
                continue
            if args.json:
                print(json.dumps(row), flush=True)
            else:
                print(shown(row), flush=True)
            if args.once:
                break
    return 0


def shown(row: dict[str, Any]) -> str:
    """Write what was told: it comes from somebody else, and controls no terminal."""
    uri, event, state, reason = (cell(row[name]) for name in ("uri", "event", "state", "reason"))
    text = f"{uri} {event}: {state}" + (f" ({reason})" if reason else "")
    body = plain(row["body"].replace("\r\n", "\n")).rstrip()
    return f"{text}\n{body}" if body else text
