"""`sipline check`: every mistake in pipeline.toml; or ok, what probably was not meant, and what would be better.

What the file refers to and does not hold may be in another store: the running server is asked, else the stores themselves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline.cli.files import plan_of
from pipeline.config.problems import Problems
from pipeline.config.references import unasked, unmet

if TYPE_CHECKING:
    from argparse import Namespace

    from pipeline.config.plan import Plan
    from pipeline.config.problems import Problem


def run(args: Namespace) -> int:
    """Check; Problems is printed by main, with status 2. What no store holds is told together with the other mistakes."""
    told: list[Problem] = []
    try:
        plan = plan_of(args)
    except Problems as problems:
        if problems.plan is None:
            raise
        plan, told = problems.plan, problems.problems
    try:
        if plan.references:
            _references(plan)
    except Problems as problems:
        told = [*told, *problems.problems]
    if told:
        raise Problems(told)
    for warning in plan.warnings:
        print(f"warning: {warning}")
    for hint in plan.hints:
        print(f"hint: {hint}")
    print(f"{plan.document.name}: ok")
    return 0


def _references(plan: Plan) -> None:
    """Raise Problems for what no store holds; a store that cannot be asked is noted."""
    from pipeline.cli import Failed  # noqa: PLC0415  # most files refer to nothing elsewhere

    try:
        rows = _held(plan)
    except Failed as failed:
        for problem in unasked(plan, str(failed)):
            print(f"note: {problem}")
        return
    unmet(plan, rows)


def _held(plan: Plan) -> list[dict[str, Any]]:
    from pipeline.cli import Failed  # noqa: PLC0415
    from pipeline.cli.client import Client  # noqa: PLC0415

    asked = [pair for reference in plan.references for pair in reference.any]
    client = Client.perhaps(plan.state) if plan.state.is_dir() else None
    if client is not None:
        try:
            return client.rows("held", objects=asked)
        finally:
            client.close()
    if not plan.state.is_dir():  # never started: asking would make the stores
        return []
    from pipeline.cli.offline import offline  # noqa: PLC0415
    from pipeline.dal import StorageError  # noqa: PLC0415
    from pipeline.stages.integration import held  # noqa: PLC0415

    try:
        rows: list[dict[str, Any]] = offline(plan, lambda engine: held(plan, engine.dal, asked))
    except (StorageError, OSError) as error:
        raise Failed(str(error)) from None
    return rows
