"""`sipline disable NAME`: take a plugin out of every stage; its options stay in the file for the day it comes back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.cli import Failed
from pipeline.cli.client import remind
from pipeline.cli.files import plan_of, unharmed
from pipeline.config import edit
from pipeline.config.read import read

if TYPE_CHECKING:
    from argparse import Namespace


def run(args: Namespace) -> int:
    """Edit, unless that breaks the file: something may need what goes."""
    name = read(args.config).name
    try:
        check = unharmed(args, f"without '{args.name}'", "Change first what needs it")
        stages = edit.disable(args.config, args.name, check)
    except edit.Refused as refused:
        raise Failed(str(refused)) from None
    if not stages:
        print(f"{args.name} is not listed in {name}")
        return 0
    print(f"{name}: {args.name} is disabled in {', '.join(stages)}")
    remind(plan_of(args, warn=True).state)
    return 0
