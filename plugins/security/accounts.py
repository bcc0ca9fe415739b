"""How often logins as one user fail, from wherever: a guess spread over many addresses stays a guess. RFC 7616 5.7 (online attacks).

Rule: nobody can lock a user out of where he is: an address from which that user has logged in is never held up. The others may try
`account_failures` times at once, and then one time each `account_seconds`. Users whose logins fail are counted, known or not, bounded.
"""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, Any

from pipeline import Malformed
from pipeline.dal.bans import source_of
from pipeline.sip.digest import FIELDS_READ, parse_credentials

if TYPE_CHECKING:
    from pipeline import Passage
    from pipeline.engine import Pipeline
    from pipeline.events import Event

LONGEST = 256
"""Letters of a user name by which it is counted."""
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
        self._until = 0.0
        """Until when any of them is held up."""
        self._burst = 0
        self._seconds = 1.0
        self.held = 0
        """Requests that were not let through."""
        self._stops = [engine.bus.listen("auth.failed", self._failed), engine.bus.listen("auth.succeeded", self._succeeded)]

    def serve(self, burst: int, seconds: float) -> None:
        """Take the options of this reading of the file."""
        self._burst, self._seconds = burst, seconds
        self._until = max(map(self._free_at, self._clear_at.values()), default=0.0)

    @property
    def busy(self) -> bool:
        """Tell whether the logins of any user are held up now. Hot: as long as none are, no request is read for this."""
        if self._until and self._until <= self._clock.now():
            self._until = 0.0
        return self._until > 0.0

    def refusal(self, message: Any, passage: Passage) -> str:
        """Say why a login may not be tried now; "" when it may. Read is what an authenticator would try, and as it reads it."""
        for value in message.all("authorization")[:FIELDS_READ]:
            try:
                credentials = parse_credentials(value)
            except Malformed:
                continue  # nor can anybody else read it
            if credentials is not None and self._holds(credentials.username[:LONGEST], passage):
                self.held += 1
                return f"account_failures: too many failed logins as {credentials.username[:LONGEST]}"
        return ""

    def _holds(self, user: str, passage: Passage) -> bool:
        now, clear_at = self._clock.now(), self._clear_at.get(user, 0.0)
        if clear_at <= now:
            self._clear_at.pop(user, None)
            return False
        if clear_at - now <= (self._burst - 1) * self._seconds:
            return False
        home = hash((user, source_of(passage.flow.peer[0])))
        return self._at_home[home & SLOTS - 1] != home

    def _failed(self, event: Event) -> None:
        user = event.fields["user"][:LONGEST]
        now = self._clock.now()
        clear_at = min(max(self._clear_at.pop(user, now), now) + self._seconds, now + self._burst * self._seconds)
        if len(self._clear_at) >= FAILING:
            del self._clear_at[next(iter(self._clear_at))]
        self._clear_at[user] = clear_at
        self._until = max(self._until, self._free_at(clear_at))

    def _free_at(self, clear_at: float) -> float:
        """Return until when a user is held up whose failures are forgotten at `clear_at`."""
        return clear_at - (self._burst - 1) * self._seconds if self._burst else 0.0

    def _succeeded(self, event: Event) -> None:
        home = hash((event.fields["user"][:LONGEST], source_of(event.fields["source"])))
        self._at_home[home & SLOTS - 1] = home

    def stop(self) -> None:
        """Listen no more."""
        for stop in self._stops:
            stop()
