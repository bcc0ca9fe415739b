"""The engine: takes what transports received through the five stages, and what servants say back out.

It owns what outlives a configuration: sockets and flows, transactions, dialogs, stores, lanes, timers, keys. What a
configuration decides (chains, options) is a Generation, swapped as one reference. The way in is `receive`, the way out
`respond` and `request`; everything leaves through `send`: nobody writes to a flow directly, or the trace would lie.
"""

from __future__ import annotations

import errno
import inspect
from collections import Counter
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from pipeline import state
from pipeline.carried import Carried
from pipeline.client import Clients
from pipeline.clock import Clock
from pipeline.config.problems import Problems
from pipeline.core import Core
from pipeline.dal import StorageError, Unavailable
from pipeline.dialogs import Dialogs
from pipeline.dns import Locator
from pipeline.domains import Domains
from pipeline.events import Bus
from pipeline.generation import Generation
from pipeline.gruu import Gruus
from pipeline.identifiers import Identifiers
from pipeline.listeners import Listeners
from pipeline.location import called
from pipeline.mailboxes import Mailboxes
from pipeline.overload import Overload
from pipeline.passage import Claim, Drop, Packet, Passage, Reply, Wait
from pipeline.reach import Reachability
from pipeline.reload import Reloads
from pipeline.servant import Lanes
from pipeline.sip.grammar import Malformed
from pipeline.sip.message import Response, answer_octets
from pipeline.sip.short import shortened
from pipeline.sockets import Sockets
from pipeline.sources import Sources
from pipeline.stages import integration
from pipeline.stages.application import check, unclaimed
from pipeline.stages.protocol import Transactions
from pipeline.starting import NotStarted
from pipeline.waiting import Waiting

if TYPE_CHECKING:
    import asyncio
    import random
    from collections.abc import Callable

    from pipeline.chain import Chain
    from pipeline.client import Asking, Outcome
    from pipeline.config.plan import Listing, Plan
    from pipeline.dal import Endpoint, Layer
    from pipeline.flow import Flow, Target
    from pipeline.network import Network
    from pipeline.passage import Verdict
    from pipeline.pending import Pending
    from pipeline.pubsub.service import PubSub
    from pipeline.sip.dialog import Dialog
    from pipeline.sip.message import Message, Request
    from pipeline.trace.tap import Tap


class Pipeline:
    """A running pipeline."""

    def __init__(
        self,
        plan: Plan,
        loop: asyncio.AbstractEventLoop,
        *,
        clock: Clock | None = None,
        random: random.Random | None = None,
        network: Network | None = None,
    ) -> None:
        self.plan = plan
        self.loop = loop
        self.clock = clock or Clock(loop)
        self.network = network or Sockets(loop)
        self._own_network = network is None
        self.identifiers = Identifiers(random)
        self.bus = Bus(self.clock.time)
        self.tell = self.bus.tell
        self.counts: Counter[str] = Counter()
        """What happened how often, for `sipline show stats`."""
        self.domains = Domains(plan.domains)
        self.lanes = Lanes(self._job_failed)
        self.dialogs = Dialogs()
        self.carried = Carried(self)
        """Which dialogs hang on which connection."""
        self.transactions = Transactions(self)
        self.clients = Clients(self)
        self.waiting = Waiting(self)
        self.core = Core(self)
        """Channels, bridges, calls."""
        self.mailboxes = Mailboxes(self)
        """The messages that people have left."""
        self.flows: dict[str, Flow] = {}
        """Streams that are open, by id."""
        self.sources = Sources()
        """Whose they are: what one source, and all of them, may have open by all transports together."""
        self.reachability = Reachability()
        """Which contacts answered when they were asked."""
        self.pubsub: PubSub | None = None
        """Subscriptions, for other plugins: while `pubsub` is listed and runs."""
        self.sockets = Listeners()
        """The sockets that listen; transports take theirs from here."""
        self.listeners: list[tuple[str, str, tuple[str, int]]] = []
        """(plugin, transport, bound address) of every listener."""
        self.locator = Locator(self.network, self.clock, self.identifiers.below, lambda: self.listeners)
        """Finds where a request can be sent (RFC 3263)."""
        self.generation = Generation(plan)
        self.untraced = self.generation
        self.tap: Tap | None = None
        """While tracing or capturing: sees every message that comes or goes."""
        self.dal: Layer = None  # type: ignore[assignment]  # built in start(), before anything can ask for it
        self.key = b""
        """The secret of this installation, from its state directory: nonces and stateless tags hang on it."""
        self.gruus = Gruus()
        """Makes and reads addresses of single phones (RFC 5627); they hang on the key."""
        self.draining = False
        self.overloaded = False
        self.overload = Overload(self)
        """Sets `overloaded` while there is too much to do."""
        self.states: dict[tuple[str, str], Any] = {}
        """What plugins keep beyond a reload, by `state_key`."""
        self._names: WeakKeyDictionary[Any, str] = WeakKeyDictionary()
        self.known(self.generation)
        self._reloads = Reloads(self)
        self._unstarted: list[Listing] = []
        """Those whose `start` was never called, as another's had failed."""

    # -- life --------------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Open the stores, start the plugins, bind the listeners.

        Raises OSError when an address is taken, StorageError when a store cannot be opened, Problems when the file refers to what no store
        holds, NotStarted when a plugin fails otherwise: nothing listens then.
        """
        self.key = state.secret(self.plan.state)
        self.identifiers.keep(self.key[:32])
        self.gruus = Gruus(self.key)
        self.dal = integration.build(self)
        self._unstarted = self.generation.listings()
        for listing in tuple(self._unstarted):
            self._unstarted.remove(listing)
            await self._begin(listing, "start")
        await integration.check_held(self.plan, self.dal)
        for listing in self.plan.stages["transport"]:
            await self._begin(listing, "listen")
        for listing in self.plan.stages["integration"]:
            await self._begin(listing, "integration")
        self.overload.start()
        self.tell("pipeline.started", name=self.plan.name)

    async def stop(self, seconds: float = 5.0) -> None:
        """Refuse new work, let what has begun end (at most `seconds`), then stop the plugins in reverse order."""
        import asyncio  # noqa: PLC0415  # asyncio.sleep runs on the virtual loop too

        self.draining = True
        deadline = self.clock.now() + seconds
        # Lanes count in plain integers: an event per job would cost each of them.
        while (len(self.lanes) or len(self.waiting) or self.core.calls or self.core.messages.open) and self.clock.now() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        await self._reloads.stop()
        self.tell("pipeline.stopping", name=self.plan.name)
        await self.core.stop()
        self.lanes.stop()
        for listing in reversed(self.generation.listings()):
            if listing in self._unstarted and not hasattr(listing.plugin, "store"):  # a store is open before it starts
                continue
            try:
                await self._lifecycle(listing.plugin, "stop")
            except Exception as error:  # the others are to stop all the same, and what is open to be closed
                self.tell("step.failed", plugin=listing.name, stage=listing.stage, error=repr(error), exception=error, passage=None)
        for flow in tuple(self.flows.values()):
            flow.close("the server stops")
        self.sockets.close()
        if self._own_network:
            self.network.close()

    async def reload(self, plan: Plan) -> list[str]:
        """Go on with another reading of pipeline.toml; returns what changed, a line each.

        Raises Problems, and nothing has changed, when the plan cannot take the place of the one that runs; see pipeline.reload.
        """
        return await self._reloads.reload(plan)

    async def _begin(self, listing: Listing, hook: str) -> None:
        try:
            await self._lifecycle(listing.plugin, hook)
        except (Problems, StorageError):
            raise
        except Exception as error:
            if hook == "listen" and isinstance(error, OSError):
                raise
            raise NotStarted(listing, hook, error) from error

    async def _lifecycle(self, plugin: Any, hook: str) -> None:
        result = self._hook(plugin, hook)
        if inspect.isawaitable(result):
            await result

    def _hook(self, plugin: Any, hook: str) -> Any:
        """Call a plugin's own implementation of a hook that each plugin meets alone; None when it has none."""
        method = getattr(plugin, hook, None)
        if method is None or not hasattr(method, "sipline_impl"):
            return None
        return method(self) if inspect.signature(method).parameters else method()

    def known(self, generation: Generation) -> None:
        """Note under which names the instances of a generation are listed."""
        for listing in generation.listings():
            self._names[listing.plugin] = listing.name

    def name_of(self, plugin: Any) -> str:
        """Return the name under which a plugin instance is listed."""
        return self._names.get(plugin) or type(plugin).__name__.lower()

    def state_key(self, plugin: Any) -> tuple[str, str]:
        """Return what hands state from one instance to the next: its name and its class, for another class could not read it."""
        cls = type(plugin)
        return self.name_of(plugin), f"{cls.__module__}.{cls.__qualname__}"

    def state(self, plugin: Any, factory: Callable[[], Any]) -> Any:
        """Return what `plugin` keeps beyond a reload: made by `factory` once, handed to the instance of that name and class later."""
        key = self.state_key(plugin)
        if key not in self.states:
            self.states[key] = factory()
        return self.states[key]

    # -- the way in --------------------------------------------------------------------------------------------------

    def receive(self, data: bytes, flow: Flow) -> None:
        """Take one packet through the stages. Never raises: whatever a step does, the next packet is served."""
        packet = Packet(data, flow)
        passage = Passage(self, packet, flow, self.clock.now())
        generation = self.generation
        tap = self.tap
        if tap is not None:
            passage.spans = []
        i = 0
        chain = generation.transport
        try:
            for i, step in enumerate(chain.steps):
                if (verdict := step(packet, passage)) is not None:
                    self._decide(passage, verdict, chain, i, generation)
                    return
            chain = generation.protocol
            for i, step in enumerate(chain.steps):
                if (verdict := step(packet, passage)) is not None:
                    self._decide(passage, verdict, chain, i, generation)
                    return
            if passage.message is None:
                self.counts["unparsed"] += 1
                return
            if self.waiting.orders and self.waiting.behind(passage, generation):
                return
            chain = generation.intercept
            message: Any = passage.message
            for i, step in enumerate(chain.steps):
                if (verdict := step(message, passage)) is not None:
                    self._decide(passage, verdict, chain, i, generation)
                    return
        except Exception as error:
            self._step_failed(passage, error, chain, i, generation)
            return
        else:
            self._dispatch(passage, generation)
        finally:
            if tap is not None:
                tap.came(passage)

    def admits(self, data: bytes, flow: Flow) -> bool:
        """Ask the transport stage alone about a packet that its transport answers itself, as STUN. A step that fails lets nothing in."""
        packet = Packet(data, flow)
        passage = Passage(self, packet, flow, self.clock.now())
        chain = self.untraced.transport
        for name, step in zip(chain.names, chain.steps, strict=True):
            try:
                if step(packet, passage) is not None:
                    return False
            except Exception as error:
                self.counts["failed." + name] += 1
                self.tell("step.failed", plugin=name, stage=chain.stage, error=repr(error), exception=error, passage=passage)
                return False
        return True

    def unframed(self, error: Malformed, flow: Flow, data: bytes = b"") -> None:
        """Answer what a stream began with and cannot be followed (RFC 3261 18.3), when enough of it can be read; trace it anyway."""
        passage = Passage(self, Packet(data, flow), flow, self.clock.now())
        self.tell("request.malformed", reason=error.reason, passage=passage)
        chain = self.generation.protocol
        message: Any = error.message
        if message is not None and message.is_request and message.method != "ACK" and message.return_path is not None:
            passage.message = message
            self._decide(
                passage, Reply(error.status, error.reason, because=f"stack: {error.reason}", stateless=True), chain, -1, self.generation
            )
        else:
            self._ended(passage, Drop(f"stack: {error.reason}"))
        if self.tap is not None:
            self.tap.came(passage)

    def walk(self, passage: Passage, chain: Chain, begin: int, generation: Generation) -> None:
        """Go on with a passage at step `begin` of `chain`, then with what lies behind the chain."""
        message: Any = passage.packet if chain is generation.transport or chain is generation.protocol else passage.message
        i = begin
        try:
            for i in range(begin, len(chain.steps)):
                if (verdict := chain.steps[i](message, passage)) is not None:
                    self._decide(passage, verdict, chain, i, generation)
                    return
        except Exception as error:
            self._step_failed(passage, error, chain, i, generation)
            return
        if chain is generation.transport:
            self.walk(passage, generation.protocol, 0, generation)
        elif chain is generation.protocol:
            self.walk(passage, generation.intercept, 0, generation)
        elif chain is generation.intercept:
            self._dispatch(passage, generation)
        else:
            self._unclaimed(passage, generation)

    def _dispatch(self, passage: Passage, generation: Generation) -> None:
        """Bring a message that passed every interceptor to its owner, or to the applications."""
        message: Any = passage.message
        if not message.is_request:
            try:
                self.clients.deliver(message, passage)
            except Exception as error:
                passage.decided = ("protocol", "stack", error)
                self.counts["failed.stack"] += 1
                self.tell("step.failed", plugin="stack", stage="protocol", error=repr(error), exception=error, passage=passage)
            return
        method = message.method
        chain = generation.application
        i = -1
        try:
            if method == "CANCEL":
                self.transactions.cancel(message, passage)
                return
            if passage.dialog is not None:
                passage.dialog.request(message, passage)
                return
            if method == "ACK":
                self._ended(passage, Drop("stack: an ACK that belongs to nothing here"))
                return
            if message.to.tag:
                # Stateless: nobody has proved anything, so an INVITE's answer must not be repeated to whoever its source may name.
                self._decide(passage, Reply(481, because="stack: no such dialog here", stateless=True), chain, i, generation)
                return
            if (self.draining or self.overloaded or self.lanes.backlog > self.plan.options.backlog) and passage.transaction is None:
                self._decide(passage, self.busy(), chain, i, generation)
                return
            verdict = check(generation.offer, message, passage)
            if verdict is not None:
                self._decide(passage, verdict, chain, i, generation)
                return
            for i, step in enumerate(chain.steps):
                if (verdict := step(message, passage)) is not None:
                    self._decide(passage, verdict, chain, i, generation)
                    return
        except Exception as error:
            self._step_failed(passage, error, chain, i, generation)
            return
        self._unclaimed(passage, generation)

    def _unclaimed(self, passage: Passage, generation: Generation) -> None:
        chain = generation.application
        try:
            verdict = unclaimed(generation.offer, passage.message, passage)  # type: ignore[arg-type]
        except Exception as error:
            self._step_failed(passage, error, chain, -1, generation)
            return
        self._decide(passage, verdict, chain, len(chain.steps), generation)

    def busy(self) -> Reply:
        """Return the answer to new work while there is too much to do, or no more is taken."""
        self.counts["refused.overload"] += 1
        # Jittered, so that what was refused together does not come back together.
        seconds = str(5 + self.identifiers.below(10))
        why = "the server is stopping" if self.draining else "overload: only what has begun is served now"
        return Reply(503, headers=(("Retry-After", seconds),), because=why, stateless=True)

    # -- verdicts ----------------------------------------------------------------------------------------------------

    def _decide(self, passage: Passage, verdict: Verdict, chain: Chain, i: int, generation: Generation) -> None:
        """Do what a step has decided."""
        passage.decided = (chain.stage, chain.names[i] if 0 <= i < len(chain.names) else "stack", verdict)
        message = passage.message
        if type(verdict) is Reply:
            if message is None or not message.is_request:  # type: ignore[redundant-expr]  # not parsed yet
                self._misused(passage, "replied to what is no request")
            elif message.method == "ACK":  # type: ignore[attr-defined]
                self.counts["dropped.ack"] += 1
            else:
                self.respond(passage, verdict)
        elif type(verdict) is Drop:
            self.counts["dropped"] += 1
            if passage.transaction is not None:
                self.transactions.forget(passage)
        elif type(verdict) is Claim:
            self._claim(passage, verdict)
        elif type(verdict) is Wait:
            self.waiting.begin(passage, verdict, chain, i, generation)
        else:
            self._step_failed(passage, TypeError(f"gave {verdict!r}, which is no verdict"), chain, i, generation)

    def _claim(self, passage: Passage, claim: Claim) -> None:
        # Most jobs answer at once: then no transaction object was ever needed, only the bytes of the answer are kept.
        refusal = self.transactions.merged(passage) if passage.transaction is None else None
        if refusal is not None:
            self.respond(passage, refusal)
        elif not self.lanes.post(claim.servant, claim.key, claim.job, passage):
            self.counts["refused.lane"] += 1
            self.respond(passage, Reply(503, headers=(("Retry-After", "5"),), because=f"{claim.servant}: the lane of {claim.key} is full"))
        elif not passage.final:
            self.transactions.claimed(passage)

    def _ended(self, passage: Passage, verdict: Drop) -> None:
        passage.decided = ("protocol", "stack", verdict)
        self.counts["dropped"] += 1

    def _misused(self, passage: Passage, what: str) -> None:
        stage, name, _ = passage.decided
        self.counts["misused"] += 1
        self.tell("step.failed", plugin=name, stage=stage, error=what, passage=passage)

    def _step_failed(self, passage: Passage, error: Exception, chain: Chain, i: int, generation: Generation) -> None:
        """Fail closed: 400 names a field that could not be read, anything else is the plugin's fault and a 500."""
        name = chain.names[i] if 0 <= i < len(chain.names) else "stack"
        message: Any = passage.message
        is_request = message is not None and message.is_request
        if isinstance(error, Malformed) and is_request:
            self.counts["malformed"] += 1
            self.tell("request.malformed", reason=error.reason, passage=passage)
            passage.decided = (chain.stage, name, error)
            if message.method != "ACK":
                self.respond(passage, Reply(error.status, error.reason, because=error.reason, stateless=passage.transaction is None))
            return
        self.counts["failed." + name] += 1
        self.tell("step.failed", plugin=name, stage=chain.stage, error=repr(error), exception=error, passage=passage)
        passage.decided = (chain.stage, name, error)
        policy = generation.on_error.get(name, "")
        if policy == "skip" or (message is not None and not is_request):
            self.walk(passage, chain, i + 1, generation)
        elif is_request and message.method not in ("ACK", "CANCEL"):
            reply = self._failure(name, error)
            if policy.startswith("reject:"):
                reply = Reply(int(policy.partition(":")[2]), because=reply.because)
            self.respond(passage, reply)

    def _job_failed(self, passage: Passage, servant: str, error: BaseException) -> None:
        if isinstance(error, Malformed):
            self.respond(passage, Reply(error.status, error.reason, because=error.reason))
            return
        self.counts["failed." + servant] += 1
        self.tell("step.failed", plugin=servant, stage="application", error=repr(error), exception=error, passage=passage)
        self.respond(passage, self._failure(servant, error))

    def _failure(self, name: str, error: BaseException) -> Reply:
        """Return the answer to what could not be done: a store that fails is no fault of the request, which may come again (503)."""
        if isinstance(error, Unavailable):
            later = (("Retry-After", str(5 + self.identifiers.below(10))),)  # jittered: what fails together comes back one by one
            return Reply(503, headers=later, because=f"{name}: storage: {error}")
        return Reply(500, because=f"{name} failed: {error!r}")

    # -- the way out -------------------------------------------------------------------------------------------------

    def respond(self, passage: Passage, reply: Reply) -> None:
        """Answer the request of `passage`: build, show to the interceptors, store with the transaction, send."""
        request: Any = passage.message
        status = reply.status
        transaction = passage.transaction
        if passage.final:
            self.counts["late"] += 1
            return
        stateless = reply.stateless and not (passage.identity and self._kept(passage))
        if transaction is None:
            if not stateless and not passage.merge and (refusal := self.transactions.merged(passage)) is not None:
                reply, status = refusal, refusal.status
                stateless = reply.stateless and not (passage.identity and self._kept(passage))
            transaction = passage.transaction  # an INVITE has one now, which repeats its answer until the ACK
        elif not transaction.open:
            self.counts["late"] += 1
            return
        if status == 408 and transaction is None and request.method != "INVITE":
            self.counts["transactions.timeout"] += 1  # RFC 4320 4.2: by then nobody listens any more
            passage.final = True
            self.transactions.merges.pop(passage.merge)
            return
        to_tag = self.transactions.tag(passage, reply) if status > 100 else ""
        flow = self.transactions.back(passage, anew=True)
        outgoing = None
        generation = self.generation
        if generation.intercept_out.steps or self.tap is not None:
            response = Response.to(request, status, reply.reason, reply.headers, reply.body, to_tag)
            outgoing = Passage(self, None, flow, self.clock.now())
            outgoing.message, outgoing.outgoing, outgoing.cause = response, True, passage
            # What decided this answer: the step that ended the walk, with the sentence of the answer itself (a servant's comes later).
            stage, name = passage.decided[:2] if passage.decided is not None else ("protocol", "stack")
            outgoing.decided = (stage, name, reply)
            refused = self._intercept_out(response, outgoing, generation)
            if isinstance(refused, Drop):
                self._not_sent(outgoing)
                if status >= 200:
                    self.transactions.forget(passage)  # nobody answers it any more
                return
            if isinstance(refused, Exception):
                response = Response.to(request, 500, to_tag=self.transactions.tag(passage, reply))
                outgoing.message = response
                status = 500
            data = response.encode()
        else:
            data = answer_octets(request, status, reply.reason, reply.headers, reply.body, to_tag)
        if transaction is not None and stateless and status >= 200 and transaction.silent:
            # It began only because a step had to wait: what is stateless is not repeated to whoever the source may name.
            self.transactions.forget(passage)
            self._write(data, flow)
        elif transaction is not None:
            transaction.respond(status, data, flow)
        else:
            if (not stateless and not flow.reliable) or request.method == "INVITE":
                self.transactions.answered(passage, status, data, stateless, flow)
            self._write(data, flow)
        if status >= 200:
            passage.final = True
        if outgoing is not None and self.tap is not None:
            self.tap.went(outgoing, data)

    @staticmethod
    def _kept(passage: Passage) -> bool:
        """Tell whether an answer meant to be stateless is kept for one who has proved himself: his nonce count is used, so that his
        retransmission would be taken for a replay and challenged. Its bytes, no more: an INVITE's would want a transaction.
        """
        return not passage.flow.reliable and passage.message.method != "INVITE"  # type: ignore[attr-defined]

    def relay(self, passage: Passage, response: Response) -> None:
        """Answer the request of `passage`, which has a transaction, with what another has answered to it (RFC 3261 16.7).

        Of final answers one goes back, but every 2xx to an INVITE, and each of its repetitions (RFC 6026 7.1).
        """
        transaction, status = passage.transaction, response.status
        request: Any = passage.message
        if transaction is None or not (transaction.open or (200 <= status < 300 and request.method == "INVITE")):
            self.counts["late"] += 1
            return
        flow = self.transactions.back(passage, anew=True)
        outgoing = Passage(self, None, flow, self.clock.now())
        outgoing.message, outgoing.outgoing, outgoing.cause = response, True, passage
        refused = self._intercept_out(response, outgoing, self.generation) if self.generation.intercept_out.steps else None
        if isinstance(refused, Drop):
            self._not_sent(outgoing)
            if status >= 200:
                self.transactions.forget(passage)
            return
        if isinstance(refused, Exception):
            self.respond(passage, Reply(500, because=f"an interceptor failed: {refused!r}"))
            return
        data = response.encode()
        transaction.respond(status, data, flow)
        passage.final = passage.final or status >= 200
        if self.tap is not None:
            self.tap.went(outgoing, data)

    def send(self, message: Message, passage: Passage, refused: Callable[[OSError], object] | None = None) -> bytes | None:
        """Send a message by `passage.flow`. Returns the bytes; None when an interceptor refused.

        Raises ConnectionError when the flow is closed, and what an interceptor raised; `refused` is told what the network says later.
        """
        data = self.prepare(message, passage)
        if data is not None:
            passage.flow.post(data, refused)
        return data

    def prepare(self, message: Message, passage: Passage) -> bytes | None:
        """Show a message to the interceptors and encode it: these very bytes are what a transaction stores and sends."""
        generation = self.generation
        passage.message = message
        passage.outgoing = True
        if generation.intercept_out.steps:
            refused = self._intercept_out(message, passage, generation)
            if isinstance(refused, Drop):
                self._not_sent(passage)
                return None
            if isinstance(refused, Exception):
                raise refused
        data = message.encode()
        if self.tap is not None:
            self.tap.went(passage, data)
        return data

    def _not_sent(self, passage: Passage) -> None:
        """Count, and show in the trace, a message that an interceptor refused to send."""
        self.counts["dropped.out"] += 1
        if self.tap is not None:
            self.tap.stopped(passage, passage.message.encode())

    def resend(self, data: bytes, flow: Flow) -> None:
        """Send stored bytes again: retransmissions meet no hook."""
        self.counts["retransmitted"] += 1
        self._write(data, flow)
        if self.tap is not None:
            self.tap.again(data, flow)

    def _write(self, data: bytes, flow: Flow) -> None:
        try:
            flow.post(data)
        except (ConnectionError, OSError) as error:
            self.refused(data, flow, error)

    def refused(self, data: bytes, flow: Flow, error: OSError) -> None:
        """Count and tell what the network did not take. In the place of an answer that is too large for a datagram a short one goes."""
        short = shortened(data) if error.errno == errno.EMSGSIZE else None
        if short is None:
            self.unsent(flow.id, error)
            return
        self.counts["answers.too_large"] += 1
        self.tell("answer.too_large", flow=flow.id, octets=len(data))
        try:
            flow.send(short)
        except OSError as again:
            self.unsent(flow.id, again)
            return
        if self.tap is not None:
            self.tap.again(short, flow)

    def unsent(self, flow: str, error: OSError) -> None:
        """Count and tell an answer that the network did not take."""
        self.counts["unsent"] += 1
        self.tell("send.failed", flow=flow, error=str(error))

    def _intercept_out(self, message: Message, passage: Passage, generation: Generation) -> Drop | Exception | None:
        chain = generation.intercept_out
        if self.tap is not None and passage.spans is None:
            passage.spans = []
        for i, step in enumerate(chain.steps):
            try:
                verdict = step(message, passage)
            except Exception as error:
                self.counts["failed." + chain.names[i]] += 1
                self.tell("step.failed", plugin=chain.names[i], stage="intercept", error=repr(error), exception=error, passage=passage)
                if message.is_request and self.tap is not None:  # in an answer's place goes a 500
                    passage.decided = (chain.stage, chain.names[i], error)
                    self.tap.stopped(passage, message.encode())
                return error
            if type(verdict) is Drop:
                passage.decided = (chain.stage, chain.names[i], verdict)
                return verdict
        return None

    # -- asking others -----------------------------------------------------------------------------------------------

    def request(
        self,
        message: Request | Callable[[Flow], Request],
        target: Any,
        on_event: Callable[[Outcome], None],
        cause: Passage | None = None,
        endpoint: Endpoint | None = None,
        dialog: Dialog | None = None,
    ) -> Asking:
        """Send a request of our own and report what becomes of it; see `pipeline.client.Clients.request`."""
        return self.clients.request(message, target, on_event, cause, endpoint, dialog)

    def connect(self, target: Target) -> Flow | Pending | None:
        """Return the flow that reaches `target`, or a Pending of it; None when no listed transport serves it."""
        for step in self.generation.connect.steps:
            found: Flow | Pending | None = step(target)
            if found is not None:
                return found
        return None

    def credentials(self, realm: str, passage: Passage) -> tuple[str, dict[str, str]] | None:
        """Return (username, {algorithm: hash, or "": password}) for a realm that challenges us; None when nobody has any."""
        return self.generation.hooks["integration"].credentials(realm=realm, passage=passage)  # type: ignore[no-any-return]

    # -- who we are --------------------------------------------------------------------------------------------------

    def listening(self, plugin: Any, transport: str, local: tuple[str, int], advertised: tuple[str, int] | None = None) -> None:
        """Note a bound listener: its address is an alias of the first domain."""
        self.listeners.append((self.name_of(plugin), transport, local))
        self.domains.bound(local[0])
        if advertised is not None:
            self.domains.bound(advertised[0])

    def domain_of(self, host: str, flow: Flow | None = None) -> Any:
        """Return the Domain that `host` (as in a URI) stands for; None when we do not serve it."""
        return self.domains.of(host, flow.local[0] if flow is not None else "")

    def aor_of(self, uri: Any, flow: Flow | None = None) -> str | None:
        """Return the address of record "user@domain" that a sip or sips URI means, a GRUU too; None when its domain is not ours."""
        if "gr" in uri.params:
            found = called(self, uri, flow)
            return None if found is None else found.aor
        return self.domains.aor(uri, flow.local[0] if flow is not None else "")

    @property
    def authenticates(self) -> bool:
        """Whether any listed interceptor asks for credentials. Where none does all are strangers, and limits for them mean nothing."""
        return any(getattr(listing.plugin, "authenticates", False) for listing in self.plan.stages["intercept"])

    def is_self(self, uri: Any, flow: Flow | None = None) -> bool:
        """Tell whether a URI means this server itself: our host, no user."""
        return not uri.user and self.domains.of(uri.host, flow.local[0] if flow is not None else "") is not None

    def token(self, size: int = 8) -> str:
        """Return `size` random bytes in hex, fit for tags and branches (RFC 3261 19.3)."""
        return self.identifiers.token(size)
