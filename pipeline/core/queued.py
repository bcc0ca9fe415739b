"""What waits for one recipient: in numbers, and what of it stands in whose way.

Rule: values, no store and no sending. A message may be for all of a recipient, or be narrowed to some of his devices (one phone, a secured
way). It stands in the way of what goes to the same devices, and of nothing else: one that can never be delivered silences nobody.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.core.text import Place
    from pipeline.dal.messages import Message

TRIES = 3
"""Times that a message may fail before it is found out whether it or the device is at fault: ours, as the RFCs know no store."""


class Queue:
    """What is kept for one recipient."""

    __slots__ = ("again", "ahead", "busy", "copies", "due", "held", "narrowed", "octets", "passed", "tries", "waiting", "writing")

    def __init__(self) -> None:
        self.waiting = 0
        """Messages that nobody has yet."""
        self.copies = 0
        """Messages that some device has, kept for others."""
        self.octets = 0
        self.narrowed = (0, 0)
        """Messages for some of his devices only, and their octets."""
        self.ahead: dict[str, int] = {}
        """What is meant -> messages that new ones for it have to be behind; the empty one: all of him."""
        self.held: set[str] = set()
        """Devices that have not got what waits for them: nothing new goes there before it."""
        self.tries: dict[str, int] = {}
        """Messages that failed -> how often."""
        self.passed: set[str] = set()
        """Messages that their devices do not take while they take others: these go first, and need not wait."""
        self.busy = False
        """Whether they are being brought to him now."""
        self.again = False
        """Whether something has happened meanwhile that is worth another look."""
        self.writing = 0
        """Messages that the store has not written yet."""
        self.due = False
        """Whether he was reached while the store was writing: a look then may have missed something."""

    def count(self, stored: Message, by: int) -> None:
        """Count one message more (1), or less (-1)."""
        self.octets += by * stored.size
        if stored.narrow:
            count, octets = self.narrowed
            self.narrowed = count + by, octets + by * stored.size
        if stored.copy:
            self.copies += by
        else:
            self.waiting += by
            if stored.id not in self.passed:
                self._ahead(stored.narrow, by)
        if by < 0:
            self.passed.discard(stored.id)
            self.tries.pop(stored.id, None)

    def _ahead(self, narrow: str, by: int) -> None:
        left = self.ahead.get(narrow, 0) + by
        if left > 0:
            self.ahead[narrow] = left
        else:
            self.ahead.pop(narrow, None)

    def let_pass(self, stored: Message) -> None:
        """Let others go before a message."""
        if stored.id not in self.passed:
            self.passed.add(stored.id)
            if not stored.copy:  # which nobody new had to be behind
                self._ahead(stored.narrow, -1)

    def free(self, narrow: str, places: Sequence[Place]) -> Sequence[Place] | None:
        """Return where a new message overtakes none that waits; None: nowhere."""
        if self.busy or (self.ahead and ("" in self.ahead or (narrow and narrow in self.ahead))):
            return None
        if not self.held or not places:
            return places
        return [place for place in places if place.device not in self.held] or None

    def tour(self) -> Tour:
        """Begin to bring them."""
        return Tour(self)


class Tour:
    """Once through a queue: which devices are away, and which message it may be that a device does not take."""

    __slots__ = ("_doubtful", "_queue", "closed")

    def __init__(self, queue: Queue) -> None:
        self._queue = queue
        self.closed: set[str] = set()
        """Devices that have not got what was theirs: nothing goes there after it."""
        self._doubtful: dict[str, Message] = {}
        """Devices -> what they have not taken several times; the next message shows whether they take that."""

    def open(self, places: Sequence[Place]) -> list[Place]:
        """Return those of these places where something may go."""
        return [place for place in places if place.device not in self.closed]

    def took(self, places: Sequence[Place], devices: Sequence[str] | None) -> None:
        """Hear that of these places some have a message (None: all refused it): what those had not taken before is at fault itself."""
        for place in places:
            if (other := self._doubtful.pop(place.device, None)) is not None:
                if devices is None or place.device in devices:
                    self._queue.let_pass(other)
                else:  # it may answer yet: the next time shows
                    self.closed.add(place.device)

    def failed(self, stored: Message, places: Sequence[Place]) -> None:
        """Hear that a message was neither taken nor refused at these places."""
        queue = self._queue
        tries = queue.tries[stored.id] = queue.tries.get(stored.id, 0) + 1
        for place in places:
            if tries < TRIES or place.device in self._doubtful:
                self.closed.add(place.device)
            else:
                self._doubtful[place.device] = stored
