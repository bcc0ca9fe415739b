"""The messaging core of a server: `engine.core.messages`. Takes messages, finds who delivers them, says what became of them.

    engine.core.messages.post("bob", b"Dinner is ready", author="kitchen")     -> a Pending of the Receipt

Rule: the hooks `route_message` (a plugin is the recipient) and `message_request` (which devices has he) are asked through the engine's
generation of the moment. A message has one receipt. What nobody takes in `Policy.patience` seconds is kept, and its sender told so.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import attrs

from pipeline.clock import Fifo
from pipeline.core.delivery import Delivery, Lines
from pipeline.core.keeping import Keeping
from pipeline.core.rates import Rate
from pipeline.core.text import ABSENT, UNKNOWN, Fate, Receipt, Text, Undeliverable
from pipeline.pending import Pending

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pipeline.core.core import Core
    from pipeline.core.text import Place, Reached
    from pipeline.dal import Message

    Told = Callable[[Receipt], None]

WRITING = 2.0
"""Seconds that messages under way have to be written when the server stops."""
OTHERS = 120.0
"""Seconds that a message which some devices have is kept over a restart for those that were about to get it."""
UNDER_WAY = 64_000_000
"""Octets that are under way at once, header fields too: some 500 of the longest, and what a small server can spare."""
EACH = 1000
"""Octets that a message under way costs besides: objects, transactions."""
FAILED = Receipt(Fate.FAILED, "a fault here", seconds=5)


@attrs.frozen(slots=True)
class Policy:
    """How messages are treated; the options of the plugin `messages` say what each means."""

    patience: float = 10.0
    keep_seconds: float = 7 * 86400.0
    keep_count: int = 100
    keep_octets: int = 200_000
    keep_by_sender: int = 200
    late_seconds: float = 0.0
    sender_rate: float = 0.0
    sender_burst: int = 1
    stranger_rate: float = 0.0
    recipient_rate: float = 0.0
    recipient_burst: int = 1
    guarded: bool = True
    """Whether anybody is asked who he is; where nobody is all are strangers, who then may write to phones as they like, not to plugins."""


class Messages:
    """The messages of one engine."""

    def __init__(self, core: Core) -> None:
        self.core = core
        self.engine = core.engine
        self.tell = core.engine.tell
        self.policy = Policy()
        self.lines = Lines(core.engine.loop.call_soon, self._failure)
        self.keeping = Keeping(self)
        self.open: dict[int, Delivery] = {}
        """Deliveries under way, by number."""
        self.octets = 0
        """Octets that they take."""
        self._numbers = 0
        self._patience: Fifo[int] = Fifo(core.clock, self.policy.patience, self._late)
        self._senders = Rate(0, 1)
        self._strangers = Rate(0, 1)
        self._recipients = Rate(0, 1)

    def configure(self, policy: Policy) -> None:
        """Go on with another policy; what is under way keeps its time."""
        before, self.policy = self.policy, policy
        if policy.patience != before.patience:
            self._patience = Fifo(self.core.clock, policy.patience, self._late)
        if (policy.sender_rate, policy.sender_burst) != (before.sender_rate, before.sender_burst):
            self._senders = Rate(policy.sender_rate, policy.sender_burst)
        if (policy.stranger_rate, policy.sender_burst) != (before.stranger_rate, before.sender_burst):
            self._strangers = Rate(policy.stranger_rate, policy.sender_burst)
        if (policy.recipient_rate, policy.recipient_burst) != (before.recipient_rate, before.recipient_burst):
            self._recipients = Rate(policy.recipient_rate, policy.recipient_burst)

    # -- sending -----------------------------------------------------------------------------------------------------

    def post(
        self,
        recipient: str,
        body: bytes | str,
        *,
        author: str = "",
        kind: str = "text/plain",
        expires_in: float = 0.0,
        plugins: bool = True,
    ) -> Pending:
        """Send a message of the server's own; the Pending has the Receipt. `author` as the recipient is to be shown him.

        `plugins`: whether it may be for one of them (`route_message`); not so what a plugin answers, or two would talk for ever.
        """
        if isinstance(body, str):
            body = body.encode()
        now = self.core.clock.time()
        text = Text(
            recipient,
            body,
            kind=kind,
            origin=author,
            created_at=now,
            expires_at=now + expires_in if expires_in else 0.0,
            ident=self.engine.token(12),
        )
        result = Pending()
        self.send(text, result.resolve, plugins=plugins)
        return result

    def send(self, text: Text, told: Told, *, plugins: bool = True) -> Pending | None:
        """Send a message; `told` hears once what became of it. Returns what is done when it is under way; None: it is already."""
        try:
            rate = self._strangers if text.stranger else self._senders
            steps = self.engine.generation.route_message.steps if plugins else ()
            counted = bool(text.sender) and (not text.stranger or self.policy.guarded or bool(steps))
            if counted and (wait := rate.take(text.sender, self.core.clock.now())):
                whose = "stranger_rate: where its sender writes from" if text.stranger else "sender_rate: its sender"
                told(Receipt(Fate.LIMITED, f"{whose} sends too many", seconds=int(wait) + 1))
                return None
            if steps:
                # What a plugin takes it has done when it says so. Its recipients need not be known: they are not told apart by case.
                name, now = text.recipient.lower(), self.core.clock.now()
                if wait := self._recipients.take(name, now):
                    told(_too_many(wait))
                    return None
                for step in steps:
                    if (found := step(text)) is not None:
                        return self._routed(text, told, found)
                self._recipients.give_back(name)  # `_begin` counts it for who it is found to be for
                if counted and text.stranger and not self.policy.guarded:
                    rate.give_back(text.sender)
            found = self.find(text)
        except Exception as error:
            told(self._failure(error))
            return None
        if isinstance(found, Pending):
            found.then(lambda pending: self._found(text, told, pending))
            return found
        self._begin(text, told, found)
        return None

    def find(self, text: Text) -> Reached | Pending | None:
        """Ask who is called so; None: nobody. Raises, or fails with, Undeliverable."""
        for step in self.engine.generation.message_request.steps:
            found: Reached | Pending | None = step(text)
            if found is not None:
                return found
        return None

    def _routed(self, text: Text, told: Told, found: Any) -> Pending | None:
        """A plugin is the recipient."""

        def over(receipt: Receipt) -> None:
            self.tell(f"message.{receipt.fate.value.replace(' ', '_')}", recipient=text.recipient, author=text.origin, device="")
            told(receipt)

        if not isinstance(found, Pending):
            over(found)
            return None

        def done(pending: Pending) -> None:
            try:
                receipt = pending.value()
            except Exception as error:
                receipt = self._failure(error)
            over(receipt)

        found.then(done)
        return None  # a slow one does not hold up what its sender writes to others

    def _found(self, text: Text, told: Told, pending: Pending) -> None:
        try:
            found = pending.value()
        except Exception as error:
            told(self._failure(error))
        else:
            self._begin(text, told, found)

    def _failure(self, error: BaseException) -> Receipt:
        if isinstance(error, Undeliverable):
            return error.receipt
        self.core.failed("messages", error)
        return FAILED

    def _begin(self, text: Text, told: Told, reached: Reached | None) -> None:
        if reached is None:
            told(UNKNOWN)
            return
        name, places = reached
        if name:
            if wait := self._recipients.take(name, self.core.clock.now()):
                told(_too_many(wait))
                return
            if self.keeping.queues:
                free = self.keeping.free(name, text.narrow, places)
                if free is None:
                    self.keeping.keep(text, name, told, bring=True)
                    return
                places = free
        if not places:
            self.keeping.keep(text, name, told)
            return
        if self.octets > UNDER_WAY:
            told(Receipt(Fate.LIMITED, "too much is under way", seconds=10))
            return
        delivery = Delivery(text, name, told, self._won, self._ended)
        self._patience.add(self._number(delivery))
        self.lines.begin(delivery, places)

    def _number(self, delivery: Delivery) -> int:
        self._numbers = number = delivery.number = self._numbers + 1
        self.open[number] = delivery
        delivery.octets = len(delivery.text.body) + len(delivery.text.details) + EACH
        self.octets += delivery.octets
        return number

    def copy(self, text: Text, leave_out: Callable[[Place], bool]) -> None:
        """Give a message to its own author's devices, but for those that `leave_out` names: nobody waits for it, and nothing is kept."""

        def placed(pending: Pending) -> None:
            try:
                reached = pending.value()
            except Exception as error:
                self._failure(error)
                return
            places = [] if reached is None else [place for place in reached.places if not leave_out(place)]
            if places:
                delivery = Delivery(text, "", None, self._won, self._ended)
                self._number(delivery)
                self.lines.begin(delivery, places)

        try:
            found = self.find(text)
        except Exception as error:
            found = Pending.failed(error)
        (found if isinstance(found, Pending) else Pending.of(found)).then(placed)

    def attempt(self, text: Text, name: str, places: Sequence[Place], told: Told, stored: Message) -> Delivery:
        """Deliver what is kept, once and without patience: `told` hears the first device that takes it, or the best refusal of all."""
        delivery = Delivery(text, name, told, self._won, self._ended)
        delivery.stored, delivery.again = stored, True
        self._number(delivery)
        self.keeping.flying[stored.id] = delivery
        self.lines.begin(delivery, places)
        return delivery

    # -- what becomes of it ------------------------------------------------------------------------------------------

    def _won(self, delivery: Delivery, receipt: Receipt) -> None:
        """Hear of the first device that has it: its sender too, unless he was told that it is kept, which is undone."""
        self.tell(
            "message.delivered", recipient=delivery.name or delivery.text.recipient, author=delivery.text.origin, device=delivery.devices[0]
        )
        if delivery.stored is not None:
            self.keeping.won(delivery)
        delivery.tell(receipt)

    def _ended(self, delivery: Delivery) -> None:
        """Hear that all devices have answered, or will not any more."""
        del self.open[delivery.number]
        self.octets -= delivery.octets
        refusals = delivery.refusals
        best = ABSENT if refusals is None or refusals.best is None else refusals.best
        if delivery.stored is not None:
            self.keeping.landed(delivery)
        elif delivery.devices:
            if self.policy.late_seconds:
                self.keeping.keep_copy(delivery, self.policy.late_seconds)
        elif delivery.told is not None and best.fate is Fate.ABSENT:
            told, delivery.told = delivery.told, None
            self.keeping.keep(delivery.text, delivery.name, lambda receipt: told(best if receipt is ABSENT else receipt))
        elif delivery.told is not None:
            self.tell("message.refused", id="", recipient=delivery.name, author=delivery.text.origin, receipt=best)
        if delivery.told is not None and (delivery.stored is None or delivery.again):  # else he hears when it is written
            delivery.tell(best)
        if delivery.text.narrow and not delivery.devices and best.fate is Fate.ABSENT:
            self.keeping.hold(delivery)
        over, delivery.over = delivery.over, None
        if over is not None:
            over.resolve(delivery)

    def _late(self, number: int) -> None:
        """Nobody has taken it for as long as its sender can be kept waiting: it is kept, and the devices may still answer."""
        delivery = self.open.get(number)
        if delivery is None or delivery.told is None:
            return
        self.keeping.keep(delivery.text, delivery.name, delivery.tell, delivery)

    # -- the end -----------------------------------------------------------------------------------------------------

    def __len__(self) -> int:
        return len(self.open)

    async def stop(self) -> None:
        """Keep what is under way, and tell those who wait that it is kept: it goes on after the next start, to devices that have it not."""
        for number, delivery in tuple(self.open.items()):
            if delivery.devices and delivery.stored is not None:
                self.keeping.landed(delivery)
            elif delivery.devices:
                self.keeping.keep_copy(delivery, OTHERS)
            elif not delivery.again:
                self._late(number)
        until = self.core.clock.now() + WRITING
        while self.keeping.writes and self.core.clock.now() < until:  # noqa: ASYNC110  once, at the end of a server
            await asyncio.sleep(0.01)
        self.keeping.stop()


def _too_many(wait: float) -> Receipt:
    return Receipt(Fate.LIMITED, "recipient_rate: too many messages come for this recipient", seconds=int(wait) + 1)
