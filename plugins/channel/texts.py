"""MESSAGE within a session: what the peer writes goes to whoever the channel is connected with, and his answer comes back. RFC 3428 6, 8.

Rule: one at a time in each direction of a dialog. A request that overtakes another on its way is answered 500 by its reader (RFC 3261
12.2.2), so the next is sent when the last has been answered.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.client import TOO_LARGE, Final, Provisional, TransportError
from pipeline.core import Fate, Receipt, Text
from pipeline.destinations import TECHNOLOGY
from pipeline.pending import Pending
from pipeline.sip.headers import spelled

from .usage import UP

if TYPE_CHECKING:
    from pipeline import Passage, Request
    from pipeline.client import Outcome

    from .session import Session

DATAGRAM = 1300
"""Octets of a MESSAGE that may come by a datagram: RFC 3428 8."""
WAITING = 50
"""Messages that may wait for the peer of one session: what a person writes in the 32 s after which a silent peer is known to be gone."""
CARRIED = (
    "content-disposition", "content-language", "content-encoding", "mime-version", "subject", "date", "in-reply-to", "priority", "expires",
)  # fmt: skip
"""Fields that go along: what the text is, not where it came by."""
OVER = Receipt(Fate.ABSENT, "the session has ended", 481)
FULL = Receipt(Fate.LIMITED, "too many messages wait in this session", 480)


def take(session: Session, message: Request, passage: Passage) -> None:
    """Take a MESSAGE of the peer."""
    packet = passage.packet
    if not passage.flow.reliable and packet is not None and len(packet.data) > DATAGRAM:
        passage.reply(513, because=f"channel: {len(packet.data)} octets in a datagram, where RFC 3428 8 allows {DATAGRAM}")
        return
    if message.body and not message.content_type:
        passage.reply(400, "Missing Content-Type", because="channel: a body needs a Content-Type (RFC 3261 20.15)")
        return
    lines = [f"{spelled(name)}: {message.get(name)}" for name in CARRIED if name in message.first]
    text = Text(
        session.channel.dialed,
        message.body,
        kind=message.get("content-type") or "",
        sender=session.options.id,
        origin=str(session.channel.party),
        technology=TECHNOLOGY,
        details="\r\n".join(lines),
        created_at=session.engine.clock.time(),
    )

    def answered(pending: Pending) -> None:
        receipt: Receipt = pending.value()
        if receipt.taken:
            passage.reply(202 if receipt.fate is Fate.ACCEPTED else 200)
        else:
            passage.reply(_status(receipt), because=f"channel: {receipt}")

    session.channel.told_text(text).then(answered)


def _status(receipt: Receipt) -> int:
    """Return what the author of a message is answered that did not arrive; what is about the other leg alone is not his affair."""
    if receipt.code in (401, 407, 408, 481) or not 400 <= receipt.code < 700:
        return {Fate.TOO_LARGE: 513, Fate.FAILED: 503}.get(receipt.fate, 403 if receipt.code in (401, 407) else 480)
    return receipt.code


class Texts:
    """What is written to the peer of one session, one after the other."""

    __slots__ = ("_session", "_waiting")

    def __init__(self, session: Session) -> None:
        self._session = session
        self._waiting: list[tuple[Text, Pending]] = []
        """The first is under way."""

    def send(self, text: Text) -> Pending:
        """Send a text; the Pending has the Receipt."""
        result = Pending()
        session = self._session
        if session.told_end or session.state != UP:
            result.resolve(OVER)
        elif len(self._waiting) >= WAITING:
            result.resolve(FULL)
        else:
            self._waiting.append((text, result))
            if len(self._waiting) == 1:
                self._next()
        return result

    def _next(self) -> None:
        text, _ = self._waiting[0]
        session = self._session
        if session.told_end:
            self.end()
            return
        fields = [(name, value) for name, _, value in (line.partition(": ") for line in text.details.split("\r\n")) if name]
        session.ask("MESSAGE", self._heard, fields, text.body, text.kind or "text/plain")

    def _heard(self, outcome: Outcome) -> None:
        if isinstance(outcome, Provisional) or not self._waiting:
            return
        _, result = self._waiting.pop(0)
        result.resolve(_receipt(outcome))
        if isinstance(outcome, Final) and outcome.response.status in (408, 481):
            self._session.gone(outcome.response.status)
        if self._waiting:
            self._next()

    def end(self) -> None:
        """The session has ended: nobody reads what still waits."""
        waiting, self._waiting = self._waiting, []
        for _, result in waiting:
            result.resolve(OVER)


def _receipt(outcome: Outcome) -> Receipt:
    if isinstance(outcome, Final):
        status, reason = outcome.response.status, outcome.response.reason
        if 200 <= status < 300:
            return Receipt(Fate.ACCEPTED if status == 202 else Fate.DELIVERED, reason, status)
        return Receipt(Fate.REFUSED, reason, status)
    if isinstance(outcome, TransportError):
        return Receipt(Fate.TOO_LARGE if outcome.reason == TOO_LARGE else Fate.ABSENT, outcome.reason)
    return Receipt(Fate.ABSENT, "the other side did not answer", 408)
