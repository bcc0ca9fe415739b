"""The session description in a message: the body itself, or a part of a multipart body. RFC 3261 7.4 and 8.2.3, RFC 5621.

    description_of(message) -> bytes                b"": it has none, or none that could be read
    refusal_of(message, offer) -> Reply | None      why a request with this body is not served, if it is not

Rules:
- A body that cannot be read is no body without a description: a request with it is refused (400), a response has none where one is due.
- What says handling=required must be understood (415), what says handling=optional may be broken. What says nothing is left alone beside
  a description, as Asterisk does (the RFCs would have it required, and trunks send much that nobody reads); without one it is refused.
- Of alternatives the last with a description is taken, whatever their handling says (RFC 5621 6.1, 8.3); of a mixture the first.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

from pipeline import Malformed, Reply
from pipeline.sip.grammar import bad
from pipeline.sip.multipart import MOST_PARTS, Part, parts_of, too_many

if TYPE_CHECKING:
    from collections.abc import Container

    from pipeline import Message
    from pipeline.stages.application import Offer

SDP = "application/sdp"
MULTIPART = "multipart/"
"""Of whatever kind: those that nobody knows are mixtures (RFC 5621 4.2)."""
ALTERNATIVE = "multipart/alternative"
LEVELS = 4
"""Multiparts in each other: RFC 5621 4.1 needs two (alternatives beside a location), a signature around it one more."""


class Missed(IntEnum):
    """What was not understood."""

    NOTHING = 0
    SOMETHING = 1
    """It does not say whether it must be."""
    REQUIRED = 2


def description_of(message: Message) -> bytes:
    """Return the session description that a message carries; b"" when it carries none, or none that can be read."""
    if not message.body:
        return b""
    kind = message.content_type
    if kind == SDP:
        return message.body
    if not kind.startswith(MULTIPART):
        return b""
    try:
        return _Reading(()).part(_whole(message), LEVELS)[0]
    except Malformed:
        return b""


def refusal_of(message: Message, offer: Offer) -> Reply | None:
    """Return how to refuse a request for its multipart body: it cannot be read, or something in it must be understood and is not."""
    if not message.body or not message.content_type.startswith(MULTIPART):
        return None
    because = "a part that must be understood"
    try:
        description, missed = _Reading(offer.accepts).part(_whole(message), LEVELS)
    except Malformed as error:
        if error.status != 415:
            return Reply(error.status, error.reason, because=f"channel: {error.reason}")
        because, description, missed = error.reason, b"", Missed.REQUIRED
    if missed is Missed.REQUIRED or (missed and not description):
        return Reply(415, headers=(("Accept", offer.accept),), because=f"channel: {because}")
    return None


def _whole(message: Message) -> Part:
    names = ("content-type", "content-disposition")
    return Part({name: value for name in names if (value := message.get(name)) is not None}, message.body)


class _Reading:
    """One body: what is read of a part is its description, and whether anything was not understood."""

    __slots__ = ("_accepts", "_left")

    def __init__(self, accepts: Container[str]) -> None:
        self._accepts = accepts
        self._left = MOST_PARTS

    def part(self, part: Part, levels: int) -> tuple[bytes, Missed]:
        """Read a part by what it says of its handling."""
        optional = part.handling == "optional"
        try:
            description, missed = self._content(part, levels)
        except Malformed:
            if optional:
                return b"", Missed.NOTHING
            raise
        if optional:
            return b"" if missed is Missed.REQUIRED else description, Missed.NOTHING
        if missed and not description and part.handling == "required":
            missed = Missed.REQUIRED
        return description, missed

    def _content(self, part: Part, levels: int) -> tuple[bytes, Missed]:
        kind = part.type
        if kind.startswith(MULTIPART):
            return self._multipart(part, levels)
        if part.is_encoded:
            return b"", Missed.SOMETHING
        if kind == SDP:
            # What is for another purpose (early-session, RFC 3959) is nobody's offer.
            return (part.content, Missed.NOTHING) if part.disposition in ("", "session") else (b"", Missed.SOMETHING)
        # What does not say its type is text (RFC 2046 5.1), and no part of a call: rather a description whose field is broken.
        return b"", Missed.NOTHING if kind in self._accepts and "content-type" in part.fields else Missed.SOMETHING

    def _multipart(self, part: Part, levels: int) -> tuple[bytes, Missed]:
        if not levels:
            raise bad("body", f"multiparts in more than {LEVELS} levels", 415)
        parts = parts_of(part.fields["content-type"], part.content)
        self._left -= len(parts)
        if self._left < 0:
            raise too_many()
        if part.type == ALTERNATIVE:
            found = [self._content(one, levels - 1) for one in reversed(parts)]
            missed = min(missed for _, missed in found)
        else:
            found = [self.part(one, levels - 1) for one in parts]
            missed = max(missed for _, missed in found)
        description = next((description for description, _ in found if description), b"")
        return description, Missed.NOTHING if description and part.type == ALTERNATIVE else missed
