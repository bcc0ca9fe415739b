"""How often logins as one user fail, from wherever: a guess spread over many addresses stays a guess. RFC 7616 5.7 (online attacks).

Rule: nobody can lock a user out of where he is: an address from which that user has logged in is never held up. The others may try
`account_failures` times at once, and then one time each `account_seconds`. Users whose logins fail are counted, known or not, bounded.
"""

from __future__ import annotations

import re
from array import array
from typing import TYPE_CHECKING, Any

from pipeline.dal.bans import source_of

if TYPE_CHECKING:
    from pipeline import Passage
    from pipeline.engine import Pipeline
    from pipeline.events import Event

USER = re.compile(r'username="([^"\\]{1,256})"', re.IGNORECASE)
FAILING = 8192
"""Users whose failures are counted; beyond, the one that failed first is forgotten."""
SLOTS = 1 << 16
"""Users and addresses that belong together, as hashes: half a megabyte. One that is pushed out meets the limit like a stranger."""


class Accounts:
    """The users whose logins fail. Lives in the engine's state, beyond a reload."""

    def __init__(self, engine: Pipeline) -> None:
        self._clock = engine.clock
        self._clear_at: dict[str, float] = {}
        self._at_home = array("q", bytes(8 * SLOTS))
        self._burst = 0
        self._seconds = 1.0
        self.held = 0
        """Requests that were not let through."""
        self._stops = [engine.bus.listen("auth.failed", self._failed), engine.bus.listen("auth.succeeded", self._succeeded)]

    def serve(self, burst: int, seconds: float) -> None:
        """Take the options of this reading of the file."""
        self._burst, self._seconds = burst, seconds

    @property
    def busy(self) -> bool:
        """Tell whether any user's logins fail at all."""
        return bool(self._clear_at) and self._burst > 0

    def refusal(self, message: Any, passage: Passage) -> str:
        """Say why a login may not be tried now; "" when it may."""
        value = message.get("authorization")
        if value is None:
            return ""
        found = USER.search(value)
        if found is None or found[1] not in self._clear_at:
            return ""
        user, now = found[1], self._clock.now()
        clear_at = self._clear_at[user]
        if clear_at <= now:
            del self._clear_at[user]
            return ""
        if clear_at - now <= (self._burst - 1) * self._seconds:
            return ""
        home = hash((user, source_of(passage.flow.peer[0])))
        if self._at_home[home & SLOTS - 1] == home:
            return ""
        self.held += 1
        return f"account_failures: too many failed logins as {user}"

    def _failed(self, event: Event) -> None:
        user = event.fields["user"][:256]
        now = self._clock.now()
        clear_at = min(max(self._clear_at.pop(user, now), now) + self._seconds, now + self._burst * self._seconds)
        if len(self._clear_at) >= FAILING:
            del self._clear_at[next(iter(self._clear_at))]
        self._clear_at[user] = clear_at

    def _succeeded(self, event: Event) -> None:
        home = hash((event.fields["user"], source_of(event.fields["source"])))
        self._at_home[home & SLOTS - 1] = home

    def stop(self) -> None:
        """Listen no more."""
        for stop in self._stops:
            stop()
