"""An attended transfer: the referrer has talked to both, and connects them. RFC 5589 7, RFC 3891.

Rule: only calls that he himself has with us, and only when both are up: then who stays takes his place in the other call.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline import Reply
from pipeline.core import State

from .counted import bear, outside
from .progress import Teller, status_of
from .transfer import UNDER_WAY

if TYPE_CHECKING:
    from pipeline import Pending
    from pipeline.core import Channel
    from pipeline.session import Session
    from pipeline.sip.replaces import Replaces

    from .refer import Refer

__all__ = ["attended", "other_leg"]


def other_leg(plugin: Refer, session: Session, replaces: Replaces) -> Channel | Reply:
    """Return the channel of the referrer's other call, or why there is none."""
    # The tags are those of who gets the INVITE with Replaces, the far side of the referrer's other call: here that is us.
    usage = plugin.engine.dialogs.owner(*replaces.dialog)
    channel: Channel | None = getattr(usage, "channel", None)
    if channel is None:
        return Reply(501, "No Such Dialog Here", because="refer: Replaces names no call of ours; calls of other servers are not replaced")
    if not channel.endpoint or channel.endpoint != session.channel.endpoint:
        return Reply(403, because="refer: Replaces names somebody else's call")
    far = channel.bridge.other(channel) if channel.bridge is not None else None
    if UNDER_WAY in channel.variables or (far is not None and UNDER_WAY in far.variables):
        return Reply(491, because="refer: a transfer of the other call is under way")
    if replaces.early_only and channel.state is State.UP:
        return Reply(486, because="refer: Replaces with early-only names a call that is answered (RFC 3891 3)")
    if channel is session.channel or channel.state is not State.UP or far is None:
        return Reply(501, "Only Calls That Are Answered", because="refer: Replaces names a call that is not up between two")
    return channel


def attended(plugin: Refer, stay: Channel, old: Channel, leg: Channel, teller: Teller) -> None:
    """Put who stays in the place of the referrer's other leg; the REFER has been answered."""
    teller.tell(100)
    bridge = leg.bridge
    if bridge is None or stay.state is State.ENDED:
        _free(stay, leg)
        teller.tell(487)
        return
    stay.caller = stay.party
    uncount, far = bear(stay, leg), bridge.other(leg)

    def swapped(done: Pending) -> None:
        if not _swapped(plugin, stay, old, leg, teller, done) or not outside(stay, far):
            uncount()

    bridge.swap(leg, stay).then(swapped)


def _swapped(plugin: Refer, stay: Channel, old: Channel, leg: Channel, teller: Teller, done: Pending) -> bool:
    core = old.core
    _free(stay, leg)
    try:
        done.value()
    except Exception as error:
        teller.tell(status_of(core.hangup_of(error, old, "refer")))
        return False
    teller.tell(200)
    for channel in (old, leg):
        end: Any = channel.end
        core.clock.call_later(plugin.leave, end)
    return True


def _free(*channels: Channel) -> None:
    for channel in channels:
        channel.variables.pop(UNDER_WAY, None)
