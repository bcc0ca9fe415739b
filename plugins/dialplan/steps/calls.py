"""`dial`, `redirect`, `hangup`: calling somebody, sending the caller elsewhere, ending it.

Rule: `dial` that fails gives its Hangup: with steps behind it they follow and decide, without any the callee's failure reaches the caller
as it was. ${dialstatus} has Asterisk's words (app_dial's).
"""

from __future__ import annotations

import re
from asyncio import CancelledError
from typing import TYPE_CHECKING, Any, Literal

from pipeline.core import Cause, Dialed, Hangup, Unroutable, Wanted
from pipeline.core.dial import BEST
from pipeline.core.voice import quiet, start
from pipeline.pending import Pending, finished

from ..run import Route, StepFailed  # noqa: TID252
from ..sounds import sound_of  # noqa: TID252

if TYPE_CHECKING:
    from pipeline.core import Channel

    from ..dialplan import Dialplan  # noqa: TID252

__all__ = ["Calls", "CauseName", "dialstatus"]

CauseName = Literal[
    "normal",
    "busy",
    "congestion",
    "no_answer",
    "rejected",
    "unallocated",
    "no_route",
    "no_user_response",
    "absent",
    "number_changed",
    "answered_elsewhere",
    "destination_out_of_order",
    "invalid_number",
    "facility_rejected",
    "normal_unspecified",
    "network_out_of_order",
    "temporary_failure",
    "switch_congestion",
    "barred",
    "not_available",
    "not_implemented",
    "incompatible",
    "timer_expired",
    "protocol_error",
    "interworking",
]
"""The names of core.Cause, in lower case."""
_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")
_STATUS = {
    Cause.BUSY: "BUSY",
    Cause.CONGESTION: "CONGESTION",
    Cause.SWITCH_CONGESTION: "CONGESTION",
    Cause.NO_ANSWER: "NOANSWER",
    Cause.NO_USER_RESPONSE: "NOANSWER",
    Cause.NORMAL: "NOANSWER",
    Cause.REJECTED: "BUSY",  # who declines (603, or 486 of phones that have no 603) does not want to talk now
    Cause.ANSWERED_ELSEWHERE: "CANCEL",
}


def dialstatus(hangup: Hangup) -> str:
    """Return Asterisk's word for how a call that nobody answered ended; CHANUNAVAIL for whoever could not be reached at all."""
    return _STATUS.get(hangup.cause, "CHANUNAVAIL")


class Calls:
    """Steps that make and end calls."""

    def __init__(self, dialplan: Dialplan) -> None:
        self._dialplan = dialplan

    async def dial(
        self,
        channel: Channel,
        argument: str | list[str],
        *,
        timeout: float = 0.0,  # noqa: ASYNC109  it is the callee's phone that it ends
        order: Literal["parallel", "priority"] = "parallel",
        ringback: str = "",
        headers: dict[str, str] | None = None,
        proceed: bool = False,
    ) -> Hangup | None:
        """Call one or several targets, all contacts of each; the first that answers is connected with the caller.

        `timeout`: seconds, 0 for the plugin's `ring_seconds`. `order`: all at once, or by q. `ringback`: what the caller hears meanwhile.
        `headers`: extras for the set-up of the outgoing calls. `proceed`: the steps behind follow also when the called party hangs up.
        """
        if not channel.call.dialing():
            raise StepFailed(f"dial: the call has dialled {channel.call.dials} times, it goes round in circles")
        seconds = timeout if timeout > 0 else self._dialplan.ring_seconds  # less than 0 would ring for ever
        variables = channel.variables
        targets = [argument] if isinstance(argument, str) else argument
        wanted = Wanted(caller=channel, party=channel.caller, seconds=seconds, headers=_fields(headers))
        try:
            attempts, best = await self._request(channel, targets, wanted)
            if attempts:
                outcome = await self._call(channel, attempts, seconds, order, ringback)
                if outcome.answered is not None:
                    variables["dialstatus"] = "ANSWER"
                    variables["answeredby"] = outcome.answered.name
                    await _talk(channel, outcome.bridge, proceed)
                    return None
                if best is None or _rank(outcome.hangup) <= _rank(best):
                    best = outcome.hangup
        except CancelledError:
            variables.setdefault("dialstatus", "CANCEL")
            raise
        failed = best or Hangup(Cause.UNALLOCATED)
        if failed.forwarder:
            forwarded = await self._forward(channel, failed)
            if forwarded is None:
                return None
            failed = forwarded
        variables["dialstatus"] = dialstatus(failed)
        variables["hangupcause"] = str(int(failed.cause))
        return failed

    async def _forward(self, channel: Channel, hangup: Hangup) -> Hangup | None:
        """Dial for the called party where it wants to be called instead: what it could dial itself, and nothing else.

        None: the call has been taken there, and has ended. Otherwise how that failed.
        """
        core, context = channel.core, hangup.context or self._dialplan.context
        for extension in hangup.targets:
            dialed = Dialed(context, extension, "", channel.caller, hangup.forwarder, channel.technology)
            script = await finished(core.route(dialed)) if channel.call.forwarding(context, extension) else None
            if script is None:
                core.tell("forward.refused", channel=channel, endpoint=hangup.forwarder, context=context, extension=extension)
                continue
            before, channel.context = channel.context, context
            route = getattr(script, "__self__", None)
            result = await (route.follow(channel) if isinstance(route, Route) else script(channel))
            if isinstance(result, Hangup):
                channel.context = before
                return result
            channel.end()
            return None
        return Hangup(Cause.ABSENT, f"{hangup.forwarder} has forwarded its calls to where it may not call")

    async def _request(self, channel: Channel, targets: list[str], wanted: Wanted) -> tuple[list[Channel], Hangup | None]:
        """Make the outgoing channels of all targets, and say why some have none."""
        request = channel.core.request
        attempts: list[Channel] = []
        best: Hangup | None = None
        for target in targets:
            found: Any = None
            try:
                found = request(target, wanted)
                if isinstance(found, Pending):
                    found = await found
            except Unroutable as error:
                if best is None or _rank(error.hangup) < _rank(best):
                    best = error.hangup
            except BaseException:  # the caller has left while a database was asked
                for attempt in attempts:
                    attempt.end()
                raise
            else:
                attempts += found
        return attempts, best

    async def _call(self, channel: Channel, attempts: list[Channel], seconds: float, order: Any, ringback: str) -> Any:
        dial = channel.core.dial
        if not ringback:
            return await dial(channel, attempts, seconds, order=order)
        source = sound_of(ringback)
        channel.progress()
        sound = channel.sound()
        start(channel, sound, source, repeat=True)
        try:
            return await dial(channel, attempts, seconds, order=order, ringback=source)
        finally:
            quiet(channel, sound)

    async def redirect(self, channel: Channel, argument: str | list[str]) -> Hangup:
        """Ask the caller to call these addresses instead (SIP: 302). It must not be answered yet."""
        targets = tuple([argument] if isinstance(argument, str) else argument)
        if not channel.redirect(targets):
            raise StepFailed("redirect: the call is answered, or its technology cannot be redirected")
        return Hangup(targets=targets)

    async def hangup(self, channel: Channel, argument: CauseName = "normal", *, text: str = "") -> None:
        """End the call, with a cause: "busy", "congestion", "rejected" … `text` is for a person to read."""
        channel.end(Hangup(Cause[argument.upper()], text))


async def _talk(channel: Channel, bridge: Any, proceed: bool) -> None:
    """Wait until they have talked: to the end of the caller's channel, whoever it is connected with later."""
    if not proceed:
        await channel.over()
        return
    while bridge is not None:
        bridge.keep = True
        await bridge.over()
        bridge = channel.bridge if channel.bridge is not bridge else None


def _fields(headers: dict[str, str] | None) -> list[tuple[str, str]]:
    """Make header fields: what was filled in may hold anything, but it begins no further one."""
    return [(name, _CONTROL.sub(" ", value).strip()) for name, value in headers.items()] if headers else []


def _rank(hangup: Hangup) -> int:
    return BEST.get(hangup.cause, len(BEST))
