"""Asking others: client transactions, and around them what every application wants of a request (architecture section 4).

`Clients.request` sends a request to the first target that takes it: a new branch and transaction for each target, the next one after a
timeout, a transport error or a 503 (RFC 3263 4.3; names are located by pipeline.dns); what is too long for a datagram goes by TCP where
the peer takes it (18.1.1); a digest challenge is answered once per realm. What becomes of it is told as events.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

import attrs

from pipeline.datagrams import literal
from pipeline.flow import Flow, Target
from pipeline.passage import Passage
from pipeline.pending import Pending
from pipeline.sip import digest
from pipeline.sip.dialog import Dialog, credentials_of
from pipeline.sip.grammar import Malformed
from pipeline.sip.hop_by_hop import ack_for, cancel_for
from pipeline.sip.matching import client_key
from pipeline.sip.message import Request
from pipeline.sip.routing import next_hop
from pipeline.sip.timers import Make, Send, Start, Stop, Tell
from pipeline.sip.transaction_client import InviteClient, NonInviteClient
from pipeline.sip.uri import Uri
from pipeline.stages.timetable import Timetable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pipeline.dal import Endpoint
    from pipeline.dns import Service
    from pipeline.engine import Pipeline
    from pipeline.sip.message import Message, Response
    from pipeline.sip.timers import Action


@attrs.frozen(slots=True)
class Provisional:
    """A 1xx came."""

    response: Response


@attrs.frozen(slots=True)
class Final:
    """A final response came; for an INVITE each 2xx of a fork is one."""

    response: Response


@attrs.frozen(slots=True)
class TransportError:
    """No target could be reached."""

    reason: str


@attrs.frozen(slots=True)
class Timeout:
    """No target answered in time (RFC 3261 17.1, Timers B and F; 9.1 for a cancelled INVITE)."""


Outcome = Provisional | Final | TransportError | Timeout
Where = "Flow | Target | Uri | str | Iterable[Flow | Target | Uri | str] | None"

LARGE = 1300
"""Octets of a request that still goes by UDP when nothing is known of the path's MTU (RFC 3261 18.1.1)."""
VIA = 110
"""Octets of our Via, about: a request's length is looked at before it gets one."""
NO_TCP_SECONDS = 600.0
"""How long it is remembered that a peer takes no TCP; and below, how long a peer may take to accept."""
TCP_CONNECT_SECONDS = 2.0
NO_TCP = 10000
"""Peers of which that is remembered."""
CHALLENGES = 2
"""Challenges of one realm answered for one request: the first and its stale nonce's; whoever asks more often will never be content."""
REALMS = 4
"""Realms that one request proves itself to: a way has few proxies that ask, and who names a new realm each time would ask for ever."""
ANSWERS = 32
"""2xx of an INVITE, by To tag, that are taken: each costs an ACK and a repeated BYE to whatever Contact its sender chose."""


class Branch:
    """One client transaction: one request to one target."""

    __slots__ = ("acks", "asking", "data", "flow", "key", "machine", "message", "passage", "tags", "timers")

    def __init__(self, asking: Asking, message: Request, passage: Passage, machine: InviteClient | NonInviteClient) -> None:
        self.asking = asking
        self.message = message
        self.passage = passage
        self.flow = passage.flow
        self.machine = machine
        self.key = client_key(message)
        self.timers: dict[str, int] = {}
        self.acks: dict[str, tuple[bytes, Flow]] = {}
        """To tag of a 2xx -> the ACK that was sent for it."""
        self.tags: tuple[str, ...] = ()
        """The To tags of its 2xx."""


class Answered:
    """What is left of a transaction that has its final answer: the ACK to repeat with it, and by which way; "" after a non-INVITE.

    It stands in the Branch's place until Timer D or K ends (RFC 3261 17.1.1.2, 17.1.2.2), so that what the branch held can go: a call
    makes ninety objects, and without this all would live for 32 s more.
    """

    __slots__ = ("data", "flow")

    def __init__(self, data: bytes, flow: Flow) -> None:
        self.data = data
        self.flow = flow


class Asking:
    """A request of ours and what becomes of it: what `Pipeline.request` returns."""

    def __init__(
        self,
        clients: Clients,
        message: Request | Callable[[Flow], Request],
        targets: deque[Any],
        on_event: Callable[[Outcome], None],
        cause: Passage | None,
        endpoint: Endpoint | None = None,
    ) -> None:
        self._clients = clients
        self.endpoint = endpoint
        """Whom it is for: interceptors and the credentials hook read it from the passage."""
        self.cancel_headers: tuple[tuple[str, str], ...] = ()
        """What the CANCEL says besides (a Reason, RFC 3326)."""
        self._make = message
        self._targets = targets
        self._last: list[Target] = []
        """Targets that were dead a moment ago: tried when there is no other (RFC 3263 4.3)."""
        self._desperate = False
        self._target: Target | None = None
        """What the branch at work was sent to, as far as it was located: not for a flow that was given."""
        self._udp: Target | None = None
        """Where to go by UDP after all when TCP, taken for the length of the request, fails (RFC 3261 18.1.1)."""
        self._heard = False
        """Whether the target at work has said anything."""
        self._on_event = on_event
        self._cause = cause
        self._failure: Outcome = TransportError("there is no target")
        self._answered: dict[str, int] = {}
        self.branch: Branch | None = None
        self.cancelled = False
        self.over = False

    # -- what the owner may do ---------------------------------------------------------------------------------------

    def cancel(self, headers: Iterable[tuple[str, str]] = ()) -> None:
        """Want no answer any more: CANCEL an INVITE (with these fields), now or upon its first 1xx; try no further target."""
        self.cancelled = True
        self.cancel_headers = tuple(headers)
        self._targets.clear()
        self._last.clear()
        if self.branch is not None and isinstance(self.branch.machine, InviteClient):
            self._clients.run(self.branch, self.branch.machine.cancel())

    def acknowledge(self, response: Response, ack: Request, target: Any = None) -> None:
        """Send the ACK of a 2xx (RFC 3261 13.2.2.4) and keep it: when that 2xx is repeated, it is sent again.

        It goes where its Route or Request-URI says, which need not be where the INVITE went: `target` as for `Pipeline.request`;
        None: by the flow of the INVITE.
        """
        branch = self.branch
        if branch is None:
            raise RuntimeError("there is no INVITE to acknowledge")
        if target is None:
            target = branch.flow
        targets = deque(target) if isinstance(target, list | tuple) else deque([target])
        Acknowledging(self._clients, ack, targets, branch, response.to.tag).go_on()

    def leave(self) -> None:
        """Part from the owner, who has nothing more to say: a 2xx that comes now is acknowledged and released here (13.2.2.4, 9.1).

        What he holds can go with him; the transaction goes on for up to 64*T1.
        """
        self._on_event = self._late
        self._make = _made
        self._cause = None
        branch = self.branch
        if branch is not None and self._clients.engine.tap is None:
            sent = branch.message
            branch.message = Request(sent.method, sent.uri_text, sent.head, b"")  # without what was parsed of it
            branch.passage = Passage(self._clients.engine, None, branch.flow, branch.passage.arrived)

    def _late(self, outcome: Outcome) -> None:
        branch = self.branch
        if not isinstance(outcome, Final) or branch is None or not 200 <= outcome.response.status < 300:
            return
        try:
            dialog = Dialog.from_response(branch.message, outcome.response)
            number = branch.message.cseq.number
            self.acknowledge(outcome.response, dialog.ack(number, credentials_of(branch.message)), [dialog.hop, branch.flow])
            self._clients.request(dialog.request("BYE"), [dialog.hop, branch.flow], _nothing, branch.passage, self.endpoint)
        except Malformed as error:
            self._clients.engine.tell("send.failed", flow=branch.flow.id, error=error.reason)

    # -- one target after the other ----------------------------------------------------------------------------------

    def go_on(self) -> None:
        """Try the next target; report the last failure when there is none."""
        if not self.cancelled and not self._targets and self._last:
            self._targets, self._last, self._desperate = deque(self._last), [], True
        if self.cancelled or not self._targets:
            self._tell(Timeout() if self.cancelled else self._failure)
            return
        target = self._targets.popleft()
        self._target = self._udp = None
        self._heard = False
        if isinstance(target, Flow):
            self._by(target)
            return
        try:
            if isinstance(target, str):
                target = Uri.parse(target)
            if not isinstance(target, Target) or not literal(target.host):
                self._locate(target)
                return
        except Malformed as error:
            self._failed(TransportError(error.reason))
            return
        if target.name and (known := self._clients.engine.locator.health.says(target)):
            if known == "refused":
                self._failed(TransportError(f"{target} has asked to be left alone (503 with Retry-After)"))
                return
            if not self._desperate:
                self._last.append(target)
                self.go_on()
                return
        self._connect(target)

    def _locate(self, step: Uri | Service | Target) -> None:
        """Put in a target's place what DNS says, a step at a time (RFC 3263). Raises Malformed."""

        def located(pending: Pending) -> None:
            try:
                self._located(step, pending.value())
            except OSError as error:
                self._failed(TransportError(f"{error.strerror or error}"))

        found = self._clients.engine.locator.expand(step)
        if isinstance(found, Pending):
            found.then(located)
        else:
            self._located(step, found)

    def _located(self, step: Uri | Service | Target, found: list[Uri | Service | Target]) -> None:
        if not found:
            self._failure = TransportError(f"nothing serves {step}")
        if not self.cancelled:
            self._targets.extendleft(reversed(found))
        self.go_on()

    def _connect(self, target: Target) -> None:
        flow = self._clients.engine.connect(target)
        if flow is None:
            self._failed(TransportError(f"no listed transport serves {target}"))
        elif isinstance(flow, Pending):
            flow.then(lambda pending: self._connected(target, pending))
        else:
            self._by(flow, target)

    def _connected(self, target: Target, pending: Pending) -> None:
        try:
            flow = pending.value()
        except OSError as error:
            if target.name:
                self._clients.engine.locator.health.dead(target)
            self._failed(TransportError(str(error)))
            return
        self._by(flow, target)

    def _by(self, flow: Flow, target: Target | None = None) -> None:
        if self.cancelled:
            self._tell(Timeout())
            return
        message = self._make(flow) if callable(self._make) else self._make
        if target is not None:
            self._target = target
            if flow.transport == "UDP" and not target.only and self._clients.is_large(message, target):
                self._by_tcp(message, flow, target)
                return
        self.send(message, flow)

    def _by_tcp(self, message: Request, flow: Flow, target: Target) -> None:
        """Send what is too long for a datagram by TCP; by UDP all the same when the peer takes none (RFC 3261 18.1.1)."""
        clients = self._clients
        stream = clients.engine.connect(attrs.evolve(target, transport="TCP"))
        if stream is None:
            self.send(message, flow)
            return
        settled = False

        def connected(pending: Pending) -> None:
            nonlocal settled
            try:
                tcp = pending.value()
            except OSError:
                clients.takes_no_tcp(target)
                tcp = None
            if settled:
                return
            settled = True
            timer.cancel()
            if tcp is None:
                self._by(flow, attrs.evolve(target, only=True))
                return
            self._udp = attrs.evolve(target, only=True)
            self._by(tcp)

        def late() -> None:
            nonlocal settled
            settled = True
            clients.takes_no_tcp(target)
            self._by(flow, attrs.evolve(target, only=True))

        if not isinstance(stream, Pending):
            stream = Pending.of(stream)
        timer = clients.engine.clock.call_later(TCP_CONNECT_SECONDS, late)
        stream.then(connected)

    def send(self, message: Request, flow: Flow) -> None:
        """Send `message` by `flow` in a transaction of its own."""
        if not flow.secure and message.uri_text[:5].lower() == "sips:":
            self._failed(TransportError(f"a request to a sips URI never goes by {flow.transport} (RFC 3261 26.2.2)"))
            return
        clients = self._clients
        engine = clients.engine
        sent = with_via(message, clients.via(flow))
        passage = Passage(engine, None, flow, engine.loop.time())
        passage.cause = self._cause
        passage.endpoint = self.endpoint
        machine = (InviteClient if message.method == "INVITE" else NonInviteClient)(engine.transactions.timers, flow.reliable)
        branch = self.branch = Branch(self, sent, passage, machine)
        try:
            data = engine.prepare(sent, passage)
        except Exception as error:
            self._failed(TransportError(f"an interceptor failed: {error!r}"))
            return
        if data is None:
            self._failed(TransportError("an interceptor refused to send the request"))
            return
        clients.add(branch)
        clients.run(branch, machine.start(data))

    def _failed(self, failure: Outcome) -> None:
        self._failure = failure
        self.go_on()

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
                self._failed(Final(response))
            elif status in (401, 407) and not self.cancelled and self._answer(branch, response):
                pass
            else:
                self._tell(Final(response))
        elif self.over:
            pass
        elif event == "timeout":
            self._clients.engine.tell("transaction.timeout", key=branch.key, passage=branch.passage)
            self._dead()
            self._failed(Timeout())
        else:
            if self._udp is not None and not self._heard and not self.cancelled:  # a reset: TCP is not taken after all
                self._clients.takes_no_tcp(self._udp)
                self._targets.appendleft(self._udp)
            else:
                self._dead()
            self._failed(TransportError(f"the flow to {branch.flow.peer[0]} failed"))

    def _dead(self) -> None:
        """Remember who has said nothing at all."""
        target = self._target
        if target is not None and target.name and not self._heard:
            self._clients.engine.locator.health.dead(target)

    def _answer(self, branch: Branch, response: Response) -> bool:
        """Answer a challenge (RFC 3261 22.2): the same request with credentials and a higher CSeq. False: nobody has any."""
        engine = self._clients.engine
        message = branch.message

        name = "Authorization" if response.status == 401 else "Proxy-Authorization"
        for value in response.all("www-authenticate" if response.status == 401 else "proxy-authenticate"):
            try:
                challenge = digest.parse_challenge(value)
            except Malformed:
                continue
            if challenge is None:
                continue
            realm = challenge.realm
            tried = self._answered.get(realm, 0)
            if tried >= CHALLENGES or (tried and not challenge.stale) or (not tried and len(self._answered) >= REALMS):
                continue
            found = engine.credentials(realm, branch.passage)
            if found is None:
                continue
            username, hashes = found
            password = hashes.get("")
            if not digest.can_answer(challenge, password, hashes):
                continue
            self._answered[realm] = tried + 1
            cnonce = engine.identifiers.token(8)
            credentials = digest.answer(
                challenge,
                message.method,
                message.uri_text,
                username=username,
                password=password,
                ha1=hashes,
                cnonce=cnonce,
                body=message.body,
            )
            self._again(branch, name, credentials)
            return True
        return False

    def _again(self, branch: Branch, name: str, credentials: str) -> None:
        message = branch.message
        again = Request.new(message.method, message.uri_text, message.items()[1:], message.body)
        again.remove(name.lower())
        again.set("cseq", f"{message.cseq.number + 1} {message.method}", by="stack")
        again.add(name.lower(), credentials, by="stack")
        self.send(again, branch.flow)

    def _tell(self, outcome: Outcome) -> None:
        if not isinstance(outcome, Provisional):
            self.over = True
        self._on_event(outcome)


class Acknowledging(Asking):
    """The ACK of a 2xx on its way: a request that gets no answer and has no transaction (RFC 3261 13.2.2.4)."""

    def __init__(self, clients: Clients, ack: Request, targets: deque[Any], invite: Branch, tag: str) -> None:
        super().__init__(clients, ack, targets, _nothing, invite.passage, invite.asking.endpoint)
        self._invite = invite
        self._tag = tag

    def send(self, message: Request, flow: Flow) -> None:
        """Send it, and leave it with the INVITE for whenever the 2xx comes again."""
        engine = self._clients.engine
        passage = Passage(engine, None, flow, engine.loop.time())
        passage.cause = self._invite.passage
        passage.endpoint = self.endpoint
        try:
            data = engine.send(with_via(message, self._clients.via(flow)), passage)
        except Exception as error:
            engine.tell("send.failed", flow=flow.id, error=str(error))
            self._failed(TransportError(str(error)))
            return
        if data is not None:
            self._invite.acks[self._tag] = (data, flow)


def _retry_after(response: Response) -> float:
    """Return the seconds of a Retry-After (RFC 3261 20.33), 0 when there is none."""
    words = (response.get("retry-after") or "").partition(";")[0].partition("(")[0].strip()
    return float(words) if words.isascii() and words.isdigit() and len(words) < 10 else 0.0


def _made(_flow: Flow) -> Request:
    raise RuntimeError("nobody asks any more")


def _nothing(outcome: Outcome) -> None:
    """Nobody asked: a repeated 2xx tries again."""


def with_via(message: Request, via: str) -> Request:
    """Return a copy of a request of ours with this Via on top. Hot: one that nobody has edited is not taken apart for it."""
    if message.edits is not None:
        return Request.new(message.method, message.uri_text, [("Via", via), *message.items()], message.body)
    start, _, rest = message.head.partition("\r\n")
    return Request(message.method, message.uri_text, f"{start}\r\nVia: {via}\r\n{rest}", message.body)


class Clients:
    """The client transactions of a pipeline."""

    def __init__(self, engine: Pipeline) -> None:
        self.engine = engine
        self._branches: dict[str, Branch | Answered] = {}
        self._timetable = Timetable(engine.clock, self._fire)
        self.large = LARGE
        """Octets above which a request goes by TCP instead of UDP; 0 = none does."""
        self._no_tcp: dict[tuple[str, int], float] = {}
        """Peers that took no TCP -> until when that is believed."""

    def __len__(self) -> int:
        return len(self._branches)

    # -- what is too long for a datagram (RFC 3261 18.1.1) -------------------------------------------------------------

    def is_large(self, message: Request, target: Target) -> bool:
        """Tell whether a request that would go by UDP has to go by TCP."""
        if not self.large or message.method == "ACK":
            return False
        size = len(message.head) + len(message.body) + VIA if message.edits is None else len(message.encode()) + VIA
        if size <= self.large:
            return False
        until = self._no_tcp.get((target.host, target.port))
        return until is None or until <= self.engine.clock.now()

    def takes_no_tcp(self, target: Target) -> None:
        """Note that a peer takes no TCP."""
        key = (target.host, target.port)
        self._no_tcp.pop(key, None)
        while len(self._no_tcp) >= NO_TCP:
            del self._no_tcp[next(iter(self._no_tcp))]
        self._no_tcp[key] = self.engine.clock.now() + NO_TCP_SECONDS

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
    ) -> Asking:
        """Send a request and tell `on_event` what becomes of it: Provisional, then one Final, TransportError or Timeout.

        `target` is a Flow, a Target, a URI, or a list of them to be tried in order; None: where Route and Request-URI say. What has a
        name is located as RFC 3263 says. The
        message may be a function of the flow, where its Contact depends on the way it goes; it carries no Via of ours. `endpoint` is whom
        it is for. Events may come before this returns: what goes wrong at once is told at once.
        """
        if target is None:
            if callable(message):
                raise TypeError("a message made for a flow needs a target")
            target = next_hop(message)
        targets = deque(target) if isinstance(target, list | tuple) else deque([target])
        asking = Asking(self, message, targets, on_event, cause, endpoint)
        asking.go_on()
        return asking

    def via(self, flow: Flow) -> str:
        """Return a Via of ours with a new branch (RFC 3261 8.1.1.7), asking for the answer at our port (RFC 3581)."""
        host, port = flow.advertised
        where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        return f"SIP/2.0/{flow.transport} {where};rport;branch={self.engine.identifiers.branch()}"

    def add(self, branch: Branch) -> None:
        """Let responses find a branch."""
        self._branches[branch.key] = branch
        branch.flow.hold()

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
        if response.cseq.number != branch.message.cseq.number:  # 8.2.6.2; the number of a dialog's next request depends on it
            self._stray(passage, "the CSeq is not that of the request")
            return
        if 200 <= status < 300:
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

    def _stray(self, passage: Passage, why: str) -> None:
        self.engine.counts["dropped.response"] += 1
        passage.decided = ("protocol", "stack", why)

    def run(self, branch: Branch, actions: tuple[Action, ...], response: Response | None = None, *, again: bool = False) -> None:
        """Carry out what a machine says; `again`: what it sends was sent before, and the tap has not seen that yet."""
        for action in actions:
            if isinstance(action, Send):
                self._send(branch, action.data)
                if again and self.engine.tap is not None:
                    self.engine.tap.again(action.data, branch.flow)
            elif isinstance(action, Start):
                branch.timers[action.name] = self._timetable.start(branch.key, action.name, action.seconds)
            elif isinstance(action, Stop):
                branch.timers.pop(action.name, None)
            elif isinstance(action, Make):
                self._make(branch, action.what, response)
            elif isinstance(action, Tell):
                branch.asking.told(branch, action.event, response)
            elif self._branches.pop(branch.key, None) is not None:  # End
                branch.timers.clear()
                branch.flow.release()
        machine = branch.machine
        if machine.state == "Completed" and self._branches.get(branch.key) is branch:
            kept = machine.kept if isinstance(machine, InviteClient) else None
            self._branches[branch.key] = Answered(b"" if kept is None else kept.data, branch.flow)

    def _send(self, branch: Branch, data: bytes) -> None:
        try:
            branch.flow.send(data)
        except OSError as error:
            self.engine.tell("send.failed", flow=branch.flow.id, error=str(error))
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
                asking = Asking(self, cancel, deque(), lambda _: None, branch.passage)
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
                self._send(branch, data)

    def _fire(self, key: str, name: str, serial: int) -> None:
        branch = self._branches.get(key)
        if isinstance(branch, Answered):
            if name in ("D", "K"):
                del self._branches[key]
                branch.flow.release()
        elif branch is not None and branch.timers.get(name) == serial:
            del branch.timers[name]
            self.run(branch, branch.machine.fire(name), again=True)


__all__ = ["Asking", "Clients", "Final", "Provisional", "Timeout", "TransportError"]
