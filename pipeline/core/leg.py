"""What a channel core asks of a technology: one Leg per channel, the driver's side of it.

Rule: these are plain functions that do not wait. What has to wait (an answer that must come first, a round trip) the driver queues
and carries out in its own order. What the far side does, the driver tells the channel (`Channel.told_…`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from pipeline.core.causes import Hangup
    from pipeline.core.party import Party
    from pipeline.core.text import Text
    from pipeline.pending import Pending


class Leg(Protocol):
    """The driver's side of a channel."""

    technology: str
    """The technology's name, as `Hangup.technology` has it."""

    offered: bytes | None
    """The far side's offer that has not been answered yet; None: it made none, or all are answered."""

    keeps_apart: bool
    """Whether a caller can hear several that ring, each for itself: `branch` and `chosen` are for this one then. May be missing."""

    def call(self) -> None:
        """Place the call. The channel's `media` is set: its offer goes along."""

    def ring(self) -> None:
        """Tell the caller that the callee is being alerted."""

    def progress(self) -> None:
        """Let the caller hear what `media` sends before the call is answered (early media)."""

    def branch(self, ident: str, description: bytes) -> None:
        """Let the caller hear one of several that ring, by this description."""

    def chosen(self, ident: str) -> None:
        """Learn which of several has answered; `answer` follows."""

    def answer(self) -> None:
        """Answer the call with what `media` answers; `told_up` follows when it has been done, `told_ended` when it could not be."""

    def hangup(self, hangup: Hangup) -> None:
        """End the leg in whatever state it is: refuse, give up or release it. `told_ended` follows at once."""

    def change_media(self, offer: bytes | None) -> Pending:
        """Put a new offer to the far side; the Pending has its answer (bytes), or fails with `media.Refused`.

        With None the far side is asked to offer: the Pending then has its offer, and the answer to it goes to `complete`. One
        exchange at a time: others wait their turn and are never lost while the leg lives.
        """

    def complete(self, answer: bytes | None) -> None:
        """Give the answer to the offer that `change_media(None)` brought; None: there is none, the exchange fails."""

    def send_digit(self, digit: str, milliseconds: int) -> bool:
        """Send a digit by signalling; False: this leg sends its digits with the media."""
        return False

    def send_text(self, text: Text) -> Pending:
        """Send a text within the call; the Pending has the Receipt. May be missing: this technology has none."""

    def update_connected(self, party: Party) -> None:
        """Tell the far side who it is connected to now."""

    @property
    def said(self) -> bytes:
        """The description that the far side was given last and has not refused, to be given again if a later one comes to nothing."""

    def redirect(self, targets: tuple[str, ...]) -> bool:
        """Tell the caller of a leg that is not answered yet to call `targets` instead; False: this technology cannot."""
        return False

    def detail(self, name: str) -> str | None:
        """Return something that the far side's set-up carried besides (for this technology, e.g., a header field); None: it did not."""
        return None

    def show(self) -> dict[str, Any]:
        """Return what `sipline show channels` says about the driver's side, plain values only."""
        return {}
