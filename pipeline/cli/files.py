"""What a command needs of pipeline.toml: all of it, or only where the state directory is."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from pipeline.cli import Failed
from pipeline.config.read import read
from pipeline.state import Foreign, place

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable
    from pathlib import Path

    from pipeline.config.plan import Plan
    from pipeline.config.read import Document
    from pipeline.control.place import Lock


def plan_of(args: Namespace, *, warn: bool = False) -> Plan:
    """Read and check the whole file; raises Problems."""
    from pipeline.config.build import build  # noqa: PLC0415

    plan = build(read(args.config))
    if warn:
        for warning in plan.warnings:
            print(f"warning: {warning}", file=sys.stderr)
    return plan


def unharmed(args: Namespace, why: str, instead: str, about: str = "") -> Callable[[Document], None]:
    """Return what refuses, with Problems, to write a text that has mistakes which the file does not have.

    `instead` says what to do about them; about those alone that begin with `about`.
    """
    from pipeline.config.build import build  # noqa: PLC0415
    from pipeline.config.problems import Problems  # noqa: PLC0415

    def check(document: Document) -> None:
        try:
            build(document)
        except Problems as after:
            try:
                known = set()
                build(read(args.config))
            except Problems as before:
                known = {problem.message for problem in before.problems}
            made = [problem for problem in after.problems if problem.message not in known]
            if made:
                advice = f" {instead}" if any(problem.message.startswith(about) for problem in made) else ""
                print(f"{document.name} is left as it is: {why} it would be broken.{advice}", file=sys.stderr)
                raise Problems(made) from None

    return check


def state_of(args: Namespace) -> Path:
    """Return the state directory, also of a file whose pipeline is broken: the server that runs may be older than the mistake."""
    document = read(args.config)
    table = document.data.get("pipeline")
    state = table.get("state", ".sipline") if isinstance(table, dict) else ".sipline"
    try:
        return place(document.folder, str(state))
    except RuntimeError:  # the home of somebody who is not there; what checks the file says so
        return document.folder / str(state)


def locked(plan: Plan) -> Lock:
    """Take the state directory for this process; raises Busy when another has it, Failed when it cannot be had."""
    from pipeline.control.place import Lock  # noqa: PLC0415

    try:
        return Lock(plan.state)
    except Foreign as foreign:
        raise Failed(f"{plan.document.place('pipeline', 'state')}: {foreign}") from None
    except OSError as error:
        raise Failed(f"{plan.document.place('pipeline', 'state')}: state directory {plan.state}: {error.strerror}") from None
