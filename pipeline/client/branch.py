"""What is held for one client transaction: a Branch while it is at work, an Answered when it only repeats itself (RFC 3261 17.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.sip.matching import client_key

if TYPE_CHECKING:
    from pipeline.flow import Flow
    from pipeline.passage import Passage
    from pipeline.sip.message import Request
    from pipeline.sip.transaction_client import InviteClient, NonInviteClient

    from .asking import Asking


class Branch:
    """One client transaction: one request to one target."""

    __slots__ = ("acks", "asking", "data", "flow", "key", "machine", "message", "number", "passage", "tags", "timers")

    def __init__(self, asking: Asking, message: Request, passage: Passage, machine: InviteClient | NonInviteClient, key: str = "") -> None:
        self.asking = asking
        self.message = message
        self.passage = passage
        self.flow = passage.flow
        self.machine = machine
        self.key = key or client_key(message)
        self.number = number_of(message)
        """The number of its CSeq."""
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


def number_of(message: Request) -> int:
    """Return the CSeq number of a request of ours. Hot: what was just written need not be read as a whole to know it."""
    head = message.head
    begin = head.find("\r\nCSeq: ") + 8
    if message.edits is None and begin > 8:
        digits = head[begin : head.find(" ", begin)]
        if digits.isdecimal():
            return int(digits)
    return message.cseq.number
