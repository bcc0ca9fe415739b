"""Where a plugin belongs in the list of a stage, as far as the plugins say: `after` names those that a class comes after.

Rule: what comes after another comes after all that this one comes after, listed or not. Where nothing follows, nothing is guessed.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from pipeline.config.discover import Missing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.config.discover import Finder

__all__ = ["Order"]


class Order:
    """What the classes behind names say of their order."""

    def __init__(self, finder: Finder) -> None:
        self._finder = finder

    def place(self, name: str, names: Sequence[str]) -> str | None:
        """Return behind whom of the listed a plugin belongs; "" = it is the first; None: nobody says."""
        if not names:
            return ""
        earlier = self.earlier(name)
        if behind := [each for each in names if each in earlier]:
            return behind[-1]
        for position, each in enumerate(names):
            if name in self.earlier(each):
                return names[position - 1] if position else ""
        return None

    def earlier(self, name: str) -> set[str]:
        """Return all that a plugin comes after."""
        found: set[str] = set()
        ask = [name]
        while ask:
            with suppress(Missing):
                for each in getattr(self._finder.find(ask.pop()).cls, "after", ()):
                    if each not in found:
                        found.add(each)
                        ask.append(each)
        return found - {name}
