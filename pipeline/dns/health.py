"""Who was dead a moment ago, and who asked to be left alone. RFC 3263 4.3 (failover), RFC 3261 21.5.4 (503 with Retry-After).

Rule: a target that did not answer is tried last, and tried all the same when there is no other. Only who has said 503 with Retry-After
gets nothing for that time ("SHOULD NOT forward any other requests to that server").
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.clock import Clock
    from pipeline.flow import Target

LIMIT = 10000
"""Targets that are remembered, the oldest out first."""
LONGEST = 300.0
"""Seconds that a Retry-After counts at most: nobody talks us out of calling him for a day."""

Key = tuple[str, str, int]


class Health:
    """Remembers which targets to avoid."""

    __slots__ = ("_clock", "_until", "seconds")

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._until: dict[Key, tuple[float, bool]] = {}
        """Transport, host, port -> until when, and whether it asked for that itself."""
        self.seconds = 60.0
        """How long who did not answer is tried last; 0 = not at all."""

    def __len__(self) -> int:
        return len(self._until)

    def dead(self, target: Target) -> None:
        """Note that a target did not answer."""
        if self.seconds > 0:
            self._note(target, self.seconds, asked=False)

    def refused(self, target: Target, seconds: float) -> None:
        """Note that a target said 503 with Retry-After."""
        if seconds > 0:
            self._note(target, min(seconds, LONGEST), asked=True)

    def alive(self, target: Target) -> None:
        """Note that a target has answered."""
        if self._until:
            self._until.pop(_key(target), None)

    def says(self, target: Target) -> str:
        """Return "" (nothing is known against it), "dead" or "refused"."""
        if not self._until:
            return ""
        key = _key(target)
        found = self._until.get(key)
        if found is None:
            return ""
        if found[0] <= self._clock.now():
            del self._until[key]
            return ""
        return "refused" if found[1] else "dead"

    def _note(self, target: Target, seconds: float, *, asked: bool) -> None:
        key = _key(target)
        self._until.pop(key, None)
        while len(self._until) >= LIMIT:
            del self._until[next(iter(self._until))]
        self._until[key] = (self._clock.now() + seconds, asked)


def _key(target: Target) -> Key:
    return target.transport, target.host, target.port
