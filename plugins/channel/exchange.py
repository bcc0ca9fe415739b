"""Between the offers and answers of a session and the media of its channel: who is asked for a description, and what a failure means.

Rule: whose turn it is stands in `pipeline.sip.offer_answer`; what a description says is the business of the channel's Terminal. This room
only brings one to the other, at once or when a Pending has its value. RFC 3264 6, RFC 6337 3.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline import Malformed, Pending
from pipeline.core import Cause, Ended, Hangup, Refused, Unacceptable, Unavailable
from pipeline.sip.grammar import quote
from pipeline.sip.sdp import parse

from .t38 import FaxLedger

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline import Flow

    from .session import Session

WARNED = 200
"""Characters of a Warning at most: what is wrong with a description may quote it."""


def obtain(ask: Callable[[], Any], then: Callable[[Any], object], failed: Callable[[BaseException], object]) -> None:
    """Call `then` with what `ask()` gives, now or when its Pending is done; `failed` with what it raises.

    Also with what `then` raises before it has done anything: Malformed, where what came is no session description.
    """
    try:
        value = ask()
        if not isinstance(value, Pending):
            then(value)
            return
    except Exception as error:
        failed(error)
        return

    def settled(pending: Pending) -> None:
        try:
            then(pending.value())
        except Exception as error:
            failed(error)

    value.then(settled)


def ledger_for(session: Session, flow: Flow) -> FaxLedger:
    """Return what the descriptions of a session are kept by that goes by `flow`."""
    return FaxLedger(session, session.engine.identifiers.below(1 << 31), flow.advertised[0])


def hangup_of_failure(session: Session, error: BaseException) -> Hangup:
    """Return what a failure of the media means for the call: 488, 503, or what the other leg's peer said."""
    if isinstance(error, Unacceptable | Malformed):
        return Hangup(Cause.INCOMPATIBLE, str(error) or "no media in common")
    if isinstance(error, Unavailable):
        return Hangup(Cause.CONGESTION, str(error) or "no media to be had")
    if isinstance(error, Refused):
        return error.hangup
    if isinstance(error, Ended):
        return error.hangup
    session.engine.core.failed("media", error, session.channel)
    return Hangup(Cause.TEMPORARY_FAILURE, "the media failed")


def status_of_failure(session: Session, error: BaseException) -> int:
    """Return how a re-INVITE or UPDATE is refused whose offer could not be answered; the session goes on."""
    hangup = hangup_of_failure(session, error)
    if isinstance(error, Ended):
        return 487
    if isinstance(error, Unavailable):
        return 503
    return hangup.code if hangup.technology == "sip" and hangup.code in (415, 488, 491, 500, 606) else 488


def warning(session: Session, why: str) -> tuple[str, str]:
    """Return the field of a 488 that says why (RFC 3261 13.3.1.3, 20.43)."""
    line = "".join(letter if letter.isprintable() else " " for letter in why[:WARNED])
    return "Warning", f"399 {session.engine.domains.first.id} {quote(line)}"


def as_before(sent: bytes, offer: bytes) -> bytes:
    """Return what was described last as the answer to a new offer that nobody can answer: with what both still want (RFC 3264 6.1)."""
    try:
        described, offered = parse(sent), parse(offer)
    except Malformed:
        return sent
    media = []
    for ours, theirs in zip(described.media, offered.media, strict=False):
        sends = ours.direction in ("sendrecv", "sendonly") and theirs.direction in ("sendrecv", "recvonly")
        hears = ours.direction in ("sendrecv", "recvonly") and theirs.direction in ("sendrecv", "sendonly")
        wanted = {(True, True): "sendrecv", (True, False): "sendonly", (False, True): "recvonly", (False, False): "inactive"}[sends, hears]
        media.append(ours.refused() if not theirs.port else ours if ours.direction == wanted else ours.with_direction(wanted))
    return described.with_media(media).encode()


def refusing(offer: bytes) -> bytes:
    """Return the answer that takes nothing of an offer: a BYE follows (RFC 3261 13.2.2.4). Empty when the offer cannot be read."""
    try:
        offered = parse(offer)
    except Malformed:
        return b""
    return offered.with_media(media.refused() for media in offered.media).encode()


def is_held(description: bytes) -> bool:
    """Tell whether the peer that wrote this puts us on hold: its first audio stream (else its first) does not want to hear."""
    try:
        media = [each for each in parse(description).media if each.port]
    except Malformed:
        return False
    first = next((each for each in media if each.kind == "audio"), media[0] if media else None)
    return first is not None and first.held
