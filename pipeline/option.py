"""`plugin` and `option`: a plugin is an attrs class, its fields are its TOML table. Help lives on the field, once.

Validation, `sipline plugins`, the reference pages and the database's tables are generated from these fields.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, dataclass_transform

import attrs

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")
LARGEST_INT = 2**31 - 1
"""What the kernel is told in a C int: setsockopt(2) of SO_RCVBUF and SO_SNDBUF (socket(7)), listen(2). More is an OverflowError."""


def option(
    default: Any = attrs.NOTHING,
    *,
    help: str,  # noqa: A002  # the word everybody looks for
    unit: str = "",
    refers: str = "",
    secret: bool = False,
    path: bool = False,
    writes: bool = False,
    sends: bool = False,
    validator: Any = None,
    converter: Any = None,
    factory: Callable[[], Any] | None = None,
) -> Any:
    """Declare one option of a plugin, or one field of a stored object.

    `help` is one sentence; `unit` "s" or "bytes"; `refers` the type of stored object whose id the value is; `secret` values are
    never shown. `path`: the value names files or folders, in a list or tables too; a home that one begins with (`~`) is written out when
    the plugin gets it, and what is relative the plugin joins to the folder that `help` names. `writes`: it is a path that is written;
    `sends`: something leaves by it on another way than the engine's network (mail, a journal, code of the user's). `sipline
    conformance` has neither. Without a default the option is required.
    """
    return attrs.field(
        default=default,
        repr=not secret,
        validator=validator,
        converter=converter,
        factory=factory,
        metadata={"help": help, "unit": unit, "refers": refers, "secret": secret, "path": path or writes, "writes": writes, "sends": sends},
    )


@dataclass_transform(eq_default=False, kw_only_default=True, field_specifiers=(option, attrs.field))
def plugin(cls: type[T]) -> type[T]:
    """Make a class a plugin: `attrs.define`, compared by identity (two instances with equal options are two plugins)."""
    return attrs.define(cls, eq=False, kw_only=True, slots=True)
