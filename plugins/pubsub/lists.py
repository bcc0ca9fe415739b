"""Lists of resources (RFC 4662): which there are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipeline.dal import ResourceList

    from .notifier import Notifier


class Lists:
    """The lists of resources."""

    def __init__(self, notifier: Notifier) -> None:
        self.notifier = notifier
        self.known: dict[str, ResourceList] = {}

    def knows(self, aor: str) -> bool:
        """Tell whether an address of record is a list."""
        return aor in self.known

    def attach(self, subscription: Any) -> None:
        """Have a subscription told the state of a list."""
