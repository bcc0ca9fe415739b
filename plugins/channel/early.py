"""What comes before the answer to an INVITE of ours: rings, early media, reliable answers and their PRACK. RFC 3261 12.1.2; RFC 3262 4.

Rule: each To tag is an early dialog of its own (a fork), with its own offer and answer. The core hears one preview at a time.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from pipeline import Malformed
from pipeline.client import Final, Provisional
from pipeline.sip.dialog import Dialog
from pipeline.sip.offer_answer import Meaning
from pipeline.sip.reliable import Rack, Received, is_reliable, rseq_of
from pipeline.way import way_to

from .bodies import description_of
from .exchange import obtain
from .usage import EARLY, SDP

if TYPE_CHECKING:
    from pipeline import Response
    from pipeline.client import Outcome
    from pipeline.core import Terminal
    from pipeline.sip.offer_answer import Exchange

    from .outgoing import Outgoing

FORKS = 32
"""Early dialogs of one INVITE that are kept: a fork that rings more phones is served as if it were one."""


class Fork:
    """One early dialog of our INVITE: who answered, and how far offer and answer have come with him."""

    __slots__ = ("dialog", "exchange", "preview", "received")

    def __init__(self, dialog: Dialog, exchange: Exchange) -> None:
        self.dialog = dialog
        self.exchange = exchange
        self.received = Received()
        self.preview = b""


def fork_of(session: Outgoing, response: Response) -> Fork | None:
    """Return the dialog that a response belongs to; a new one for a tag that was not seen before."""
    tag = response.to.tag
    fork = session.forks.get(tag)
    if fork is None and session.asking is not None and session.asking.branch is not None and len(session.forks) < FORKS:
        dialog = Dialog.from_response(session.asking.branch.message, response)
        dialog.contact = session.contact
        exchange = session.exchange.fork() if session.forks else session.exchange
        fork = session.forks[tag] = Fork(dialog, exchange)
        if len(session.forks) == 1:
            session.dialog = dialog
            session.come_by(session.asking.branch.flow)
        session.own(dialog)
    return fork


def provisional(session: Outgoing, response: Response) -> None:
    """Take a 1xx."""
    if session.state != EARLY or session.cancelled:
        return
    status = response.status
    session.driver.supplements.answered(session, response)
    reliable = is_reliable(response, status)
    if reliable and rseq(response) == 0:
        return  # a number that nobody could acknowledge: as if it had not come
    fork = fork_of(session, response) if response.to.tag else None
    description = description_of(response)
    if fork is not None:
        session.setup = response
        if (allow := response.get("allow")) is not None and allow:
            session.allows = frozenset(response.allow)
        if reliable:
            if not fork.received.take(rseq(response)):
                return
            fork.dialog.refresh(response)
        meaning = fork.exchange.received("INVITE", status, described=bool(description), reliable=reliable)
        _describe(session, fork, response, meaning, description, reliable)
        if session.state != EARLY:
            return
    if status == 180:
        session.channel.told_ringing()
    session.learn(response)


def _describe(session: Outgoing, fork: Fork, response: Response, meaning: Meaning, description: bytes, reliable: bool) -> None:
    media = session.channel.media
    if meaning is Meaning.OFFER and media is not None:
        session.remote = description
        description = session.offered = session.ledger.offered(description)
        obtain(lambda: media.answer(description), partial(_prack, session, fork, response), session.failed)
        if session.state == EARLY:
            session.channel.told_early()
        return
    if reliable:
        _prack(session, fork, response, b"")
    if meaning in (Meaning.EARLY, Meaning.ANSWER) and media is not None:
        session.remote = description
        if meaning is Meaning.EARLY or fork.exchange is not session.exchange:
            fork.preview = description
            heard = _heard(session, media, description)
        else:
            obtain(lambda: media.accept(session.ledger.answered(description)), _nothing, session.failed)
            heard = True
        if heard and session.state == EARLY:
            session.channel.told_early()


def _heard(session: Outgoing, media: Terminal, description: bytes) -> bool:
    """Give a preview to the media; True: there is something to be heard. One that cannot be read is none."""
    try:
        return media.early(session.ledger.early(description))
    except Malformed:
        return False


def _prack(session: Outgoing, fork: Fork, response: Response, body: bytes) -> None:
    """Acknowledge a reliable provisional answer (RFC 3262 4), with the answer to its offer."""
    if session.state != EARLY or session.cancelled:
        return
    rack = Rack(rseq(response), response.cseq.number)
    body = session.ledger.answer(body) if body else b""
    fork.exchange.sent("PRACK", described=bool(body))
    fields = [("RAck", str(rack))]
    if body:
        session.offered = None
        fields.append(("Content-Type", SDP))
    message = fork.dialog.request("PRACK", fields, body)
    session.driver.supplements.ask(session, message)
    way = way_to(fork.dialog.hop, session.flow, session.pinned, session.engine)
    session.engine.request(message, way, partial(_pracked, session, fork), session.passage, session.endpoint, fork.dialog)


def _pracked(session: Outgoing, fork: Fork, outcome: Outcome) -> None:
    if isinstance(outcome, Provisional):
        return
    status = outcome.response.status if isinstance(outcome, Final) else 408
    if isinstance(outcome, Final):
        fork.dialog.numbered(outcome.response)
    fork.exchange.received("PRACK", status, described=isinstance(outcome, Final) and bool(description_of(outcome.response)))
    if session.state == EARLY:
        session.flush()


def rseq(response: Response) -> int:
    """Return the number of a reliable provisional answer; 0: it has none, or none that can be read."""
    try:
        return rseq_of(response) or 0
    except Malformed:
        return 0


def _nothing(_: object) -> None:
    """Nothing follows."""
