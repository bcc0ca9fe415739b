"""The tables as docs/database.md shows them, written from the stored types themselves: `make docs`.

Rule: what stands above the first table is written by hand; from there on nothing is.
"""

from __future__ import annotations

import inspect
import sys
from pathlib import Path
from typing import Any

import attrs

from pipeline.config.discover import Finder, builtins
from pipeline.dal import TYPES

from .rows import PLAIN, Rows

FIRST = ("endpoint", "auth", "aor", "contact", "identify", "domain")


def tables() -> str:
    """Return a section for each type of ours and of the plugins that come with us."""
    finder = Finder(Path.cwd(), {})
    for name in builtins():
        finder.find(name)  # a plugin registers its types when it is imported
    ours = [kind for kind, cls in TYPES.items() if cls.__module__.startswith("pipeline.")]
    return "\n".join(_section(kind, TYPES[kind]) for kind in [*FIRST, *sorted(set(ours) - set(FIRST))])


def _section(kind: str, cls: Any) -> str:
    rows = Rows(cls, "sqlite")
    lines = [f"### `{kind}`", "", _about(cls), "", "| column | type | meaning |", "|---|---|---|"]
    for field in attrs.fields(cls):
        if field.name == "origin":
            continue
        told = field.metadata
        notes = (
            told["help"],
            told["unit"] and f"in {told['unit']}",
            told["refers"] and f"→ `{told['refers']}`",
            told["secret"] and "secret",
        )
        several = "" if rows.types[field.name] in PLAIN else " (JSON)"
        meaning = "; ".join(filter(None, notes)).replace("|", "\\|")
        lines.append(f"| `{field.name}` | {rows.columns[field.name]}{several} | {meaning} |")
    return "\n".join(lines) + "\n"


def _about(cls: type) -> str:
    return inspect.cleandoc(cls.__doc__ or cls.__name__).partition("\n\n")[0].replace("\n", " ")


def rewritten(page: str) -> str:
    """Return the page with its tables as they are now."""
    return page.partition("### `")[0] + tables()


if __name__ == "__main__":
    path = Path(sys.argv[1])
    path.write_text(rewritten(path.read_text()))
