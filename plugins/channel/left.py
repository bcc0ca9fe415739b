"""What stands in the place of a leg that is no more: what may still be asked of it, and nothing of what it held.

Rule: an ended channel and its session name each other, and would wait for the collector with all their messages (twenty objects a leg,
a minute long). So a session that has let go of everything leaves its channel this, which knows by what names it was known.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline.core import Cause, Hangup, Refused
from pipeline.core.channel import NO_TEXTS
from pipeline.pending import Pending

if TYPE_CHECKING:
    from pipeline.core import Party, Text
    from pipeline.sip.dialog import Dialog

    from .session import Session


class Left:
    """A leg that is no more."""

    __slots__ = ("call_id", "local_tag", "remote_tag", "technology")

    offered: bytes | None = None
    keeps_apart = False
    said = b""

    def __init__(self, session: Session) -> None:
        dialog: Dialog | None = session.dialog
        self.technology = session.technology
        self.call_id = self.local_tag = self.remote_tag = ""
        if dialog is not None:
            self.call_id, self.local_tag, self.remote_tag = dialog.call_id, dialog.local_tag, dialog.remote_tag

    def call(self) -> None:
        """It calls nobody any more."""

    def ring(self) -> None:
        """Nobody waits for it."""

    def progress(self) -> None:
        """Nobody listens."""

    def branch(self, ident: str, description: bytes) -> None:
        """Nobody listens."""

    def chosen(self, ident: str) -> None:
        """Nobody listens."""

    def answer(self) -> None:
        """Nobody waits for it."""

    def hangup(self, hangup: Hangup) -> None:
        """It has ended."""

    def change_media(self, offer: bytes | None) -> Pending:
        """Refuse: there is nobody to whom it could be put."""
        return Pending.failed(Refused(Hangup(Cause.NORMAL, "the leg has ended")))

    def complete(self, answer: bytes | None) -> None:
        """Nobody waits for it."""

    def send_digit(self, digit: str, milliseconds: int) -> bool:
        """Say that it was not sent."""
        return False

    def send_text(self, text: Text) -> Pending:
        """Say that nobody is there."""
        return Pending.of(NO_TEXTS)

    def update_connected(self, party: Party) -> None:
        """Nobody looks."""

    def redirect(self, targets: tuple[str, ...]) -> bool:
        """Say that nobody was sent anywhere."""
        return False

    def detail(self, name: str) -> str | None:
        """It has forgotten."""
        return None

    def show(self) -> dict[str, Any]:
        """Return what it was known by."""
        return {"call_id": self.call_id}
