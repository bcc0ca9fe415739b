"""The channel core of a server: `engine.core`. Makes channels, routes calls, dials, bridges, and finds who provides what.

Rule: it owns what lives (channels, bridges, calls, the tasks of scripts), nothing that is configured: the hooks are asked through the
engine's generation of the moment, so a reload is seen by the next call.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Literal

from pipeline.core import records
from pipeline.core.bridge import Bridge
from pipeline.core.call import Call
from pipeline.core.causes import Cause, Hangup
from pipeline.core.channel import Channel, State
from pipeline.core.conference import conference
from pipeline.core.dial import RINGING, Dial, Outcome
from pipeline.core.media import Refused, Unacceptable, Unavailable
from pipeline.core.messages import Messages
from pipeline.core.monitor import record
from pipeline.core.originate import originate
from pipeline.core.party import Party
from pipeline.core.wanted import NOBODY, Ended, Unroutable, Wanted
from pipeline.pending import Pending, settle

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.core.leg import Leg
    from pipeline.core.media import Relay
    from pipeline.core.wanted import Dialed, Script
    from pipeline.engine import Pipeline

CLEANING = 2.0
"""Seconds that scripts have for their `finally` when the server stops."""


class Core:
    """Channels, bridges and calls of one engine."""

    def __init__(self, engine: Pipeline) -> None:
        self.engine = engine
        self.clock = engine.clock
        self.tell = engine.tell
        self.nobody = NOBODY
        self.channels: dict[str, Channel] = {}
        self.bridges: dict[str, Bridge] = {}
        self.calls: dict[str, Call] = {}
        self.conferences: dict[str, Bridge] = {}
        """The mixes by their name."""
        self.tasks: set[asyncio.Task[None]] = set()
        """The scripts that run."""
        self.messages = Messages(self)
        """Messages: short texts and the like, from anybody to anybody."""
        self.recordings: Path = engine.plan.state / "recordings"
        """The folder of recorded conversations."""
        self.recording_space = 0
        """Megabytes that the disk must have left for one to begin; 0 = it is not looked at."""
        self._made = 0

    # -- channels ----------------------------------------------------------------------------------------------------

    def channel(
        self,
        technology: str,
        direction: Literal["in", "out"],
        leg: Leg,
        *,
        endpoint: str = "",
        context: str = "",
        dialed: str = "",
        caller: Party = NOBODY,
        party: Party | None = None,
        call: Call | None = None,
    ) -> Channel:
        """Make a channel. `party` is who is at its far side: None: in the caller, out what is dialled. Without a call it begins one."""
        token = self.engine.token
        ident = token(4)
        while ident in self.channels:
            ident = token(4)
        self._made += 1
        if party is None:
            party = caller if direction == "in" else Party(number=dialed)
        if call is None:
            call = Call(self, token(8))
        name = f"{endpoint or technology}-{self._made:08x}"
        channel = Channel(self, ident, name, technology, direction, leg, endpoint, context, dialed, caller, party, call)
        self.channels[ident] = channel
        call.joined(channel)
        self.tell("channel.created", channel=channel)
        return channel

    def request(self, target: str, wanted: Wanted) -> list[Channel] | Pending:
        """Return new outgoing channels for a target, or a Pending of them. Raises, or fails with, Unroutable."""
        found: Any = None
        for step in self.engine.generation.channel_request.steps:
            found = step(target, wanted)
            if found is not None:
                break
        if found is None:
            raise Unroutable(Hangup(Cause.UNALLOCATED, f"there is no '{target}' to call"))
        if not isinstance(found, Pending) or found.done:
            return found.value() if isinstance(found, Pending) else found  # type: ignore[no-any-return]

        def look(pending: Pending) -> None:
            caller = wanted.caller
            if caller is None or caller.hangup is None:
                return
            try:  # who wanted them has gone meanwhile
                channels = pending.value()
            except Exception:
                return
            for channel in channels:
                channel.end(caller.hangup)

        found.then(look)
        return found

    def callable(self, target: str) -> Any:
        """See whether a target can be called now, and call nobody. Raises, or returns a Pending that fails with, Unroutable."""

        def unmade(channels: list[Channel]) -> None:  # a driver that does not know `only_asked` has made some
            for channel in channels:
                channel.end()

        return settle(self.request(target, Wanted(only_asked=True)), unmade)

    def find(self, ident: str) -> list[Channel]:
        """Return the channels of that id, name, call or bridge, or of the one that begins so; LookupError when it is none, or several."""
        if ident in self.channels:
            return [self.channels[ident]]
        found = [channel for channel in self.channels.values() if ident in (channel.name, channel.endpoint)]
        if found and (len(found) == 1 or found[0].name == ident):
            return found[:1]
        if not ident or found:
            raise LookupError(
                f"{ident!r} has several channels: {', '.join(channel.name for channel in found)}" if found else "whose channel?"
            )
        groups = [[channel] for channel in self.channels.values() if channel.id.startswith(ident) or channel.name.startswith(ident)]
        groups += [list(call.channels) for call in self.calls.values() if call.id.startswith(ident)]
        groups += [list(bridge.channels) for bridge in self.bridges.values() if ident == bridge.name or bridge.id.startswith(ident)]
        if len(groups) != 1:
            raise LookupError(
                f"there is no channel, call or bridge {ident!r}" if not groups else f"several begin with {ident!r}: say more of it"
            )
        return groups[0]

    def hangup(self, ident: str, hangup: Hangup = Hangup()) -> list[Channel]:  # noqa: B008  a frozen value
        """End what `find` finds, or "all"; returns them."""
        found = list(self.channels.values()) if ident == "all" else self.find(ident)
        for channel in found:
            channel.end(hangup)
        return found

    # -- routing and scripts -----------------------------------------------------------------------------------------

    def route(self, dialed: Dialed) -> Any:
        """Return the script for a call, None when it leads nowhere, or a Pending of either."""
        for step in self.engine.generation.route_call.steps:
            found = step(dialed)
            if found is not None:
                return found
        return None

    def incoming(self, channel: Channel, dialed: Dialed) -> None:
        """Route an incoming call and run its script. Unrouted it ends with UNALLOCATED; when the script returns, with NORMAL.

        A script that raises ends it too: Unroutable and media.Refused with their own Hangup, media.Unacceptable with INCOMPATIBLE,
        media.Unavailable with CONGESTION, anything else with TEMPORARY_FAILURE and a `step.failed` event. The end of the channel
        cancels the script.
        """
        try:
            found = self.route(dialed)
        except Exception as error:
            channel.end(self.hangup_of(error, channel, "route_call"))
            return
        if isinstance(found, Pending):
            found.then(lambda pending: self._routed(channel, dialed, pending))
        else:
            self._route(channel, dialed, found)

    def _routed(self, channel: Channel, dialed: Dialed, pending: Pending) -> None:
        try:
            found = pending.value()
        except Exception as error:
            channel.end(self.hangup_of(error, channel, "route_call"))
        else:
            self._route(channel, dialed, found)

    def _route(self, channel: Channel, dialed: Dialed, script: Script | None) -> None:
        if script is None:
            channel.end(Hangup(Cause.UNALLOCATED, f"{dialed.extension} leads nowhere"))
        else:
            self.run(channel, script)

    def run(self, channel: Channel, script: Script) -> None:
        """Run a script on a channel, as `incoming` does. One that runs already is cancelled; the channel goes on with the new one."""
        if channel.state is State.ENDED:
            return
        if channel._task is not None:
            channel._task.cancel()
        task = channel._task = self.engine.loop.create_task(self._script(channel, script))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _script(self, channel: Channel, script: Script) -> None:
        hangup = Hangup()
        try:
            await script(channel)
        except Exception as error:
            if channel.state is not State.ENDED or not isinstance(error, Ended):
                hangup = self.hangup_of(error, channel, channel.application or getattr(script, "__qualname__", "script"))
        finally:
            if channel._task is asyncio.current_task():  # else another has taken its place
                channel._task = None  # it need not be cancelled any more
                channel.end(hangup)

    async def follow(self, channel: Channel, script: Script) -> Hangup | None:
        """Do what a call was routed to with a channel that goes on when that fails: then how it failed is returned, else None.

        A script that is a method `script` of an object with `follow` (the dialplan's) ends no channel when that is called instead.
        """
        follow = getattr(getattr(script, "__self__", None), "follow", None)
        try:
            result = await (script(channel) if follow is None else follow(channel))
        except Exception as error:
            return self.hangup_of(error, channel, channel.application or getattr(script, "__qualname__", "script"))
        return result if isinstance(result, Hangup) else None

    def hangup_of(self, error: BaseException, channel: Channel | None = None, who: str = "") -> Hangup:
        """Say how a channel ends for which something raised; what nobody expects to be raised is told as `step.failed`."""
        if isinstance(error, Unroutable | Refused | Ended):
            return error.hangup
        if isinstance(error, Unacceptable):
            return Hangup(Cause.INCOMPATIBLE, str(error))
        if isinstance(error, Unavailable):
            return Hangup(Cause.CONGESTION, str(error))
        self.failed(who or (channel.technology if channel is not None else "core"), error, channel)
        return Hangup(Cause.TEMPORARY_FAILURE)

    def failed(self, who: str, error: BaseException, channel: Channel | None = None) -> None:
        """Count and tell what raised where nothing may: event `step.failed`."""
        self.engine.counts["failed." + who] += 1
        self.tell("step.failed", plugin=who, stage="integration", error=repr(error), exception=error, channel=channel)

    # -- media, dialling, bridging -------------------------------------------------------------------------------------

    def media(self, need: str, channels: tuple[Channel, ...]) -> Any:
        """Return the Sound, Relay or Mixer that a provider gives; raises media.Unavailable when none does.

        Channels that are recorded are asked for a "recording": a relay whose media pass through us. Where there is none, that is told.
        """
        if need == "relay" and (monitors := [channel.monitor for channel in channels if channel.monitor is not None]):
            try:
                return self.media("recording", channels)
            except Unavailable as error:
                for monitor in monitors:
                    monitor.fail(error)
        for step in self.engine.generation.media.steps:
            found = step(need, channels)
            if found is not None:
                return found
        raise Unavailable(f"no listed plugin provides media for this: {need}")

    async def dial(
        self,
        caller: Channel,
        attempts: list[Channel],
        seconds: float,
        *,
        order: Literal["parallel", "priority"] = "parallel",
        ringback: str | Path = RINGING,
    ) -> Outcome:
        """Call `attempts` on behalf of `caller`; the first that answers is bridged with it, and the caller's call answered.

        `seconds` is the time for all (0: no limit); by priority each group of equal priority has an equal share of it. Returns at the
        answer, not at the end of the conversation: await `outcome.bridge.over()`. Cancelled, it ends the attempts. `ringback` is what
        a caller hears that talks to us already, while it rings.
        """
        dial = Dial(self, caller, attempts, seconds, order, ringback)
        try:
            dial.begin()
            outcome: Outcome = await dial.result
        finally:
            dial.abandon()
        return outcome

    def bridge(self, a: Channel, b: Channel, relay: Relay | None = None) -> Bridge:
        """Connect two channels. With `relay` their media are agreed already; otherwise both get new offers (`Relay.join`)."""
        bridge = Bridge(self, self.engine.token(4), "pair")
        bridge.relay = relay
        self.bridges[bridge.id] = bridge
        self.tell("bridge.created", bridge=bridge)
        for channel in (a, b):
            if channel.state is not State.ENDED:
                bridge.enter(channel)
        hangup = a.hangup or b.hangup
        if hangup is not None:
            bridge.end(hangup)
        elif relay is None:
            a.update_connected(b.party)
            b.update_connected(a.party)
            if not bridge.ended:  # whoever heard of that may have ended one of them
                bridge.join()
        return bridge

    def record(self, channel: Channel, name: str) -> Pending:
        """Record what is said on a channel, by it and to it, to the file `name` of the folder `recordings`, until `end_recording`.

        The Pending has the Monitor when it has begun, or will begin with the channel's bridge; fails with media.Unavailable, media.Refused
        or Ended. Raises OSError (the disk is full), ValueError (it is recorded already), Ended.
        """
        return record(self, channel, name)

    def end_recording(self, channel: Channel) -> bool:
        """Record a channel no more; False: it was not recorded."""
        monitor = channel.monitor
        if monitor is not None:
            monitor.end()
        return monitor is not None

    def conference(self, name: str) -> Bridge:
        """Return the conference of this name; it begins with the first that is added and is gone with the last that leaves."""
        return conference(self, name)

    def originate(
        self,
        target: str,
        *,
        script: Script | None = None,
        target2: str = "",
        dialed: Dialed | None = None,
        caller: Party = NOBODY,
        seconds: float = 60.0,
        variables: dict[str, str] | None = None,
    ) -> Pending:
        """Call `target`, then run `script`, route it as if it had dialled `dialed`, or connect it with `target2`.

        The Pending has the channel when it has answered (with `target2`: when that has too). Fails with Unroutable or Ended.
        """
        return originate(self, target, script, target2, dialed, caller, seconds, dict(variables or {}))

    # -- the end -------------------------------------------------------------------------------------------------------

    def ended(self, call: Call) -> None:
        """Hear that the last channel of a call has ended: tell and write its record."""
        self.tell("call.ended", call=call)
        records.write(self, call)

    async def stop(self) -> None:
        """End all channels, and give their scripts a moment for their `finally`; keep the messages that are under way."""
        await self.messages.stop()
        for channel in tuple(self.channels.values()):
            channel.end()
        if self.tasks:
            await asyncio.wait(self.tasks, timeout=CLEANING)
