"""The client transactions of a pipeline: who waits for which response, and what their machines want done (RFC 3261 17.1, 18.1.2)."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from pipeline.passage import Passage
from pipeline.sip.hop_by_hop import ack_for, cancel_for
from pipeline.sip.matching import client_key
from pipeline.sip.routing import next_hop
from pipeline.sip.timers import Make, Send, Start, Stop, Tell
from pipeline.sip.transaction_client import InviteClient, NonInviteClient
from pipeline.stages.timetable import Timetable

from .asking import Asking
from .branch import Answered, Branch
from .hanging import Hanging

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.dal import Endpoint
    from pipeline.engine import Pipeline
    from pipeline.flow import Flow, Target
    from pipeline.sip.dialog import Dialog
    from pipeline.sip.message import Message, Request, Response
    from pipeline.sip.timers import Action

    from .outcomes import Outcome

LARGE = 1300
"""Octets of a request that still goes by UDP when nothing is known of the path's MTU (RFC 3261 18.1.1)."""
VIA = 110
"""Octets of our Via, about: a request's length is looked at before it gets one."""
STREAMED = frozenset({"MESSAGE"})
"""Methods whose requests above LARGE go by nothing but a stream: RFC 3428 8."""
NO_TCP_SECONDS = 600.0
"""How long it is remembered that a peer takes no TCP."""
NO_TCP = 10000
"""Peers of which that is remembered."""
ANSWERS = 32
"""2xx of an INVITE, by To tag, that are taken: each costs an ACK and a repeated BYE to whatever Contact its sender chose."""


class Clients:
    """The client transactions of a pipeline."""

    def __init__(self, engine: Pipeline) -> None:
        self.engine = engine
        self._branches: dict[str, Branch | Answered] = {}
        self._timetable = Timetable(engine.clock, self._fire)
        self.hanging = Hanging(self)
        self.large = LARGE
        """Octets above which a request goes by TCP instead of UDP; 0 = none does."""
        self._no_tcp: dict[tuple[str, int], float] = {}
        """Peers that took no TCP -> until when that is believed."""

    def __len__(self) -> int:
        return len(self._branches)

    # -- what is too long for a datagram (RFC 3261 18.1.1) -------------------------------------------------------------

    def is_large(self, message: Request, target: Target) -> bool:
        """Tell whether a request that would go by UDP has to go by TCP."""
        limit = self.large
        if message.method in STREAMED:
            limit = min(limit, LARGE) or LARGE
        if not limit or message.method == "ACK" or size_of(message) + VIA <= limit:
            return False
        until = self._no_tcp.get((target.host, target.port))
        return until is None or until <= self.engine.clock.now()

    def needs_stream(self, message: Request, flow: Flow) -> bool:
        """Tell whether datagrams carry a request of this kind only when it is short (RFC 3428 8); our Via is not counted."""
        return message.method in STREAMED and not flow.reliable and size_of(message) > LARGE

    def takes_no_tcp(self, target: Target) -> None:
        """Note that a peer takes no TCP."""
        key = (target.host, target.port)
        self._no_tcp.pop(key, None)
        while len(self._no_tcp) >= NO_TCP:
            del self._no_tcp[next(iter(self._no_tcp))]
        self._no_tcp[key] = self.engine.clock.now() + NO_TCP_SECONDS

    def way_of(self, response: Message) -> Flow | None:
        """Return the flow by which that was asked which a response answers; None: nobody has asked it."""
        branch = self._branches.get(client_key(response))
        return None if branch is None else branch.flow

    def at_work(self) -> list[Branch]:
        """Return the transactions that are not completed."""
        return [each for each in self._branches.values() if not isinstance(each, Answered)]

    def request(
        self,
        message: Request | Callable[[Flow], Request],
        target: Any,
        on_event: Callable[[Outcome], None],
        cause: Passage | None = None,
        endpoint: Endpoint | None = None,
        dialog: Dialog | None = None,
    ) -> Asking:
        """Send a request and tell `on_event` what becomes of it: Provisional, then one Final, TransportError or Timeout.

        `target` is a Flow, a Target, a URI, or a list of them to be tried in order; None: where Route and Request-URI say. What has a
        name is located as RFC 3263 says. The message may be a function of the flow, where its Contact depends on the way it goes; it
        carries no Via of ours. `endpoint` is whom it is for, `dialog` the one that numbers it. Events may come before this returns: what
        goes wrong at once is told at once.
        """
        if target is None:
            if callable(message):
                raise TypeError("a message made for a flow needs a target")
            target = next_hop(message)
        asking = Asking(self, message, target, on_event, cause, endpoint)
        if dialog is not None:
            asking.dialog = dialog
        asking.go_on()
        return asking

    def via(self, flow: Flow) -> str:
        """Return a Via of ours with a new branch (RFC 3261 8.1.1.7), asking for the answer at our port (RFC 3581)."""
        host, port = flow.advertised
        where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        alias = ";alias" if flow.alias else ""
        return f"SIP/2.0/{flow.transport} {where};rport{alias};branch={self.engine.identifiers.branch()}"

    def add(self, branch: Branch) -> None:
        """Let responses find a branch."""
        self._branches[branch.key] = branch
        branch.flow.hold()
        if branch.flow.reliable:
            self.hanging.join(branch)

    def deliver(self, response: Message, passage: Passage) -> None:
        """Give a response to its transaction; a stray one is dropped (RFC 3261 18.1.2)."""
        branch = self._branches.get(client_key(response))
        if branch is None:
            self._stray(passage, "a response to nothing that was asked")
            return
        if isinstance(branch, Answered):
            passage.decided = ("protocol", "stack", "a repeated answer")
            if branch.data and response.status >= 300:  # type: ignore[attr-defined]
                self.engine.resend(branch.data, branch.flow)
            return
        passage.transaction = branch
        passage.cause = branch.passage
        status = response.status  # type: ignore[attr-defined]
        if response.cseq.number != branch.number:  # 8.2.6.2; the number of a dialog's next request depends on it
            self._stray(passage, "the CSeq is not that of the request")
            return
        if branch.asking.ends and len(response.values("via")) > 1:  # 8.1.3.3
            self._stray(passage, "a second Via: it is meant for somebody else")
            return
        if 200 <= status < 300 and type(branch.machine) is InviteClient:  # other answers make no fork, and their To says nothing
            tag = response.to.tag
            if (stored := branch.acks.get(tag)) is not None:
                self.engine.resend(*stored)
                return
            if tag not in branch.tags:
                if len(branch.tags) >= ANSWERS:
                    self._stray(passage, "too many have answered this INVITE")
                    return
                branch.tags = (*branch.tags, tag)
        self.run(branch, branch.machine.response(status), response, again=True)  # type: ignore[arg-type]

    def asked(self, response: Message) -> Passage | None:
        """Return the passage of the request that a response answers; None: there is none, or it has had its answer."""
        branch = self._branches.get(client_key(response))
        return branch.passage if isinstance(branch, Branch) else None

    def _stray(self, passage: Passage, why: str) -> None:
        self.engine.counts["dropped.response"] += 1
        passage.decided = ("protocol", "stack", why)

    def has(self, branch: Branch) -> bool:
        """Tell whether a transaction is still at work."""
        return self._branches.get(branch.key) is branch

    def run(self, branch: Branch, actions: tuple[Action, ...], response: Response | None = None, *, again: bool = False) -> None:
        """Carry out what a machine says; `again`: what it sends was sent before, and the tap has not seen that yet."""
        for action in actions:
            kind = type(action)
            if kind is Send:
                self._send(branch, action.data)  # type: ignore[union-attr]
                if again and self.engine.tap is not None:
                    self.engine.tap.again(action.data, branch.flow)  # type: ignore[union-attr]
            elif kind is Start:
                branch.timers[action.name] = self._timetable.start(branch.key, action.name, action.seconds)  # type: ignore[union-attr]
            elif kind is Stop:
                branch.timers.pop(action.name, None)  # type: ignore[union-attr]
            elif kind is Make:
                self._make(branch, action.what, response)  # type: ignore[union-attr]
            elif kind is Tell:
                branch.asking.told(branch, action.event, response)  # type: ignore[union-attr]
            elif self._branches.pop(branch.key, None) is not None:  # End
                branch.timers.clear()
                branch.flow.release()
                if branch.flow.reliable:
                    self.hanging.leave(branch)
                branch.asking.ended(branch)
        machine = branch.machine
        if machine.state == "Completed" and self._branches.get(branch.key) is branch:
            kept = machine.kept if isinstance(machine, InviteClient) else None
            self._branches[branch.key] = Answered(b"" if kept is None else kept.data, branch.flow)
            if branch.flow.reliable:
                self.hanging.leave(branch)
            branch.asking.ended(branch)

    def _send(self, branch: Branch, data: bytes) -> None:
        try:
            branch.flow.post(data, partial(self._refused, branch))
        except OSError as error:
            self._refused(branch, error)

    def _refused(self, branch: Branch, error: OSError) -> None:
        self.engine.unsent(branch.flow.id, error)
        if self.has(branch):
            self.run(branch, branch.machine.transport_error())

    def _make(self, branch: Branch, what: str, response: Response | None) -> None:
        engine = self.engine
        if what == "CANCEL":
            cancel = cancel_for(branch.message)
            for name, value in branch.asking.cancel_headers:
                cancel.add(name, value, by="stack")
            passage = Passage(engine, None, branch.flow, engine.clock.now())
            passage.cause, passage.made_by_stack = branch.passage, True
            data = engine.prepare(cancel, passage)
            if data is not None:
                machine = NonInviteClient(engine.transactions.timers, branch.flow.reliable)
                asking = Asking(self, cancel, (), lambda _: None, branch.passage)
                cancelling = Branch(asking, cancel, passage, machine)
                self.add(cancelling)
                self.run(cancelling, machine.start(data))
        elif response is not None and isinstance(branch.machine, InviteClient):
            ack = ack_for(branch.message, response)
            passage = Passage(engine, None, branch.flow, engine.clock.now())
            passage.cause, passage.made_by_stack = branch.passage, True
            data = engine.prepare(ack, passage)
            if data is not None:
                branch.machine.keep_ack(data)
                self.engine._write(data, branch.flow)  # whose answer it acknowledges has been told: nobody is left who could try elsewhere

    def _fire(self, key: str, name: str, serial: int) -> None:
        branch = self._branches.get(key)
        if isinstance(branch, Answered):
            if name in ("D", "K"):
                del self._branches[key]
                branch.flow.release()
        elif branch is not None and branch.timers.get(name) == serial:
            del branch.timers[name]
            self.run(branch, branch.machine.fire(name), again=True)


def size_of(message: Request) -> int:
    """Return about how many octets a request has before it gets its Via."""
    return len(message.head) + len(message.body) if message.edits is None else len(message.encode())
