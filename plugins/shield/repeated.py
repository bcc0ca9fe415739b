"""Which datagram was turned away a moment ago: who sends it again is a phone that retransmits (RFC 3261 17.1), and no generator.

Rule: constant memory; a slot holds the hash of what was turned away last. Used only when the budgets of all strangers together are
spent: then the little that is left is for those who repeat themselves.
"""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.flow import Address

SLOTS = 1 << 18
"""A megabyte: at 60,000 datagrams a second the four seconds between two retransmissions (T2)."""


class Repeated:
    """The datagrams that were turned away lately."""

    __slots__ = ("_slots",)

    def __init__(self) -> None:
        self._slots = array("I", bytes(4 * SLOTS))

    def seen(self, peer: Address, data: bytes) -> bool:
        """Tell whether these very bytes came from there before, and remember them; a third time counts as a first."""
        key = hash((peer, data))
        slot, mark = key & SLOTS - 1, key >> 18 & 0xFFFFFFFF
        if self._slots[slot] == mark:
            self._slots[slot] = 0
            return True
        self._slots[slot] = mark
        return False
