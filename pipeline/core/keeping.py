"""Messages that wait: kept in the stores until their recipient is reached, then delivered in their order, each once.

Rule: what a sender was told is taken has been written. While anything waits for a recipient, or is being brought to him, new messages for
him queue up behind it, where they would go to the same devices; what cannot be delivered stops nothing that goes elsewhere. What is kept
has a quota and an end; a store that fails refuses, and loses nothing that it had.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from pipeline.core.queued import Queue
from pipeline.core.text import ABSENT, KEPT, Fate, Receipt, Text, Undeliverable
from pipeline.dal.messages import Message
from pipeline.pending import Pending, finished, walk

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from pipeline.core.delivery import Delivery
    from pipeline.core.messages import Messages
    from pipeline.core.text import Place

OVERHEAD = 200
"""Octets that a kept message counts besides its body and details: names, times, indexes."""
SWEEP = 60.0
"""Seconds between two looks for what has expired; whatever is brought to a recipient is looked at then, too."""
UNWRITTEN = Receipt(Fate.FAILED, "the store cannot be written", seconds=30)


class Keeping:
    """The messages that wait for their recipients."""

    def __init__(self, room: Messages) -> None:
        self.room = room
        self.engine = room.engine
        self.queues: dict[str, Queue] = {}
        self.senders: dict[str, int] = {}
        """Whose messages are kept -> how many."""
        self.flying: dict[str, Delivery] = {}
        """Kept messages that are being delivered, by their names."""
        self.gone: set[str] = set()
        """Names of messages that are done with while the store still has them."""
        self.fresh: dict[str, Message] = {}
        """Messages that the store has in an older state yet: who has them."""
        self.writes = 0
        """Writes under way."""
        self.when_waiting: Callable[[bool], None] | None = None
        """Told when the first message is kept, and when none is any more."""
        self._sweeping: Any = None
        self._opened = self._stopped = False

    def __len__(self) -> int:
        return sum(queue.waiting + queue.copies for queue in self.queues.values())

    @property
    def on(self) -> bool:
        """Whether messages are kept at all."""
        dal = self.engine.dal
        return dal is not None and dal.stores("message") and self.room.policy.keep_seconds > 0  # type: ignore[redundant-expr]

    async def open(self) -> None:
        """Count what the stores have kept over a restart."""
        if self._opened or not self.engine.dal.stores("message"):
            return
        self._opened = True
        for stored in await finished(self.engine.dal.find("message")):
            self._count(stored, 1)

    def free(self, name: str, narrow: str, places: Sequence[Place]) -> Sequence[Place] | None:
        """Return where a new message for this recipient overtakes none that waits; None: nowhere, it has to wait behind them."""
        queue = self.queues.get(name)
        return places if queue is None else queue.free(narrow, places)

    def hold(self, delivery: Delivery) -> None:
        """Let nothing overtake, at the devices that have not answered, what is kept now of one that went to these alone."""
        queue = self.queues.get(delivery.name)
        if queue is not None:
            queue.held.update(place.device for place in delivery.places)

    # -- keeping -----------------------------------------------------------------------------------------------------

    def keep(
        self, text: Text, name: str, told: Callable[[Receipt], None], delivery: Delivery | None = None, *, bring: bool = False
    ) -> None:
        """Keep a message for a recipient; `told` hears KEPT when it is written, else why it is not. `bring`: then try to deliver it."""
        policy, now = self.room.policy, self.engine.clock.time()
        ends = now + policy.keep_seconds
        if text.expires_at:
            ends = min(ends, text.expires_at)
        if not name or ends <= now or not self.on:
            self._lost(text, name, ABSENT, told)
            return
        stored = self._stored(text, name, ends)
        if (full := self._full(stored)) is not None:
            self._lost(text, name, full, told)
            return
        if delivery is not None:
            delivery.stored = stored
            self.flying[stored.id] = delivery

        def written(error: BaseException | None) -> None:
            if error is None:
                self.engine.tell("message.kept", id=stored.id, recipient=name, author=text.origin)
                told(KEPT)
                return
            self.flying.pop(stored.id, None)
            if delivery is not None:
                delivery.stored = None
            self._lost(text, name, UNWRITTEN, told)

        self._put(stored, written, bring=bring)

    def _lost(self, text: Text, name: str, receipt: Receipt, told: Callable[[Receipt], None]) -> None:
        self.engine.tell("message.lost", recipient=name or text.recipient, author=text.origin, receipt=receipt)
        told(receipt)

    def keep_copy(self, delivery: Delivery, seconds: float) -> None:
        """Keep what some devices have for those that have it not yet."""
        text = delivery.text
        now = self.engine.clock.time()
        ends = now + seconds
        if text.expires_at:
            ends = min(ends, text.expires_at)
        if ends <= now or not self.on or not delivery.name:
            return
        stored = attrs.evolve(self._stored(text, delivery.name, ends), devices=delivery.devices, copy=True)
        if self._full(stored) is None:
            self._put(stored, _nothing, bring=True)  # a device that has come meanwhile heard of nothing

    def _put(self, stored: Message, then: Callable[[BaseException | None], None], *, bring: bool) -> None:
        """Write a new message, and count it; look for its recipient then, if he was reached meanwhile, or `bring` says so."""
        name = stored.recipient
        queue = self._count(stored, 1)
        queue.writing += 1

        def written(error: BaseException | None) -> None:
            queue.writing -= 1
            then(error)
            if error is not None:
                self._count(stored, -1)
            elif bring or queue.due or queue.busy:
                queue.due = False
                self.reachable(name)

        self._write(name, (stored,), (), written)

    def _stored(self, text: Text, name: str, ends: float) -> Message:
        return Message(
            id=text.ident or self.engine.token(12),
            recipient=name,
            narrow=text.narrow,
            sender=text.sender,
            author=text.origin,
            media_type=text.kind,
            body=text.body.decode("utf-8", "surrogateescape"),
            technology=text.technology,
            details=text.details,
            created_at=text.created_at or self.engine.clock.time(),
            expires_at=ends,
            size=len(text.body) + len(text.details) + OVERHEAD,
        )

    def _full(self, stored: Message) -> Receipt | None:
        policy, queue = self.room.policy, self.queues.get(stored.recipient)
        if queue is not None and queue.waiting + queue.copies >= policy.keep_count:
            return Receipt(Fate.LIMITED, "as many messages as may be kept for this recipient wait for him", seconds=300)
        if (0 if queue is None else queue.octets) + stored.size > policy.keep_octets:
            return Receipt(Fate.LIMITED, "as much as may be kept for this recipient waits for him", seconds=300)
        if stored.narrow and queue is not None:  # what is for a phone that never comes must leave room for what is for all of them
            count, octets = queue.narrowed
            if count >= max(policy.keep_count // 2, 1) or octets + stored.size > policy.keep_octets // 2:
                return Receipt(Fate.LIMITED, "half of what may be kept for this recipient waits for some of his devices only", seconds=300)
        if stored.sender and not stored.copy and self.senders.get(stored.sender, 0) >= policy.keep_by_sender:
            return Receipt(Fate.LIMITED, "as many messages of this sender as may be kept wait", seconds=300)
        return None

    def _count(self, stored: Message, by: int) -> Queue:
        name = stored.recipient
        before = bool(self.queues)
        queue = self.queues.get(name)
        if queue is None:
            queue = self.queues[name] = Queue()
        queue.count(stored, by)
        if not stored.copy:
            count = self.senders.get(stored.sender, 0) + by
            if count > 0:
                self.senders[stored.sender] = count
            else:
                self.senders.pop(stored.sender, None)
        if queue.waiting + queue.copies <= 0 and not queue.busy:
            del self.queues[name]
        if bool(self.queues) is not before:
            self._changed()
        return queue

    def _changed(self) -> None:
        """Nothing is listened for, and no time looked at, while nothing is kept."""
        if self.when_waiting is not None:
            self.when_waiting(bool(self.queues))
        if self.queues and self._sweeping is None:
            self._sweeping = self.engine.clock.call_later(SWEEP, self._sweep)

    def _write(self, name: str, puts: tuple[Message, ...], deletes: tuple[str, ...], then: Callable[[BaseException | None], None]) -> None:
        self.writes += 1

        def written(pending: Pending) -> None:
            self.writes -= 1
            error: BaseException | None = None
            try:
                pending.value()
            except Exception as failure:
                error = failure
                self.engine.counts["messages.unwritten"] += 1
                self.engine.tell("message.unwritten", recipient=name, error=str(failure))
            then(error)

        try:
            done = self.engine.dal.change("message", name, puts, deletes)
        except Exception as failure:
            done = Pending.failed(failure)
        (done if isinstance(done, Pending) else Pending.of(done)).then(written)

    def forget(self, stored: Message) -> None:
        """Be done with a message."""
        if stored.id in self.gone:
            return
        self.flying.pop(stored.id, None)
        self._count(stored, -1)
        self.gone.add(stored.id)

        def written(error: BaseException | None) -> None:
            if error is None:  # else it is not delivered again before a restart
                self.gone.discard(stored.id)

        self._write(stored.recipient, (), (stored.id,), written)

    # -- delivering --------------------------------------------------------------------------------------------------

    def reachable(self, name: str) -> None:
        """Bring a recipient what is kept for him: he can be reached now, or something else has changed."""
        queue = self.queues.get(name)
        if queue is None:
            return
        if queue.writing:
            queue.due = True
        if queue.busy:
            queue.again = True
            return
        queue.busy = True
        walk(self._bring(name, queue))

    def _bring(self, name: str, queue: Queue) -> Generator[Any, Any, None]:
        try:
            queue.again = True
            while queue.again and not self._stopped:
                queue.again = False
                yield from self._round(name, queue)
        except Exception as error:
            if not self._stopped:  # else it was under way when the store was closed, which has the message
                self.room.core.failed("messages", error)
        finally:
            queue.busy = False
            if queue.waiting + queue.copies <= 0 and self.queues.get(name) is queue:
                del self.queues[name]
                if not self.queues:
                    self._changed()

    def _round(self, name: str, queue: Queue) -> Generator[Any, Any, None]:
        """Bring him each message in turn; nothing goes to a device after what it has not got."""
        dal = self.engine.dal
        found: tuple[Message, ...] = yield dal.owned("message", name)
        tour = queue.tour()
        for ident in sorted([stored.id for stored in found], key=queue.passed.__contains__):
            if self._stopped:
                return
            if (flight := self.flying.get(ident)) is not None:  # its sender waits no more, but the device may still answer
                if flight.over is None:
                    flight.over = Pending()
                yield flight.over
            stored: Message | None = yield dal.get("message", ident)
            stored = self.fresh.get(ident, stored)
            if stored is None or ident in self.gone:
                continue
            if stored.expires_at <= self.engine.clock.time():
                self._expired(stored)
                continue
            text = self._text(stored)
            try:
                reached = yield self.room.find(text)
            except Undeliverable as error:
                if error.receipt.fate is Fate.FAILED:  # the store: the next one would fare no better
                    raise
                continue
            except Exception as error:
                self.room.core.failed("messages", error)
                continue
            if not stored.narrow and (reached is None or not reached.places):
                break  # he is away with all his devices: what is for some of them need not be looked for
            places = [] if reached is None else [place for place in reached.places if place.device not in stored.devices]
            places = tour.open(places)
            if places:
                tried = Pending()  # has the receipt of the first device that takes it, or the best refusal
                delivery = self.room.attempt(text, name, places, tried.resolve, stored)
                receipt: Receipt = yield tried
                if receipt.fate in (Fate.ABSENT, Fate.LIMITED):
                    tour.failed(stored, places)
                else:
                    tour.took(places, delivery.devices if receipt.taken else None)
        queue.held = tour.closed

    def won(self, delivery: Delivery) -> None:
        """A kept message has reached its first device: none may get it again, unless it is kept for other devices."""
        if not self.room.policy.late_seconds and delivery.stored is not None:
            self.forget(delivery.stored)
            delivery.stored = None

    def landed(self, delivery: Delivery) -> None:
        """All devices have answered to a kept message, or will not any more."""
        stored, refusals = delivery.stored, delivery.refusals
        if stored is None:
            return
        self.flying.pop(stored.id, None)
        if not delivery.devices:
            best = refusals.best if refusals is not None else None
            if best is not None and best.fate in (Fate.REFUSED, Fate.TOO_LARGE):
                delivery.stored = None
                self.forget(stored)
                self.engine.tell("message.refused", id=stored.id, recipient=stored.recipient, author=stored.author, receipt=best)
            return
        ends = min(stored.expires_at, stored.created_at + self.room.policy.late_seconds)
        if ends <= self.engine.clock.time():
            delivery.stored = None
            self.forget(stored)
            return
        copy = attrs.evolve(stored, devices=(*stored.devices, *delivery.devices), copy=True, expires_at=ends)
        self._count(copy, 1)
        self._count(stored, -1)
        self.fresh[copy.id] = copy

        def written(_: BaseException | None) -> None:
            if self.fresh.get(copy.id) is copy:
                del self.fresh[copy.id]

        self._write(stored.recipient, (copy,), (), written)

    @staticmethod
    def _text(stored: Message) -> Text:
        return Text(
            stored.recipient,
            stored.body.encode("utf-8", "surrogateescape"),
            narrow=stored.narrow,
            kind=stored.media_type,
            sender=stored.sender,
            origin=stored.author,
            technology=stored.technology,
            details=stored.details,
            created_at=stored.created_at,
            expires_at=stored.expires_at,
            ident=stored.id,
            again=True,
        )

    # -- what has expired --------------------------------------------------------------------------------------------

    def _expired(self, stored: Message) -> None:
        self.forget(stored)
        if not stored.copy:
            self.engine.tell("message.expired", id=stored.id, recipient=stored.recipient, author=stored.author)

    def _sweep(self) -> None:
        self._sweeping = None
        if not self.queues or not self.on:
            return
        self._sweeping = self.engine.clock.call_later(SWEEP, self._sweep)
        walk(self._swept())

    def _swept(self) -> Generator[Any, Any, None]:
        try:
            found = yield self.engine.dal.find("message", expires_at=("<=", self.engine.clock.time()))
        except Exception as error:
            self.room.core.failed("messages", error)
            return
        for stored in found:
            if stored.id not in self.gone and stored.id not in self.flying:
                self._expired(stored)

    def stop(self) -> None:
        """Look at the time no more, and into the stores: what waits goes on after the next start."""
        self._stopped = True
        if self._sweeping is not None:
            self._sweeping.cancel()
            self._sweeping = None


def _nothing(error: BaseException | None) -> None:
    """Nobody waits for it; a failure has been counted and told."""
