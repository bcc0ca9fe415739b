"""Text from the network as text: control characters are made visible, so that no message moves a cursor or turns the text around."""

from __future__ import annotations

import re

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def plain(value: str) -> str:
    """Return the text with its control characters (but line feed and tab) and direction marks as escapes."""
    return _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}" if ord(found[0]) < 256 else f"\\u{ord(found[0]):04x}", value)
