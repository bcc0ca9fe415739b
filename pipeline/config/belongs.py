"""Whose a key is that stands in the wrong table: what `check` suggests where no key of that table is like it.

Rule: only our own code is looked into besides the plugins that the file lists: what is not listed is not loaded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline.config.discover import Missing, builtins
from pipeline.config.objects import spread
from pipeline.config.options import PipelineOptions
from pipeline.config.problems import listed
from pipeline.config.schema import options_of
from pipeline.config.stored import file_types

if TYPE_CHECKING:
    from pipeline.config.discover import Finder

__all__ = ["belongs"]

MANY = 4
"""Tables that are named; who has more to choose from is told of the first."""


def belongs(finder: Finder, data: dict[str, Any], key: str, *, objects: bool = False) -> str:
    """Say which tables have a key, of objects before others if these are asked for; "" when none has."""
    kinds = [kind for kind, cls in file_types().items() if key in options_of(cls)]
    if len(spread().get(key, ())) == 1:
        kinds.append("user")
    holders = [f"[{kind}.NAME]" for kind in kinds]
    pipeline = ["[pipeline]"] if key in options_of(PipelineOptions) else []
    running = _listed(data)
    plugins = [f"[plugin.{name}]" for name in running if _has(finder, name, key)]
    if objects and holders:
        return _said(holders)
    if found := [*plugins, *pipeline, *holders]:
        return _said(found)
    others = [f"[plugin.{name}]" for name in builtins() if name not in running and _has(finder, name, key)]
    return f"{_said(others)}, which no stage lists" if others else ""


def _said(tables: list[str]) -> str:
    if len(tables) > MANY:
        return f"it belongs to {', '.join(tables[:MANY])} or another"
    return f"it belongs to {listed(tables, 'or')}"


def _listed(data: dict[str, Any]) -> list[str]:
    """The names that the stages list, right or not."""
    stages = data.get("stage")
    lists = [stage.get("plugins") for stage in stages if isinstance(stage, dict)] if isinstance(stages, list) else []
    return list(dict.fromkeys(name for names in lists if isinstance(names, list) for name in names if isinstance(name, str)))


def _has(finder: Finder, name: str, key: str) -> bool:
    try:
        return key in options_of(finder.find(name).cls)
    except Missing:
        return False
