"""Fax in a session: the T.38 state machine of one leg, fed by the descriptions that pass through its ledger. RFC 3362, RFC 3264 6.

Rule: who carries the fax is the media's business, and they may be another phone. Here is what the endpoint may have of it (`t38_udptl`),
what it is told and believed (`t38_udptl_ec`, `t38_udptl_maxdatagram`), and that nobody waits for ever: a peer's offer of fax that nobody
has answered within 5 s, because nobody takes it, is refused with 488 and the sound goes on. A leg that never sees fax pays one look.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import proxy

from pipeline.sip import t38
from pipeline.sip.grammar import bad
from pipeline.sip.sdp_ledger import Ledger
from pipeline.sip.t38 import Fax, State

if TYPE_CHECKING:
    from pipeline.dal import Endpoint
    from pipeline.sip.t38 import Parameters

    from .session import Session

PATIENCE = 5.0
"""Seconds: Asterisk's, and more than a gateway needs; a fax machine calls for some 35 (T.30's T1)."""
IMAGE = b"m=image"
TIMER = "t38"


def unwanted(options: Endpoint, description: bytes) -> bool:
    """Tell whether an endpoint that may have no fax offers nothing else."""
    return IMAGE in description and not options.t38_udptl and t38.read(description) is not None and t38.declined(description) is None


class FaxLedger(Ledger):
    """The ledger of a leg that may be a fax machine."""

    __slots__ = ("_leg", "fax")

    def __init__(self, session: Session, number: int, address: str) -> None:
        super().__init__(number, address)
        self._leg = proxy(session)  # who holds this ledger: the two would wait for the collector
        self.fax: Fax | None = None
        """None: no fax was ever spoken of."""

    # -- what passes through -------------------------------------------------------------------------------------------

    def offered(self, offer: bytes) -> bytes:
        """Take the peer's offer."""
        super().offered(offer)
        if self.fax is None and IMAGE not in offer:
            return offer
        parameters = t38.read(offer)
        if parameters is not None and not self._leg.options.t38_udptl:
            offer, parameters = t38.declined(offer) or offer, None
        if parameters is not None:
            parameters, offer = self._heard(offer, parameters)
        self._move(Fax.offered, parameters, by_peer=True)
        if parameters is not None and self._leg.asked is not None:
            self._leg.wake(TIMER, PATIENCE)
        return offer

    def answer(self, description: bytes) -> bytes:
        """Return our answer as it is sent."""
        if self.fax is not None or IMAGE in description:
            description = self._answered(description, by_peer=False)
        return super().answer(description)

    def offer(self, description: bytes) -> bytes:
        """Return our offer as it is sent. Raises Malformed when it has nothing that this endpoint may have."""
        if self.fax is not None or IMAGE in description:
            parameters = t38.read(description)
            if parameters is not None and not self._leg.options.t38_udptl:
                without = t38.declined(description)
                if without is None:
                    raise bad("session description", "this endpoint has no T.38 (t38_udptl)")
                description, parameters = without, None
            if parameters is not None:
                parameters = parameters.limited(self._leg.options.t38_udptl_ec)
                description = t38.written(description, parameters)
            self._move(Fax.offered, parameters, by_peer=False)
        return super().offer(description)

    def answered(self, answer: bytes) -> bytes:
        """Take the peer's answer."""
        if self.fax is not None or IMAGE in answer:
            answer = self._answered(answer, by_peer=True)
        return super().answered(answer)

    def refused(self) -> None:
        """The open offer came to nothing."""
        super().refused()
        if self.fax is not None:
            self._move(Fax.refused)

    # -- within --------------------------------------------------------------------------------------------------------

    def _heard(self, description: bytes, parameters: Parameters) -> tuple[Parameters, bytes]:
        """Believe the peer, but for what its endpoint's options know better."""
        parameters = parameters.limited(datagram=self._leg.options.t38_udptl_maxdatagram)
        return parameters, t38.written(description, parameters)

    def _answered(self, description: bytes, *, by_peer: bool) -> bytes:
        parameters = t38.read(description)
        if parameters is not None:
            if by_peer:
                parameters, description = self._heard(description, parameters)
            else:
                parameters = parameters.limited(self._leg.options.t38_udptl_ec)
        settled = self._move(Fax.answered, parameters, by_peer=by_peer)
        return description if settled is None else t38.written(description, settled)

    def _move(self, step: Any, *given: Any, **how: Any) -> Any:
        """Take a step of the state machine, and tell when the state is another."""
        fax = self.fax
        if fax is None:
            fax = self.fax = Fax()
        old = fax.state
        found = step(fax, *given, **how)
        if fax.state is not State.PEER_REINVITE:
            self._leg.timers.pop(TIMER, None)
        if fax.state is not old and self._leg.channel is not None:
            self._leg.engine.tell("channel.t38", channel=self._leg.channel, old=str(old), new=str(fax.state))
        return found

    def shown(self) -> dict[str, Any]:
        """Return what is shown of the fax; nothing when there was none."""
        fax = self.fax
        if fax is None:
            return {}
        found: dict[str, Any] = {"t38": str(fax.state)}
        for name, said in (("t38_local", fax.local), ("t38_remote", fax.remote)):
            if said is not None:
                found[name] = said.shown()
        return found
