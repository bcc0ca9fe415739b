"""From pipeline.toml to a Plan, or to every mistake in it at once.

Rule: each step checks what it can with what the earlier steps left, and says nothing that follows from a mistake already
told. Nothing is started, opened or written here.
"""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING, Any

from pipeline.config.belongs import belongs
from pipeline.config.binds import check_listeners
from pipeline.config.checked import check_plugins
from pipeline.config.discover import Finder, builtins
from pipeline.config.hints import hints
from pipeline.config.judged import Judged, askable, stores_known
from pipeline.config.lacking import check_lacking
from pipeline.config.objects import read_objects
from pipeline.config.options import PipelineOptions
from pipeline.config.plan import Listing, Plan
from pipeline.config.problems import Report
from pipeline.config.problems import known as suggest
from pipeline.config.read import read
from pipeline.config.references import check_hashes, check_read, check_references
from pipeline.config.schema import options_of
from pipeline.config.served import check_realm, read_domains, read_pipeline, read_state
from pipeline.config.stages import find_classes, read_stages
from pipeline.config.stored import check_needs, file_types, read_dal
from pipeline.config.tables import check_unlisted, make_plugins, plugin_tables

if TYPE_CHECKING:
    from pipeline.config.discover import Found
    from pipeline.config.read import Document
    from pipeline.config.stages import Keys

__all__ = ["build", "load"]


def load(path: str | os.PathLike[str]) -> Plan:
    """Read and build; raise Problems."""
    return build(read(path))


def build(document: Document) -> Plan:
    """Check the whole file and make its plan; raise Problems with every mistake."""
    report, data = Report(document), document.data
    tables = plugin_tables(report, data)
    finder = Finder(document.folder, tables)
    report.whose = partial(belongs, finder, data)
    listings = read_stages(report, data)
    classes = find_classes(report, finder, listings)
    _unknown_tables(report, data)  # after the plugins were imported: they may have registered types of their own
    places = {name: keys for names in reversed(listings.values()) for name, keys in names.items()}
    check_unlisted(report, finder, tables, set(places))
    plugins, on_error, values = make_plugins(report, classes, tables, places)
    hosts = check_listeners(report, _listeners(classes, tables, values, places))

    options = read_pipeline(report, data)
    state = read_state(report, document.folder, options)
    served = read_domains(report, data, options, hosts)
    mapping, stores = read_dal(report, data, listings["integration"], classes)
    whole = stores_known(data, listings, classes)  # else a backend that was not found might store it
    if whole:
        dal = data.get("dal")
        check_needs(report, classes, places, mapping, set(dal) if isinstance(dal, dict) else set())
    objects = read_objects(report, data, served)
    files = check_plugins(report, objects, plugins, places, listings["integration"])
    judged = Judged.of(data, mapping, _known_tables(), domains=served.complete)
    references = (
        check_references(report, objects, classes=classes, values=values, mapping=mapping, stores=stores, judged=judged) if whole else []
    )
    if served.complete:
        check_hashes(report, objects)

    stages = {
        stage: [
            Listing(
                name=name,
                plugin=plugins[name],
                stage=stage,
                kind=classes[name].kind,
                source=classes[name].source,
                own=str(getattr(classes[name].cls, "version", "") or classes[name].version),
                on_error=on_error[name],
                written=frozenset(values[name]),
                document=document,
                keys=keys,
                digest=classes[name].digest,
                files=files.get(name, {}),
            )
            for name, keys in names.items()
            if name in plugins  # else it is a mistake, and no server is made of this plan
        ]
        for stage, names in listings.items()
    }
    plan = Plan(
        path=document.path,
        document=document,
        name=options.name or os.uname().nodename,
        options=options,
        state=state,
        domains=served.domains,
        stages=stages,
        dal=mapping,
        objects=objects.all,
        references=references,
    )
    if report.failed:
        report.stop(askable(report, plan))

    check_read(report, objects, mapping, stores)
    check_lacking(report, listings, classes, objects)
    if any(classes[name].kind == "auth" for name in listings["intercept"]):
        check_realm(report, state, served)
    plan.warnings = report.warnings()
    plan.hints = hints(options, classes, objects.all, mapping, stores)
    return plan


def _known_tables() -> list[str]:
    return ["pipeline", "stage", "plugin", "dal", "user", *file_types()]


def _unknown_tables(report: Report, data: dict[str, Any]) -> None:
    known = _known_tables()
    for name, value in data.items():
        if name in known:
            continue
        if isinstance(value, dict | list) and not (isinstance(value, list) and not all(isinstance(item, dict) for item in value)):
            plugin = f"write [plugin.{name}]" if name in builtins() else ""
            report.error((name,), f"unknown table [{name}]", plugin or suggest(name, known, "[{}]", "the tables are"), key=True)
        else:
            hint = "write it under [pipeline]" if name in options_of(PipelineOptions) else report.whose(name)
            hint = hint or "keys stand under a table, such as [pipeline]"
            report.error((name,), f"'{name}' stands outside any table", hint, key=True)


def _listeners(
    classes: dict[str, Found], tables: dict[str, Any], values: dict[str, dict[str, Any]], places: dict[str, Keys]
) -> list[tuple[str, type, Any, Keys, bool]]:
    """Every plugin that listens, with the addresses it binds and where they are written."""
    found: list[tuple[str, type, Any, Keys, bool]] = []
    for name, plugin in classes.items():
        option = options_of(plugin.cls).get("bind")
        if option is None or not hasattr(plugin.cls, "listens"):
            continue
        if "bind" in values[name]:
            found.append((name, plugin.cls, values[name]["bind"], ("plugin", name, "bind"), True))
        elif not option.required and "bind" not in tables.get(name, {}):
            found.append((name, plugin.cls, option.default_value(), places[name], False))
    return found
