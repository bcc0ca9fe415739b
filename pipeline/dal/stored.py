"""What the stored types have in common: their base, the register of types, and the fields and values that recur.

Rule: `origin` and `version` are stamped by the backend that takes an object over, and are nobody else's to write.
"""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, TypeVar

import attrs

from pipeline.option import option

C = TypeVar("C", bound="type[Stored]")
TYPES: dict[str, "type[Stored]"] = {}


class Stored:
    """What all stored types have in common; the attrs classes below declare the fields themselves, `id` first."""

    __slots__ = ()
    kind: ClassVar[str] = ""  # the type's name, set by register()
    owner: ClassVar[str] = ""  # the field that owns: "" = each object stands alone
    indexed: ClassVar[tuple[str, ...]] = ()
    on_demand: ClassVar[bool] = False  # stored only where [dal] names a backend for it
    durability: ClassVar[str] = "commit"  # what a write waits for when [dal] does not say
    hot: ClassVar[bool] = False  # read and written with every message: a backend that can keeps all of them in memory
    id: str
    origin: str
    version: int


def register(kind: str, cls: C) -> C:
    """Make a type known by this name. A plugin may add its own; a name belongs to one class."""
    known = TYPES.setdefault(kind, cls)
    if known is not cls and (known.__module__, known.__qualname__) != (cls.__module__, cls.__qualname__):
        raise ValueError(f"the stored type {kind!r} is already {known.__module__}.{known.__qualname__}")
    cls.kind = kind
    TYPES[kind] = cls
    return cls


def maker(cls: type[Any]) -> Callable[..., Any]:
    """Return a function that makes objects of a frozen class by position, in a third of the time: for types made with every message.

    A frozen class writes each field past its own guard. This fills a twin of the same fields without one, which then becomes the class:
    Python allows that for two classes of one layout.
    """
    fields = {
        field.name: attrs.field(default=field.default, converter=field.converter, validator=field.validator) for field in attrs.fields(cls)
    }
    twin = attrs.make_class(cls.__name__, fields, bases=cls.__bases__, eq=False, slots=True, weakref_slot=False)

    def make(*values: Any) -> Any:
        made = twin(*values)
        made.__class__ = cls
        return made

    return make


def version_of(objects: Sequence[Any]) -> int:
    """Return one number for this set of one owner's objects, for `if_version`: the highest version, and how many there are.

    Each put gets a version never seen before and each delete makes the set smaller, so equal numbers are equal sets. For one
    object it is its version, for none 0.
    """
    if len(objects) == 1:
        return objects[0].version  # type: ignore[no-any-return]
    versions: list[int] = [stored.version for stored in objects]
    return max(versions) + (len(versions) - 1 << 64) if versions else 0


class _Shared(dict[str, str]):
    def __missing__(self, text: str) -> str:
        if len(self) >= 4096:
            self.clear()
        self[text] = text
        return text


shared: Callable[[str], str] = _Shared().__getitem__
"""Return the one copy of a string that many objects hold (listener, user agent, node). Bounded: phones choose their user agents."""


def strings(value: Any) -> tuple[str, ...]:
    """Return a list of strings as the tuple it is kept as."""
    if isinstance(value, str):
        raise TypeError(f'must be a list, not "{value}"')
    return tuple(value)


def origin() -> Any:
    """Declare the field that says in which backend an object lives."""
    return option(default="", help="the backend that holds this object; stamped by it")


def version() -> Any:
    """Declare the field that changes with every write."""
    return option(default=0, help="changes with every write; stamped by the backend")
