"""The two server transactions: they repeat our responses and absorb what the client repeats (RFC 3261 17.2, RFC 6026, RFC 4320).

Rule: a method names the event and nothing more; what follows stands in transaction.py. The request that made the machine is
the driver's: it is not passed in again. `start()` is called when the owner does not answer at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .timers import Send, Start
from .transaction import Machine

if TYPE_CHECKING:
    from .timers import Action, Timers

__all__ = ["InviteServer", "NonInviteServer"]


class InviteServer(Machine):
    """RFC 3261 17.2.1 with RFC 6026: Proceeding, Completed, Confirmed, Accepted, Terminated."""

    __slots__ = ("interval", "longest")
    name = "INVITE server"

    def __init__(self, timers: Timers, reliable: bool) -> None:
        super().__init__(timers, reliable)
        self.interval, self.longest = timers.t1, timers.t2

    def start(self) -> tuple[Action, ...]:
        """The owner has the INVITE and thinks: 100 after 200 ms."""
        return self._on("start")

    def request(self) -> tuple[Action, ...]:
        """The INVITE came again."""
        return self._on("INVITE" if self.kept is not None or self.state != "Proceeding" else "INVITE, unanswered")

    def respond(self, status: int, data: bytes) -> tuple[Action, ...]:
        """The owner answers. Repeating a 2xx until its ACK comes is the owner's work (13.3.1.4): call this again with it."""
        event = "300-699" if status >= 300 else "2xx" if status >= 200 else "1xx"
        if (self.state, event) not in self.rows:
            return ()
        self.kept = Send(data)
        actions = self._on(event)
        if self.state == "Accepted":
            self.kept = None  # never repeated from here
        return actions

    def ack(self) -> tuple[Action, ...]:
        """An ACK matched (17.2.3). That of a 2xx matches only in RFC 2543's way and is the owner's (RFC 6026 6)."""
        return self._on("ACK")

    def _doubled(self, timer: str) -> Start:
        self.interval = min(2 * self.interval, self.longest)
        return Start(timer, self.interval)


class NonInviteServer(Machine):
    """RFC 3261 17.2.2 with RFC 4320: Trying, Proceeding, Completed, Terminated."""

    __slots__ = ()
    name = "server"

    def start(self) -> tuple[Action, ...]:
        """The owner has the request and thinks: 100 when the client's Timer E has reached T2, nothing at all after its Timer F."""
        return self._on("start")

    def request(self) -> tuple[Action, ...]:
        """The request came again."""
        return self._on("request")

    def respond(self, status: int, data: bytes) -> tuple[Action, ...]:
        """The owner answers. What RFC 4320 forbids (a 408, a 1xx but 100, a 100 too early) is not sent: no actions."""
        event = "final" if status >= 200 else "100" if status == 100 else "1xx"
        if status == 408 or (self.state, event) not in self.rows:
            return ()
        self.kept = Send(data)
        return self._on(event)
