"""`sipline check`: every mistake in pipeline.toml; or ok, what probably was not meant, and what would be better."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.cli.files import plan_of

if TYPE_CHECKING:
    from argparse import Namespace


def run(args: Namespace) -> int:
    """Check; Problems is printed by main, with status 2."""
    plan = plan_of(args)
    for warning in plan.warnings:
        print(f"warning: {warning}")
    for hint in plan.hints:
        print(f"hint: {hint}")
    for reference in plan.references:
        print(f"note: {plan.document.place(*reference.keys)}: {reference.message} in this file; another backend may hold it")
    print(f"{plan.document.name}: ok")
    return 0
