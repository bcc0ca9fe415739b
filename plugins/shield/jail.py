"""Scores and bans. A source that has proved that it receives our answers collects a score for what fails; at `ban_score` it is banned.

Rules: a success wipes the score, time wears it off. What could be forged never counts. Bans are objects of the data access layer (type
`ban`): they outlive a restart, `sipline ban` lists, makes and lifts them, and each change there is obeyed at once.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

from pipeline import Pending, settle
from pipeline.dal import Ban, StorageError
from pipeline.prefixes import Prefixes, network

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.engine import Pipeline

SCORED = 8192
"""Sources with a score; beyond, the one whose score is oldest is forgotten."""
JAILED = 65536
"""Bans that are held. Each was earned by an address that answered us, which is the cost of filling this."""

LIFTED = 100
"""Bans that end in one turn of the loop: each is a write to the store, 0.1 ms; what was earned in one second ends in one second too."""


class Jail:
    """Who is banned, and who is on the way there."""

    def __init__(self, engine: Pipeline, banned: Callable[[Ban], None], tried: Callable[[Callable[[], Any]], Any]) -> None:
        self._engine = engine
        self._banned = banned
        self._tried = tried
        self.scores: dict[str, tuple[float, float]] = {}
        """Score and when it was that, by source."""
        self.bans: dict[str, Ban] = {}
        self.networks: Prefixes[Ban] | None = None
        """The bans of networks; None: there is none."""
        self._stored = engine.dal.stores("ban")
        self.stops = [engine.dal.watch("ban", self._changed)] if self._stored else []

    def __len__(self) -> int:
        return len(self.bans)

    def read(self) -> Any:
        """Take what is stored; returns None or a Pending."""
        return settle(self._engine.dal.find("ban"), self._took) if self._stored else None

    def _took(self, bans: tuple[Ban, ...]) -> None:
        before, now = self.bans, self._engine.clock.time()
        self.bans = {ban.id: ban for ban in bans if self._readable(ban)}
        self._networks()
        for ban in self.bans.values():
            if ban.id not in before and not 0 < ban.expires_at <= now:
                self._banned(ban)

    def _changed(self, verb: str, ban: Ban | None) -> None:
        if ban is None:
            self._tried(self.read)
            return
        if verb == "put":
            if not self._readable(ban):
                return
            self.bans[ban.id] = ban
            self._banned(ban)
        else:
            self.bans.pop(ban.id, None)
        if wide(ban.id):
            self._networks()

    def _readable(self, ban: Ban) -> bool:
        """Tell whether a ban says whom it is for: one that was written wrongly shall not keep the others from being read."""
        try:
            if ban.by != "shield" or wide(ban.id):
                network(ban.id)
        except ValueError as error:
            self._engine.tell("shield.unread", error=str(error))
            return False
        return True

    def _networks(self) -> None:
        nets = [(network(ban.id), ban) for ban in self.bans.values() if wide(ban.id)]
        self.networks = Prefixes(nets) if nets else None

    def holds(self, source: str, host: str, *, trunk: bool = False) -> bool:
        """Tell whether a source is banned now; a `trunk` only by an administrator."""
        ban = self.bans.get(source)
        if ban is None:
            if self.networks is None:
                return False
            ban = self.networks.find(host)
            if ban is None or ban.id not in self.bans:
                return False
        if ban.expires_at and ban.expires_at <= self._engine.clock.time():
            self.lift(ban)
            return False
        return not trunk or ban.by != "shield"

    def add(self, source: str, points: float, wears: float, now: float) -> float:
        """Add to a score, which wears off by `wears` points a second; returns what it is now."""
        score, at = self.scores.pop(source, (0.0, now))
        score = max(0.0, score - (now - at) * wears) + points
        if len(self.scores) >= SCORED:
            del self.scores[next(iter(self.scores))]
        self.scores[source] = (score, now)
        return score

    def forgive(self, source: str) -> None:
        """Wipe a score."""
        if self.scores:
            self.scores.pop(source, None)

    def ban(self, source: str, seconds: float, reason: str) -> bool:
        """Ban a source; False when there is no room."""
        self.scores.pop(source, None)
        if len(self.bans) >= JAILED:  # `sweep` makes room once a minute: who fills this must not have it walk at each further ban
            return False
        now = self._engine.clock.time()
        ban = self.bans[source] = Ban(id=source, created_at=now, expires_at=now + seconds, reason=reason, by="shield")
        if self._stored:
            self._write((ban,), ())
        self._banned(ban)
        return True

    def lift(self, ban: Ban) -> None:
        """End a ban."""
        self.bans.pop(ban.id, None)
        if wide(ban.id):
            self._networks()
        if self._stored:
            self._write((), (ban,), ban.id)

    def sweep(self) -> bool:
        """End bans whose time is over; True: there are more of them."""
        now = self._engine.clock.time()
        over = [ban for ban in self.bans.values() if ban.expires_at and ban.expires_at <= now]
        for ban in islice(over, LIFTED):
            self.lift(ban)
        return len(over) > LIFTED

    def _write(self, puts: tuple[Ban, ...], deletes: tuple[Ban, ...], ident: str = "") -> None:
        """Write behind our own table: a store that fails is told, the ban holds all the same."""
        try:
            written = self._engine.dal.change("ban", ident or puts[0].id, puts, deletes)
        except StorageError as error:
            self._engine.tell("shield.unstored", error=str(error))
            return
        if isinstance(written, Pending):
            written.then(self._written)

    def _written(self, pending: Pending) -> None:
        try:
            pending.value()
        except Exception as error:
            self._engine.tell("shield.unstored", error=str(error))


def wide(ident: str) -> bool:
    """Tell whether a ban is of a network: more than what one source is."""
    return "/" in ident and not (":" in ident and ident.endswith("/64"))
