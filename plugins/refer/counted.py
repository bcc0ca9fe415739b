"""Against whose `max_calls` a transferred call counts: what a stolen password can cost is bounded, also when its calls are sent on.

Rule: a call that somebody has sent on counts as one of his until it ends, if he or we have called somebody outside for it. Calls between
users, and calls from outside to users, cost nobody anything: who connects them all day is not busy for that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.core import Channel

__all__ = ["bear", "outside"]


def bear(stay: Channel, old: Channel) -> Callable[[], None]:
    """Have who stays bear the count of the referrer's leg; returns what gives it back."""
    bearing = getattr(stay.leg, "bear", None)
    if bearing is None or not hasattr(old.leg, "counted"):
        return lambda: None
    back: Callable[[], None] = bearing(old.leg)
    return back


def outside(*channels: Channel | None) -> bool:
    """Tell whether one of these was called outside: at no phone that logs in here with a password of its own.

    A trunk may have one too: what it is told to call is outside all the same.
    """
    for channel in channels:
        if channel is not None and channel.direction == "out":
            endpoint = getattr(channel.leg, "endpoint", None)
            destination = getattr(channel.leg, "destination", None)
            if endpoint is None or not (endpoint.auth and endpoint.aors) or (destination is not None and destination.outside):
                return True
    return False
