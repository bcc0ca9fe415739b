"""What the peer asks within a session: re-INVITE, UPDATE, BYE, INFO, MESSAGE, OPTIONS, PRACK. RFC 3261 12.2.2, 14.2, 15.1.2; RFC 3311 5.2.

Rule: one function per method. Order of CSeq first (500), what it requires (420), then the supplements, then the method. A refused change
leaves the session as it was (RFC 6141); what the answer depends on may be a Pending, and everything is looked at again when it comes.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from pipeline import Drop, Malformed, Reply
from pipeline.core import Cause, Hangup, Unacceptable
from pipeline.sip.offer_answer import Meaning
from pipeline.stages.application import SIP_METHODS
from pipeline.way import is_pinned

from . import aside, info, prack, texts
from .aside import is_aside
from .bodies import description_of
from .causes import hangup_of_reason
from .exchange import hangup_of_failure, is_held, obtain, status_of_failure, warning
from .t38 import unwanted

if TYPE_CHECKING:
    from pipeline import Passage, Request
    from pipeline.stages.protocol import ServerTransaction

    from .session import Session


def serve(session: Session, passage: Passage) -> None:
    """Serve a request within the dialog, but for ACK."""
    message: Request = passage.message  # type: ignore[assignment]
    method = message.method
    dialog = session.dialog_of(message.from_.tag)
    if dialog is None or session.state == "over":
        passage.reply(481, because="channel: the session has ended")
        return
    if status := dialog.receive(message):
        passage.reply(status, because=f"channel: CSeq {message.cseq.number} is out of order")
        return
    if session.flow is not None and session.flow.closed:
        session.follow(message, passage)
    if session.state == "ending":  # both hang up at once, or the peer does not know yet
        passage.reply(200 if method == "BYE" else 481, because="channel: the session is ending")
        return
    if "require" in message.first and (unknown := session.driver.unknown(message.require)):
        passage.reply(420, headers=(("Unsupported", ", ".join(unknown)),), because="channel: Require")
        return
    verdict = session.driver.supplements.asked(session, message, passage)
    if isinstance(verdict, Reply):
        passage.reply(verdict.status, verdict.reason, verdict.headers, body=verdict.body, because=verdict.because)
        return
    if isinstance(verdict, Drop):
        session.engine.transactions.forget(passage)
        return
    if is_aside(session, message, dialog):
        aside.serve(session, message, passage, dialog)
        return
    handler = HANDLERS.get(method)
    if handler is None:
        status = 405 if method in SIP_METHODS else 501
        session.engine.tell("request.unsupported", passage=passage)
        passage.reply(status, headers=(("Allow", session.driver.allow),), because=f"channel: no {method} within a session")
        return
    handler(session, message, passage)


# -- the end ---------------------------------------------------------------------------------------------------------


def bye(session: Session, message: Request, passage: Passage) -> None:
    """Take a BYE (15.1.2)."""
    passage.reply(200, headers=session.driver.supplements.answer(session, message, 200))
    session.released(hangup_of_reason(message))


# -- the ACK of a 2xx ------------------------------------------------------------------------------------------------


def acknowledged(session: Session, message: Request) -> None:
    """Take the ACK of a 2xx to an INVITE or re-INVITE; with the answer, where the 2xx made the offer."""
    unacked = session.unacked
    if unacked is None or message.cseq.number != unacked.cseq:
        return
    session.unacked = unacked.transaction.on_event = None
    session.timers.pop("2xx", None)
    description = description_of(message)
    meaning = session.exchange.received("ACK", described=bool(description))
    media = session.channel.media
    if meaning is Meaning.MISSING or (meaning is Meaning.ANSWER and media is None):
        session.lost(Hangup(Cause.PROTOCOL_ERROR, "the ACK has no answer to our offer", "sip", 488))
        return
    if meaning is Meaning.ANSWER:
        session.remote = description
        obtain(lambda: media.accept(session.ledger.answered(description)), _nothing, partial(_unaccepted, session))  # type: ignore[union-attr]
        _hold(session, description)
    session.confirmed()


def _unaccepted(session: Session, error: BaseException) -> None:
    session.lost(hangup_of_failure(session, error))


# -- changes ---------------------------------------------------------------------------------------------------------


def reinvite(session: Session, message: Request, passage: Passage) -> None:
    """Take a re-INVITE (14.2)."""
    if message.body and session.driver.refuse_body(message, passage):
        return
    _change(session, message, passage, "INVITE")


def update(session: Session, message: Request, passage: Passage) -> None:
    """Take an UPDATE (RFC 3311 5.2): a new offer, or only a sign of life."""
    if message.body and session.driver.refuse_body(message, passage):
        return
    _change(session, message, passage, "UPDATE")


def _change(session: Session, message: Request, passage: Passage, method: str) -> None:
    if session.timer is not None and (refusal := session.timer.check(message)) is not None:
        passage.reply(refusal[0], headers=refusal[1], because="channel: session timer (RFC 4028)")
        return
    if session.unacked is not None and method == "INVITE":
        # RFC 5407 3.1.4 would rather have a 200, and allows this: whoever has sent the ACK tries again, and one 2xx at a time is repeated.
        passage.reply(491, because="channel: the last 2xx has not been acknowledged yet")
        return
    description = description_of(message)
    meaning = session.exchange.received(method, described=bool(description))
    if meaning.status:
        later = (("Retry-After", str(session.engine.identifiers.below(11))),) if meaning.status == 500 else ()
        passage.reply(meaning.status, headers=later, because=f"channel: {meaning.value}")
        return
    engine = session.engine
    if passage.transaction is None:
        engine.transactions.begin(passage)
    transaction = session.asked = passage.transaction
    transaction.on_event = partial(_event, session, message, passage)
    allow = message.get("allow")
    if allow is not None:
        session.allows = frozenset(message.allow)
    media = session.channel.media
    if method == "UPDATE" and not description:
        _accept(session, message, passage, b"")
    elif media is None or unwanted(session.options, description):
        _refuse(session, message, passage, 488)
    elif description:
        offer = session.offered = session.ledger.offered(description)
        obtain(
            lambda: media.answer(offer),
            partial(_accept, session, message, passage),
            partial(_unanswerable, session, message, passage),
        )
    else:
        obtain(media.offer, partial(_offer, session, message, passage), partial(_unanswerable, session, message, passage))


def _offer(session: Session, message: Request, passage: Passage, offer: bytes | None) -> None:
    # A terminal that leaves the offer to the peer has none of its own: what was agreed is offered again.
    _accept(session, message, passage, offer or session.ledger.sent)


def _accept(session: Session, message: Request, passage: Passage, body: bytes) -> None:
    """Give the 2xx, unless it has been settled otherwise meanwhile."""
    transaction: ServerTransaction = passage.transaction
    if session.asked is not transaction or not transaction.open:
        return
    method = message.method
    if body:
        body = session.ledger.answer(body) if session.offered else session.ledger.offer(body)
    session.asked = None
    offered, session.offered = session.offered, None
    session.exchange.sent(method, 200, described=bool(body))
    session.dialog.refresh(message)
    if "contact" in message.first and not session.dialog.route_set:  # in a dialog through proxies they lead to the peer (12.2.1.1)
        session.pinned = is_pinned(message, passage)
    session.follow(message, passage)
    session.learn(message)
    if offered:
        session.remote = offered
    fields = session.fields(message, 200)
    fields += session.refresh_timer(message)
    if method == "INVITE":
        session.accept(passage, fields, body)
    else:
        if body:
            fields.append(("Content-Type", "application/sdp"))
        passage.reply(200, headers=fields, body=body)
    if offered:
        _hold(session, offered)
    session.flush()


def _unanswerable(session: Session, message: Request, passage: Passage, error: BaseException) -> None:
    why = str(error) if isinstance(error, Unacceptable | Malformed) and not str(error).startswith("rtpengine") else ""
    _refuse(session, message, passage, status_of_failure(session, error), why)


def _refuse(session: Session, message: Request, passage: Passage, status: int, why: str = "") -> None:
    transaction: ServerTransaction = passage.transaction
    if session.asked is not transaction or not transaction.open:
        return
    session.asked = None
    session.offered = None
    session.ledger.refused()
    session.exchange.sent(message.method, status)
    fields = (warning(session, why or "the offer cannot be answered"),) if status == 488 else ()
    passage.reply(status, headers=fields, because=f"channel: {why or 'the offer could not be answered'}; the session goes on")
    session.flush()


def _event(session: Session, message: Request, passage: Passage, event: str) -> None:
    if event == "CANCEL":
        _withdraw(session, message, passage, 487)
    elif event == "timeout" and session.asked is passage.transaction:
        session.asked = None


def impatient(session: Session) -> None:
    """Refuse what the peer has asked and nobody answers: it is told so, and goes on as before."""
    asked = session.asked
    if asked is not None and asked.passage is not None:
        message: Request = asked.passage.message  # type: ignore[assignment]
        _withdraw(session, message, asked.passage, 488)


def _withdraw(session: Session, message: Request, passage: Passage, status: int) -> None:
    """Refuse an offer that the media are still answering."""
    if session.asked is passage.transaction:
        _refuse(session, message, passage, status)
        if session.channel.media is not None:
            session.channel.media.withdraw()


def _hold(session: Session, description: bytes) -> None:
    on = is_held(description)
    if on is not session.channel.held:
        session.channel.told_hold(on)


# -- the rest --------------------------------------------------------------------------------------------------------


def options(session: Session, _: Request, passage: Passage) -> None:
    """Say what we can do (11.2); phones use it as a ping."""
    passage.reply(200, headers=session.engine.generation.offer.headers)


def event(session: Session, message: Request, passage: Passage) -> None:
    """Take a SUBSCRIBE or NOTIFY in the dialog of a call: another usage of it, where `pubsub` is listed (RFC 5057 3)."""
    pubsub = session.engine.pubsub
    if pubsub is None:
        passage.reply(405, headers=(("Allow", session.driver.allow),), because=f"channel: no {message.method} within a session")
    else:
        pubsub.take(message, passage, session)


def _nothing(_: object) -> None:
    """Nothing follows."""


HANDLERS: dict[str, Any] = {
    "BYE": bye,
    "INVITE": reinvite,
    "UPDATE": update,
    "INFO": info.take,
    "MESSAGE": texts.take,
    "OPTIONS": options,
    "PRACK": prack.take,
    "SUBSCRIBE": event,
    "NOTIFY": event,
}
