"""Reason: why a request is sent, above all a BYE or CANCEL. RFC 3326; in a final response RFC 6432.

Rule: a value per protocol ("SIP", "Q.850"), its cause a number of that protocol. What cannot be read is left out: no call hangs on it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from . import params as parameters
from .grammar import Malformed, number, quote, split_commas, unquote

if TYPE_CHECKING:
    from .message import Message

__all__ = ["Q850", "SIP", "Reason", "reasons_of"]

SIP = "SIP"
Q850 = "Q.850"
CAUSES = 999  # a status has three digits, a Q.850 cause goes up to 127


class Reason(NamedTuple):
    """One Reason value; `cause` 0 where it has none."""

    protocol: str
    cause: int = 0
    text: str = ""

    def __str__(self) -> str:
        cause = f";cause={self.cause}" if self.cause else ""
        return f"{self.protocol}{cause}" + (f";text={quote(self.text)}" if self.text else "")


def reasons_of(message: Message) -> list[Reason]:
    """The Reason values of a message, those that can be read; `SIP` and `Q850` in their own spelling."""
    if "reason" not in message:
        return []
    found: list[Reason] = []
    for value in message.all("reason"):
        try:
            found += [_read(item) for item in split_commas(value, "Reason") if item]
        except Malformed:
            continue
    return found


def _read(item: str) -> Reason:
    protocol, semicolon, tail = item.partition(";")
    protocol = protocol.strip(" \t")
    params = parameters.parse(semicolon + tail, "Reason")
    cause = params.get("cause")
    known = {"sip": SIP, "q.850": Q850}.get(protocol.lower(), protocol)
    return Reason(known, number(cause, CAUSES, "Reason cause") if cause else 0, unquote(params.get("text") or ""))
