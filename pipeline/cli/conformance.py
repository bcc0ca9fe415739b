"""`sipline conformance`: run the project's conformance messages and check-list against the configured pipeline, in memory.

Nothing real is touched: no socket is opened, no file, database or log of yours is written, no mail is sent; what was replaced for that is
said below the table (with --json: on standard error). Exit status 1 when something failed.
"""

from __future__ import annotations

import json
import logging
import sys
from typing import TYPE_CHECKING

from pipeline.cli import Failed
from pipeline.cli.files import plan_of

if TYPE_CHECKING:
    from argparse import Namespace

    from pipeline.conformance.run import Result

MARKS = {"passed": ("✓", "green"), "failed": ("✗", "bold red"), "not applicable": ("-", "dim")}


def run(args: Namespace) -> int:
    """Run, print, count."""
    from pipeline.conformance.run import run as conform  # noqa: PLC0415  # the testing kit, which no other command needs

    logging.getLogger("sipline").addHandler(logging.NullHandler())  # the server's own words about what it is sent are not the result
    try:
        results, notes = conform(plan_of(args))
    except OSError as error:
        raise Failed(f"the pipeline cannot start: {error}") from None
    failed = sum(result.result == "failed" for result in results)
    if args.json:
        print(json.dumps([{"rfc": r.rfc, "section": r.section, "name": r.name, "point": r.point, "result": r.result, "detail": r.detail}
                          for r in results], indent=1, ensure_ascii=False))  # fmt: skip
    else:
        _table(results)
    for how, what in notes.items():
        print(f"{how}: {', '.join(what)}", file=sys.stderr if args.json else sys.stdout)
    return 1 if failed else 0


def _table(results: list[Result]) -> None:
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("RFC", "section", "", "what"):
        table.add_column(title)
    before = ""
    for result in results:
        mark, style = MARKS[result.result]
        what = Text(f"{result.point}")
        if result.detail:
            what.append(f"\n{result.name}: {result.detail}", style=style)
        table.add_row(result.rfc if result.rfc != before else "", result.section, Text(mark, style=style), what)
        before = result.rfc
    console = Console()
    console.print(table)
    counts = {kind: sum(result.result == kind for result in results) for kind in MARKS}
    console.print("\n" + ", ".join(f"{count} {kind}" for kind, count in counts.items()))
