"""The ACK of a 2xx: a request that gets no answer and has no transaction (RFC 3261 13.2.2.4)."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from pipeline.passage import Passage

from .outcomes import TransportError, nothing
from .seeking import Seeking
from .sending import with_via

if TYPE_CHECKING:
    from pipeline.flow import Flow
    from pipeline.sip.message import Request

    from .branch import Branch
    from .clients import Clients


class Acknowledging(Seeking):
    """The ACK of a 2xx on its way: a request that gets no answer and has no transaction (RFC 3261 13.2.2.4)."""

    def __init__(self, clients: Clients, ack: Request, targets: Any, invite: Branch, tag: str) -> None:
        super().__init__(clients, ack, targets, nothing, invite.passage, invite.asking.endpoint)
        self._invite = invite
        self._tag = tag

    def send(self, message: Request, flow: Flow) -> None:
        """Send it, and leave it with the INVITE for whenever the 2xx comes again."""
        engine = self._clients.engine
        passage = Passage(engine, None, flow, engine.loop.time())
        passage.cause = self._invite.passage
        passage.endpoint = self.endpoint
        try:
            data = engine.send(with_via(message, self._clients.via(flow)), passage, partial(self._refused, flow))
        except Exception as error:
            self._refused(flow, error)
            return
        if data is not None:
            self._invite.acks[self._tag] = (data, flow)

    def _refused(self, flow: Flow, error: Exception) -> None:
        self._clients.engine.tell("send.failed", flow=flow.id, error=str(error))
        self._invite.acks.pop(self._tag, None)  # a repeated 2xx tries again
        self.failed(TransportError(str(error)))
