"""`sipline enable NAME`: list a plugin in its stage, behind what it says it comes after. Comments and layout of the file survive."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.cli import Failed
from pipeline.cli.files import plan_of
from pipeline.cli.plugins import finder_of
from pipeline.config import edit
from pipeline.config.discover import Missing
from pipeline.config.hooks import families_of
from pipeline.config.read import read

if TYPE_CHECKING:
    from argparse import Namespace


def run(args: Namespace) -> int:
    """Edit, then check the whole file: a required option may be missing now."""
    document = read(args.config)
    try:
        cls = finder_of(args.config).find(args.name).cls
    except Missing as missing:
        raise Failed(". ".join(part for part in (missing.message, missing.suggestion) if part)) from None
    stages = families_of(cls)
    stage = args.stage or getattr(cls, "stage", "") or (stages[0] if len(stages) == 1 else "")
    if not stage:
        where = f"it can stand in {' or '.join(stages)}" if stages else "it implements no hook of any stage"
        raise Failed(f"{args.name} does not say where it belongs: {where}; say --stage, and --after a plugin of it")
    try:
        changed = edit.enable(args.config, args.name, stage, args.after or tuple(getattr(cls, "after", ())))
    except edit.Refused as refused:
        raise Failed(str(refused)) from None
    if not changed:
        print(f"{args.name} is listed in {stage} of {document.name} already")
        return 0
    listings = plan_of(args).stages[stage]  # Problems: main prints them, with status 2
    here = next(listing for listing in listings if listing.name == args.name)
    print(f"{here.place}: {args.name} is enabled: {stage} = {', '.join(listing.name for listing in listings)}")
    return 0
