"""Dialling: several attempts at once or by priority; the first that answers wins, the others end as answered elsewhere.

One attempt alone is heard as it is: what it sends before the answer reaches the caller. Of several only that they ring, unless the caller's
technology can keep them apart (`Leg.keeps_apart`).

The media: one relay per attempt carries the offer over and the answer back, and a caller whose media are not agreed yet is answered with
what the winner answers. A caller who is heard already (a menu came first) gets a new offer then, from his side of the winner's relay.

Nobody answered: the best failure is reported, in the order of `BEST`: what says most about the person called comes before what says
something about a device, and that before what says something about the network. A redirection comes first: it can be followed.
"""

from __future__ import annotations

import contextlib
from collections import deque
from itertools import groupby
from typing import TYPE_CHECKING, Any, Literal

import attrs

from pipeline.core.causes import Cause, Hangup
from pipeline.core.channel import State
from pipeline.core.said import Said
from pipeline.pending import Pending, settle

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable
    from pathlib import Path

    from pipeline.core.bridge import Bridge
    from pipeline.core.channel import Channel
    from pipeline.core.core import Core
    from pipeline.core.media import Relay

BEST = {
    cause: rank
    for rank, cause in enumerate(
        (
            Cause.BUSY,
            Cause.NO_ANSWER,
            Cause.REJECTED,
            Cause.BARRED,
            Cause.NUMBER_CHANGED,
            Cause.ABSENT,
            Cause.NO_USER_RESPONSE,
            Cause.INCOMPATIBLE,
            Cause.UNALLOCATED,
            Cause.INVALID_NUMBER,
            Cause.DESTINATION_OUT_OF_ORDER,
            Cause.CONGESTION,
        )
    )
}
ELSEWHERE = Hangup(Cause.ANSWERED_ELSEWHERE, "Call completed elsewhere")
TIMED_OUT = Hangup(Cause.NO_ANSWER)
RINGING = "tone:425*1000/4000"
"""What a caller hears that is answered already while the callee's phone rings (ITU-T E.180 supplement 2: most of Europe)."""


@attrs.frozen(slots=True, eq=False)
class Outcome:
    """What became of a `Core.dial`."""

    answered: Channel | None
    """Who answered; None: nobody did."""
    hangup: Hangup
    """Nobody answered: the best failure."""
    bridge: Bridge | None = None
    """The two of them; await `bridge.over()`."""
    targets: tuple[str, ...] = ()
    """Where those who did not answer asked to be called instead, all together: to be followed or not by who routes."""


class Dial:
    """Attempts under way. Nothing here waits: `result` is done when one has answered or all have failed."""

    __slots__ = (
        "attempts", "best", "caller", "core", "early", "groups", "live", "relays", "result", "ringback", "ringing", "said", "stops",
        "targets", "timer", "until",
    )  # fmt: skip

    def __init__(
        self,
        core: Core,
        caller: Channel | None,
        attempts: list[Channel],
        seconds: float,
        order: Literal["parallel", "priority"],
        ringback: str | Path = RINGING,
    ) -> None:
        self.core = core
        self.ringback = ringback
        """What a caller hears that talks to us already, while it rings."""
        self.caller = caller
        """None: the attempts are called by nobody yet."""
        self.attempts = attempts
        self.groups: deque[list[Channel]] = deque()
        if order == "priority":
            ranked = sorted(attempts, key=lambda attempt: -attempt.priority)
            self.groups.extend(list(group) for _, group in groupby(ranked, key=lambda attempt: attempt.priority))
        elif attempts:
            self.groups.append(attempts)
        self.until = core.clock.now() + seconds if seconds > 0 else 0.0
        self.live: list[Channel] = []
        """The attempts of the group under way that have not failed."""
        self.relays: dict[str, Relay] = {}
        """Attempt's id -> what carries its media to the caller."""
        self.said: bytes | Pending | None = None
        """What the caller was told of its media then."""
        self.early = False
        """Whether the caller hears the one attempt already."""
        self.ringing = False
        self.best: Hangup | None = None
        """The best failure so far."""
        self.targets: tuple[str, ...] = ()
        self.result = Pending()
        self.timer: asyncio.TimerHandle | None = None
        self.stops: list[Callable[[], None]] = []

    def begin(self) -> None:
        """Call the first group."""
        caller = self.caller
        if caller is not None:
            if caller.state is State.ENDED:
                self._finish(None)
                return
            self.stops.append(caller.on(self._caller_heard))
        self._next()

    def abandon(self) -> None:
        """End what is under way, if there is something; the caller is left as it is."""
        if not self.result.done:
            hangup = (self.caller.hangup if self.caller is not None else None) or Hangup()
            self.best = hangup
            self._finish(hangup)

    # -- the attempts ------------------------------------------------------------------------------------------------

    def _next(self) -> None:
        while self.groups and not self.result.done:
            group = self.groups.popleft()
            self.live = [attempt for attempt in group if attempt.state is State.NEW]
            if self.until:
                left = self.until - self.core.clock.now()
                self.timer = self.core.clock.call_later(max(left / (len(self.groups) + 1), 0), self._late)
            for attempt in tuple(self.live):
                self._try(attempt)
                if self.result.done:
                    return
            if self.live:
                return
            if self.timer is not None:
                self.timer.cancel()
        if not self.result.done:
            self._finish(None)

    def _try(self, attempt: Channel) -> None:
        self.stops.append(attempt.on(self._heard))
        try:
            self._give_media(attempt)
            attempt.call_out()
        except Exception as error:
            attempt.end(self.core.hangup_of(error, attempt))

    def _give_media(self, attempt: Channel) -> None:
        caller = self.caller
        if caller is None:
            attempt.sound()
            return
        relay: Relay = self.core.media("relay", (caller, attempt))
        self.relays[attempt.id] = relay
        attempt.adopt(relay.terminal(attempt))

    def _heard(self, what: str, attempt: Channel, value: Any) -> None:
        if what == "ended":
            self._failed(attempt, value)
        elif self.result.done:
            return
        elif what == "up":
            self._won(attempt)
        elif what == "ringing":
            self._ring(attempt)
        elif what == "early":
            self._early(attempt)

    def _caller_heard(self, what: str, caller: Channel, value: Any) -> None:
        if what == "ended" and not self.result.done:
            self.best = value
            self._finish(value)

    def _late(self) -> None:
        for attempt in tuple(self.live):
            attempt.end(TIMED_OUT)

    def _failed(self, attempt: Channel, hangup: Hangup) -> None:
        relay = self.relays.pop(attempt.id, None)
        if relay is not None:
            if self.early and not self.result.done and self.caller is not None:
                self.caller.adopt(self._said())
                self.early = False
            self._close(relay)
        if attempt not in self.live:
            return
        self.live.remove(attempt)
        if self.result.done:
            return
        if self.best is None or _rank(hangup) < _rank(self.best):
            self.best = hangup
        self.targets += tuple(target for target in hangup.targets if target not in self.targets)
        if not self.live:
            if self.timer is not None:
                self.timer.cancel()
            self._next()

    # -- what the caller hears -----------------------------------------------------------------------------------------

    def _ring(self, attempt: Channel) -> None:
        caller = self.caller
        if self.ringing or caller is None:
            return
        self.ringing = True
        if caller.agreed:
            play = getattr(caller.media, "play", None)
            if play is not None:
                play(self.ringback, repeat=True)
            return
        if len(self.attempts) == 1:
            caller.update_connected(attempt.party)
        caller.ring()

    def _said(self) -> Said | None:
        """Return the media of a caller who has heard one that failed: what he was told then holds, and the answer must repeat it."""
        caller, said = self.caller, self.said
        offered = caller.leg.offered if caller is not None else None
        if isinstance(said, Pending):
            try:
                said = said.value()
            except Exception:
                return None
        return Said("core", offered, said) if offered is not None and said is not None else None

    def _quiet(self) -> None:
        quiet = getattr(self.caller.media, "quiet", None) if self.caller is not None else None
        if self.ringing and quiet is not None:
            quiet()

    def _early(self, attempt: Channel) -> None:
        caller, relay = self.caller, self.relays.get(attempt.id)
        if caller is None or relay is None or caller.agreed:
            self._ring(attempt)
            return
        if len(self.attempts) > 1:
            if getattr(caller.leg, "keeps_apart", False):
                self._hear_one(caller, attempt, relay)
            else:
                self._ring(attempt)
            return
        try:
            caller.update_connected(attempt.party)
            caller.adopt(relay.terminal(caller))
            self.early = True
            caller.progress()
            if caller.leg.offered is not None and caller.media is not None:
                self.said = caller.media.answer(caller.leg.offered)  # as the leg was told: media say the same again
        except Exception as error:
            caller.end(self.core.hangup_of(error, caller))

    def _hear_one(self, caller: Channel, attempt: Channel, relay: Relay) -> None:
        """Let the caller hear one of several."""
        offered = caller.leg.offered

        def told(description: bytes) -> None:
            if self.result.done or attempt.id not in self.relays:
                return
            caller.leg.branch(attempt.id, description)

        try:
            said = settle(relay.terminal(caller).answer(offered or b""), told)
        except Exception:  # it cannot be heard: that it rings can be told
            self._ring(attempt)
            return
        if isinstance(said, Pending):
            said.then(_noted)

    # -- the end -------------------------------------------------------------------------------------------------------

    def _won(self, winner: Channel) -> None:
        self.live.clear()
        self._end_others(winner, ELSEWHERE)
        if self.result.done:  # the caller ended with one of them
            return
        caller = self.caller
        bridge = None
        if caller is not None:
            relay = self.relays.pop(winner.id)
            winner.call.answerer = winner
            try:
                bridge = self._connect(caller, winner, relay)
            except Exception as error:
                self._close(relay)
                hangup = self.core.hangup_of(error, caller)
                winner.end(hangup)
                caller.end(hangup)
                self.best = hangup
                if not self.result.done:
                    self._finish(hangup)
                return
        self._hear_no_more()
        self._resolve(Outcome(winner, Hangup(), bridge, self.targets))

    def _connect(self, caller: Channel, winner: Channel, relay: Relay) -> Bridge:
        self._hear_no_more()
        caller.update_connected(winner.party)
        again = caller.agreed and not self.early
        side = None if self.early else relay.terminal(caller)
        if side is not None and not again:
            caller.adopt(side)
        if len(self.attempts) > 1 and getattr(caller.leg, "keeps_apart", False):
            caller.leg.chosen(winner.id)
        caller.answer()
        bridge = self.core.bridge(caller, winner, relay)
        if side is not None and again:
            self._quiet()
            caller.put(side).then(lambda pending: self._changed(pending, bridge))
        return bridge

    def _changed(self, pending: Pending, bridge: Bridge) -> None:
        try:
            pending.value()
        except Exception as error:
            if not bridge.ended:
                bridge.end(self.core.hangup_of(error))

    def _end_others(self, winner: Channel | None, hangup: Hangup) -> None:
        if len(self.attempts) > 1 or winner is None:
            for attempt in self.attempts:
                if attempt is not winner and attempt.state is not State.ENDED:
                    attempt.end(Hangup() if attempt.state is State.UP else hangup)

    def _finish(self, hangup: Hangup | None) -> None:
        """Nobody has answered: all failed, or it is given up with `hangup`."""
        self._hear_no_more()
        self._quiet()
        self.live.clear()
        self.groups.clear()
        self._end_others(None, hangup or TIMED_OUT)
        for relay in self.relays.values():
            self._close(relay)
        self.relays.clear()
        self._resolve(Outcome(None, self.best or Hangup(Cause.UNALLOCATED), None, self.targets))

    def _hear_no_more(self) -> None:
        if self.timer is not None:
            self.timer.cancel()
        for stop in self.stops:
            stop()
        self.stops.clear()

    def _resolve(self, outcome: Outcome) -> None:
        if not self.result.done:
            self.result.resolve(outcome)

    def _close(self, relay: Relay) -> None:
        try:
            relay.close()
        except Exception as error:
            self.core.failed(relay.provider, error)


def _noted(done: Pending) -> None:
    """Who cannot be heard early may be heard later."""
    with contextlib.suppress(Exception):
        done.value()


def _rank(hangup: Hangup) -> int:
    if hangup.targets:
        return -1
    return BEST.get(hangup.cause, len(BEST))
