"""Text from the network or a file as text: control characters are made visible, so that nothing moves a cursor or turns the text around."""

from __future__ import annotations

import re

# C0 and C1 but for line feed and tab; what is invisible or turns the text around (Unicode 15, 23.2); other line ends; half characters.
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]")
_HALF = re.compile("[\ud800-\udfff]")


def plain(value: str) -> str:
    """Return the text with its control characters (but line feed and tab) and direction marks as escapes."""
    return value if value.isascii() and value.isprintable() else _CONTROL.sub(_escape, value)


def readable(value: str) -> str:
    """Return text that JSON and UTF-8 can hold: octets that were never UTF-8 are written as escapes."""
    return value if value.isascii() else _HALF.sub(_escape, value)


def _escape(found: re.Match[str]) -> str:
    code = ord(found[0])
    if 0xDC80 <= code <= 0xDCFF:  # an octet that was no UTF-8 (PEP 383)
        code -= 0xDC00
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
