"""A message as the core knows it, and what became of it: values that every technology reads alike.

Rule: what only a technology understands travels in `details` and is looked at by nobody else. A Receipt is given once, to whoever sent.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import attrs

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class Fate(Enum):
    """What became of a message."""

    DELIVERED = "delivered"
    """A device has it."""
    ACCEPTED = "accepted"
    """It was taken over: kept for later, or handed to something that does not say when it is read."""
    REFUSED = "refused"
    """Who should have it does not want it."""
    UNKNOWN = "unknown"
    """Nobody is called so."""
    ABSENT = "absent"
    """Nobody could be reached, and it is not kept."""
    TOO_LARGE = "too large"
    """No way to them takes so much."""
    LIMITED = "limited"
    """A limit is reached: of the sender, or of what is kept for one recipient."""
    FAILED = "failed"
    """A fault of ours."""


@attrs.frozen(slots=True)
class Receipt:
    """What became of a message, and why."""

    fate: Fate
    text: str = ""
    """A sentence for logs."""
    code: int = 0
    """What the technology said; 0: nothing."""
    seconds: int = 0
    """When it may be tried again; 0: not said."""

    @property
    def taken(self) -> bool:
        """Whether its sender need do nothing more."""
        return self.fate in (Fate.DELIVERED, Fate.ACCEPTED)

    def __str__(self) -> str:
        return f"{self.fate.value}: {self.text}" if self.text else self.fate.value


DELIVERED = Receipt(Fate.DELIVERED)
KEPT = Receipt(Fate.ACCEPTED, "kept until it can be delivered")
UNKNOWN = Receipt(Fate.UNKNOWN, "nobody is called so")
ABSENT = Receipt(Fate.ABSENT, "nobody can be reached, and messages are not kept")


@attrs.define(slots=True, eq=False)
class Text:
    """A message on its way."""

    recipient: str
    """Whom it is for: a name or an address, as one dials it."""
    body: bytes = b""
    narrow: str = ""
    """What of the recipient is meant, as the technology has it: one device, a secured way; empty: all of him."""
    kind: str = "text/plain"
    """The media type of the body, with its parameters."""
    sender: str = ""
    """Whose limits count: an endpoint, or where a stranger sends from; empty: ours."""
    stranger: bool = False
    """Whether nobody knows who the sender is: then `sender` is only where it came from, and `origin` only what he says."""
    origin: str = ""
    """Who is said to have written it, as others are shown; messages of one origin are delivered in order."""
    technology: str = ""
    """Which technology `details` belongs to; empty: it began here."""
    details: str = ""
    """What the technology carries besides."""
    created_at: float = 0.0
    """When it was written or came, seconds since 1970 (UTC)."""
    expires_at: float = 0.0
    """When it is of no use any more; 0: not said."""
    ident: str = ""
    """Its name, where it has one: what is kept has, and what began here."""
    again: bool = False
    """Whether a device may have it already: it was tried before, and nobody knows how that ended."""
    cause: Any = None
    """What it came from, for the trace of the technology."""


class Place(Protocol):
    """One device where a message can be delivered; made by a technology for one message."""

    device: str
    """Which device: the same name whenever the same device is meant."""

    def deliver(self, text: Text, told: Callable[[Receipt], None]) -> None:
        """Deliver it, and tell once what came of it: DELIVERED or ACCEPTED, ABSENT when it may be tried again, else why not."""


class Reached(NamedTuple):
    """Where a recipient is."""

    name: str
    """The recipient's canonical name: under it messages are kept. Empty: nothing is kept for him."""
    places: Sequence[Place]
    """His devices; none: he cannot be reached now."""


class Undeliverable(Exception):  # noqa: N818
    """A recipient who is known and can get no message, or who cannot be looked up; `receipt` says why."""

    def __init__(self, receipt: Receipt) -> None:
        super().__init__(str(receipt))
        self.receipt = receipt


class Unanswered:
    """The best of several answers: what one device refuses, another may not have heard."""

    __slots__ = ("best",)

    ORDER = (Fate.REFUSED, Fate.TOO_LARGE, Fate.ABSENT)

    def __init__(self) -> None:
        self.best: Receipt | None = None

    def hear(self, receipt: Receipt) -> None:
        """Take one more; ABSENT weighs most, for it may yet be delivered there, then what was refused for its size."""
        if self.best is None or self._weight(receipt) > self._weight(self.best):
            self.best = receipt

    def _weight(self, receipt: Receipt) -> int:
        return self.ORDER.index(receipt.fate) if receipt.fate in self.ORDER else -1
