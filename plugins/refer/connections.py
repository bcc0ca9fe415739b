"""How many calls a user may have made for him by a REFER outside a call, and how fast.

Rule: counted by endpoint from the REFER until the call is over, whether or not he wants to be told of it: each rings his phones, and
what it calls then may cost. It outlives a reload (`engine.state`).
"""

from __future__ import annotations

import math
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING

from pipeline import Reply
from pipeline.core.rates import Rate

if TYPE_CHECKING:
    from pipeline import Pending

    from .refer import Refer

__all__ = ["Connections"]

AGAIN = 10
"""Seconds until somebody whose calls are as many as may be tries again."""


class Connections:
    """The calls that were made so and are not over."""

    def __init__(self) -> None:
        self.rate = Rate(0, 1)
        self.of_endpoint: Counter[str] = Counter()

    def refusal(self, plugin: Refer, endpoint: str, now: float) -> Reply | None:
        """Return why there cannot be another; None: it may begin, and was counted in the rate."""
        if self.of_endpoint[endpoint] >= plugin.click_calls:
            wait, because = float(AGAIN), f"click_calls: {endpoint} has {self.of_endpoint[endpoint]} already"
        else:
            wait, because = self.rate.take(endpoint, now), f"click_rate: {endpoint} asks too often"
        if not wait:
            return None
        return Reply(480, "Too Many Calls", (("Retry-After", str(math.ceil(wait))),), because=f"refer: {because}")

    def begin(self, endpoint: str) -> None:
        """Count one."""
        self.of_endpoint[endpoint] += 1

    def end(self, endpoint: str, _: Pending | None = None) -> None:
        """Count it no more."""
        self.of_endpoint[endpoint] -= 1
        if self.of_endpoint[endpoint] <= 0:
            del self.of_endpoint[endpoint]

    def placed(self, endpoint: str, pending: Pending) -> None:
        """Count a call no more when it is over: `pending` has its first channel, or fails."""
        try:
            channel = pending.value()
        except Exception:
            self.end(endpoint)
        else:
            channel.over().then(partial(self.end, endpoint))
