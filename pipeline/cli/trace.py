"""`sipline trace`: watch the running server. The drawing is done here, in this process; the server only describes."""

from __future__ import annotations

import base64
import contextlib
import sys
from typing import TYPE_CHECKING

from pipeline.cli.client import Client
from pipeline.cli.sinks import depth_of, filter_of, sinks_of

if TYPE_CHECKING:
    from argparse import Namespace


def run(args: Namespace) -> int:
    """Draw until Ctrl-C, or until the server goes."""
    chosen = args.view or args.as_run or "lines"
    view = None if args.quiet else chosen
    wanted = filter_of(args)
    client = Client.of(args)
    sinks = sinks_of(args, view)
    try:
        for answer in client.ask("trace", depth=depth_of(args, view), filter=wanted.as_dict(), data=bool(args.pcap)):
            if "watching" in answer:
                print(f"watching {answer['watching']}; Ctrl-C ends", file=sys.stderr)
                continue
            record = answer.get("record")
            for sink in sinks:
                if "turn" in answer:
                    pass
                elif record is None:
                    sink.gap(answer["gap"])
                else:
                    if isinstance(record.get("data"), str):
                        record["data"] = base64.b64decode(record["data"])
                    sink.show(record)
                if view != "ladder" or record is None:  # ladders are drawn turn by turn
                    sink.flush()
        print("the server has gone", file=sys.stderr)
    except KeyboardInterrupt:
        return 0
    finally:
        client.close()
        for sink in sinks:
            with contextlib.suppress(OSError):
                sink.close()
    return 1
