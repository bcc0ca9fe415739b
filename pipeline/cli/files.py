"""What a command needs of pipeline.toml: all of it, or only where the state directory is."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from pipeline.config.read import read

if TYPE_CHECKING:
    from argparse import Namespace
    from pathlib import Path

    from pipeline.config.plan import Plan


def plan_of(args: Namespace, *, warn: bool = False) -> Plan:
    """Read and check the whole file; raises Problems."""
    from pipeline.config.build import build  # noqa: PLC0415

    plan = build(read(args.config))
    if warn:
        for warning in plan.warnings:
            print(f"warning: {warning}", file=sys.stderr)
    return plan


def state_of(args: Namespace) -> Path:
    """Return the state directory, also of a file whose pipeline is broken: the server that runs may be older than the mistake."""
    document = read(args.config)
    table = document.data.get("pipeline")
    state = table.get("state", ".sipline") if isinstance(table, dict) else ".sipline"
    return document.folder / str(state)
