"""How a call ended, in a sentence: the cause, who hung up, which timer ran out.

Who ended it is seen by the first leg that ends and matters: the far side that sent BYE or CANCEL, the one that refused, a timer, or else
the server itself (its dialplan, its operator).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from pipeline.core.causes import Cause

if TYPE_CHECKING:
    from pipeline.core import Channel
    from pipeline.core.call import Call as CoreCall
    from pipeline.trace.leg import Call, Leg
    from pipeline.trace.record import Record


class Happened(NamedTuple):
    """The end of one channel."""

    leg: Leg
    channel: Channel
    cause: Cause
    text: str
    code: int
    of_peer: bool
    """A technology gave the code: the far side said so, or was silent."""


def timer_of(happened: Happened) -> str:
    """Say which timer ended a leg; "" when none did."""
    leg, channel, cause, text, code, of_peer = happened
    if leg.call.by[1]:
        return ""
    if cause is Cause.TIMER_EXPIRED:
        return text or "a timer has run out"
    if channel.answered or leg.hung_up:
        return ""
    if channel.direction == "out" and cause is Cause.NO_ANSWER and not of_peer and not code:
        return f"no answer within {channel.ended_at - channel.created:.1f} s"
    return ""


def ended_by(call: Call, happened: Happened) -> tuple[str, str]:
    """Return (who, how): who "" is the server; how "" means that this end does not end the call."""
    leg, channel, cause, _, code, _ = happened
    if leg.hung_up:
        return leg.party, "gave up" if leg.hung_up == "CANCEL" else "hung up"
    owner = channel.call.owner
    if cause is Cause.ANSWERED_ELSEWHERE or (not channel.answered and channel is not owner):
        return "", ""
    if timer_of(happened):
        return "", "timer"
    for other in call.legs:
        if code and other.final == code:
            return other.party, "refused"
    if not channel.answered and any(other.timed_out for other in call.legs):
        return "", "timer"
    return "", "hung up" if channel.answered else "refused"


class Ending:
    """The end of a call of the core."""

    def __init__(self, call: Call, core: CoreCall, time: float) -> None:
        self._call = call
        self._core = core
        self._time = time

    def record(self) -> Record:
        """Write it: `unanswered` are the requests that got no answer, "BYE to bob"."""
        owner, by = self._core.owner, self._call.by
        hangup = owner.hangup if owner is not None else None
        answered: float = owner.answered if owner is not None else 0.0
        return {
            "time": self._time, "kind": "event", "event": "call.ended", "call": self._call.key,
            "cause": hangup.cause.name if hangup is not None else "", "number": int(hangup.cause) if hangup is not None else 0,
            "text": hangup.text if hangup is not None else "", "code": hangup.code if hangup is not None else 0,
            "by": by[0], "how": by[1] or "hung up",
            "seconds": round(self._time - self._core.created, 3),
            "talked": round(self._time - answered, 3) if answered else 0.0,
            "unanswered": [what for leg in self._call.legs for what in leg.open.values()],
        }  # fmt: skip


class Refusal:
    """The end of a call that the core never knew."""

    def __init__(self, call: Call, time: float, at: float, status: int, text: str, by: str, how: str) -> None:
        self._call, self._time, self._status, self._text, self._by, self._how = call, time, status, text, by, how
        self._seconds = at - call.began

    def record(self) -> Record:
        """Write it, as Ending does."""
        return {
            "time": self._time, "kind": "event", "event": "call.ended", "call": self._call.key, "cause": "", "number": 0,
            "text": self._text, "code": self._status, "by": self._by, "how": self._how, "seconds": round(self._seconds, 3), "talked": 0.0,
            "unanswered": [what for leg in self._call.legs for what in leg.open.values()],
        }  # fmt: skip
