"""How a scripted phone takes the calls that come."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pipeline.testing.calls import Call


@attrs.frozen(kw_only=True)
class Answering:
    """180 after `ring` seconds, `status` after `after` seconds; None: never."""

    ring: float | None = 0.0
    after: float | None = 0.1
    status: int = 200
    reason: str = ""
    headers: Sequence[tuple[str, str]] = ()
    """Of the final answer, e.g. the Contact of a 302."""
    ring_headers: Sequence[tuple[str, str]] = ()
    early: bool = False
    """183 with our answer in it instead of 180."""
    reliable: bool = False
    """Send the 1xx reliably where the caller supports it (RFC 3262)."""
    sdp: bytes = b""
    """Instead of our own answer."""
    hang_up_after: float | None = None
    """BYE so many seconds after the answer."""
    busy_above: int | None = None
    """486 when so many calls are under way already."""
    then: Callable[[Call], object] | None = None
    """Script the call by hand: called with it; nothing else is done then unless `ring` or `after` are given a time by their own."""

    def take(self, call: Call, under_way: int) -> None:
        """Take one call."""
        if self.busy_above is not None and under_way >= self.busy_above:
            call.decline(486)
            return
        if self.then is not None:
            self.then(call)
            return
        if self.ring is not None:
            self._after(call, self.ring, self._ring)
        if self.after is not None:
            self._after(call, self.after, self._final)

    @staticmethod
    def _after(call: Call, seconds: float, fn: Callable[[Call], None]) -> None:
        if seconds > 0:
            call.later(seconds, fn, call)
        else:
            fn(call)

    def _ring(self, call: Call) -> None:
        call.ring(183 if self.early else 180, sdp=self.early, reliable=self.reliable, headers=self.ring_headers)

    def _final(self, call: Call) -> None:
        if self.status < 300:
            call.answer(self.sdp, self.headers)
            if self.hang_up_after is not None:
                call.later(self.hang_up_after, call.hangup)
        else:
            call.decline(self.status, self.reason, self.headers)
