"""`once`: a property that is computed when first read and then is a plain attribute.

Rule: reading it again costs what an attribute costs; whoever changes what it was made of deletes it from the instance (`forget`).
functools.cached_property does the same and takes a lock each time on Python 3.11.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__all__ = ["once"]

if TYPE_CHECKING:
    from functools import cached_property as once
else:

    class once:  # noqa: N801 (it is used like a decorator)
        """Compute at the first reading, keep in the instance."""

        def __init__(self, func: Any) -> None:
            self.func = func
            self.__doc__ = func.__doc__

        def __set_name__(self, owner: type, name: str) -> None:
            self.name = name

        def __get__(self, instance: Any, owner: type | None = None) -> Any:
            if instance is None:
                return self
            value = instance.__dict__[self.name] = self.func(instance)
            return value
