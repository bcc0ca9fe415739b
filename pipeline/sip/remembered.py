"""Functions whose answers are remembered, and the way to forget them all at once.

Rule: what is remembered is bounded by its number, and never needed: to forget costs time, and nothing else. After a flood the memories are
full of strangers.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

F = TypeVar("F", bound="Callable[..., Any]")

_ALL: list[Any] = []


def remembered(most: int) -> Callable[[F], F]:
    """Remember the last `most` answers of a function."""

    def remember(fn: F) -> F:
        found = lru_cache(maxsize=most)(fn)
        _ALL.append(found)
        return found  # type: ignore[return-value]

    return remember


def forget() -> None:
    """Forget every answer of every such function."""
    for fn in _ALL:
        fn.cache_clear()
