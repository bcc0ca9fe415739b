"""How a referred call goes, told by NOTIFYs with message/sipfrag. RFC 3515 2.4.4 and 2.4.5.

Rule: what is told has happened. 100 at once, 180 or 183 when a phone has said so, the final status when it is known, and then no more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.core import Cause
from pipeline.pubsub.states import Progress
from pipeline.sip.status import reason_of

if TYPE_CHECKING:
    from pipeline.core import Hangup
    from pipeline.pubsub.service import Pushed

__all__ = ["TYPE", "Teller", "sipfrag", "status_of"]

TYPE = "message/sipfrag;version=2.0"
_STATUSES = {
    Cause.UNALLOCATED: 404, Cause.NO_ROUTE: 404, Cause.BUSY: 486, Cause.NO_USER_RESPONSE: 408, Cause.NO_ANSWER: 480, Cause.ABSENT: 480,
    Cause.REJECTED: 603, Cause.NUMBER_CHANGED: 410, Cause.INVALID_NUMBER: 484, Cause.BARRED: 403, Cause.CONGESTION: 503,
    Cause.SWITCH_CONGESTION: 503, Cause.INCOMPATIBLE: 488, Cause.NOT_AVAILABLE: 488, Cause.NORMAL: 487,
}  # fmt: skip


class Teller:
    """Tells one referrer how it goes; `pushed` None: he does not want to know."""

    def __init__(self, pushed: Pushed | None) -> None:
        self._pushed = pushed
        self.status = 0
        """What was told last."""

    @property
    def over(self) -> bool:
        """Whether the end has been told."""
        return self.status >= 200

    def tell(self, status: int) -> None:
        """Tell a status; one that is no news, or comes after the end, is not told."""
        if self.over or self.status == status:
            return
        self.status = status
        last = status >= 200
        if self._pushed is not None and not self._pushed.over:
            self._pushed.push(Progress(status, reason_of(status), last), "noresource" if last else "")


def status_of(hangup: Hangup) -> int:
    """Return the status that says how a call ended that nobody answered: the callee's own where he gave one."""
    if hangup.technology == "sip" and 300 <= hangup.code < 700:
        return hangup.code
    return _STATUSES.get(hangup.cause, 500)


def sipfrag(progress: Progress) -> bytes:
    """Write the body: a status line (RFC 3515 2.4.5, RFC 3420)."""
    lines = [f"SIP/2.0 {progress.status} {progress.reason}", *(f"{name}: {value}" for name, value in progress.headers)]
    return "\r\n".join((*lines, "")).encode()
