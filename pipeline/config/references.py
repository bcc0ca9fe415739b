"""Who refers to whom: every id that a field or an option names must exist, and every user must have the hashes its realm offers.

Rule: an object that is missing here may live in another backend. It is an error at once only when no other backend that keeps its
contents stores that type; else it is noted in the plan, and decided when the backends can be asked: by `check`, at the start, at a reload.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from pipeline.config.plan import Reference
from pipeline.config.problems import Problem, Problems, listed, nearest
from pipeline.config.read import dotted
from pipeline.config.schema import options_of
from pipeline.dal.objects import TYPES

if TYPE_CHECKING:
    from collections.abc import Collection
    from collections.abc import Mapping as Table

    from pipeline.config.discover import Found
    from pipeline.config.judged import Judged
    from pipeline.config.objects import Objects
    from pipeline.config.plan import Plan
    from pipeline.config.problems import Report
    from pipeline.config.stored import Store
    from pipeline.dal.layer import Mapping

__all__ = ["check_hashes", "check_read", "check_references", "unasked", "unmet"]

KINDS = ("endpoint", "auth", "aor")
"""Types that `sipline user add` makes."""
MANY = 8
"""Names that are shown of those that are there."""


def check_references(
    report: Report,
    objects: Objects,
    *,
    classes: Table[str, Found],
    values: Table[str, Table[str, Any]],
    mapping: Table[str, Mapping],
    stores: Table[str, Store],
    judged: Judged,
) -> list[Reference]:
    """Check what objects and plugin options refer to; give what only another backend can answer."""
    elsewhere = {
        kind: any(name in stores and not stores[name].is_file and stores[name].keeps for name in mapping[kind].backends)
        for kind in TYPES
        if kind in mapping
    }
    asked = list(objects.refers)
    for plugin, plugin_class in classes.items():
        for name, option in options_of(plugin_class.cls).items():
            if not option.refers or not (value := values.get(plugin, {}).get(name)):
                continue
            place = ("plugin", plugin, name)
            for position, ident in enumerate((value,) if isinstance(value, str) else value):
                ident = objects.aor_id(ident, place) if option.refers == "aor" else ident
                text = f"{name} of [plugin.{plugin}] refers to {option.refers} '{ident}', which does not exist"
                asked.append(Reference(option.refers, ident, place if isinstance(value, str) else (*place, position), text))
    found: list[Reference] = []
    for reference in asked:
        if any(ident in objects.places.get(kind, {}) for kind, ident in reference.any):
            continue
        if not judged.can(reference):
            continue
        near, there = _meant(reference, objects)
        if any(elsewhere.get(kind) for kind, _ in reference.any):
            found.append(attrs.evolve(reference, suggestion=near, there=there))
        else:
            write = f"{reference.write or f'write {dotted(reference.type, reference.id)}'}, or remove it"
            told = report.error if reference.mistake else report.warning
            told(reference.keys, reference.message, near or "\n".join(filter(None, (write, there))))
    return found


def unmet(plan: Plan, rows: Collection[Table[str, Any]]) -> None:
    """Raise Problems for what no store holds, by the rows that tell; what only warns is added to the warnings."""
    there = {(row["type"], row["id"]) for row in rows if row["there"]}
    missing = [reference for reference in plan.references if there.isdisjoint(reference.any)]
    near = {(row["type"], row["id"]): row["near"] for row in rows if row.get("near")}
    told = [(each.mistake, Problem(plan.document.place(*each.keys), each.message, _hint(each, near))) for each in missing]
    if mistakes := [problem for mistake, problem in told if mistake]:
        raise Problems(mistakes)
    plan.warnings.extend(problem for _, problem in told)


def unasked(plan: Plan, why: str) -> list[Problem]:
    """Say what the stores could not be asked for."""
    hint = f"whether a store holds it cannot be asked: {why}"
    return [Problem(plan.document.place(*each.keys), f"{each.message} in this file", hint) for each in plan.references if each.mistake]


def _hint(reference: Reference, near: Table[tuple[str, str], str]) -> str:
    like = reference.suggestion or next((near[each] for each in reference.any if each in near), "") or reference.there
    add = "add it (`sipline user add`)" if reference.type in KINDS else "add it to a store"
    hint = f"no store holds it either: write it here, {add}, or remove the reference"
    return f"{like}\n{hint}" if like else hint


def _meant(reference: Reference, objects: Objects) -> tuple[str, str]:
    """Suggest what is like it, and say what else is there; of AORs only the users of one domain, for all of them are alike behind the @."""
    names = [*reference.also]
    for kind, ident in reference.any:
        known = [*objects.places.get(kind, {}), *(sorted(objects.own_aors) if kind == "aor" else ())]
        _, at, domain = ident.rpartition("@")
        names += [name.removesuffix(f"@{domain}") for name in known if not at or name.endswith(f"@{domain}")]
    names = list(dict.fromkeys(names))
    shown = names[:MANY] if len(names) <= MANY else [*names[:MANY], f"{len(names) - MANY} more"]
    word = reference.id.rpartition("@")[0] or reference.id
    return nearest(word, names), f"there {'is' if len(names) == 1 else 'are'} {listed(shown)}" if names else ""


def check_hashes(report: Report, objects: Objects) -> None:
    """Report each auth that lacks a hash of an algorithm which the realms of its endpoints offer."""
    served = objects.served
    realms: dict[str, dict[str, Any]] = {}
    for stored in objects.all:
        if stored.kind == "endpoint":
            domains = [served.find(aor.rpartition("@")[2]) for aor in stored.aors] or [served.first]
            for auth in stored.auth:
                realms.setdefault(auth, {}).update({domain.id: domain for domain in domains if domain is not None})
    for stored in objects.all:
        if stored.kind != "auth" or stored.password:
            continue
        for domain in realms.get(stored.id, {served.first.id: served.first}).values():
            lacks = [algorithm for algorithm in domain.algorithms if algorithm not in stored.password_digest]
            if lacks:
                keys = objects.places["auth"][stored.id]
                text = f"{dotted(*keys)} has no {listed(lacks)} hash, which the realm '{domain.realm}' offers"
                adds = ", ".join(f'"{algorithm}:…"' for algorithm in lacks)
                hint = f"add {adds} to password_digest, or take it out of algorithms of {dotted('domain', domain.id)}"
                report.error((*keys, "password_digest"), text, hint, key=True)


def check_read(report: Report, objects: Objects, mapping: Table[str, Mapping], stores: Table[str, Store]) -> None:
    """Warn of tables that nobody reads, because `toml` is not listed or [dal] leaves it out."""
    if not any(store.is_file for store in stores.values()):
        firsts = {keys[0]: keys for kind, known in objects.places.items() if kind != "domain" for keys in known.values()}
        for keys in firsts.values():
            text = f"{dotted(*keys)} is not read: no backend for this file is listed"
            report.warning(keys, text, "list 'toml' under the integration stage", key=True)
        return
    for kind, known in objects.places.items():
        backends = mapping[kind].backends if kind in mapping else ()
        if kind != "domain" and known and not any(stores[name].is_file for name in backends if name in stores):
            keys = next(iter(known.values()))
            text = f"the {kind} of {dotted(*keys)} is not read: [dal] {kind} does not name 'toml'"
            report.warning(keys, text, f"add 'toml' to {kind} in [dal]", key=True)
