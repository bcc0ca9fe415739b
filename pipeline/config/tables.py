"""The [plugin.NAME] tables: options checked against the class, and the plugin made of them.

Rule: a plugin is made only when its whole table is right; a table of a plugin that no stage lists is checked as far as that
imports nothing but our own code, for what is not listed is not loaded.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from pipeline.config.discover import Missing
from pipeline.config.problems import nearest
from pipeline.config.schema import check_table, make, misspelt, options_of
from pipeline.config.stages import NAME
from pipeline.config.values import shown

if TYPE_CHECKING:
    from pipeline.config.discover import Finder, Found
    from pipeline.config.problems import Report
    from pipeline.config.stages import Keys

__all__ = ["FAIL_CLOSED", "RESERVED", "check_unlisted", "make_plugins", "plugin_tables"]

RESERVED = ("use", "load", "on_error")
FAIL_CLOSED = frozenset({"identify", "auth", "security"})
"""Plugins that an error must never let a message pass by."""
_ON_ERROR = re.compile(r"reject:([4-6]\d\d)\Z")


def plugin_tables(report: Report, data: dict[str, Any]) -> dict[str, Any]:
    """Give the tables below [plugin]; what is no table there is a mistake."""
    tables = data.get("plugin", {})
    if not isinstance(tables, dict):
        report.error(("plugin",), "plugin must be a table: write [plugin.NAME]", key=True)
        return {}
    found: dict[str, Any] = {}
    for name, table in tables.items():
        if not isinstance(table, dict):
            report.error(("plugin", name), "options stand under a plugin's name: write [plugin.NAME]", key=True)
        elif not NAME.match(name):
            report.error(("plugin", name), f"'{name}' is no plugin name: a lower-case letter, then letters, digits and _", key=True)
        else:
            found[name] = table
    return found


def make_plugins(
    report: Report, classes: dict[str, Found], tables: dict[str, Any], places: dict[str, Keys]
) -> tuple[dict[str, Any], dict[str, str], dict[str, dict[str, Any]]]:
    """Make every listed plugin: instances, `on_error` and checked options, each by name."""
    plugins: dict[str, Any] = {}
    on_error: dict[str, str] = {}
    values: dict[str, dict[str, Any]] = {}
    for name, found in classes.items():
        table = tables.get(name, {})
        keys: Keys = ("plugin", name) if name in tables else places[name]
        before = report.count
        values[name] = check_table(report, found.cls, table, ("plugin", name), RESERVED)
        on_error[name] = _on_error(report, table, name, found)
        for option in options_of(found.cls).values():
            if option.required and option.name not in table and not misspelt(option.name, table, options_of(found.cls)):
                report.error(keys, f"[plugin.{name}] needs '{option.name}'", f"{option.name}: {option.help}" if option.help else "")
        if report.count == before:
            made = make(report, found.cls, values[name], keys, f"[plugin.{name}]")
            if made is not None:
                plugins[name] = made
    return plugins, on_error, values


def _on_error(report: Report, table: dict[str, Any], name: str, found: Found) -> str:
    if "on_error" not in table:
        return ""
    value, keys = table["on_error"], ("plugin", name, "on_error")
    if value == "skip":
        if found.kind in FAIL_CLOSED or getattr(found.cls, "fail_closed", False):
            report.error(keys, f"on_error of '{name}' must not be \"skip\": an error would let anybody in", 'write "reject:503"')
        return "skip"
    if isinstance(value, str) and _ON_ERROR.match(value):
        return value
    hint = nearest(value, ["skip", "reject:503"], '"{}"', cutoff=0.4) if isinstance(value, str) else ""
    report.error(keys, f'on_error must be "reject:STATUS" (400 to 699) or "skip", not {shown(value)}', hint)
    return ""


def check_unlisted(report: Report, finder: Finder, tables: dict[str, Any], listed_names: set[str]) -> None:
    """Warn of tables whose plugin no stage lists: it may be switched off, or its name misspelt."""
    used = {finder.kind(name) for name in listed_names if finder.kind(name) != name}
    for name, table in tables.items():
        if name in listed_names:
            continue
        if name in used and "load" in table:  # [plugin.curfew] load = ... that only curfew_night uses
            continue
        known = finder.is_builtin(name) or "load" in table or finder.kind(name) in used
        known = known or name in finder.points
        near = "" if known else nearest(name, sorted({*listed_names, *finder.names()} - {name}), cutoff=0.8)
        if near:
            report.error(("plugin", name), f"unknown plugin '{name}'", near)
            continue
        hint = f"`sipline enable {name}` lists it" if known else ""
        report.warning(("plugin", name), f"[plugin.{name}] is not listed in any stage: the plugin does not run", hint)
        if finder.is_builtin(name):
            try:
                check_table(report, finder.find(name).cls, table, ("plugin", name), RESERVED)
            except Missing:
                continue  # it is not to run; that it could not is no mistake of this file
