"""What is remembered not to be there, in constant memory: a table of hashes, one place each, the newest in it.

Rule: a flood of invented names makes nothing grow, and pushes out other invented names only. Python's hash of a text is keyed anew in each
process (SipHash, 64 bits), so nobody can choose a name that falls together with somebody else's.
"""

from __future__ import annotations

from array import array
from typing import Any

SLOTS = 1 << 13
"""64 kB: as many names as strangers try in 16 s at the shield's `global_request_rate` of 500 a second."""


class Absent:
    """A set of questions whose answer is no, which forgets the older of two that share a place."""

    __slots__ = ("_hashes", "_used")

    def __init__(self) -> None:
        self._hashes = array("q", bytes(8 * SLOTS))
        self._used = 0

    def __len__(self) -> int:
        return self._used

    def __contains__(self, question: Any) -> bool:
        mark = hash(question) or 1
        return self._hashes[mark & SLOTS - 1] == mark

    def add(self, question: Any) -> None:
        """Remember that there is no answer."""
        mark = hash(question) or 1
        place = mark & SLOTS - 1
        if not self._hashes[place]:
            self._used += 1
        self._hashes[place] = mark

    def clear(self) -> None:
        """Forget everything."""
        if self._used:
            self._hashes = array("q", bytes(8 * SLOTS))
            self._used = 0
