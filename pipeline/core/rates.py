"""How often something may be done by one name: the generic cell rate algorithm, one float for each name.

Rule: it fails closed. The names are bounded, and while all of them are at work a new one is refused.
"""

from __future__ import annotations

NAMES = 10_000
"""Names that are remembered: 1 MB. Only names at work count; who was quiet for a while is forgotten."""


class Rate:
    """So many a second for each name, and so many at once."""

    __slots__ = ("_ends", "_gap", "_looked", "_slack", "limit")

    def __init__(self, per_second: float, burst: int, limit: int = NAMES) -> None:
        self.configure(per_second, burst)
        self._ends: dict[str, float] = {}
        self._looked = 0.0
        self.limit = limit

    def configure(self, per_second: float, burst: int) -> None:
        """Go on with another rate; what was counted counts still."""
        self._gap = 1.0 / per_second if per_second else 0.0
        self._slack = self._gap * max(burst - 1, 0)

    def take(self, name: str, now: float) -> float:
        """Count one of `name` at `now` (monotonic). Returns 0, or in how many seconds the next may come: then it was not counted."""
        gap = self._gap
        if not gap:
            return 0.0
        ends = self._ends
        end = ends.get(name, 0.0)
        if end < now:
            if not end and len(ends) >= self.limit and not self._forget(now):
                return gap
            end = now
        wait = end - now - self._slack
        if wait > 1e-9:
            return wait
        ends[name] = end + gap
        return 0.0

    def wait(self, name: str, now: float) -> float:
        """Return 0, or in how many seconds the next of `name` may come; count nothing."""
        end = self._ends.get(name)
        if end is None:
            return self._gap if len(self._ends) >= self.limit and not self._forget(now) else 0.0
        wait = end - now - self._slack
        return wait if wait > 1e-9 else 0.0

    def give_back(self, name: str) -> None:
        """Take back that one was counted."""
        if name in self._ends:
            self._ends[name] -= self._gap

    def _forget(self, now: float) -> bool:
        if now < self._looked:  # all names are read at most once a second
            return False
        self._looked = now + 1.0
        for name in [name for name, end in self._ends.items() if end <= now]:
            del self._ends[name]
        return len(self._ends) < self.limit

    def __len__(self) -> int:
        return len(self._ends)
