"""`sipline plugins`: everything that can be listed in a stage, where it comes from, and its options."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.cli import Failed
from pipeline.config.discover import Finder, Missing
from pipeline.config.hooks import families_of, hooks_of
from pipeline.config.problems import Problems
from pipeline.config.read import read
from pipeline.config.schema import MISSING, options_of
from pipeline.config.values import shown
from pipeline.plain import plain

if TYPE_CHECKING:
    from argparse import Namespace

    from rich.console import Console

    from pipeline.config.discover import Found
    from pipeline.config.schema import Option


def run(args: Namespace) -> int:
    """List what can be found; the file is asked for those it loads, and need not be there or be right."""
    from rich.console import Console  # noqa: PLC0415
    from rich.markup import escape  # noqa: PLC0415

    console = Console(highlight=False, soft_wrap=True)
    finder = finder_of(args.config)
    unknown = set(args.name) - set(finder.names())
    if unknown:
        raise Failed(f"there is no plugin {', '.join(sorted(unknown))}; there are {', '.join(finder.names())}")
    for name in args.name or finder.names():
        try:
            found = finder.find(name)
        except Missing as missing:
            console.print(f"[bold]{escape(plain(name))}[/]  [red]{escape(plain(missing.message))}[/]\n")
            continue
        _plugin(console, name, found)
    return 0


def finder_of(config: str) -> Finder:
    """Return a finder of built-in, installed and file plugins."""
    tables, folder = {}, Path.cwd()
    try:
        document = read(config)
        folder = document.folder
        plugin = document.data.get("plugin")
        tables = plugin if isinstance(plugin, dict) else {}
    except Problems:
        pass
    return Finder(folder, tables)


def _plugin(console: Console, name: str, found: Found) -> None:
    from rich.markup import escape  # noqa: PLC0415

    stages = families_of(found.cls)
    hooks = " ".join(f"{each.hook}()" for each in hooks_of(found.cls))
    origin = escape(found.source)  # of a distribution it has the version
    console.print(f"[bold]{name}[/]  [cyan]{' '.join(stages)}[/]  [dim]{origin}[/]  [green]{hooks}[/]")
    text = inspect.getdoc(found.cls) or ""
    if text and not text.startswith("["):
        console.print(f"  {escape(text.splitlines()[0])}")
    options = options_of(found.cls).values()
    width = max((len(option.name) for option in options), default=0)
    for option in options:
        console.print(f"    {option.name:<{width}}  [dim]{escape(_default(option))}[/]  {escape(_help(option))}")
    console.print()


def _default(option: Option) -> str:
    if option.required:
        return "required"
    value = option.default_value()
    return "" if value is MISSING or value is None else "= ***" if option.secret and value else f"= {shown(value)}"


def _help(option: Option) -> str:
    return "; ".join(part for part in (option.help, f"in {option.unit}" if option.unit else "", option.limits) if part)
