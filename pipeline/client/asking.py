"""A request of ours and what becomes of it: a transaction for each target, the next one after a timeout, a transport error or a 503."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from pipeline.passage import Passage
from pipeline.sip.dialog import Dialog, credentials_of
from pipeline.sip.grammar import Malformed
from pipeline.sip.message import Request
from pipeline.sip.routing import next_hop
from pipeline.sip.transaction_client import InviteClient, NonInviteClient

from .acknowledging import Acknowledging
from .branch import Branch, number_of
from .challenges import answer
from .outcomes import TOO_LARGE, Final, Provisional, Timeout, TransportError, nothing
from .seeking import Seeking
from .sending import with_number, with_via

KNOCK_SECONDS = 2.0
"""How long the network may take to say that nobody receives datagrams somewhere."""

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pipeline.flow import Flow
    from pipeline.sip.message import Response

    from .challenges import Proofs
    from .outcomes import Outcome


class Asking(Seeking):
    """A request of ours and what becomes of it: what `Pipeline.request` returns."""

    ends: ClassVar[bool] = True
    """Whether its answers end here, and so have no Via but ours (RFC 3261 8.1.3.3)."""
    cancel_headers: tuple[tuple[str, str], ...] = ()
    """What the CANCEL says besides (a Reason, RFC 3326)."""
    _proofs: Proofs | None = None
    """What the target at work has asked us to prove."""
    _number = 0
    """The CSeq number that it went out with last after a challenge; 0: it had none."""
    branch: Branch | None = None
    dialog: Dialog | None = None
    """The dialog that the request belongs to; None: it belongs to none, or counts nothing there any more."""
    _left = False
    """Whether its owner has parted from it."""

    # -- what the owner may do ---------------------------------------------------------------------------------------

    def cancel(self, headers: Iterable[tuple[str, str]] = ()) -> None:
        """Want no answer any more: CANCEL an INVITE (with these fields), now or upon its first 1xx; try no further target."""
        self.cancelled = True
        self.cancel_headers = tuple(headers)
        self._targets.clear()
        self._last = ()
        if self.branch is not None and isinstance(self.branch.machine, InviteClient):
            self._clients.run(self.branch, self.branch.machine.cancel())

    def acknowledge(self, response: Response, ack: Request, target: Any = None) -> None:
        """Send the ACK of a 2xx (RFC 3261 13.2.2.4) and keep it: when that 2xx is repeated, it is sent again.

        It goes where its Route or Request-URI says, which need not be where the INVITE went: `target` as for `Pipeline.request`;
        None: by the flow of the INVITE, when that has closed to its next hop.
        """
        branch = self.branch
        if branch is None:
            raise RuntimeError("there is no INVITE to acknowledge")
        if target is None:
            target = next_hop(ack) if branch.flow.closed else branch.flow
        Acknowledging(self._clients, ack, target, branch, response.to.tag).go_on()

    def leave(self) -> None:
        """Part from the owner, who has nothing more to say: a 2xx that comes now is acknowledged and released here (13.2.2.4, 9.1).

        What he holds can go with him; the transaction goes on for up to 64*T1.
        """
        self._left = True
        self._on_event = nothing
        self._make = _made
        self._cause = None
        branch = self.branch
        if branch is not None and not self._clients.has(branch):
            self.branch = None
        elif branch is not None and self._clients.engine.tap is None:
            sent = branch.message
            branch.message = Request(sent.method, sent.uri_text, sent.head, b"")  # without what was parsed of it
            branch.passage = Passage(self._clients.engine, None, branch.flow, branch.passage.arrived)

    def ended(self, branch: Branch) -> None:
        """Let go of a transaction that has ended, when nobody else does: the two would hold each other until the collector comes."""
        if self.branch is branch and (self._left or (self.over and type(branch.machine) is NonInviteClient)):
            self.branch = None

    def _tell(self, outcome: Outcome) -> None:
        if self._left:
            self._late(outcome)
        super()._tell(outcome)

    def _late(self, outcome: Outcome) -> None:
        branch = self.branch
        if not isinstance(outcome, Final) or branch is None or not 200 <= outcome.response.status < 300:
            return
        try:
            dialog = Dialog.from_response(branch.message, outcome.response)
            number = branch.message.cseq.number
            self.acknowledge(outcome.response, dialog.ack(number, credentials_of(branch.message)), [dialog.hop, branch.flow])
            self._clients.request(dialog.request("BYE"), [dialog.hop, branch.flow], nothing, branch.passage, self.endpoint)
        except Malformed as error:
            self._clients.engine.tell("send.failed", flow=branch.flow.id, error=error.reason)

    # -- a transaction for each target ---------------------------------------------------------------------------------

    def send(self, message: Request, flow: Flow) -> None:
        """Send `message` by `flow` in a transaction of its own."""
        if not flow.secure and message.uri_text[:5].lower() == "sips:":
            self.failed(TransportError(f"a request to a sips URI never goes by {flow.transport} (RFC 3261 26.2.2)"))
            return
        clients = self._clients
        if clients.needs_stream(message, flow):
            self.failed(TransportError(TOO_LARGE))
            return
        if (
            self._number and number_of(message) < self._number
        ):  # the next target after a challenge; who is behind it may have seen that number
            message = with_number(message, self._number)
        engine = clients.engine
        via = self.via(flow)
        sent = with_via(message, via)
        passage = Passage(engine, None, flow, engine.loop.time())
        passage.cause = self._cause
        passage.endpoint = self.endpoint
        machine = (InviteClient if message.method == "INVITE" else NonInviteClient)(engine.transactions.timers, flow.reliable)
        # As `client_key` would read it from what was just written.
        key = f"{via.rpartition(';branch=')[2].partition(';')[0]} {message.method}"
        branch = self.branch = Branch(self, sent, passage, machine, key)
        try:
            data = engine.prepare(sent, passage)
        except Exception as error:
            self.failed(TransportError(f"an interceptor failed: {error!r}"))
            return
        if data is None:
            self.failed(TransportError("an interceptor refused to send the request"))
            return
        clients.add(branch)
        clients.run(branch, machine.start(data))
        target = self._target
        if flow.transport == "UDP" and target is not None and not target.only and (self._targets or self._last):
            engine.clock.call_later(engine.transactions.timers.t1, self._knock, branch)

    def via(self, flow: Flow) -> str:
        """Return the Via that the request goes out with by a flow."""
        return self._clients.via(flow)

    def _knock(self, branch: Branch) -> None:
        """Ask the network whether anybody is there who has not answered in T1, since others could be asked instead (RFC 3261 18.4)."""
        if self._waits_for(branch):
            there = self._clients.engine.network.knock(branch.flow.peer, KNOCK_SECONDS)
            there.then(lambda pending: self._knocked(branch, there=bool(pending.value())))

    def _knocked(self, branch: Branch, *, there: bool) -> None:
        if not there and self._waits_for(branch):
            self._clients.run(branch, branch.machine.transport_error())

    def _waits_for(self, branch: Branch) -> bool:
        return branch is self.branch and not self._heard and not self.over and bool(self._targets or self._last)

    # -- what comes back ---------------------------------------------------------------------------------------------

    def told(self, branch: Branch, event: str, response: Response | None) -> None:
        """Take what the machine of a branch tells."""
        target = self._target
        if response is not None and not self._heard:
            self._heard = True
            if target is not None and target.name:
                self._clients.engine.locator.health.alive(target)
        if event == "provisional" and response is not None:
            if response.status > 100:
                self._tell(Provisional(response))
            return
        if event == "final" and response is not None:
            status = response.status
            if status == 503 and target is not None and target.name:
                self._clients.engine.locator.health.refused(target, _retry_after(response))
            if status in (430, 503) and (self._targets or self._last):  # 430: that flow is gone, another may be there (RFC 5626 11.5)
                self.failed(Final(response))
            elif status in (401, 407) and not self.cancelled and self._answer(branch, response):
                pass
            else:
                self._tell(Final(response))
        elif self.over:
            pass
        elif event == "timeout":
            self._clients.engine.tell("transaction.timeout", key=branch.key, passage=branch.passage)
            self._dead()
            self.failed(Timeout())
        else:
            if self._udp is None or self._heard or self.cancelled:
                self._dead()
            elif not self._streamed:  # for this request alone: who has accepted a connection takes TCP
                self._targets.appendleft(self._udp)
            self.failed(TransportError(f"the flow to {branch.flow.peer[0]} failed"))

    def failed(self, failure: Outcome) -> None:
        """Try the next target, which asks for credentials anew: it gets the request without what the last one wanted."""
        self._proofs = None
        super().failed(failure)

    def _dead(self) -> None:
        """Remember who has said nothing at all."""
        target = self._target
        if target is not None and target.name and not self._heard:
            self._clients.engine.locator.health.dead(target)

    def _answer(self, branch: Branch, response: Response) -> bool:
        if branch.message.method == "CANCEL":
            return False  # with another CSeq it would cancel nothing (RFC 3261 22.1)
        if self._proofs is None:
            self._proofs = {}
        again = answer(self._clients.engine, branch, response, self._proofs)
        if again is not None:
            self._number = number_of(again)
            self.send(again, branch.flow)
        return again is not None


def _retry_after(response: Response) -> float:
    """Return the seconds of a Retry-After (RFC 3261 20.33), 0 when there is none."""
    words = (response.get("retry-after") or "").partition(";")[0].partition("(")[0].strip()
    return float(words) if words.isascii() and words.isdigit() and len(words) < 10 else 0.0


def _made(_flow: Flow) -> Request:
    raise RuntimeError("nobody asks any more")
