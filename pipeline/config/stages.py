"""The [[stage]] tables: which plugin stands where, and whether it may.

Rule: all five stages are there, once each, in the order in which a message meets them; inside one, the list is the order.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import attrs

from pipeline.config.discover import Missing
from pipeline.config.hooks import check_class, check_listing, stages
from pipeline.config.problems import listed, nearest
from pipeline.config.values import shown

if TYPE_CHECKING:
    from pipeline.config.discover import Finder, Found
    from pipeline.config.problems import Report

__all__ = ["NAME", "Keys", "find_classes", "read_stages"]

Keys = tuple[str | int, ...]
NAME = re.compile(r"[a-z][a-z0-9_]*\Z")
_KEYS = ("name", "plugins")
_USUAL = {
    "transport": ("udp", "tcp"),
    "protocol": ("stack",),
    "intercept": ("identify", "auth"),
    "application": ("registrar", "channel", "options"),
    "integration": ("toml", "sqlite", "channel", "dialplan"),
}
"""What is advised for a stage that is not there: with an empty one no request would be answered, or anybody could call."""


def read_stages(report: Report, data: dict[str, Any]) -> dict[str, dict[str, Keys]]:
    """Read which names each stage lists, and where: stage -> name -> place."""
    wanted = stages()
    found: dict[str, dict[str, Keys]] = {}
    tables = data.get("stage", [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        report.error(("stage",), "stages are tables: write [[stage]], with name and plugins", key=True)
        return {stage: {} for stage in wanted}
    unnamed = False
    for position, table in enumerate(tables):
        keys: Keys = ("stage", position)
        for key in table:
            if key not in _KEYS:
                report.error((*keys, key), f"[[stage]] has no key '{key}'", report.meant(key, _KEYS), key=True)
        names = _plugins(report, table, keys)
        stage = _name(report, table, keys, wanted)
        if stage is None:
            unnamed = True
        elif stage in found:
            report.error((*keys, "name"), f"stage '{stage}' stands twice", "put all its plugins into one list")
        else:
            found[stage] = names
            _in_order(report, stage, list(found), wanted, keys)
    for stage in wanted:
        if stage not in found and not unnamed:
            hint = f'write\n[[stage]]\nname    = "{stage}"\nplugins = {shown([*_USUAL.get(stage, ())])}'
            report.error(("stage",) if tables else (), f"stage '{stage}' is missing", hint, key=True)
    return {stage: found.get(stage, {}) for stage in wanted}


def _name(report: Report, table: dict[str, Any], keys: Keys, wanted: tuple[str, ...]) -> str | None:
    if "name" not in table:
        report.error(keys, "[[stage]] needs 'name'", f"one of {listed(wanted, 'or')}")
        return None
    name = table["name"]
    if name in wanted:
        return str(name)
    hint = nearest(name, wanted) if isinstance(name, str) else ""
    report.error((*keys, "name"), f"unknown stage {shown_name(name)}", hint or f"the stages are {listed(wanted)}")
    return None


def shown_name(name: Any) -> str:
    """Write a name in single quotes, anything else as TOML has it."""
    return f"'{name}'" if isinstance(name, str) else shown(name)


def _plugins(report: Report, table: dict[str, Any], keys: Keys) -> dict[str, Keys]:
    if "plugins" not in table:
        if not any(nearest(key, ["plugins"]) for key in table if key not in _KEYS):  # the misspelt key is said already
            report.error(keys, "[[stage]] needs 'plugins'", "write plugins = [] for a stage without any")
        return {}
    names = table["plugins"]
    if not isinstance(names, list):
        write = f"write plugins = [{shown(names)}]" if isinstance(names, str) else ""
        report.error((*keys, "plugins"), f"plugins must be a list, not {shown(names)}", write)
        return {}
    found: dict[str, Keys] = {}
    for position, name in enumerate(names):
        place = (*keys, "plugins", position)
        if not isinstance(name, str):
            report.error(place, f"item {position + 1} of plugins must be text, not {shown(name)}")
        elif not NAME.match(name):
            lower = re.sub(r"[^a-z0-9_]", "_", name.lower())
            hint = f"write '{lower}'" if NAME.match(lower) else ""
            report.error(place, f"'{name}' is no plugin name: a lower-case letter, then letters, digits and _", hint)
        elif name in found:
            report.error(place, f"'{name}' stands twice in this list", "remove one of the two")
        else:
            found[name] = place
    return found


def _in_order(report: Report, stage: str, so_far: list[str], wanted: tuple[str, ...], keys: Keys) -> None:
    later = [other for other in so_far[:-1] if wanted.index(other) > wanted.index(stage)]
    if later:
        report.error((*keys, "name"), f"stage '{stage}' stands behind '{later[0]}'", f"a message meets {listed(wanted)}, in this order")


def find_classes(report: Report, finder: Finder, listings: dict[str, dict[str, Keys]]) -> dict[str, Found]:
    """Find the class of every listed name and check its hooks; give those that are in order to be made."""
    places: dict[str, dict[str, Keys]] = {}
    for stage, names in listings.items():
        for name, keys in names.items():
            places.setdefault(name, {})[stage] = keys
    found: dict[str, Found] = {}
    for name, under in places.items():
        first = next(iter(under.values()))
        try:
            plugin = finder.find(name)
        except Missing as missing:
            _missing(report, name, missing, under)
            continue
        if _is_plugin(report, plugin, name, first):
            check_class(report, plugin.cls, name, first)
            check_listing(report, plugin.cls, name, under)
            found[name] = plugin
    return found


def _missing(report: Report, name: str, missing: Missing, under: dict[str, Keys]) -> None:
    if missing.key:
        report.error(("plugin", name, missing.key), missing.message, missing.suggestion)
        return
    for stage, keys in under.items():
        unknown = missing.message.startswith("unknown plugin")
        text = f"stage '{stage}' lists an unknown plugin '{name}'" if unknown else missing.message
        report.error(keys, text, missing.suggestion)


def _is_plugin(report: Report, plugin: Found, name: str, keys: Keys) -> bool:
    cls = plugin.cls
    if not attrs.has(cls):
        report.error(keys, f"'{name}': class {cls.__name__} is no plugin", f"put @plugin above class {cls.__name__}")
        return False
    if cls.__eq__ is not object.__eq__:
        report.error(keys, f"'{name}': class {cls.__name__} compares by value", "put @plugin above it instead of @attrs.define")
        return False
    return True
