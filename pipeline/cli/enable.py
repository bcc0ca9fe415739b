"""`sipline enable NAME`: list a plugin in every stage whose hooks it has, each time behind what it says it comes after.

Rule: what the plugins do not say is asked, and never guessed: an interceptor behind `auth` sees other messages than one before it. Comments
and layout of the file survive.
"""

from __future__ import annotations

import os
import shlex
import sys
from typing import TYPE_CHECKING

from pipeline.cli import Failed
from pipeline.cli.client import remind
from pipeline.cli.files import plan_of, unharmed
from pipeline.cli.plugins import finder_of
from pipeline.config import edit
from pipeline.config.discover import Missing
from pipeline.config.hooks import families_of
from pipeline.config.order import Order
from pipeline.config.problems import listed, nearest
from pipeline.config.read import read

if TYPE_CHECKING:
    from argparse import Namespace


def run(args: Namespace) -> int:
    """Edit, unless that breaks the file: a required option may be missing, which has to be written first."""
    document = read(args.config)
    finder = finder_of(args.config)
    try:
        cls = finder.find(args.name).cls
    except Missing as missing:
        raise Failed(". ".join(part for part in (missing.message, missing.suggestion) if part)) from None
    stages = args.stage or families_of(cls)
    if not stages:
        raise Failed(f"{args.name} implements no hook of any stage")
    advice = f"Write [plugin.{args.name}] first: it may stand there before it is listed"
    check = unharmed(args, f"with '{args.name}' listed", advice, f"[plugin.{args.name}] ")
    try:
        lists = edit.lists_of(document.data)
        places = _places(args, Order(finder), {stage: lists.get(stage, []) for stage in stages})
        changed = edit.enable(args.config, args.name, places, check)
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


def _places(args: Namespace, order: Order, lists: dict[str, list[str]]) -> dict[str, str]:
    """Return behind whom the plugin comes in each stage that it is not listed in: by the command line, else the plugins, else the user."""
    lists = {stage: list(filter(_is_name, names)) for stage, names in lists.items() if args.name not in names}
    after = args.after or ()
    others = [name for names in lists.values() for name in names]
    for each in after:
        if lists and each not in others:
            hint = nearest(each, others) or f"there {'are' if len(others) > 1 else 'is'} {listed(others) or 'nobody'}"
            raise Failed(f"--after {each}: no such plugin is listed in {listed(lists, 'or')}: {hint}", 2)
    places: dict[str, str | None] = {}
    for stage, names in lists.items():
        said = [name for name in names if name in after]
        places[stage] = said[-1] if said else "" if args.first else order.place(args.name, names)
    unknown = [stage for stage, behind in places.items() if behind is None]
    if unknown and not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise Failed(_unsaid(args, {stage: lists[stage] for stage in unknown}), 2)
    return {stage: _asked(args.name, stage, lists[stage]) if behind is None else behind for stage, behind in places.items()}


def _is_name(listed: object) -> bool:
    return isinstance(listed, str)  # else it is for `sipline check` to tell


def _unsaid(args: Namespace, lists: dict[str, list[str]]) -> str:
    """Say which command lines name the place."""
    where = " and ".join(f"{stage} ({', '.join(names)})" for stage, names in lists.items())
    config = [] if args.config == os.environ.get("SIPLINE_CONFIG", "pipeline.toml") else ["-c", args.config]
    line = ["sipline", *config, "enable", args.name, *(word for stage in args.stage or () for word in ("--stage", stage))]
    behind = [word for names in lists.values() for word in ("--after", _usual(names) or names[0])]
    said = [word for each in args.after or () for word in ("--after", each)]  # for another stage
    lines = [f"  {shlex.join([*line, *said, *behind])}"] + ([] if said else [f"  {shlex.join([*line, '--first'])}"])
    return "\n".join((f"it follows from nothing where {args.name} belongs in {where}. Say behind whom, or that it is the first:", *lines))


def _usual(names: list[str]) -> str:
    """Return behind whom most come: the last; but before `auth`, so that what it lets through has been seen by all."""
    usual = names[: names.index("auth")] if "auth" in names else names
    return usual[-1] if usual else ""


def _asked(name: str, stage: str, names: list[str]) -> str:
    """Ask for the place: a number, or a name."""
    choices = ["", *names]
    usual = choices.index(_usual(names))
    print(f"It follows from nothing where {name} belongs in {stage}. Behind whom?", file=sys.stderr)
    for number, each in enumerate(choices):
        print(f"  {number}  {each or '(nobody: as the first)'}", file=sys.stderr)
    while True:
        print(f"number or name [{usual}]: ", end="", file=sys.stderr, flush=True)
        line = sys.stdin.readline()
        if not line:
            raise Failed("nothing was changed", 2)
        answer = line.strip() or str(usual)
        if answer in names:
            return answer
        if answer.isascii() and answer.isdigit() and int(answer[:9]) < len(choices):
            return choices[int(answer)]
        print(f"{answer!r} is none of them", file=sys.stderr)
