"""`sipline disable NAME`: take a plugin out of every stage; its options stay in the file for the day it comes back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.cli import Failed
from pipeline.cli.client import remind
from pipeline.cli.files import plan_of
from pipeline.config import edit
from pipeline.config.read import read

if TYPE_CHECKING:
    from argparse import Namespace


def run(args: Namespace) -> int:
    """Edit, then check the whole file: something may need what is gone."""
    name = read(args.config).name
    try:
        stages = edit.disable(args.config, args.name)
    except edit.Refused as refused:
        raise Failed(str(refused)) from None
    if not stages:
        print(f"{args.name} is not listed in {name}")
        return 0
    print(f"{name}: {args.name} is disabled in {', '.join(stages)}")
    remind(plan_of(args, warn=True).state)
    return 0
