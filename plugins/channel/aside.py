"""What comes within an early dialog that the session is not in: a branch of a fork that has not won. RFC 3261 15; RFC 3311 5.2.

Rule: it changes nothing of the session, of what is heard or of other branches. An offer is put off (500 with Retry-After), since media go
to one branch at a time. A BYE ends that dialog alone. When a branch has won, the dialogs of the others are no more, and what comes for them
is 481.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .bodies import description_of
from .usage import EARLY

if TYPE_CHECKING:
    from pipeline import Passage, Request
    from pipeline.sip.dialog import Dialog

    from .session import Session

SECONDS = 11
"""Of a Retry-After, 0 to 10 by chance: RFC 3311 5.2."""


def is_aside(session: Session, message: Request, dialog: Dialog) -> bool:
    """Tell whether a request is within an early dialog beside the session's own."""
    if session.state != EARLY:
        return False
    if session.direction == "in":
        return message.to.tag != session.dialog.local_tag
    return dialog is not session.dialog


def serve(session: Session, message: Request, passage: Passage, dialog: Dialog) -> None:
    """Answer it."""
    method = message.method
    if method == "BYE":
        passage.reply(200, because="channel: of a branch; the others ring on")
        _leave(session, message, dialog)
    elif method == "UPDATE" and not message.body:
        passage.reply(200, headers=session.fields(message, 200))
    elif method == "UPDATE" and description_of(message):
        later = str(session.engine.identifiers.below(SECONDS))
        passage.reply(500, headers=(("Retry-After", later),), because="channel: an offer of a branch that has not won")
    elif method == "INFO" and not message.body and "info-package" not in message.first:
        passage.reply(200)
    elif method == "INFO":
        passage.reply(469 if "info-package" in message.first else 415, because="channel: an INFO of a branch that has not won")
    elif method == "INVITE":
        passage.reply(491, because="channel: the INVITE that made this dialog has no final answer yet (RFC 3261 14.2)")
    elif method == "OPTIONS":
        passage.reply(200, headers=session.engine.generation.offer.headers)
    elif method == "PRACK":
        passage.reply(481, because="channel: this PRACK acknowledges nothing that waits for it")
    else:
        passage.reply(405, headers=(("Allow", session.driver.allow),), because=f"channel: no {method} within a session")


def _leave(session: Any, message: Request, dialog: Dialog) -> None:
    if session.direction == "in":
        ident = next((ident for ident, branch in session.branches.items() if branch.dialog.local_tag == message.to.tag), None)
        if ident is not None:
            session.disown(session.branches.pop(ident).dialog)
        return
    session.disown(dialog)
    session.forks.pop(dialog.remote_tag, None)
