"""Reliable provisional responses: RFC 3262.

Rule: counting and deciding only; the session sends, keeps the bytes and owns the timer. `Reliable` is the server's side of one INVITE,
`Received` the client's side of one early dialog. The numbers of both are per transaction (3), those that come from a fork per dialog.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from .grammar import CSEQ, SECONDS, TOKEN_CHARS, bad, missing, number

if TYPE_CHECKING:
    from .message import Message

__all__ = ["RELIABLE", "Rack", "Received", "Reliable", "is_reliable", "rack_of", "rseq_of"]

RELIABLE = "100rel"
FIRST = 2**31 - 1  # RSeq of the first one is at most this: RFC 3262 3
TIMES = 64  # retransmitted for 64*T1: RFC 3262 3
RACK = re.compile(rf"([0-9]++)[ \t]++([0-9]++)[ \t]++([{TOKEN_CHARS}]++)")


class Rack(NamedTuple):
    """A RAck: the RSeq and the CSeq of the response that a PRACK acknowledges."""

    rseq: int
    cseq: int
    method: str = "INVITE"

    def __str__(self) -> str:
        return f"{self.rseq} {self.cseq} {self.method}"


def rack_of(message: Message) -> Rack:
    """The RAck of a PRACK (7.2); raises Malformed, also when there is none."""
    value = message.get("rack")
    if value is None:
        raise missing("RAck")
    found = RACK.fullmatch(value)
    if found is None:
        raise bad("RAck", "it must be two numbers and a method")
    return Rack(number(found[1], SECONDS, "RAck"), number(found[2], CSEQ, "RAck"), found[3])


def rseq_of(message: Message) -> int | None:
    """The RSeq of a response (7.1), None when absent; raises Malformed."""
    value = message.get("rseq")
    return None if value is None else number(value, SECONDS, "RSeq")


def is_reliable(response: Message, status: int) -> bool:
    """Whether a response is sent reliably: 101 to 199 with Require: 100rel and an RSeq (4). Such a 100 is not one."""
    return 100 < status < 200 and "rseq" in response and any(tag.lower() == RELIABLE for tag in response.require)


class Reliable:
    """What we sent reliably for one INVITE. One at a time: the next one waits for the PRACK of the last (3)."""

    __slots__ = ("_elapsed", "_wait", "cseq", "described", "last", "pending", "t1")

    def __init__(self, first: int, cseq: int, t1: float) -> None:
        """`first` is a random number, `cseq` the INVITE's number, `t1` T1 in seconds."""
        self.last = first % FIRST
        self.cseq = cseq
        self.t1 = t1
        self.pending = 0
        """RSeq of the one that waits for its PRACK; 0: none."""
        self.described = False
        """Whether the one that waits carries a session description: no 2xx may be sent before its PRACK."""
        self._elapsed = self._wait = 0.0

    def send(self, *, described: bool) -> list[tuple[str, str]]:
        """Number the next one: the fields it carries. To be called when nothing is pending; the first repetition is due in T1."""
        if self.pending:
            raise RuntimeError("the last reliable response has not been acknowledged")
        self.last += 1
        self.pending, self.described = self.last, described
        self._elapsed, self._wait = 0.0, self.t1
        return [("Require", RELIABLE), ("RSeq", str(self.last))]

    @property
    def wait(self) -> float:
        """Seconds until `fire` is due."""
        return self._wait

    def fire(self) -> bool:
        """The wait is over. True: send it again, and wait for `wait` more; False: 64*T1 have passed, the INVITE is refused with a 5xx.

        Intervals double without the limit of T2 (3).
        """
        self._elapsed += self._wait
        left = TIMES * self.t1 - self._elapsed
        if left <= 0:
            return False
        self._wait = min(self._wait * 2, left)
        return True

    def acknowledged(self, rack: Rack) -> bool:
        """Take a PRACK; False: it acknowledges nothing that waits, and is answered with 481."""
        if not self.pending or rack != (self.pending, self.cseq, "INVITE"):
            return False
        self.pending, self.described = 0, False
        return True


class Received:
    """The reliable responses that came within one early dialog: new, repeated, or out of order."""

    __slots__ = ("last",)

    def __init__(self) -> None:
        self.last = 0
        """The RSeq of the last one in order; 0: none came."""

    def take(self, rseq: int) -> bool:
        """Take the RSeq of one that came. True: it is the next one, to be used and acknowledged; False: it is to be ignored (4)."""
        if rseq <= 0 or (self.last and rseq != self.last + 1):
            return False
        self.last = rseq
        return True
