"""The two client transactions: they repeat our requests and absorb repeated responses (RFC 3261 17.1, RFC 6026).

Rule: a method names the event and nothing more; what follows stands in transaction.py. A response is its status here: the driver has
the message and hands it on when told to.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .timers import Send, Start
from .transaction import Machine

if TYPE_CHECKING:
    from .timers import Action, Timers

__all__ = ["InviteClient", "NonInviteClient"]


class InviteClient(Machine):
    """RFC 3261 17.1.1 with RFC 6026: Calling, Proceeding, Completed, Accepted, Terminated."""

    __slots__ = ("cancelled", "interval")
    name = "INVITE client"

    def __init__(self, timers: Timers, reliable: bool) -> None:
        super().__init__(timers, reliable)
        self.interval = timers.t1
        self.cancelled = False

    def start(self, data: bytes) -> tuple[Action, ...]:
        """Send the INVITE."""
        self.kept = Send(data)
        return self._on("start")

    def response(self, status: int) -> tuple[Action, ...]:
        """A response matched (17.1.3). Each 2xx is told as final; who owns the INVITE acknowledges it."""
        if self.state == "Calling":
            self.kept = None  # the INVITE is not repeated any more; from Completed on the ACK is kept
        if status < 200:
            return self._on("1xx, cancelled" if self.cancelled else "1xx")
        if status < 300:
            return self._on("2xx")
        return self._on("300-699, no ACK yet" if self.state == "Completed" and self.kept is None else "300-699")

    def keep_ack(self, data: bytes) -> None:
        """The ACK that Make("ACK") asked for has been sent: repeat it whenever the response is."""
        self.kept = Send(data)

    def cancel(self) -> tuple[Action, ...]:
        """The owner wants no answer any more: CANCEL now, or upon the first 1xx (9.1)."""
        if self.cancelled:
            return ()
        self.cancelled = True
        return self._on("cancel")

    def _doubled(self, timer: str) -> Start:
        self.interval *= 2
        return Start(timer, self.interval)


class NonInviteClient(Machine):
    """RFC 3261 17.1.2: Trying, Proceeding, Completed, Terminated."""

    __slots__ = ("interval", "longest")
    name = "client"

    def __init__(self, timers: Timers, reliable: bool) -> None:
        super().__init__(timers, reliable)
        self.interval, self.longest = timers.t1, timers.t2

    def start(self, data: bytes) -> tuple[Action, ...]:
        """Send the request."""
        self.kept = Send(data)
        return self._on("start")

    def response(self, status: int) -> tuple[Action, ...]:
        """A response matched (17.1.3). One final response reaches the owner."""
        actions = self._on("1xx" if status < 200 else "final")
        if status >= 200:
            self.kept = None
        return actions

    def _doubled(self, timer: str) -> Start:
        self.interval = min(2 * self.interval, self.longest)
        return Start(timer, self.interval)
