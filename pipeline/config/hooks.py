"""What hooks a plugin class implements, and whether it may: a listing is a permission.

Rule: the families and the arguments come from pipeline/hookspecs.py and nowhere else. pluggy itself would notice a misspelt
argument only when it registers, and a misspelt hook or an `async def` not at all.
"""

from __future__ import annotations

import inspect
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from pipeline import hookspecs
from pipeline.config.problems import listed, nearest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FunctionType

    from pipeline.config.problems import Report

__all__ = ["Implementation", "check_class", "check_listing", "families", "families_of", "hooks_of", "stages"]

_IMPL, _SPEC = "sipline_impl", "sipline_spec"


class Implementation(NamedTuple):
    """One method that carries the @hookimpl marker."""

    hook: str
    method: str
    function: FunctionType
    marks: dict[str, Any]

    @property
    def where(self) -> str:
        """The file and line of the method."""
        code = self.function.__code__
        return f"{code.co_filename.rpartition('/')[2]}:{code.co_firstlineno}"


def stages() -> tuple[str, ...]:
    """Name the five stages in the order of a message."""
    return tuple(hookspecs.STAGES)


@cache
def families() -> dict[str, str]:
    """Hook name -> stage; "" for the hooks without a family."""
    known = {hook: stage for stage, hooks in hookspecs.FAMILIES.items() for hook in hooks}
    return {**known, **dict.fromkeys(hookspecs.NO_FAMILY, "")}


@cache
def _arguments(hook: str) -> tuple[str, ...]:
    function: Any = getattr(hookspecs, hook)
    code = function.__code__
    return tuple(code.co_varnames[: code.co_argcount])


def hooks_of(cls: type) -> list[Implementation]:
    """List the marked methods of a class, in the order in which it defines them."""
    found: dict[str, Implementation] = {}
    for owner in reversed(cls.__mro__):
        for name, value in vars(owner).items():
            function = getattr(value, "__func__", value)
            marks = getattr(function, _IMPL, None)
            if isinstance(marks, dict) and hasattr(function, "__code__"):
                found[name] = Implementation(marks.get("specname") or name, name, function, marks)
            elif name in found:
                del found[name]  # overridden without the marker
    return list(found.values())


def families_of(cls: type) -> tuple[str, ...]:
    """Name the stages whose hooks a class implements, in the order of a message: where it must be listed."""
    known = families()
    has = {known.get(impl.hook) for impl in hooks_of(cls)}
    return tuple(stage for stage in stages() if stage in has)


def check_class(report: Report, cls: type, name: str, keys: tuple[str | int, ...]) -> None:
    """Check what a class says about hooks wherever it is listed."""
    known = families()
    for impl in hooks_of(cls):
        if impl.hook not in known:
            if not impl.marks.get("optionalhook"):
                report.error(keys, f"'{name}' implements {impl.hook}() ({impl.where}), which is no hook", nearest(impl.hook, known, "{}()"))
            continue
        for message, hint in _faults(impl, known[impl.hook]):
            report.error(keys, f"'{name}' {message} ({impl.where})", hint)
    for method in _unmarked(cls, known):
        report.warning(keys, f"'{name}' defines {method}() without @hookimpl: it is never called", f"put @hookimpl above {method}()")


def _faults(impl: Implementation, family: str) -> Iterator[tuple[str, str]]:
    allowed = _arguments(impl.hook)
    code = impl.function.__code__
    taken = code.co_varnames[1 : code.co_argcount] if not _is_static(impl) else code.co_varnames[: code.co_argcount]
    for argument in taken:
        if argument not in allowed:
            near = nearest(argument, [other for other in allowed if other not in taken])
            yield f"takes '{argument}' in {impl.hook}()", near or f"{impl.hook}() may take {listed(allowed)}"
    asynchronous = inspect.iscoroutinefunction(impl.function) or inspect.isasyncgenfunction(impl.function)
    if asynchronous and impl.hook not in hookspecs.WAITING:
        yield (
            f"implements {impl.hook}() as async def",
            "stage hooks are plain functions: what must wait is the job of a Claim, or a Wait",
        )
    if family:
        for mark in ("tryfirst", "trylast"):
            if impl.marks.get(mark):
                yield f"marks {impl.hook}() {mark}", "the order is the list's: move its name in pipeline.toml instead"


def _is_static(impl: Implementation) -> bool:
    code = impl.function.__code__
    return not code.co_argcount or code.co_varnames[0] not in ("self", "cls")


def _unmarked(cls: type, known: dict[str, str]) -> list[str]:
    """Methods named as a stage hook and written with its very arguments, but without the marker."""
    found = []
    for name, value in vars(cls).items():
        code = getattr(value, "__code__", None)
        if code is None or not known.get(name) or hasattr(value, _IMPL):
            continue
        taken = code.co_varnames[1 : code.co_argcount]
        if taken and taken == _arguments(name):
            found.append(name)
    return found


def check_listing(report: Report, cls: type, name: str, listed_under: dict[str, tuple[str | int, ...]]) -> None:
    """Hold a class to the stages it is listed under (stage -> place): a hook of each, and of no other.

    A class says in `if_listed` which of its hooks it can do without: `messages` answers challenges, if it may.
    """
    known = families()
    has: dict[str, list[str]] = {}
    for impl in hooks_of(cls):
        if known.get(impl.hook):
            has.setdefault(known[impl.hook], []).append(f"{impl.hook}()")
    for stage, keys in listed_under.items():
        if stage in has:
            continue
        wanted = listed((f"{hook}()" for hook in sorted(hookspecs.FAMILIES[stage])), "or")
        others = listed((f"'{other}'" for other in has), "or")
        elsewhere = [other for other in has if other in listed_under]
        hint = "remove it here" if elsewhere else f"it belongs under {others}" if has else f"a plugin here implements {wanted}"
        report.error(keys, f"'{name}' implements no hook of stage '{stage}'", hint)
    if not listed_under.keys() & has.keys():
        return  # the wrong place altogether: said once
    where = listed(f"'{stage}'" for stage in listed_under)
    spared = {f"{hook}()" for hook in getattr(cls, "if_listed", ())}
    for stage, hooks in has.items():
        if stage not in listed_under and not spared.issuperset(hooks):
            first = next(iter(listed_under.values()))
            report.error(first, f"'{name}' implements {listed(hooks)} but is listed only under {where}", f"list it under '{stage}' as well")
