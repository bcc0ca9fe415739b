"""The timers of RFC 3261 (Table 4) and RFC 6026, and the actions that a transaction hands to its driver.

Rule: nothing here knows what time it is. A machine says Start("G", 0.5); the driver owns the clock and calls fire("G") later.
A timer that the RFC sets to zero on reliable transports never reaches the driver: its effect is part of the row that would
have started it (transaction.py, `Rows`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
from attrs import validators

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Action", "End", "Make", "Rows", "Send", "Start", "Stop", "Tell", "Timers"]


@attrs.define(unsafe_hash=True)
class Send:
    """Give these bytes to the flow of the transaction. Not frozen: one is made per message, and freezing costs as much again."""

    data: bytes


@attrs.frozen
class Start:
    """Start (or start again) the timer of this name."""

    name: str
    seconds: float


@attrs.frozen
class Stop:
    """Forget the timer of this name. A courtesy: a timer that fires too late finds no row and does nothing."""

    name: str


@attrs.frozen
class Tell:
    """Tell the owner: provisional, final, ACK, timeout or transport error. The message at hand is the driver's to add."""

    event: str


@attrs.frozen
class Make:
    """Build the message that the stack itself sends at this point (100, ACK, CANCEL) and send it.

    "100": `respond(100, data)`. "ACK": `ack_for(invite, response)`, then `machine.keep_ack(data)`, so that the machine can repeat it.
    "CANCEL": `cancel_for(invite)` in a client transaction of its own.
    """

    what: str


@attrs.frozen
class End:
    """The transaction is Terminated: destroy it now, with its timers."""


Action = Send | Start | Stop | Tell | Make | End

Rows = dict[tuple[str, str], tuple[str, tuple[Action, ...], bool]]
"""A table of transaction.py compiled: (state, event) -> (next state, actions, whether a stand-in is among them)."""


def _positive(_timers: Timers, attribute: attrs.Attribute[float], value: float) -> None:
    if not 0 < value < float("inf"):
        raise ValueError(f"{attribute.name} must be a positive number of seconds, not {value}")


def _not_under_t1(timers: Timers, _attribute: attrs.Attribute[float], value: float) -> None:
    if value < timers.t1:
        raise ValueError(f"t2 must not be less than t1 ({timers.t1}), not {value}")


@attrs.frozen(eq=False)
class Timers:
    """T1, T2 and T4, from which every other duration follows."""

    t1: float = attrs.field(default=0.5, converter=float, validator=_positive)
    """Estimate of the round trip (RFC 3261 17.1.1.1)."""
    t2: float = attrs.field(default=4.0, converter=float, validator=validators.and_(_positive, _not_under_t1))
    """Longest interval between retransmissions of a non-INVITE request or an INVITE's response."""
    t4: float = attrs.field(default=5.0, converter=float, validator=_positive)
    """Longest time that a message stays in the network."""
    tables: dict[tuple[str, bool], Rows] = attrs.field(factory=dict, init=False, repr=False)
    """The tables of transaction.py compiled for these durations, by machine and reliability."""

    @property
    def lifetime(self) -> float:
        """64*T1: timers B, F, H, J, L, M, and how long a cancelled INVITE waits (RFC 3261 9.1)."""
        return 64 * self.t1

    @property
    def trying(self) -> float:
        """When Timer E has been reset to T2: only then a non-INVITE request gets its 100 (RFC 4320 4.1). 3.5 s by default."""
        passed, interval = 0.0, self.t1
        while interval < self.t2:
            passed += interval
            interval = min(2 * interval, self.t2)
        return passed or interval

    def durations(self, reliable: bool) -> Mapping[str, float | None]:
        """Seconds of every timer; 0.0 acts at once, None is never started."""
        once, t1, t4, linger = self.lifetime, self.t1, self.t4, max(32.0, self.lifetime)
        return {
            "A": None if reliable else t1,
            "B": once,
            "D": 0.0 if reliable else linger,  # at least 32 s: we do not know the server's T1 (17.1.1.2)
            "E": None if reliable else t1,
            "F": once,
            "G": None if reliable else t1,
            "H": once,
            "I": 0.0 if reliable else t4,
            "J": 0.0 if reliable else once,
            "K": 0.0 if reliable else t4,
            "L": once,
            "M": once,
            "trying": 0.2,  # an INVITE gets a 100 unless the owner answers within 200 ms (17.2.1)
            "E at T2": self.trying,  # a non-INVITE request gets one only now (RFC 4320 4.1)
            "limit": once,  # the client's Timer F: nobody waits for an answer any more (RFC 4320 4.2)
            "guard": once,  # a cancelled INVITE without 487 (9.1)
        }
