"""What a 2xx to an INVITE of ours brings: the dialog that wins, its ACK, and what becomes of those that come too late. RFC 3261 13.2.2.4.

Rule: the first wins; any other gets an ACK and a BYE. The ACK waits for an answer that is not known yet, a BYE does not wait.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from pipeline.core import Cause, Hangup
from pipeline.pending import Pending
from pipeline.sip.dialog import Dialog
from pipeline.sip.offer_answer import Meaning
from pipeline.way import way_to

from .bodies import description_of
from .causes import reason_of
from .early import Fork, fork_of
from .exchange import hangup_of_failure, obtain, refusing
from .usage import ANSWERED, EARLY, UP

if TYPE_CHECKING:
    from pipeline import Response

    from .outgoing import Outgoing


def accepted(session: Outgoing, response: Response) -> None:
    """Take a 2xx."""
    if session.won is not None:
        if response.to.tag != session.won.to.tag:
            _dismiss(session, response)
        return
    if session.cancelled or session.state != EARLY:
        session.won = response
        _dismiss(session, response)
        session.release()
        return
    session.won = session.setup = response
    session.narrow()
    fork = fork_of(session, response)
    assert session.asking is not None
    if fork is None:
        fork = Fork(Dialog.from_response(session.asking.branch.message, response), session.exchange.fork())  # type: ignore[union-attr]
        session.own(fork.dialog)
    fork.dialog.confirm(response)
    session.dialog, session.exchange = fork.dialog, fork.exchange
    session.dialog.contact = session.contact
    for other in session.forks.values():
        if other is not fork:
            session.disown(other.dialog)
    session.forks.clear()
    if session.flow is None:
        session.come_by(session.asking.branch.flow)  # type: ignore[union-attr]
    session.allows = frozenset(response.allow)
    if session.timer is not None:
        session.timer.accepted(response, session.engine.clock.now())
        session.arm()
    description = description_of(response)
    meaning = session.exchange.received("INVITE", response.status, described=bool(description))
    _settle(session, response, meaning, description, fork)


def _settle(session: Outgoing, response: Response, meaning: Meaning, description: bytes, fork: Fork) -> None:
    """Acknowledge the 2xx, and tell the core: with what was agreed, or while the answer to its offer is being found."""
    media = session.channel.media
    session.state = UP
    if meaning is Meaning.OFFER and media is not None:
        session.state = ANSWERED
        session.remote = description
        description = session.offered = session.ledger.offered(description)
        _tell_up(session, response)
        if session.told_end:
            return
        obtain(lambda: media.answer(description), partial(_complete, session), partial(_unanswerable, session))
        return
    session.acknowledge(session.asking, response)  # type: ignore[arg-type]
    if meaning is Meaning.AS_EARLY:
        description = fork.preview
    if meaning is Meaning.MISSING or (meaning is Meaning.OFFER and media is None):
        session.lost(Hangup(Cause.PROTOCOL_ERROR, "the 200 has no session description"))
        return
    if meaning in (Meaning.ANSWER, Meaning.AS_EARLY) and media is not None:
        session.remote = description
        try:
            taken = media.accept(session.ledger.answered(description))
        except Exception as error:
            session.lost(hangup_of_failure(session, error))
            return
        if isinstance(taken, Pending):
            taken.then(partial(_checked, session))
    if session.told_end:
        return
    _tell_up(session, response)
    session.flush()


def _checked(session: Outgoing, accepted: Pending) -> None:
    try:
        accepted.value()
    except Exception as error:
        session.lost(hangup_of_failure(session, error))


def _tell_up(session: Outgoing, response: Response) -> None:
    session.learn(response)
    session.driver.due.discard(session.channel.call.id)  # a second party, if there is to be one, is called now
    session.channel.told_up()


def _complete(session: Outgoing, answer: bytes) -> None:
    """The answer to the offer of the 2xx is known: the ACK brings it."""
    if session.state != ANSWERED or session.won is None:
        return
    answer, session.offered = session.ledger.answer(answer), None
    session.exchange.sent("ACK", described=bool(answer))
    session.acknowledge(session.asking, session.won, answer)  # type: ignore[arg-type]
    session.state = UP
    session.flush()


def _unanswerable(session: Outgoing, error: BaseException) -> None:
    if session.state == ANSWERED:
        session.hangup(hangup_of_failure(session, error))


def _dismiss(session: Outgoing, response: Response) -> None:
    """End what another branch of a fork has answered, or what was cancelled too late: ACK, then BYE."""
    asking = session.asking
    if asking is None or asking.branch is None:
        return
    dialog = Dialog.from_response(asking.branch.message, response)
    flow = asking.branch.flow
    session.acknowledge(asking, response, dialog=dialog)
    message = dialog.request("BYE", (("Reason", reason_of(Hangup(Cause.ANSWERED_ELSEWHERE))),))
    session.engine.request(message, way_to(dialog.hop, flow, session.pinned, session.engine), _nothing, session.passage, session.endpoint)


def acknowledge_anyway(session: Outgoing) -> None:
    """Acknowledge a 2xx whose offer is not taken."""
    if session.won is not None and session.asking is not None:
        answer = refusing(session.remote)
        answer = session.ledger.answer(answer) if answer else b""
        session.exchange.sent("ACK", described=bool(answer))
        session.acknowledge(session.asking, session.won, answer)


def _nothing(_: object) -> None:
    """Nothing follows."""
