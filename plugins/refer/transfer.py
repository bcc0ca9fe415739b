"""A transfer: whoever stays in a call is led where the other one sends him, by the dialplan, with that one's rights. RFC 5589 6.1.

Rules: nothing is taken apart before it is known to succeed, so when it fails the referrer has his call back. It has succeeded when who
stays is connected to somebody else, or hears somebody else (an extension of the house). A referrer who hangs up meanwhile is called back
when it fails. The call of who stays is one of its own from the beginning: the record of the old one says what the referrer has talked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline.core import Cause, Hangup, State, Wanted
from pipeline.core.dial import RINGING
from pipeline.pending import finished

from .counted import bear, outside
from .progress import Teller, status_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.core import Bridge, Channel, Core, Dialed
    from pipeline.events import Event

    from .refer import Refer

__all__ = ["REFERRED_BY", "UNDER_WAY", "Transfer"]

REFERRED_BY = "referred_by"
"""The variable of a call that its INVITEs carry as Referred-By (RFC 3892)."""
UNDER_WAY = "transferring"
"""The variable of a channel that is being transferred."""
BY_ITSELF = 1.0
"""Seconds after which an extension that calls nobody has answered by itself: what the house plays begins at once."""


class Transfer:
    """Leads `stay` to what `dialed` says. `old` is the referrer's channel; None: he has asked for a call, and is who stays."""

    def __init__(self, plugin: Refer, stay: Channel, old: Channel | None, dialed: Dialed, teller: Teller, referred_by: str = "") -> None:
        self.plugin = plugin
        self.core: Core = stay.core
        self.stay = stay
        self.old = old
        self.bridge: Bridge | None = stay.bridge if old is not None else None
        self.dialed = dialed
        self.teller = teller
        self.referred_by = referred_by
        self.former = stay.call
        self.accepted = False
        self.ringing = False
        self._kept = self.bridge.keep if self.bridge is not None else False
        self._attempts = 0
        self._comfort: Any = None
        self._stops: list[Callable[[], None]] = []
        self._uncount: Callable[[], None] = lambda: None

    def begin(self) -> None:
        """Begin; the REFER has been answered."""
        stay, old = self.stay, self.old
        self.teller.tell(100)
        if stay.state is State.ENDED:
            self.teller.tell(487)
            return
        self._stops = [
            stay.on(self._stay_heard),
            self.core.engine.bus.listen("channel.state", self._happened),
            self.core.engine.bus.listen("bridge.entered", self._happened),
        ]
        if old is not None:
            self.former.apart().take(stay)
            if self.bridge is not None:
                self.bridge.keep = True  # he may leave before anybody has answered
            self._stops.append(old.on(self._old_heard))
            self._uncount = bear(stay, old)
        stay.call.variables[REFERRED_BY] = self.referred_by
        stay.caller = stay.party  # whom he calls now is to see him, not who once called him
        if old is not None:
            self.core.run(stay, self.script)

    async def script(self, channel: Channel) -> None:
        """Lead the channel there, and wait for what becomes of it."""
        try:
            failed = await self._go(channel)
        finally:
            self._stop()
        if failed is None:
            self._accept()  # it has come to its end, whatever that was
            return
        if self.accepted:
            channel.end(failed)
            return
        self.teller.tell(status_of(failed))
        if self.old is None:
            channel.end(failed)
        elif self._old_is_there():
            await channel.over()  # he has him back, until one hangs up
        elif not await self._recall(channel):
            channel.end(failed)

    async def _go(self, channel: Channel) -> Hangup | None:
        try:
            route = await finished(self.core.route(self.dialed))
        except Exception as error:
            return self.core.hangup_of(error, channel, "route_call")
        if route is None:
            return Hangup(Cause.UNALLOCATED, f"{self.dialed.extension} leads nowhere")
        before, channel.context = channel.context, self.dialed.context
        if self.old is None:
            self.core.clock.call_later(BY_ITSELF, self._by_itself)
        failed = await self.core.follow(channel, route)
        if failed is not None:
            channel.context = before
        return failed

    async def _recall(self, channel: Channel) -> bool:
        """Call the referrer back, who has hung up and whom nobody could replace; False: there is nobody."""
        plugin, endpoint = self.plugin, self.old.endpoint if self.old is not None else ""
        if not plugin.recall or not endpoint:
            return False
        wanted = Wanted(caller=channel, party=channel.party, seconds=plugin.recall)
        try:
            outcome = await self.core.dial(channel, await finished(self.core.request(endpoint, wanted)), plugin.recall)
        except Exception as error:
            self.core.hangup_of(error, channel, "refer")
            return False
        if outcome.bridge is None:
            return False
        await channel.over()
        return True

    # -- how it goes ---------------------------------------------------------------------------------------------------

    def _happened(self, event: Event) -> None:
        channel = event.fields["channel"]
        stay = self.stay
        if event.name == "bridge.entered":
            if channel is stay and event.fields["bridge"] is not self.bridge:
                self._accept()
        elif channel.call is stay.call and channel is not stay and channel.direction == "out":
            new = event.fields["new"]
            self._attempts += 1
            if new is State.RINGING:
                self._rings(180)
            elif new is State.EARLY:
                self._rings(183)

    def _rings(self, status: int) -> None:
        if self.accepted:
            return
        self.teller.tell(status)
        self.ringing = True
        self._hear_ringing()

    def _hear_ringing(self) -> None:
        """Who stays alone hears that it rings: with the referrer's leg his media have gone."""
        stay = self.stay
        if not self.ringing or self.accepted or self.old is None or self._old_is_there() or stay.media is not None:
            return
        try:
            self._comfort = stay.sound()
            self._comfort.play(RINGING, repeat=True)
        except Exception as error:  # nobody listed can play: he hears nothing
            self.core.hangup_of(error, stay, "refer")

    def _stay_heard(self, what: str, channel: Channel, value: Any) -> None:
        if what == "media" and value is not None and value is not self._comfort and not self.accepted and self.old is not None:
            self._accept()
        elif what == "ended":
            self._stop()
            self.teller.tell(200 if self.accepted else status_of(value))
            if self.old is not None and not self.accepted:
                self.old.end(value)

    def _old_heard(self, what: str, channel: Channel, value: Any) -> None:
        if what == "ended" and not self.accepted:
            self._hear_ringing()

    def _old_is_there(self) -> bool:
        return self.old is not None and self.bridge is not None and self.stay.bridge is self.bridge and self.old.bridge is self.bridge

    def _by_itself(self) -> None:
        if not self._attempts and not self.teller.over and self.stay.state is State.UP:
            self._accept()

    def _accept(self) -> None:
        """It has succeeded."""
        if self.accepted or self.stay.state is State.ENDED:
            return
        self.accepted = True
        self.stay.variables.pop(UNDER_WAY, None)  # whom he talks to now may send him on
        self.teller.tell(200)
        if not outside(self.stay, self.stay.call.answerer):
            self._uncount()
        bridge, old = self.bridge, self.old
        if bridge is not None and self.stay.bridge is bridge:
            bridge.release(self.stay)
        if old is not None:
            self.core.clock.call_later(self.plugin.leave, old.end)  # his phone hangs up when it hears of it (RFC 5589 6.1)

    def _stop(self) -> None:
        for stop in self._stops:
            stop()
        self._stops.clear()
        if self.accepted:  # another transfer may be under way
            return
        self.stay.variables.pop(UNDER_WAY, None)
        self._uncount()
        if self.bridge is not None:
            self.bridge.keep = self._kept
            if self._old_is_there():
                self.former.take(self.stay)
