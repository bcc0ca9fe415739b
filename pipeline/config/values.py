"""A TOML value against the type that an option is annotated with: the value converted, or what is wrong with it.

Rule: nothing is guessed. "5" is no number and 1 is not true; the message says what to write instead.
"""

from __future__ import annotations

import enum
import types
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

from pipeline.config.problems import nearest

__all__ = ["Fault", "convert", "from_home", "shown", "words"]

_NAMES: dict[Any, str] = {
    str: "text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    Path: "text (a path)",
}
_SIMPLE = (str, int, float, bool)


class Fault(NamedTuple):
    """What is wrong with a value: at which place below it, what it must be, the value to write instead (as TOML)."""

    keys: tuple[str | int, ...]
    must: str
    value: Any
    write: str = ""
    hint: str = ""
    more: tuple[Any, ...] = ()
    """The Faults of further items."""


def convert(value: Any, kind: Any) -> Any:
    """Return the value as `kind` wants it, or a Fault."""
    if kind in _SIMPLE:
        return _simple(value, kind)
    if kind is Any or kind is None:
        return value
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        return _either(value, [inner for inner in arguments if inner is not type(None)])
    if origin is Literal:
        if value in arguments and isinstance(value, str | int):
            return value
        return Fault((), words(kind), value, hint=nearest(value, map(str, arguments)) if isinstance(value, str) else "")
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        try:
            return kind(value)
        except ValueError:
            return Fault((), words(kind), value, hint=nearest(str(value), [str(m.value) for m in kind]))
    if kind is Path:
        return Path(value) if isinstance(value, str) else Fault((), words(kind), value)
    container = origin or kind
    if isinstance(container, type) and issubclass(container, Mapping):
        return _table(value, kind, arguments)
    if container in (tuple, list, set, frozenset, Sequence):
        return _list(value, kind, container, arguments)
    return value  # a type of the plugin's own: its converter or validator knows


def _simple(value: Any, kind: type) -> Any:
    if type(value) is kind:
        return value
    if kind is float and type(value) is int:
        return float(value)
    if kind is str and isinstance(value, int | float):
        return Fault((), "text", value, write=f'"{shown(value)}"')
    if kind is bool and isinstance(value, str | int) and (known := _TRUTH.get(str(value).lower())) is not None:
        return Fault((), "true or false", value, write=known)
    if kind in (int, float) and isinstance(value, str):
        number = value.strip()
        return Fault((), _NAMES[kind], value, write=number if number.lstrip("-").replace(".", "", kind is float).isdigit() else "")
    return Fault((), _NAMES[kind], value)


_TRUTH = {"true": "true", "yes": "true", "on": "true", "1": "true", "false": "false", "no": "false", "off": "false", "0": "false"}


def _either(value: Any, kinds: list[Any]) -> Any:
    results = [convert(value, kind) for kind in kinds]
    for result in results:
        if not isinstance(result, Fault):
            return result
    return results[0] if len(results) == 1 else Fault((), " or ".join(words(kind) for kind in kinds), value)


def _list(value: Any, kind: Any, container: Any, arguments: tuple[Any, ...]) -> Any:
    inner = arguments[0] if arguments else Any
    if not isinstance(value, list):
        single = convert(value, inner)
        item = single.write if isinstance(single, Fault) and not isinstance(value, dict) else shown(value)
        return Fault((), words(kind), value, write=f"[{item}]" if item and not isinstance(value, dict) else "")
    items = {position: convert(item, inner) for position, item in enumerate(value)}
    if fault := _within(items):
        return fault
    return tuple(items.values()) if container in (tuple, Sequence) else container(items.values())


def _table(value: Any, kind: Any, arguments: tuple[Any, ...]) -> Any:
    if not isinstance(value, dict):
        return Fault((), words(kind), value)
    inner = arguments[1] if len(arguments) > 1 else Any
    table = {key: convert(item, inner) for key, item in value.items()}
    return _within(table) or table


def _within(results: Mapping[Any, Any]) -> Fault | None:
    """Make one Fault of those of all items, each with the way to it."""
    found = [(key, each) for key, fault in results.items() if isinstance(fault, Fault) for each in (fault, *fault.more)]
    faults = [each._replace(keys=(key, *each.keys), write="", more=()) for key, each in found]
    return faults[0]._replace(more=tuple(faults[1:])) if faults else None


def from_home(value: Any) -> Any:
    """Write the home out with which paths begin, `~/x` or `~user/x`, in lists and tables too. Raises ValueError when there is none."""
    if isinstance(value, str) and value.startswith("~"):
        try:
            return str(Path(value).expanduser())
        except RuntimeError:
            raise ValueError(f"there is no home for '{Path(value).parts[0]}'") from None
    if isinstance(value, dict):
        return {key: from_home(item) for key, item in value.items()}
    return type(value)(map(from_home, value)) if isinstance(value, list | tuple) else value


def words(kind: Any) -> str:
    """Name a type as a user hears it."""
    if kind in _NAMES:
        return _NAMES[kind]
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        return " or ".join(words(inner) for inner in arguments if inner is not type(None))
    if origin is Literal:
        return _choice(arguments)
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return _choice(tuple(member.value for member in kind))
    container = origin or kind
    if isinstance(container, type) and issubclass(container, Mapping):
        return "a table"
    return "a list" if container in (tuple, list, set, frozenset, Sequence) else "a value"


def _choice(values: tuple[Any, ...]) -> str:
    texts = [f"'{value}'" if isinstance(value, str) else str(value) for value in values]
    return f"one of {', '.join(texts[:-1])} or {texts[-1]}" if len(texts) > 1 else "".join(texts)


def shown(value: Any) -> str:
    """Write a value as TOML has it, shortened."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        text = value if len(value) <= 60 else value[:57] + "…"
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
    if isinstance(value, list | tuple):
        return f"[{', '.join(shown(item) for item in value[:6])}{', …' if len(value) > 6 else ''}]"
    if isinstance(value, dict):
        return "a table"
    return str(value)
