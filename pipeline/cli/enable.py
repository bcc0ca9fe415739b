"""`sipline enable NAME`: list a plugin in its stage, behind what it says it comes after. Comments and layout of the file survive."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from pipeline.cli import Failed
from pipeline.cli.client import remind
from pipeline.cli.files import plan_of, unharmed
from pipeline.cli.plugins import finder_of
from pipeline.config import edit
from pipeline.config.discover import Missing
from pipeline.config.hooks import families_of
from pipeline.config.read import read

if TYPE_CHECKING:
    from argparse import Namespace


def run(args: Namespace) -> int:
    """Edit, unless that breaks the file: a required option may be missing, which has to be written first."""
    document = read(args.config)
    try:
        cls = finder_of(args.config).find(args.name).cls
    except Missing as missing:
        raise Failed(". ".join(part for part in (missing.message, missing.suggestion) if part)) from None
    possible = families_of(cls)
    own = getattr(cls, "stage", "")
    stages = args.stage or ([own] if own else possible if len(possible) == 1 else [])
    if not stages:
        where = f"it can stand in {' or '.join(possible)}" if possible else "it implements no hook of any stage"
        raise Failed(f"{args.name} does not say where it belongs: {where}; say --stage, and --after a plugin of it")
    after = args.after or tuple(getattr(cls, "after", ()))
    before = () if args.after else _behind(args)
    check = unharmed(args, f"with '{args.name}' listed", f"Write [plugin.{args.name}] first: it may stand there before it is listed")
    try:
        changed = edit.enable(args.config, args.name, stages, after, before, check)
    except edit.Refused as refused:
        raise Failed(str(refused)) from None
    if not changed:
        print(f"{args.name} is listed in {' and '.join(stages)} of {document.name} already")
        return 0
    plan = plan_of(args)  # Problems: main prints them, with status 2
    for stage in changed:
        here = next(listing for listing in plan.stages[stage] if listing.name == args.name)
        print(f"{here.place}: {args.name} is enabled: {stage} = {', '.join(listing.name for listing in plan.stages[stage])}")
    remind(plan.state)
    return 0


def _behind(args: Namespace) -> set[str]:
    """Return the listed plugins that say that they come after this one."""
    finder = finder_of(args.config)
    found = set()
    for listed in {name for table in read(args.config).data.get("stage", ()) for name in table.get("plugins", ())}:
        with suppress(Missing):
            if args.name in getattr(finder.find(listed).cls, "after", ()):
                found.add(listed)
    return found
