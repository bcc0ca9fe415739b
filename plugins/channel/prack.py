"""PRACK: the acknowledgement of reliable provisional responses, taken from a caller. RFC 3262 3 and 5.

Rule: numbers and their order stand in `pipeline.sip.reliable`. What waits for the PRACK (another 1xx, the 2xx) goes on when it has come.
The caller's side of 100rel stands in `outgoing`.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, cast

from pipeline.core import Unacceptable
from pipeline.sip.offer_answer import Meaning
from pipeline.sip.reliable import rack_of

from .bodies import description_of
from .exchange import as_before, hangup_of_failure, obtain, refusing

if TYPE_CHECKING:
    from pipeline import Passage, Request

    from .incoming import Incoming
    from .session import Session


def take(session: Session, message: Request, passage: Passage) -> None:
    """Answer a PRACK."""
    reliable = getattr(session, "reliable", None)
    if reliable is None or not reliable.acknowledged(rack_of(message)):
        passage.reply(481, because="channel: this PRACK acknowledges nothing that waits for it")
        return
    incoming = cast("Incoming", session)
    session.timers.pop("rel", None)
    description = description_of(message)
    meaning = session.exchange.received("PRACK", described=bool(description))
    media = session.channel.media
    if meaning.status:
        passage.reply(meaning.status, because=f"channel: {meaning.value}")
    elif meaning is Meaning.MISSING:
        passage.reply(400, "Missing Answer", because="channel: the reliable response made an offer")
        incoming.give_up(488)
        return
    elif meaning is Meaning.ANSWER and media is not None:
        passage.reply(200)
        session.remote = description
        obtain(lambda: media.accept(session.ledger.answered(description)), _nothing, partial(_unaccepted, incoming))
    elif meaning is Meaning.OFFER and media is not None:
        offer = session.offered = session.ledger.offered(description)
        obtain(lambda: media.answer(offer), partial(_answer, incoming, passage), partial(_unanswerable, incoming, passage))
        return
    else:
        passage.reply(200)
    incoming.proceed()


def _answer(session: Incoming, passage: Passage, body: bytes) -> None:
    if session.state == "over" or passage.final:
        return
    body = session.ledger.answer(body)
    session.exchange.sent("PRACK", 200, described=True)
    session.remote, session.offered = session.offered or b"", None
    passage.reply(200, headers=(("Content-Type", "application/sdp"),), body=body)
    session.proceed()


def _unanswerable(session: Incoming, passage: Passage, error: BaseException) -> None:
    if session.state == "over" or passage.final:
        return
    # A refusal would leave the response unacknowledged that this PRACK is for (RFC 3262 3): the answer takes what was agreed, or nothing.
    offered = session.offered or b""
    body = refusing(offered) if isinstance(error, Unacceptable) else b""
    _answer(session, passage, body or as_before(session.ledger.sent, offered))


def _unaccepted(session: Incoming, error: BaseException) -> None:
    session.hangup(hangup_of_failure(session, error))


def _nothing(_: object) -> None:
    """Nothing follows."""
