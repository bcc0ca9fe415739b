"""Max-Breadth: in how many branches a request may be under way at a time, all forks of forks together. RFC 5393 5.3.

Rule: what is more than WIDEST counts as WIDEST (5.3.3), however many digits it has (5.8); it is no mistake of its sender.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .grammar import bad

if TYPE_CHECKING:
    from .message import Message

__all__ = ["WIDEST", "breadth_of"]

WIDEST = 60
"""RFC 5393 5.3.3: what a request has that says nothing, and the most that one may have, are both RECOMMENDED to be 60."""


def breadth_of(message: Message) -> int | None:
    """Return the Max-Breadth of a request, WIDEST at most; None: it has none. Raises Malformed."""
    text = message.get("max-breadth")
    if text is None:
        return None
    if not (text.isascii() and text.isdigit()):
        raise bad("Max-Breadth", "not a number")
    digits = text.lstrip("0") or "0"
    return WIDEST if len(digits) > len(str(WIDEST)) else min(int(digits), WIDEST)
