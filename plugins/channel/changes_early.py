"""Reliable answers to a re-INVITE of ours before its final one, and what they bring. RFC 3262 4 and 5; RFC 6337 2.2, patterns 3 and 4.

Rule: an answer to our offer counts when the re-INVITE has its 2xx (RFC 6141 3.3: until then the change may still be refused); an offer of
theirs is answered in the PRACK, as soon as the answer is known.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.client import Final, Provisional
from pipeline.sip.offer_answer import Meaning
from pipeline.sip.reliable import Rack, Received, is_reliable

from .bodies import description_of
from .early import rseq

if TYPE_CHECKING:
    from pipeline import Response
    from pipeline.client import Outcome

    from .session import Session


class Early:
    """What has come before the final answer to one re-INVITE."""

    __slots__ = ("_received", "_session", "answer", "offering")

    def __init__(self, session: Session) -> None:
        self._session = session
        self._received = Received()
        self.answer = b""
        """The answer to our offer, for when the 2xx comes."""
        self.offering: Response | None = None
        """The reliable answer with an offer whose PRACK waits for our answer."""

    def take(self, response: Response) -> bytes:
        """Take a provisional answer. Returns the offer that it makes; else it has been acknowledged, if that is wanted."""
        session = self._session
        number = rseq(response) if is_reliable(response, response.status) else 0
        if not number or not self._received.take(number):
            return b""
        session.dialog.refresh(response)
        description = description_of(response)
        meaning = session.exchange.received("INVITE", response.status, described=bool(description), reliable=True)
        if meaning is Meaning.OFFER:
            self.offering = response
            return description
        if meaning is Meaning.ANSWER:
            self.answer = description
        self._acknowledge(response, b"")
        return b""

    def complete(self, body: bytes) -> None:
        """Acknowledge the reliable answer that made an offer, with the answer to that."""
        response, self.offering = self.offering, None
        if response is not None:
            self._acknowledge(response, body)

    def _acknowledge(self, response: Response, body: bytes) -> None:
        session = self._session
        session.exchange.sent("PRACK", described=bool(body))
        session.ask("PRACK", self._acknowledged, [("RAck", str(Rack(rseq(response), response.cseq.number)))], body)

    def _acknowledged(self, outcome: Outcome) -> None:
        if isinstance(outcome, Provisional):
            return
        status, described = 408, False
        if isinstance(outcome, Final):
            status, described = outcome.response.status, bool(description_of(outcome.response))
        self._session.exchange.received("PRACK", status, described=described)
