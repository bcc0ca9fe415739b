"""Where `run --trace` and `sipline trace` send records: the screen and the files that were asked for."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from pipeline.cli import Failed
from pipeline.trace.filter import KINDS, Filter

if TYPE_CHECKING:
    from argparse import Namespace

    from pipeline.trace.tap import Sink


def sinks_of(args: Namespace, view: str | None) -> list[Sink]:
    """Open what the arguments name; `view` None: no screen."""
    sinks: list[Sink] = []
    if view is not None:
        from rich.console import Console  # noqa: PLC0415

        from pipeline.trace.ladder import Ladder  # noqa: PLC0415
        from pipeline.trace.screen import Screen  # noqa: PLC0415

        sinks.append(Ladder(Console()) if view == "ladder" else Screen(Console(), view))
    try:
        if args.jsonl:
            from pipeline.trace.jsonl import JsonLines  # noqa: PLC0415

            sinks.append(JsonLines(args.jsonl))
        if args.pcap:
            from pipeline.trace.pcap import Pcap  # noqa: PLC0415

            sinks.append(Pcap(args.pcap))
    except OSError as error:
        raise Failed(f"{error.filename}: {error.strerror}") from None
    return sinks


def depth_of(args: Namespace, view: str | None) -> str:
    """Return how deep records must be for all sinks: a file of JSON lines has the walk, and the message or the calls when the view has."""
    return view if view in ("full", "ladder") else "stages" if args.jsonl or view == "stages" else "lines"


def filter_of(args: Namespace) -> Filter:
    """Return the filter that the arguments say; exit status 2 when one means nothing."""
    try:
        return Filter.of({kind: getattr(args, kind) for kind in KINDS})
    except ValueError as error:
        print(f"sipline: {error}", file=sys.stderr)
        raise SystemExit(2) from None
