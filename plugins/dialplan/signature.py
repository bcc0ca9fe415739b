"""A step is a function, and its signature is its schema: `async def page(channel, argument: str, *, volume: int = 3)`.

    "page"                          argument is its default, or None where it is not annotated
    { page = "all", volume = 5 }    the first key names the step, the others are its options

Rule: one description serves `sipline check` and the run. A value that holds variables is text until they are filled in; then it is
converted as its annotation says.
"""

from __future__ import annotations

import inspect
import math
import typing
from typing import TYPE_CHECKING, Any, NamedTuple

from pipeline.config.problems import nearest
from pipeline.config.values import Fault, convert, shown, words

from .patterns import Mistake
from .template import has_variables

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pipeline.core import Script

__all__ = ["Signature", "Wrong", "signature_of"]

MANY = 6
"""Choices beyond which a message does not name them all."""
REQUIRED: Any = inspect.Parameter.empty


class Wrong(NamedTuple):
    """What is wrong with one value of a step: the keys below the step, what, what instead, whether at the key itself."""

    keys: tuple[str | int, ...]
    message: str
    suggestion: str = ""
    key: bool = False


class Parameter(NamedTuple):
    """One thing that a step takes."""

    name: str
    kind: Any
    default: Any

    @property
    def required(self) -> bool:
        """Whether it must be written."""
        return self.default is REQUIRED and self.kind is not Any


class Signature(NamedTuple):
    """What a step takes."""

    argument: Parameter | None
    """None: it takes none."""
    options: dict[str, Parameter]
    open: bool
    """Whether it takes options of any name."""

    def check(self, name: str, argument: Any, options: dict[str, Any], *, bare: bool) -> Iterator[Wrong]:
        """Check a step as it is written; `bare`: "name" alone."""
        if bare:
            if self.argument is not None and self.argument.required:
                yield Wrong((), f"'{name}' needs {words(self.argument.kind)}", f"write {{ {name} = … }}")
        elif self.argument is None:
            if argument is not True:
                yield Wrong((name,), f"'{name}' takes no value", f'write "{name}"' if not options else f"write {name} = true")
        elif (wrong := _wrong(name, argument, self.argument.kind, (name,))) is not None:
            yield wrong
        for key, value in options.items():
            parameter = self.options.get(key)
            if parameter is not None:
                if (wrong := _wrong(key, value, parameter.kind, (key,))) is not None:
                    yield wrong
            elif not self.open:
                known = [other for other in self.options if other not in options]
                hint = nearest(key, known) or (f"it has {_listed(self.options)}" if self.options else "it has none")
                yield Wrong((key,), f"'{name}' has no option '{key}'", hint, key=True)
        for key, parameter in self.options.items():
            if parameter.required and key not in options:
                yield Wrong((), f"'{name}' needs '{key}'", f"{key} is {words(parameter.kind)}")

    def converted(self, name: str, argument: Any, options: dict[str, Any], *, bare: bool) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Give what the function is called with, behind the channel; raise Mistake when a filled in value is of no use."""
        arguments: tuple[Any, ...] = ()
        if self.argument is not None:
            if not bare:
                arguments = (_value(name, argument, self.argument.kind),)
            elif self.argument.default is REQUIRED:
                arguments = (None,)
        named = {
            key: _value(key, value, parameter.kind) if (parameter := self.options.get(key)) else value for key, value in options.items()
        }
        return arguments, named


def signature_of(function: Script) -> Signature:
    """Read a step function: the first parameter is the channel, the second the argument, the others are options."""
    read = inspect.signature(function)
    names = {**vars(typing), **getattr(inspect.unwrap(function), "__globals__", {})}
    argument: Parameter | None = None
    options: dict[str, Parameter] = {}
    taken, any_name = 0, False
    for parameter in read.parameters.values():
        if parameter.kind is parameter.VAR_KEYWORD:
            any_name = True
            continue
        kind = _kind(parameter.annotation, names)
        if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD) and taken < 2:
            taken += 1
            if taken == 2:
                argument = Parameter(parameter.name, kind, parameter.default)
        elif parameter.kind is not parameter.VAR_POSITIONAL:
            options[parameter.name] = Parameter(parameter.name, kind, parameter.default)
    return Signature(argument, options, any_name)


def _kind(annotation: Any, names: dict[str, Any]) -> Any:
    """Resolve an annotation; one that only a type checker can, says nothing."""
    if isinstance(annotation, str):
        try:
            annotation = eval(annotation, names)  # noqa: S307 (an annotation of code that already runs)
        except Exception:
            return Any
    return Any if annotation is REQUIRED else annotation


def _wrong(subject: str, value: Any, kind: Any, keys: tuple[str | int, ...]) -> Wrong | None:
    if isinstance(value, str) and has_variables(value):
        return None
    result = convert(value, kind)
    if not isinstance(result, Fault):
        return None
    if isinstance(value, str) and typing.get_origin(kind) is typing.Literal and len(known := typing.get_args(kind)) > MANY:
        return Wrong(keys, f"{subject}: there is no '{value}'", result.hint or f"they are {', '.join(known)}")
    if not result.keys and isinstance(value, str) and result.hint:
        hint = result.hint
    else:
        hint = f"write {subject} = {result.write}" if result.write else result.hint
    for key in result.keys:
        subject = f"item {key + 1} of {subject}" if isinstance(key, int) else f"{subject}.{key}"
    return Wrong((*keys, *result.keys), f"{subject} must be {result.must}, not {shown(result.value)}", hint)


def _value(subject: str, value: Any, kind: Any) -> Any:
    """Convert what is right, or what a variable held: text to the number or truth that is wanted."""
    result = convert(value, kind)
    if isinstance(result, Fault) and isinstance(value, str):
        result = _from_text(value, kind)
    if isinstance(result, Fault):
        raise Mistake(f"{subject} must be {words(kind)}, not {shown(value)}")
    return result


def _from_text(text: str, kind: Any) -> Any:
    kinds = typing.get_args(kind) or (kind,)
    for one in kinds:
        if one is bool and text.lower() in ("true", "yes", "on", "1", "false", "no", "off", "0", ""):
            return text.lower() in ("true", "yes", "on", "1")
        if one in (int, float):
            reader: Callable[[str], Any] = one
            try:
                number = reader(text.strip())
            except ValueError:
                continue
            if not math.isfinite(number):  # "nan", "inf": no time, no number of anything
                continue
            return number
    return Fault((), words(kind), text)


def _listed(names: dict[str, Any]) -> str:
    return ", ".join(f"'{name}'" for name in names)
