"""How many calls an endpoint may have at once (`max_calls`): what a stolen password can cost is bounded; and how many channels all may.

Rule: of an endpoint calls are counted, not channels: a call that rings at three phones of one endpoint is one, and so is one that it makes
to itself. Who enters leaves, once for each time. Of all together channels are counted, as memory is what is bounded there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.core.causes import Cause, Hangup

if TYPE_CHECKING:
    from pipeline.dal import Endpoint

FULL = Hangup(Cause.BUSY, "Too Many Calls")
"""How a call beyond the limit ends: the endpoint is busy, for those who call it and for itself."""

FULL_HOUSE = Hangup(Cause.SWITCH_CONGESTION, "Too Many Channels")
"""How a call ends that we would begin when there are too many of all (`max_channels`)."""


class Limits:
    """The calls that every endpoint has."""

    __slots__ = ("_calls", "all")

    def __init__(self) -> None:
        self.all = 0
        """Channels of all together; 0 = no limit."""
        self._calls: dict[str, dict[str, int]] = {}
        """Endpoint -> call -> channels of that call."""

    def enter(self, endpoint: Endpoint, call: str) -> Hangup | None:
        """Count a channel of `endpoint` in this call. Returns how it ends if it may not be; then it has not been counted."""
        if not endpoint.id:
            return None
        calls = self._calls.setdefault(endpoint.id, {})
        if endpoint.max_calls and len(calls) >= endpoint.max_calls and call not in calls:
            return FULL
        calls[call] = calls.get(call, 0) + 1
        return None

    def leave(self, endpoint: str, call: str) -> None:
        """A channel that was counted has ended."""
        calls = self._calls.get(endpoint)
        if calls is None or call not in calls:
            return
        calls[call] -= 1
        if not calls[call]:
            del calls[call]
            if not calls:
                del self._calls[endpoint]

    def calls(self, endpoint: str) -> int:
        """Return how many calls an endpoint has."""
        return len(self._calls.get(endpoint, ()))

    def __len__(self) -> int:
        return len(self._calls)
