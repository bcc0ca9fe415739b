"""The options of a plugin class or of a stored object's type, read from its attrs fields: one schema for every use.

From it come the checks of pipeline.toml, defaults, `sipline plugins`, the reference. Rule: a table is checked against the
class's own fields and nothing else, and every mistake in it is reported, not the first.
"""

from __future__ import annotations

import inspect
import re
import sys
import typing
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import attrs

from pipeline.bind import binds
from pipeline.config.limits import choices, limits
from pipeline.config.problems import Report, nearest
from pipeline.config.read import dotted, undotted
from pipeline.config.values import Fault, convert, from_home, shown, words

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["MISSING", "Option", "check_table", "check_value", "make", "misspelt", "options_of"]

MISSING: Any = attrs.NOTHING
HIDDEN = frozenset({"id", "origin", "version"})
"""Fields of a stored object that are not written in its table."""


@attrs.frozen(eq=False)
class Option:
    """One key of a table: an attrs field seen from outside."""

    name: str
    kind: Any
    default: Any
    help: str
    unit: str
    refers: str
    secret: bool
    path: bool
    attribute: Any = attrs.field(repr=False)

    @property
    def required(self) -> bool:
        """Whether the file must say it."""
        return self.default is MISSING

    @property
    def type_words(self) -> str:
        """Name the type as a user hears it: "a list"."""
        return words(self.kind)

    @property
    def limits(self) -> str:
        """What the validator allows: "at least 1"."""
        return limits(self.attribute.validator)

    def default_value(self) -> Any:
        """Give the default itself, of a factory what it makes; MISSING when there is none."""
        if isinstance(self.default, attrs.Factory):  # type: ignore[arg-type]
            return self.default.factory() if not self.default.takes_self else MISSING
        return self.default


_read: WeakKeyDictionary[type, Mapping[str, Option]] = WeakKeyDictionary()


def options_of(cls: type) -> Mapping[str, Option]:
    """Read the options of a class from its attrs fields; private ones and an object's id, origin and version are none."""
    found = _read.get(cls)
    if found is None:
        found = _read[cls] = _options(cls) if attrs.has(cls) else {}
    return found


def _options(cls: type) -> Mapping[str, Option]:
    hints = _hints(cls)
    found: dict[str, Option] = {}
    stored = "id" in attrs.fields_dict(cls)
    for field in attrs.fields(cls):
        if not field.init or field.name.startswith("_") or (stored and field.name in HIDDEN):
            continue
        told = field.metadata
        found[field.alias] = Option(
            name=field.alias,
            kind=hints.get(field.name, field.type),
            default=field.default,
            help=str(told.get("help", "")),
            unit=str(told.get("unit", "")),
            refers=str(told.get("refers", "")),
            secret=bool(told.get("secret", False)),
            path=bool(told.get("path", False)),
            attribute=field,
        )
    return found


def _hints(cls: type) -> dict[str, Any]:
    """Resolve annotations that are text; one that cannot be resolved is not checked."""
    found: dict[str, Any] = {}
    for field in attrs.fields(cls):
        kind = field.type
        if isinstance(kind, str):
            for owner in cls.__mro__:
                if field.name in inspect.get_annotations(owner):
                    names = vars(sys.modules.get(owner.__module__, typing))
                    try:
                        kind = eval(kind, {**vars(typing), **names})  # noqa: S307 (an annotation of code that already runs)
                    except Exception:
                        kind = Any
                    break
        found[field.name] = Any if isinstance(kind, str) else kind
    return found


def check_table(
    report: Report, cls: type, table: Mapping[str, Any], keys: tuple[str | int, ...], reserved: Iterable[str] = ()
) -> dict[str, Any]:
    """Check a table against a class; give the values that are right. Missing options are the caller's to report."""
    options = options_of(cls)
    values: dict[str, Any] = {}
    for name, value in table.items():
        option = options.get(name)
        if option is not None:
            value = check_value(report, option, value, (*keys, name))
            if value is not MISSING:
                values[name] = value
        elif name not in reserved:
            header = dotted(*keys) if keys[0] != "stage" else "[[stage]]"
            meant = undotted(keys, name, value) or report.meant(name, [*options, *reserved])
            report.error((*keys, name), f"{header} has no key '{name}'", meant, key=True)
    return values


def misspelt(name: str, table: Mapping[str, Any], known: Iterable[str]) -> bool:
    """Whether a missing key is there under a wrong name, which is told already."""
    return any(nearest(key, [name]) for key in table if key not in known)


def check_value(report: Report, option: Option, value: Any, keys: tuple[str | int, ...]) -> Any:
    """Check one value: its type, then its validator. Give it as the class wants it, MISSING when it is wrong."""
    if option.secret:
        report.document.secrets.add(option.name)
    result = convert(value, option.kind)
    if isinstance(result, Fault):
        faults: list[Fault] = [result, *result.more]
        for fault in faults:
            _wrong_type(report, option, fault, keys)
        if isinstance(value, list) and result.keys and not option.secret:  # the items of the right type are judged all the same
            wrong = {fault.keys[0] for fault in faults}
            for position, item in enumerate(value):
                if position not in wrong and (error := _refusal(option, [item])) is not None and _names(str(error), item):
                    _refused_item(report, option, item, error, (*keys, position))
        return MISSING
    if option.path:
        try:
            result = from_home(result)
        except ValueError as error:
            report.error(keys, f"{option.name}: {error}")
            return MISSING
    if (refusal := _refusal(option, result)) is not None:
        items = _refused_items(option, result)
        for position, each in items.items():
            _refused_item(report, option, result[position], each, (*keys, position))
        if not items:
            _refused(report, option, value, refusal, keys)
        return MISSING
    return result


def _refusal(option: Option, value: Any) -> Exception | None:
    """Return what the validator says against a value of the right type."""
    attribute = option.attribute
    if attribute.validator is None:
        return None
    try:
        attribute.validator(None, attribute, value if attribute.converter is None else attribute.converter(value))
    except (ValueError, TypeError) as error:
        return error
    except Exception:
        return None  # a validator that looks at the whole plugin speaks when it is made
    return None


def _refused_items(option: Option, value: Any) -> dict[int, Exception]:
    """Find which items of a refused list are to blame: those refused alone as well, and by name, or without which the rest is right."""
    if not isinstance(value, list | tuple) or option.secret:
        return {}
    alone = ((position, _refusal(option, type(value)([item]))) for position, item in enumerate(value))
    found = {position: error for position, error in alone if error is not None}
    rest = type(value)([item for position, item in enumerate(value) if position not in found])
    if rest and _refusal(option, rest) is None:
        return found
    return {position: error for position, error in found.items() if _names(str(error), value[position])}


def _names(said: str, item: Any) -> bool:
    return isinstance(item, str) and (f"'{item}'" in said or f'"{item}"' in said or repr(item) in said)


def _refused_item(report: Report, option: Option, item: Any, error: Exception, keys: tuple[str | int, ...]) -> None:
    said = str(error.args[0]) if error.args else str(error)
    hint = _meant(item, said) if isinstance(item, str) else ""
    report.error(keys, said if option.name in said else f"{option.name}: {said}", hint)


def _wrong_type(report: Report, option: Option, fault: Fault, keys: tuple[str | int, ...]) -> None:
    subject = option.name
    for key in fault.keys:
        subject = f"item {key + 1} of {subject}" if isinstance(key, int) else f"{subject}.{key}"
    value = "" if option.secret else f", not {shown(fault.value)}"
    meant = _port(option, fault) or fault.write
    write = f"write {option.name} = {meant}" if meant and not option.secret else fault.hint
    report.error((*keys, *fault.keys), f"{subject} must be {fault.must}{value}", write)


def _port(option: Option, fault: Fault) -> str:
    """Write what a bare port means where addresses to listen on are wanted."""
    if option.attribute.validator is not binds or fault.keys:
        return ""
    port = fault.value if isinstance(fault.value, int) else int(fault.value) if str(fault.value).isdecimal() else -1
    return f'["0.0.0.0:{port}"]' if 0 <= port <= 65535 else ""


def _refused(report: Report, option: Option, value: Any, error: Exception, keys: tuple[str | int, ...]) -> None:
    allowed = limits(option.attribute.validator)
    said = str(error.args[0]) if error.args else str(error)
    if allowed:
        text = f"{option.name} must be {allowed}" + ("" if option.secret else f", not {shown(value)}")
    elif option.secret:
        text = f"{option.name} is refused by its validator"
    else:
        text = said if option.name in said else f"{option.name}: {said}"
    hint = nearest(value, choices(option.attribute.validator)) if isinstance(value, str) else ""
    # a validator that names one item of a list in its text gets the caret there: what is right alone, but not with the others
    if isinstance(value, tuple | list):
        named = [i for i, item in enumerate(value) if item and _names(said, item)]
        if len(named) == 1:
            keys = (*keys, named[0])
            hint = _meant(value[named[0]], said)
    report.error(keys, text, hint)


def _meant(word: str, said: str) -> str:
    """Find what was meant among the words of a validator's own text."""
    known = [other for other in re.findall(r"[\w.-]*\w", said) if other != word and not other.isdigit()]
    return nearest(word, known) if re.fullmatch(r"[\w-]+", word) else ""


def make(report: Report, cls: type, values: Mapping[str, Any], keys: tuple[str | int, ...], header: str) -> Any:
    """Make the plugin or object of checked values; what its own constructor refuses is a problem of its table."""
    try:
        return cls(**values)
    except Exception as error:
        said = str(error.args[0]) if error.args and isinstance(error, ValueError | TypeError) else f"{type(error).__name__}: {error}"
        named = next((name for name in values if name in said.split() or f"'{name}'" in said or said.startswith(f"{name}:")), None)
        secret = any(option.secret for option in options_of(cls).values()) and named is None
        report.error((*keys, named) if named else keys, f"{header}: {'its values are refused' if secret else said}")
        return None
