"""INFO within a session: digits, signs of life, packages that nobody takes. RFC 6086 (packages), RFC 2976 (the old kind).

Rule: application/dtmf-relay has lines `Signal=5` and `Duration=160` (milliseconds), application/dtmf the digit alone; both as the
gateways that invented them write them. An empty INFO is a sign of life.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.sip.info import info_package_of

if TYPE_CHECKING:
    from pipeline import Passage, Request

    from .session import Session

DIGITS = frozenset("0123456789*#ABCD")
NUMBERED = {"10": "*", "11": "#", "12": "A", "13": "B", "14": "C", "15": "D"}
"""Events of RFC 4733 2.3 that some write in place of the digit."""
RELAY, PLAIN = "application/dtmf-relay", "application/dtmf"
USUAL, SHORTEST, LONGEST = 160, 40, 5000
"""Milliseconds of a digit that does not say how long it is, and what is believed of one that does."""


def take(session: Session, message: Request, passage: Passage) -> None:
    """Answer an INFO."""
    package = info_package_of(message)
    if package:
        passage.reply(469, "Bad Info Package", (("Recv-Info", ""),), because=f"channel: nobody takes the package {package}")
        return
    kind = message.content_type
    if not message.body:
        passage.reply(200)
        return
    if kind not in (RELAY, PLAIN):
        passage.reply(415, headers=(("Accept", f"{RELAY}, {PLAIN}"),), because=f"channel: INFO with {kind or 'a body of no type'}")
        return
    digit, milliseconds = _digit(message.body.decode("ascii", "replace"), relay=kind == RELAY)
    if not digit:
        passage.reply(400, "Bad DTMF", because="channel: an INFO whose digit cannot be read")
        return
    passage.reply(200)
    session.channel.told_digit(digit, milliseconds)


def _digit(text: str, *, relay: bool) -> tuple[str, int]:
    signal, duration = "", USUAL
    if not relay:
        signal = text.strip()
    else:
        for line in text.splitlines():
            name, _, value = line.partition("=")
            name, value = name.strip().lower(), value.strip()
            if name == "signal":
                signal = value
            elif name == "duration" and value.isdigit() and len(value) < 8:
                duration = int(value)
    signal = NUMBERED.get(signal, signal.upper())
    return (signal if signal in DIGITS else "", min(max(duration, SHORTEST), LONGEST))
