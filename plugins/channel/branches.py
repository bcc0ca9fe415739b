"""Several phones that ring for one caller, each in an early dialog of its own towards him (`early_dialogs`). RFC 3261 12.1, 13.2.2.4.

Rule: as if a proxy had forked his call. What each lets him hear goes out with a To tag of its own; the 200 has the tag of the one who has
answered, and with it the others are over. Only in answers that are not reliable: a PRACK would have to reach each one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.sip.dialog import Dialog

from .exchange import ledger_for
from .usage import EARLY, SDP

if TYPE_CHECKING:
    from .incoming import Incoming
    from .t38 import FaxLedger


class Branch:
    """One of them."""

    __slots__ = ("dialog", "ledger")

    def __init__(self, dialog: Dialog, ledger: FaxLedger) -> None:
        self.dialog = dialog
        self.ledger = ledger


def show(session: Incoming, ident: str, description: bytes) -> None:
    """Let the caller hear one of them."""
    passage = session.passage
    if session.state != EARLY or session.answering or passage is None:
        return
    branch = session.branches.get(ident)
    if branch is None:
        assert session.flow is not None
        dialog = Dialog.from_request(session.invite, session.engine.token(8))
        dialog.contact = session.contact
        branch = session.branches[ident] = Branch(dialog, ledger_for(session, session.flow))
        branch.ledger.offered(session.remote)
        session.own(dialog)
    session.exchange.sent("INVITE", 183, described=True)
    fields = [("Contact", session.contact), ("Content-Type", SDP), *session.driver.supplements.answer(session, session.invite, 183)]
    passage.tag = branch.dialog.local_tag
    try:
        passage.reply(183, headers=fields, body=branch.ledger.answer(description))
    finally:
        passage.tag = ""


def choose(session: Incoming, ident: str) -> None:
    """Learn that this one has answered: the session is his, and what he let be heard holds."""
    branches, passage = session.branches, session.passage
    chosen = branches.get(ident)
    if not branches or passage is None:
        return
    for branch in branches.values():
        if branch is not chosen:
            session.disown(branch.dialog)
    if chosen is not None:
        session.disown(session.dialog)
        session.dialog, session.ledger = chosen.dialog, chosen.ledger
        passage.transaction.tag = chosen.dialog.local_tag
    session.branches = {}
