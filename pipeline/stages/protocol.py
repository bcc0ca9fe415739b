"""The server side of the protocol stage: which request is new, which was answered already, and what becomes of the answer.

Rule: what a transaction does stands in pipeline.sip.transaction's tables; this file gives the machines their timers, flows and
messages. A request that is answered at once and needs no machine any more is kept as its key and the bytes of its answer
(RFC 3261 17.2.2, Timer J), oldest out first beyond the limit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline.clock import Fifo
from pipeline.passage import Drop, Reply
from pipeline.sip.matching import ack_belongs, merge_key, server_key, server_key_for_cancel
from pipeline.sip.routing import reply_to
from pipeline.sip.timers import End, Make, Send, Start, Stop, Tell, Timers
from pipeline.sip.transaction_server import InviteServer, NonInviteServer
from pipeline.stages.generations import Generations
from pipeline.stages.returning import Returns
from pipeline.stages.timetable import Timetable

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.engine import Pipeline
    from pipeline.flow import Flow
    from pipeline.passage import Passage
    from pipeline.sip.message import Request
    from pipeline.sip.timers import Action

COMPLETED_LIMIT = 200_000
"""Answered requests kept for their retransmissions: at 1 kB each 200 MB, Timer J's 32 s at 6,000 requests a second. Beyond it a
retransmission is served as new, which RFC 3261 allows a stateless server for every request."""
COMPLETED_OCTETS = 1024
"""What a kept answer may have on average: an answer echoes what its request said, and a request may have 64 kB."""


class ServerTransaction:
    """One request that has begun to be served: its machine, its timers, who owns it."""

    __slots__ = (
        "cancelled_by", "final", "flow", "held", "key", "machine", "merge", "on_event", "passage", "reliable", "sent", "table", "tag",
        "timers",
    )  # fmt: skip

    def __init__(self, table: Transactions, passage: Passage, key: str, merge: int) -> None:
        self.table = table
        self.passage: Passage | None = passage
        self.key = key
        self.merge = merge
        self.flow: Flow = passage.flow
        self.held: Flow | None = None
        """The flow it came by, while it is kept open."""
        self.reliable = passage.flow.reliable
        self.tag = table.engine.identifiers.token()
        self.machine: InviteServer | NonInviteServer | None = None
        self.timers: dict[str, int] = {}
        self.final = False
        self.on_event: Callable[[str], None] | None = None
        """Told "CANCEL", "ACK", "timeout" or "transport error"; who claims an INVITE may set it."""
        self.sent = b""
        """The last answer of the owner, for `again`."""
        self.cancelled_by: Request | None = None
        """The CANCEL that came: it may say why (RFC 3326)."""

    @property
    def open(self) -> bool:
        """Tell whether no final answer has been given yet."""
        return not self.final

    @property
    def silent(self) -> bool:
        """Tell whether nothing has been sent yet, not even a 100."""
        return self.machine is None or self.machine.kept is None

    def respond(self, status: int, data: bytes, flow: Flow) -> None:
        """Send an answer of the owner, and repeat it as the machine says."""
        self.flow = flow
        self.sent = data
        machine = self.machine
        if status == 408 and not isinstance(machine, InviteServer):
            self.table.forbidden(self)
            return
        if status >= 200:
            self.final = True
        if machine is None:
            if status >= 200:  # answered before anybody had to wait: nothing but the bytes need be kept
                self.table.complete(self.key, self.merge, data, self.reliable)
                self.table.engine._write(data, flow)
                self.release()
                return
            machine = self.machine = NonInviteServer(self.table.timers, self.reliable)
            self.table.run(self, machine.start())
        if status >= 200 and type(machine) is NonInviteServer:  # hot: no Timer J of its own, the answers that are kept have theirs
            self.timers.clear()
            self.table.complete(self.key, self.merge, data, self.reliable)
            self.table.engine._write(data, flow)
            self.release()
            return
        actions = machine.respond(status, data)
        self.table.run(self, actions, first=True)
        if 200 <= status < 300 and isinstance(machine, InviteServer):
            # What is left for 64*T1 absorbs retransmissions (RFC 6026): it needs neither the request nor its owner, who repeats the 2xx.
            self.passage = self.on_event = None

    def again(self) -> None:
        """Send the last answer again: repeating a 2xx to an INVITE, or a reliable 1xx, is its owner's work (13.3.1.4, RFC 3262 3)."""
        self.table.engine.resend(self.sent, self.flow)

    def release(self) -> None:
        """Let go of the request and of the flow it came by."""
        self.passage = None
        if self.held is not None:
            self.held.release()
            self.held = None


class Transactions:
    """The server transactions of a pipeline."""

    def __init__(self, engine: Pipeline) -> None:
        self.engine = engine
        self.timers = Timers()
        self.limit = COMPLETED_LIMIT
        self.servers: dict[str, ServerTransaction] = {}
        """Transactions at work, by key."""
        self.answers: Generations[int, bytes] = Generations(engine.clock, self.timers.lifetime)
        """The answers of those that are done, until Timer J ends. By the hash of the key, which nobody can choose: Python's is keyed in
        each process anew (SipHash, 64 bits); the key itself would be a fifth of what is kept."""
        self.merges: Generations[int, int] = Generations(engine.clock, self.timers.lifetime)
        """What a request and its copies have in common (8.2.2.2) -> the hash of the key of the one that came first."""
        self._returns = Returns(engine)
        self._timetable = Timetable(engine.clock, self._fire)
        self._claims: Fifo[tuple[str, int]] = Fifo(engine.clock, engine.plan.options.claim_seconds, self._claim_over, grain=0.5)

    def configure(self, timers: Timers, limit: int = COMPLETED_LIMIT) -> None:
        """Take T1, T2, T4 and the limit from the options of the stack."""
        self.timers = timers
        self.limit = limit
        clock = self.engine.clock
        self.answers.clear()
        self.merges.clear()
        self.answers = Generations(clock, timers.lifetime, limit, limit * COMPLETED_OCTETS)
        self.merges = Generations(clock, timers.lifetime, limit)

    def __len__(self) -> int:
        return len(self.servers) + len(self.answers)

    def at_work(self) -> list[ServerTransaction]:
        """Return the transactions that are not completed."""
        return list(self.servers.values())

    # -- requests that come in ---------------------------------------------------------------------------------------

    def match(self, request: Request, passage: Passage) -> Drop | None:
        """Find the transaction of a received request; a retransmission or an ACK ends here (Drop)."""
        key = passage.key = server_key(request)
        found = self.servers.get(key)
        if found is None:
            data = self.answers.get(hash(key))
            if data is None:
                return None
            self.engine.resend(data, self.back(passage))
            return Drop("stack: a retransmission; the stored answer was sent again")
        if found.flow.peer[0] != passage.flow.peer[0]:  # or whoever guesses a branch would be told the tags of a dialog
            return Drop("stack: the branch of somebody else's request")
        if request.method == "ACK":
            if not ack_belongs(request, found.tag):
                return Drop("stack: an ACK for another answer")
            if found.machine is not None:
                self.run(found, found.machine.ack())  # type: ignore[union-attr]
            return Drop("stack: the ACK of an INVITE transaction")
        if found.machine is not None:  # it may come by another flow than the first, and is answered there (18.2.2)
            self.run(found, found.machine.request(), back=self.back(passage))
        return Drop("stack: a retransmission")

    def merged(self, passage: Passage) -> Reply | None:
        """Note a request that is answered at once; 482 when it reached us by two ways (RFC 3261 8.2.2.2)."""
        request: Any = passage.message
        if request.method == "INVITE":
            return self.begin(passage)
        if passage.flow.reliable:
            return None
        merge = passage.merge = 0 if request.to.params.get("tag") else hash(merge_key(request))
        if merge and self.merges.first(merge, mark := hash(passage.key)) != mark:
            return Reply(482, "Merged Request", because="stack: this request came by another way already", stateless=True)
        return None

    def begin(self, passage: Passage, *, merge: bool = True) -> Reply | None:
        """Create the server transaction of a request that will be answered later, or is an INVITE.

        Not `merge`: it is passed on, and 8.2.2.2 is for who serves it, since its copies may be for others.
        """
        if passage.transaction is not None:
            return None
        request: Any = passage.message
        key = passage.key
        common = passage.merge  # looked up already, when an answer at once was hoped for
        if not common:
            common = 0 if not merge or request.to.tag else hash(merge_key(request))
            if common and self.merges.first(common, mark := hash(key)) != mark:
                return Reply(482, "Merged Request", because="stack: this request came by another way already", stateless=True)
            passage.merge = common
        transaction = passage.transaction = ServerTransaction(self, passage, key, common)
        self.servers[key] = transaction
        transaction.held = transaction.flow
        transaction.flow.hold()
        if request.method == "INVITE":
            transaction.machine = InviteServer(self.timers, transaction.reliable)
            self.run(transaction, transaction.machine.start())
            self._claims.add((key, id(transaction)))
        return None

    def claimed(self, passage: Passage) -> None:
        """Give a claimed request whose servant has not answered at once its transaction, and start the machine."""
        if passage.transaction is None:
            self.begin(passage)
        transaction: ServerTransaction | None = passage.transaction
        if transaction is not None and transaction.machine is None and transaction.open:
            transaction.machine = NonInviteServer(self.timers, transaction.reliable)
            self.run(transaction, transaction.machine.start())

    def cancel(self, request: Request, passage: Passage) -> None:
        """Answer a CANCEL and tell the owner of the INVITE, or answer that in its place with 487 (RFC 3261 9.2)."""
        engine = self.engine
        found = self.servers.get(server_key_for_cancel(request))
        # It cannot be challenged: taken from the hop alone that sent the INVITE (22.1), for the branches of some phones can be guessed.
        if found is None or found.flow.peer[0] != passage.flow.peer[0]:
            engine.respond(passage, Reply(481, because="stack: no INVITE here to cancel", stateless=True))
            return
        passage.tag = found.tag
        engine.respond(passage, Reply(200, because="stack: the CANCEL of an INVITE"))
        if not found.open:
            return
        found.cancelled_by = request
        if found.on_event is not None:
            found.on_event("CANCEL")
        elif found.passage is not None:
            engine.respond(found.passage, Reply(487, because="stack: cancelled by the caller"))

    # -- answers that go out -----------------------------------------------------------------------------------------

    def tag(self, passage: Passage, reply: Reply) -> str:
        """Return our To-tag for an answer."""
        if passage.tag:
            return passage.tag
        transaction = passage.transaction
        if transaction is not None:
            return transaction.tag  # type: ignore[no-any-return]
        identifiers = self.engine.identifiers
        if not reply.stateless:
            return identifiers.token()
        request: Any = passage.message
        return identifiers.tag_of(request.get("call-id") or "", request.get("from") or "", request.get("via") or "")

    def back(self, passage: Passage, *, anew: bool = False) -> Flow:
        """Return the flow by which the answer to a request goes (RFC 3261 18.2.2, RFC 3581).

        `anew`: for an answer that is sent now, another is opened in the place of a connection that has gone. Nobody else has it: who keeps
        a flow is told when it closes, and goes where the peer's Contact says.
        """
        flow = passage.flow
        if flow.reliable:
            return self._anew(passage, flow) if anew and flow.closed else flow
        peer = flow.peer
        message: Any = passage.message
        via = message.__dict__.get("via") or message.return_path  # the former when its syntax has been checked
        if via is None or passage.symmetric or "rport" in via.params or (via.port or 5060) == peer[1]:
            return flow
        return flow.toward(reply_to(via, peer, reliable=False))

    def _anew(self, passage: Passage, flow: Flow) -> Flow:
        """Return what takes the place of the connection that a request came by: one that is opened, while it is not answered yet."""
        transaction: ServerTransaction | None = passage.transaction
        if transaction is None:
            return flow
        if transaction.open and transaction.flow is flow:
            message: Any = passage.message
            transaction.flow = self._returns.flow(flow, message.return_path)
        return transaction.flow

    def answered(self, passage: Passage, status: int, data: bytes, stateless: bool, flow: Flow) -> None:
        """Keep the answer of a request that never had a transaction object."""
        if status >= 200 and not stateless:
            self.complete(passage.key, passage.merge, data, flow.reliable)

    def complete(self, key: str, merge: int, data: bytes, reliable: bool) -> None:
        """Keep the answer until Timer J ends; on a reliable transport there is nothing to keep it for."""
        if self.servers:
            self.servers.pop(key, None)
        if reliable:
            if merge:
                self.merges.pop(merge)
            return
        evicted = self.answers.put(hash(key), data, len(data))
        if evicted:
            self.engine.counts["transactions.evicted"] += evicted

    def forbidden(self, transaction: ServerTransaction) -> None:
        """End a non-INVITE transaction whose owner wants to answer 408: by then nobody listens any more (RFC 4320 4.2)."""
        self.engine.counts["transactions.timeout"] += 1
        self._end(transaction)

    def forget(self, passage: Passage) -> None:
        """End a transaction without an answer: a step dropped its request."""
        transaction: ServerTransaction | None = passage.transaction
        if transaction is not None and transaction.open:
            transaction.final = True
            self._end(transaction)

    # -- what machines ask for ---------------------------------------------------------------------------------------

    def run(self, transaction: ServerTransaction, actions: tuple[Action, ...], *, first: bool = False, back: Flow | None = None) -> None:
        """Carry out what a machine says."""
        engine = self.engine
        for action in actions:
            kind = type(action)
            if kind is Send:
                if first:
                    engine._write(action.data, transaction.flow)  # type: ignore[union-attr]
                else:
                    engine.resend(action.data, back or transaction.flow)  # type: ignore[union-attr]
            elif kind is Start:
                transaction.timers[action.name] = self._timetable.start(transaction.key, action.name, action.seconds)  # type: ignore[union-attr]
            elif kind is Stop:
                transaction.timers.pop(action.name, None)  # type: ignore[union-attr]
            elif kind is Make:
                self._trying(transaction)
            elif kind is Tell:
                self._told(transaction, action.event)  # type: ignore[union-attr]
            elif kind is End:
                self._end(transaction)

    def _trying(self, transaction: ServerTransaction) -> None:
        passage = transaction.passage
        if passage is not None:
            self.engine.respond(passage, Reply(100, because="stack: 100 in the owner's place (RFC 3261 17.2.1, RFC 4320)"))

    def _told(self, transaction: ServerTransaction, event: str) -> None:
        if event == "timeout":
            self.engine.counts["transactions.timeout"] += 1
            self.engine.tell("transaction.timeout", key=transaction.key, passage=transaction.passage)
            transaction.final = True
        if transaction.on_event is not None:
            transaction.on_event(event)

    def _fire(self, key: str, name: str, serial: int) -> None:
        transaction = self.servers.get(key)
        if transaction is not None and transaction.timers.get(name) == serial and transaction.machine is not None:
            del transaction.timers[name]
            self.run(transaction, transaction.machine.fire(name))

    def _end(self, transaction: ServerTransaction) -> None:
        transaction.final = True
        transaction.release()
        transaction.timers.clear()
        if self.servers.get(transaction.key) is transaction:
            del self.servers[transaction.key]
        if transaction.merge:
            self.merges.pop(transaction.merge)

    def _claim_over(self, item: tuple[str, int]) -> None:
        """Answer an INVITE whose owner has forgotten it (RFC 3261 16.6: Timer C, three minutes)."""
        transaction = self.servers.get(item[0])
        if transaction is not None and id(transaction) == item[1] and transaction.open and transaction.passage is not None:
            self.engine.counts["claims.over"] += 1
            self.engine.respond(transaction.passage, Reply(500, because="claim_seconds: no servant gave a final answer in time"))
            if transaction.on_event is not None:
                transaction.on_event("timeout")
