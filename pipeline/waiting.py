"""Passages that wait: for a database, a name server, whatever a step gave a `Wait` for.

Rules: the walk goes on behind the step that waited, in the chain it began in. A deadline ends every wait with 503. Passages of one
Call-ID stay in order. Waits are bounded, in all and for each source, so that a stalled database cannot fill the memory.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from pipeline.clock import Fifo
from pipeline.passage import Reply
from pipeline.pending import Pending

if TYPE_CHECKING:
    from pipeline.chain import Chain
    from pipeline.config.plan import Plan
    from pipeline.engine import Pipeline
    from pipeline.generation import Generation
    from pipeline.passage import Passage, Wait


class Waiter:
    """One passage that waits, and the place where it goes on."""

    __slots__ = ("at", "call_id", "chain", "generation", "open", "passage", "source", "wait")

    def __init__(self, passage: Passage, wait: Wait, chain: Chain, at: int, generation: Generation) -> None:
        self.passage = passage
        self.wait = wait
        self.chain = chain
        self.at = at
        self.generation = generation
        self.open = True
        self.call_id = passage.message.call_id if passage.message is not None else ""  # type: ignore[redundant-expr]  # not parsed yet
        self.source = passage.flow.peer[0]


class Waiting:
    """All passages that wait."""

    def __init__(self, engine: Pipeline) -> None:
        self._engine = engine
        self._by_source: dict[str, int] = {}
        self.orders: dict[str, deque[tuple[Passage, Generation]]] = {}
        """Call-ID of a passage that waits -> the passages of that call that came behind it."""
        self._deadlines: Fifo[Waiter] = Fifo(engine.clock, engine.plan.options.wait_seconds, self._late)
        self._former: list[Fifo[Waiter]] = []
        """Deadlines of former plans that have not all come yet."""
        self._count = 0
        self._queued = 0
        """Passages in all of `orders`."""

    def __len__(self) -> int:
        return self._count

    def configure(self) -> None:
        """Take the deadline of a plan that has just been taken; what waits already keeps its own."""
        options = self._engine.plan.options
        if options.wait_seconds != self._deadlines.seconds:
            self._former.append(self._deadlines)
            self._former = [queue for queue in self._former if len(queue)]
            self._deadlines = Fifo(self._engine.clock, options.wait_seconds, self._late)

    def walks(self, plan: Plan) -> bool:
        """Tell whether any passage waits in the chains of a former plan."""
        if not self._count:
            return False
        waiters = (waiter for queue in (self._deadlines, *self._former) for waiter in queue)
        return any(waiter.open and waiter.generation.plan is plan for waiter in waiters) or any(
            generation.plan is plan for queue in self.orders.values() for _, generation in queue
        )

    def begin(self, passage: Passage, wait: Wait, chain: Chain, at: int, generation: Generation) -> None:
        """Let a passage wait; refuse it with 503 beyond the limits."""
        engine = self._engine
        message: Any = passage.message
        is_request = message is not None and message.is_request
        if wait.pending.done:
            self._go_on(Waiter(passage, wait, chain, at, generation), wait.pending)
            return
        source = passage.flow.peer[0]
        mine = self._by_source.get(source, 0)
        options = engine.plan.options
        if self._count >= options.waiting or mine >= options.waiting_per_source:
            engine.counts["refused.waiting"] += 1
            if is_request and message.method not in ("ACK", "CANCEL"):
                engine.respond(
                    passage, Reply(503, headers=(("Retry-After", "5"),), because="waiting: too many passages wait already", stateless=True)
                )
            return
        if is_request and message.method not in ("ACK", "CANCEL") and passage.transaction is None:
            refusal = engine.transactions.begin(passage)
            if refusal is not None:
                engine.respond(passage, refusal)
                return
        waiter = Waiter(passage, wait, chain, at, generation)
        self._count += 1
        self._by_source[source] = mine + 1
        if waiter.call_id:
            self.orders.setdefault(waiter.call_id, deque())
        self._deadlines.add(waiter)
        wait.pending.then(lambda pending: self._done(waiter, pending))

    def behind(self, passage: Passage, generation: Generation) -> bool:
        """Queue a passage behind one of the same Call-ID that waits. A CANCEL or a response does not wait: it may end the wait.

        An INVITE begins its transaction here, so that its caller hears 100, its retransmissions end there and a CANCEL finds it.
        """
        message: Any = passage.message
        queue = self.orders.get(message.call_id)
        if queue is None or not message.is_request or message.method == "CANCEL":
            return False
        options = self._engine.plan.options
        if len(queue) >= options.waiting_per_source or self._queued >= options.waiting:
            self._engine.counts["refused.waiting"] += 1
            return True
        if message.method == "INVITE":
            refusal = self._engine.transactions.begin(passage)
            if refusal is not None:
                self._engine.respond(passage, refusal)
                return True
        queue.append((passage, generation))
        self._queued += 1
        return True

    def _late(self, waiter: Waiter) -> None:
        if waiter.open:
            pending = Pending()
            pending.fail(TimeoutError("no answer within the limit (wait_seconds)"))
            self._done(waiter, pending)

    def _done(self, waiter: Waiter, pending: Pending) -> None:
        if not waiter.open:
            return
        waiter.open = False
        self._count -= 1
        left = self._by_source[waiter.source] - 1
        if left:
            self._by_source[waiter.source] = left
        else:
            del self._by_source[waiter.source]
        queue = self.orders.pop(waiter.call_id, None)
        transaction = waiter.passage.transaction
        if transaction is None or transaction.open:
            self._go_on(waiter, pending)
        if queue is None:
            return
        again = self.orders.get(waiter.call_id)
        if again is not None:  # it waits once more, and the others behind it
            again.extend(queue)
            return
        while queue:
            passage, generation = queue.popleft()
            self._queued -= 1
            request: Any = passage.message
            if passage.transaction is not None:
                if not passage.transaction.open:  # cancelled meanwhile
                    continue
            # Its own retransmission may have stood before it in the queue, and have been served.
            elif self._engine.transactions.match(request, passage) is not None:
                continue
            self._engine.walk(passage, generation.intercept, 0, generation)
            again = self.orders.get(waiter.call_id)
            if again is not None:  # that one waits now: the rest stays behind it
                again.extend(queue)
                return

    def _go_on(self, waiter: Waiter, pending: Pending) -> None:
        engine, passage, wait = self._engine, waiter.passage, waiter.wait
        chain, at, generation = waiter.chain, waiter.at, waiter.generation
        try:
            value = pending.value()
        except Exception as error:
            if wait.otherwise is None:
                engine.counts["unavailable"] += 1
                verdict: Any = Reply(503, headers=(("Retry-After", "5"),), because=f"{wait.because or 'waiting'}: {error}")
            else:
                verdict = self._try(waiter, wait.otherwise, error)
        else:
            verdict = self._try(waiter, wait.then, value)
        if verdict is None:
            engine.walk(passage, chain, at + 1, generation)
        elif not isinstance(verdict, Waiter):
            engine._decide(passage, verdict, chain, at, generation)

    def _try(self, waiter: Waiter, fn: Any, value: Any) -> Any:
        try:
            return fn(value)
        except Exception as error:
            self._engine._step_failed(waiter.passage, error, waiter.chain, waiter.at, waiter.generation)
            return waiter
