"""Session timers: whether a session has one, how long it is, who refreshes it. RFC 4028.

Rule: a machine of one dialog with time as an argument; it sends nothing and starts no timer. Its owner writes what `ask` and `answer`
give into re-INVITE, UPDATE and their answers, refreshes at `refresh_at` and ends the session at `expire_at`. Every 2xx to a session
refresh request, whatever it was sent for, sets both anew (7.2, 9).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from . import params as parameters
from .grammar import SECONDS, Malformed, bad, number

if TYPE_CHECKING:
    from .message import Message, Request, Response

__all__ = ["FLOOR", "SessionExpires", "SessionTimer", "min_se_of", "session_expires_of"]

FLOOR = 90
"""Seconds; no interval may be shorter (RFC 4028 4), and what Min-SE means where it is missing (5)."""
SHORTEST = 30
"""Seconds; a peer that grants less than the floor is followed down to this, since it ends the session by its own clock."""
MARGIN = 32.0  # how long before its end a session that was not refreshed is ended, at most: RFC 4028 10
TIMER = "timer"


class SessionExpires(NamedTuple):
    """A Session-Expires: seconds, and who refreshes ("uac", "uas", or "" where it was not said)."""

    seconds: int
    refresher: str = ""

    def __str__(self) -> str:
        return f"{self.seconds};refresher={self.refresher}" if self.refresher else str(self.seconds)


def session_expires_of(message: Message) -> SessionExpires | None:
    """The Session-Expires of a message (RFC 4028 4); raises Malformed."""
    value = message.get("session-expires")
    if value is None:
        return None
    digits, semicolon, tail = value.partition(";")
    seconds = number(digits.strip(" \t"), SECONDS, "Session-Expires")
    if not semicolon:
        return SessionExpires(seconds)
    refresher = (parameters.parse(semicolon + tail, "Session-Expires").get("refresher") or "").lower()
    if refresher not in ("", "uac", "uas"):
        raise bad("Session-Expires", "the refresher is uac or uas")
    return SessionExpires(seconds, refresher)


def min_se_of(message: Message) -> int | None:
    """The Min-SE of a message in seconds (RFC 4028 5), None when absent; raises Malformed. Parameters mean nothing yet."""
    value = message.get("min-se")
    return None if value is None else number(value.partition(";")[0].strip(" \t"), SECONDS, "Min-SE")


class SessionTimer:
    """The session timer of one dialog.

    `mode` is "no" (never), "yes" (when the peer asks for one), "required" (a peer that does not is refused) or "always" (then we
    refresh alone). `minimum` and `wanted` are seconds.
    """

    __slots__ = (
        "_asked",
        "_floor",
        "_raised",
        "expire_at",
        "interval",
        "minimum",
        "mode",
        "peer_supports",
        "refresh_at",
        "wanted",
        "we_refresh",
    )

    def __init__(self, mode: str = "yes", minimum: int = FLOOR, wanted: int = 1800) -> None:
        self.mode = mode
        self.minimum = max(minimum, FLOOR)
        self.wanted = max(wanted, self.minimum)
        self.interval = 0
        """Seconds agreed in the last 2xx; 0: the session has no timer."""
        self.we_refresh = False
        self.peer_supports = False
        self.refresh_at: float | None = None
        """When we refresh; None: the peer does, or nobody."""
        self.expire_at: float | None = None
        """When the session is ended unless it was refreshed: `min(32, interval / 3)` before its end (10)."""
        self._raised = 0  # the largest Min-SE heard: 7.4
        self._floor = 0  # what 422s to the first INVITE asked for
        self._asked = 0  # what our request that is under way asks for

    # -- our requests ------------------------------------------------------------------------------------------------

    def ask(self, method: str = "INVITE") -> list[tuple[str, str]]:
        """The fields of a session refresh request of ours, the first INVITE or a later one (7.1, 7.4).

        `Supported: timer` is the owner's to write. A later request keeps the roles as they are.
        """
        if self.mode == "no":
            return []
        learnt = max(self._raised, self._floor)
        least = max(learnt, self.minimum)
        refresher = ""
        if self.interval:
            refresher = "uac" if self.we_refresh else "uas"
        self._asked = max(self.interval or self.wanted, least)
        fields = [("Session-Expires", str(SessionExpires(self._asked, refresher)))]
        if learnt or least > FLOOR:
            fields.append(("Min-SE", str(least)))
        if self.mode == "required" and method == "INVITE" and not self.interval:
            fields.append(("Require", TIMER))
        return fields

    def too_small(self, response: Response) -> bool:
        """Learn from a 422 to our request (7.3). True: ask again, `ask` gives larger values; False: that would change nothing."""
        try:
            least = min_se_of(response) or 0
        except Malformed:
            return False
        if self.mode == "no" or least <= self._asked:
            return False
        if self.interval:
            self._raised = max(self._raised, least)
        else:
            self._floor = max(self._floor, least)
        return True

    def accepted(self, response: Response, now: float) -> None:
        """Take the 2xx to a session refresh request of ours (7.2): what it says holds from now on; without the field there is no timer."""
        self._floor = 0  # 7.4: what the first INVITE's 422s asked for is forgotten, once there is a dialog
        try:
            granted = session_expires_of(response)
        except Malformed:
            granted = None
        if self.mode == "no":
            granted = None
        if granted is not None:
            self.peer_supports = self.peer_supports or granted.refresher == "uas" or _supports(response)
            self._run(granted.seconds, granted.refresher != "uas", now)
        elif self.mode == "always" and self._asked:  # "as if the field were in the 2xx, with a refresher of uac"
            self._run(self._asked, True, now)
        else:
            self._stop()

    def missed(self, now: float) -> None:
        """A refresh of ours has not got through: try again half way to the end, where that is not about to come."""
        if self.we_refresh and self.expire_at is not None and self.expire_at - now > 1:
            self.refresh_at = now + (self.expire_at - now) / 2

    # -- the peer's requests -----------------------------------------------------------------------------------------

    def check(self, request: Request) -> tuple[int, list[tuple[str, str]]] | None:
        """Say how a session refresh request is refused: (status, fields), 421 or 422; None when it is not. Raises Malformed."""
        asked = session_expires_of(request)
        least = min_se_of(request)
        if self.mode == "no":
            return None
        supports = _supports(request)
        if self.mode == "required" and not supports and not self.interval:
            return 421, [("Require", TIMER)]
        least = max(least or 0, self.minimum)
        if asked is not None and supports and asked.seconds < least:
            return 422, [("Min-SE", str(least))]
        return None

    def answer(self, request: Request, now: float) -> list[tuple[str, str]]:
        """Decide by table 2 of RFC 4028 9 and give the fields of our 2xx, which is sent `now`. `check` came before."""
        if self.mode == "no":
            return []
        asked = session_expires_of(request)
        supports = self.peer_supports = _supports(request)
        least = max(min_se_of(request) or 0, FLOOR)
        if least > FLOOR:
            self._raised = max(self._raised, least)
        if asked is not None and asked.seconds < FLOOR:
            asked = None  # a proxy's, of a phone that knows nothing of it: too short, and nobody to refuse it to
        if asked is None and self.mode != "always" and not (supports and (self.interval or self.mode == "required")):
            self._stop()
            return []
        current = self.interval or self.wanted
        seconds = max(current, least) if asked is None else min(asked.seconds, max(current, least))
        if not supports:
            refresher = "uas"
        elif asked is not None and asked.refresher:
            refresher = asked.refresher
        elif self.interval:
            refresher = "uas" if self.we_refresh else "uac"
        else:
            refresher = "uac"
        self._run(seconds, refresher == "uas", now)
        fields = [("Session-Expires", str(SessionExpires(seconds, refresher)))]
        if supports:
            fields.append(("Require", TIMER))
        return fields

    # -- time --------------------------------------------------------------------------------------------------------

    def _run(self, seconds: int, we_refresh: bool, now: float) -> None:
        seconds = max(seconds, SHORTEST)
        self.interval, self.we_refresh = seconds, we_refresh
        self.refresh_at = now + seconds / 2 if we_refresh else None
        self.expire_at = now + seconds - min(MARGIN, seconds / 3)

    def _stop(self) -> None:
        self.interval, self.we_refresh, self.refresh_at, self.expire_at = 0, False, None, None


def _supports(message: Message) -> bool:
    if "supported" not in message and "require" not in message:
        return False
    return any(tag.lower() == TIMER for tag in (*message.supported, *message.require))
