"""What differs between two readings of pipeline.toml: for people to read, and what a running server cannot do.

Rule: values only, and no secret among them. Two plugins are compared by their options, two objects by their fields.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from pipeline.config.problems import Problem, listed
from pipeline.config.read import dotted
from pipeline.config.schema import options_of
from pipeline.config.values import shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pipeline.config.plan import Listing, Plan
    from pipeline.dal.layer import Mapping

__all__ = ["changes", "fixed"]

FIXED = ("name", "state")
"""Of [pipeline]: stored objects carry the name, and the state directory is locked by this process."""
HINT = "restart the server, or take it back"
NAMED = 8
"""Objects that are named in one line; more are counted."""


def _plugins(plan: Plan) -> dict[str, Listing]:
    return {listing.name: listing for listing in reversed(plan.listings())}


def _same_class(one: Listing, other: Listing) -> bool:
    """Whether the one's state can go on in the other: a file that was read again has a class of the same name."""
    first, second = type(one.plugin), type(other.plugin)
    return (first.__module__, first.__qualname__) == (second.__module__, second.__qualname__)


# -- what needs a restart ----------------------------------------------------------------------------------------------


def fixed(before: Plan, after: Plan) -> list[Problem]:
    """Return a problem for each change that a running server cannot make."""
    place = after.document.place
    problems = [
        Problem(place("pipeline", name), _needs(f"[pipeline] {name}", old, new), HINT)
        for name, old, new in (("name", before.name, after.name), ("state", str(before.state), str(after.state)))
        if old != new
    ]
    plugins = _plugins(before)
    for name, listing in _plugins(after).items():
        former = plugins.get(name)
        if former is None or not _same_class(former, listing):
            continue
        for option in getattr(type(listing.plugin), "fixed", ()):
            old, new = getattr(former.plugin, option), getattr(listing.plugin, option)
            if old != new:
                where = place("plugin", name, option) if option in listing.written else listing.place
                problems.append(Problem(where, _needs(f"{option} of [plugin.{name}]", old, new), HINT))
    problems += _left_behind(before, after)
    return problems


def _needs(what: str, old: Any, new: Any) -> str:
    return f"{what} needs a restart: {shown(old)} -> {shown(new)}"


def _left_behind(before: Plan, after: Plan) -> Iterator[Problem]:
    """Find stores that hold objects and would hold them no more: bindings of phones would be gone without a word."""
    olds, news = _plugins(before), _plugins(after)
    for kind, mapping in before.dal.items():
        following = after.dal.get(kind)
        for name in mapping.backends:
            former, listing = olds[name], news.get(name)
            if not getattr(type(former.plugin), "writable", True):
                continue
            there = following is not None and name in following.backends
            if there and listing is not None and _same_class(former, listing):
                continue
            text = f"{kind} needs a restart: it is stored in '{name}', where it would stay behind"
            yield Problem(after.document.place(*_where(after, kind)), text, HINT)


def _where(plan: Plan, kind: str) -> tuple[str | int, ...]:
    """Return where the file says what stores a type: in [dal], else by the backends it lists."""
    data = plan.document.data
    if kind in data.get("dal", {}):
        return ("dal", kind)
    return next((("stage", at, "plugins") for at, stage in enumerate(data["stage"]) if stage.get("name") == "integration"), ())


# -- what changes ------------------------------------------------------------------------------------------------------


def changes(before: Plan, after: Plan) -> list[str]:
    """Return what differs, a line each; listeners are told by who opens them."""
    return [
        *_options("[pipeline]", before.options, after.options),
        *_stages(before, after),
        *_plugin_options(before, after),
        *_domains(before, after),
        *_dal(before.dal, after.dal),
        *_objects(before, after),
    ]


def _options(header: str, old: Any, new: Any) -> Iterator[str]:
    for option in options_of(type(new)).values():
        was, now = getattr(old, option.name, None), getattr(new, option.name)
        if was != now:
            yield f"{header} {option.name}" + (" changed" if option.secret else f": {shown(was)} -> {shown(now)}")


def _stages(before: Plan, after: Plan) -> Iterator[str]:
    for stage, listings in after.stages.items():
        was, now = [each.name for each in before.stages[stage]], [each.name for each in listings]
        if was != now:
            yield f"{stage}: {' '.join(was) or '(none)'} -> {' '.join(now) or '(none)'}"


def _plugin_options(before: Plan, after: Plan) -> Iterator[str]:
    olds, folder = _plugins(before), after.document.folder
    for name, listing in _plugins(after).items():
        former = olds.get(name)
        if former is None:
            continue
        header = f"[plugin.{name}]"
        if (former.kind, former.source) != (listing.kind, listing.source) or not _same_class(former, listing):
            yield f"{header} is another plugin: {former.kind} ({former.source}) -> {listing.kind} ({listing.source})"
            continue
        if former.digest != listing.digest:
            yield f"{header} {listing.source} was read again: it has changed"
        for path, digest in listing.files.items():
            if former.files.get(path, digest) != digest:
                where = path.relative_to(folder) if path.is_relative_to(folder) else path
                yield f"{header} {where} was read again: it has changed"
        yield from _options(header, former.plugin, listing.plugin)
        if former.on_error != listing.on_error:
            yield f"{header} on_error: {shown(former.on_error)} -> {shown(listing.on_error)}"


def _domains(before: Plan, after: Plan) -> Iterator[str]:
    olds, news = {each.id: each for each in before.domains}, {each.id: each for each in after.domains}
    for name in olds.keys() - news.keys():
        yield f"{dotted('domain', name)} is no longer served"
    for name, domain in news.items():
        if name not in olds:
            yield f"{dotted('domain', name)} is served"
        else:
            yield from _options(dotted("domain", name), olds[name], domain)
    if before.domains[0].id in news and before.domains[0].id != after.domains[0].id:
        yield f"the first domain: {before.domains[0].id} -> {after.domains[0].id}"


def _dal(before: dict[str, Mapping], after: dict[str, Mapping]) -> Iterator[str]:
    def text(mapping: Mapping | None) -> str:
        return f"{' '.join(mapping.backends)} ({mapping.durability})" if mapping is not None else "(nowhere)"

    for kind in dict.fromkeys((*before, *after)):
        was, now = text(before.get(kind)), text(after.get(kind))
        if was != now:
            yield f"[dal] {kind}: {was} -> {now}"


def _objects(before: Plan, after: Plan) -> Iterator[str]:
    olds, news = _by_kind(before.objects), _by_kind(after.objects)
    for kind in dict.fromkeys((*olds, *news)):
        if kind == "domain":
            continue
        was, now = olds.get(kind, {}), news.get(kind, {})
        parts = [
            _told("new", [ident for ident in now if ident not in was]),
            _told("changed", [ident for ident in now if ident in was and was[ident] != now[ident]]),
            _told("gone", [ident for ident in was if ident not in now]),
        ]
        if any(parts):
            yield f"{kind}: {', '.join(part for part in parts if part)}"


def _by_kind(objects: Iterable[Any]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for stored in objects:
        fields = attrs.asdict(stored, recurse=False, filter=lambda field, _: field.name not in ("origin", "version"))
        found.setdefault(stored.kind, {})[stored.id] = fields
    return found


def _told(what: str, idents: list[str]) -> str:
    if not idents:
        return ""
    return f"{len(idents)} {what} ({listed(idents)})" if len(idents) <= NAMED else f"{len(idents)} {what}"
