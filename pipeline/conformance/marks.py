"""`@rfc("3261", "10.3-7")`: which section of which RFC a test or a check holds us to. It only notes it, for docs/conformance.md."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

F = TypeVar("F", bound="Callable[..., Any]")


def rfc(number: str, *sections: str) -> Callable[[F], F]:
    """Note the sections; may be repeated for another RFC."""

    def note(fn: F) -> F:
        fn.rfc = [*getattr(fn, "rfc", ()), *((number, section) for section in sections)]  # type: ignore[attr-defined]
        return fn

    return note
