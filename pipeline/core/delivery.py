"""A message on its way to all devices of one recipient: the first that takes it wins, the others get it too.

Rule: what one author writes to one device goes there one after the other, so that nothing overtakes; what is answered late still counts.
Hot: a message costs one Delivery, one entry in `lines`, and no timer of its own.
"""

from __future__ import annotations

from collections import deque
from functools import partial
from typing import TYPE_CHECKING

from pipeline.core.text import Fate, Receipt, Unanswered

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pipeline.core.text import Place, Text
    from pipeline.dal import Message
    from pipeline.pending import Pending

    Key = tuple[str, str]
    Waiting = tuple[Place, "Delivery"]

WAITING = 200
"""Messages of one author that may wait for one device: what a person writes in the 32 s that a dead one takes to be known as dead."""
FULL = Receipt(Fate.LIMITED, "too many messages wait for this device")


class Delivery:
    """One message, and what its recipient's devices say to it."""

    __slots__ = (
        "again",
        "devices",
        "ended",
        "left",
        "name",
        "number",
        "octets",
        "over",
        "places",
        "refusals",
        "stored",
        "text",
        "told",
        "won",
    )

    def __init__(
        self,
        text: Text,
        name: str,
        told: Callable[[Receipt], None] | None,
        won: Callable[[Delivery, Receipt], None],
        ended: Callable[[Delivery], None],
    ) -> None:
        self.text = text
        self.name = name
        """The recipient's canonical name."""
        self.told = told
        """Who waits for the receipt; None: he has it."""
        self.won = won
        """Called when the first device has taken it."""
        self.ended = ended
        """Called when all have answered, or will not any more."""
        self.stored: Message | None = None
        """What is kept of it; None: nothing, or no more."""
        self.over: Pending | None = None
        """Resolved at the end of all; made when somebody waits for that."""
        self.number = 0
        """By which it is found as long as it is under way."""
        self.octets = 0
        """What it counts while it is under way."""
        self.again = False
        """Whether it was kept before: its sender waits no more."""
        self.places: Sequence[Place] = ()
        """Where it goes."""
        self.left = 0
        self.devices: tuple[str, ...] = ()
        """The devices that have it."""
        self.refusals: Unanswered | None = None

    def tell(self, receipt: Receipt) -> None:
        """Give the sender his receipt; only the first counts."""
        told, self.told = self.told, None
        if told is not None:
            told(receipt)

    def heard(self, place: Place, receipt: Receipt) -> None:
        """Take what one device says."""
        self.left -= 1
        if receipt.taken:
            self.devices = (*self.devices, place.device)
            if len(self.devices) == 1:
                self.won(self, receipt)
        else:
            if self.refusals is None:
                self.refusals = Unanswered()
            self.refusals.hear(receipt)
        if not self.left:
            self.ended(self)


class Lines:
    """What goes to devices now, and what waits behind it: one line for each device and author."""

    __slots__ = ("_deep", "_failed", "_later", "_lines", "waiting")

    DEEPEST = 5
    """Deliveries that may fail at once one within the other before the loop has its turn."""

    def __init__(self, later: Callable[..., object], failed: Callable[[BaseException], Receipt]) -> None:
        self._lines: dict[Key, deque[Waiting] | None] = {}
        self._later = later
        self._failed = failed
        self._deep = 0
        self.waiting = 0

    def __len__(self) -> int:
        return len(self._lines)

    def begin(self, delivery: Delivery, places: Sequence[Place]) -> None:
        """Deliver a message at all these places."""
        delivery.places, delivery.left = places, len(places)
        author = delivery.text.origin
        lines = self._lines
        for place in places:
            key = (place.device, author)
            if key not in lines:
                lines[key] = None
                self._deliver(key, place, delivery)
                continue
            line = lines[key]
            if line is None:
                line = lines[key] = deque()
            if len(line) >= WAITING:
                delivery.heard(place, FULL)
            else:
                line.append((place, delivery))
                self.waiting += 1

    def _heard(self, key: Key, place: Place, delivery: Delivery, receipt: Receipt) -> None:
        line = self._lines[key]
        behind: tuple[Waiting, ...] = ()
        if not line:
            del self._lines[key]
        elif receipt.fate is Fate.ABSENT:  # the device is not there: nothing is sent to it after what it has not got
            behind = tuple(line)
            self.waiting -= len(behind)
            del self._lines[key]
        elif self._deep < self.DEEPEST:
            self._next(key)
        else:
            self._later(self._next, key)
        delivery.heard(place, receipt)
        for each, other in behind:
            other.heard(each, receipt)

    def _next(self, key: Key) -> None:
        line = self._lines[key]
        assert line
        place, delivery = line.popleft()
        self.waiting -= 1
        self._deep += 1
        try:
            self._deliver(key, place, delivery)
        finally:
            self._deep -= 1

    def _deliver(self, key: Key, place: Place, delivery: Delivery) -> None:
        try:
            place.deliver(delivery.text, partial(self._heard, key, place, delivery))
        except Exception as error:
            receipt = self._failed(error)
            if key in self._lines:  # else it has been told
                self._heard(key, place, delivery, receipt)
