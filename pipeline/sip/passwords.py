"""Passwords of URIs in any text that is shown: sentences, log lines, tables. RFC 3261 19.1.1, RFC 3986 3.2.1.

Rule: this works on text, not on a URI: what cannot be parsed must not leak either. Rather too much is masked than too little.
"""

from __future__ import annotations

import re

__all__ = ["MASK", "passwordless"]

MASK = "***"

_END = re.compile(r"([\s@<>\"])")
_USER = re.compile(r"(?i)\b(?:sips?:|https?://)[^:]*+:(?=.)")
"""Up to the password, in a piece between two of _END. Only a run with no colon behind it fails: there are two at most."""


def passwordless(text: str) -> str:
    """Return text without the passwords of the URIs in it: sip:user:password@host becomes sip:user:***@host."""
    if "@" not in text or not (":" in text and ("sip" in (low := text.lower()) or "http" in low)):
        return text
    # Cut into pieces first: a pattern that looks ahead for the @ would do so from every "sip:" anew.
    pieces = _END.split(text)
    for at in range(0, len(pieces) - 1, 2):
        if pieces[at + 1] == "@" and (found := _USER.search(pieces[at])) is not None:
            pieces[at] = pieces[at][: found.end()] + MASK
    return "".join(pieces)
