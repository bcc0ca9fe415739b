"""A channel of the core as a dialog of the watched phone. RFC 4235 3.7.1 (states), 4.1 (what is said of it).

Rule: everything is seen from the phone: our tag is its remote tag, a call that it makes has it as the initiator. Who wants to be
anonymous stays so (RFC 3323, RFC 4235 6).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.core import Cause, Party, State
from pipeline.core.party import Presentation
from pipeline.destinations.identity import uri_of
from pipeline.pubsub.states import Dialog

if TYPE_CHECKING:
    from pipeline.core import Channel, Hangup

__all__ = ["ended", "seen"]

_STATES = {
    State.NEW: "trying",
    State.DIALING: "trying",
    State.RINGING: "early",
    State.EARLY: "early",
    State.UP: "confirmed",
    State.ENDED: "terminated",
}
_ENDED = {
    Cause.NORMAL: "cancelled",
    Cause.ANSWERED_ELSEWHERE: "cancelled",
    Cause.NO_ANSWER: "timeout",
    Cause.NO_USER_RESPONSE: "timeout",
}


def seen(channel: Channel, entity: str, *, parties: bool, tags: bool) -> Dialog | None:
    """Return the dialog that a channel is for its phone; None: the phone knows nothing of it yet."""
    outgoing = channel.direction == "out"
    if outgoing and channel.state is State.NEW:
        return None
    leg = channel.leg
    state = _STATES[channel.state]
    domain = entity.rpartition("@")[2]
    remote = _remote(channel) if parties else None
    uri = uri_of(remote, domain) if remote is not None and remote.number else ""
    return Dialog(
        id=channel.id,
        state=state,
        direction="recipient" if outgoing else "initiator",
        call_id=getattr(leg, "call_id", "") if tags else "",
        local_tag=getattr(leg, "remote_tag", "") if tags else "",
        remote_tag=getattr(leg, "local_tag", "") if tags else "",
        local_uri=entity,
        remote_name=remote.name if remote is not None else "",
        remote_uri=uri,
        remote_target=uri,
        held=channel.held and channel.state is State.UP,
        duration=channel.core.clock.time() - channel.answered if channel.answered else 0.0,
    )


def _remote(channel: Channel) -> Party | None:
    """Return whom the phone is connected to, or calls, or is called by; None: he is not to be shown."""
    party = channel.caller if channel.direction == "out" else channel.connected
    if channel.connected.number and channel.state is State.UP:
        party = channel.connected
    if not party.number and channel.direction == "in":
        party = Party(number=channel.dialed)
    return party if party.presentation is Presentation.ALLOWED else None


def ended(hangup: Hangup, *, answered: bool) -> tuple[str, int]:
    """Say why a dialog has ended: the event and the code of RFC 4235 3.7.1; "", 0: it cannot be said."""
    if answered:
        failed = hangup.cause in (Cause.TIMER_EXPIRED, Cause.NETWORK_OUT_OF_ORDER, Cause.NO_USER_RESPONSE)
        return ("timeout", 0) if failed else ("", 0)
    if hangup.technology == "sip" and 300 <= hangup.code < 700:
        return ("timeout", hangup.code) if hangup.code == 408 else ("rejected", hangup.code)
    return _ENDED.get(hangup.cause, "error"), 0
