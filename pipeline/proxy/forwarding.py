"""A request on its way to the next hop, and its answers on their way back. RFC 3261 16.6 to 16.10, RFC 6026 7.

Rule: nothing of an answer is changed but its Via. A challenge is the sender's to answer; every 2xx to an INVITE goes back, each repetition
too, and its ACK comes as a request of its own, which is passed on without a transaction (`Passing`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline.client.asking import Asking
from pipeline.client.outcomes import Final, Provisional, Timeout, nothing
from pipeline.client.seeking import Seeking
from pipeline.client.sending import with_via
from pipeline.passage import Passage

from .onward import stripped

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from pipeline.client import Outcome
    from pipeline.client.branch import Branch
    from pipeline.engine import Pipeline
    from pipeline.flow import Flow
    from pipeline.sip.message import Request, Response

__all__ = ["Forwarding", "Passing"]


class Forwarding(Asking):
    """One request passed on. `start()` sends it; it has a server transaction by then, or gets one before it is answered."""

    ends = False

    def __init__(
        self,
        engine: Pipeline,
        passage: Passage,
        make: Callable[[Flow], Request],
        targets: Any,
        mark: str,
        *,
        lost: int = 503,
        busy: int = 500,
        answered: Callable[[Response], Response] | None = None,
        ended: Callable[[], object] | None = None,
        without: Callable[[Response], Collection[str]] | None = None,
    ) -> None:
        super().__init__(engine.clients, make, targets, self._came, passage)
        self._engine = engine
        self._passage = passage
        self._mark = mark
        self._lost = lost
        self._busy = busy
        self._answered = answered
        """Sees a final answer before it is relayed, and may give another in its place."""
        self._end = ended
        """Told once, when it has been answered."""
        self._without = without
        """Names the fields of an answer that stay here."""

    def start(self) -> None:
        """Pass it on, and have a CANCEL follow it (16.10)."""
        transaction = self._passage.transaction
        if transaction is None or not transaction.open:  # cancelled while it waited for its turn
            self._ended()
            return
        transaction.on_event = self._event
        self._engine.counts["forwarded"] += 1
        self.go_on()

    def via(self, flow: Flow) -> str:
        """Return our Via, with the mark by which it is known again."""
        return f"{super().via(flow)}.{self._mark}"

    def _event(self, event: str) -> None:
        if event in ("CANCEL", "timeout") and not self.over:  # the latter is Timer C (16.8)
            cancel = getattr(self._passage.transaction, "cancelled_by", None)
            self.cancel([("Reason", value) for value in cancel.all("reason")] if cancel is not None else ())
            if self.branch is None:
                self._passage.reply(487, because="proxy: cancelled before it was sent")

    def _answer(self, branch: Branch, response: Response) -> bool:
        return False  # the credentials of the sender are wanted, not ours (16.7 step 7)

    def _ended(self) -> None:
        if self._end is not None:
            self._end()
            self._end = None

    def _came(self, outcome: Outcome) -> None:
        passage = self._passage
        if not isinstance(outcome, Provisional):
            self._ended()
        if isinstance(outcome, Provisional | Final):
            response = outcome.response
            if isinstance(outcome, Final):
                if response.status == 503 and self._busy != 503:  # that hop's overload is not ours (16.7 step 6)
                    passage.reply(self._busy, because="proxy: the next hop said 503")
                    return
                if self._answered is not None:
                    response = self._answered(response)
            back = stripped(response, self._without(response) if self._without is not None else ())
            if back is not None:
                self._engine.relay(passage, back)
        elif isinstance(outcome, Timeout):
            passage.reply(487 if self.cancelled else 408, because="proxy: the next hop did not answer")
        else:
            passage.reply(self._lost, because=f"proxy: {outcome.reason}")


class Passing(Seeking):
    """An ACK passed on: nobody answers it, and it has no transaction (16.11, 17.1.1.3)."""

    def __init__(self, engine: Pipeline, passage: Passage, make: Callable[[Flow], Request], targets: Any) -> None:
        super().__init__(engine.clients, make, targets, nothing, passage)

    def send(self, message: Request, flow: Flow) -> None:
        """Send it."""
        engine = self._clients.engine
        passage = Passage(engine, None, flow, engine.clock.now())
        passage.cause = self._cause
        try:
            engine.send(with_via(message, self._clients.via(flow)), passage)
        except OSError as error:
            engine.tell("send.failed", flow=flow.id, error=str(error))
