"""Parse what came, answer what cannot be read, match what has been seen.

Rules: a syntax error is answered statelessly and names the field; a response or an ACK that cannot be read is dropped. The source
address is written into the top Via (RFC 3261 18.2.1, RFC 3581) before anybody reads it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import attrs

from pipeline import Drop, Malformed, Reply, Request, hookimpl, option, plugin
from pipeline.sip.parser import parse
from pipeline.sip.timers import Timers
from pipeline.sip.validity import check

if TYPE_CHECKING:
    from pipeline import Packet, Passage, Verdict
    from pipeline.engine import Pipeline


@plugin
class Stack:
    """The SIP stack: grammar, transactions, dialogs."""

    stage: ClassVar[str] = "protocol"

    t1: float = option(
        0.5, unit="s", validator=attrs.validators.gt(0), help="estimate of the round trip; every timer follows from it (RFC 3261 17.1.1.1)"
    )
    t2: float = option(4.0, unit="s", validator=attrs.validators.gt(0), help="longest interval between retransmissions (RFC 3261 17.1.2.2)")
    t4: float = option(
        5.0, unit="s", validator=attrs.validators.gt(0), help="longest time that a message stays in the network (RFC 3261 17.1.2.2)"
    )
    completed: int = option(
        200000,
        validator=attrs.validators.ge(0),
        help="answered requests kept for their retransmissions (at most 1 kB each), oldest out first",
    )

    _transactions: Any = attrs.field(init=False, default=None)
    _dialogs: Any = attrs.field(init=False, default=None)

    def __attrs_post_init__(self) -> None:
        Timers(self.t1, self.t2, self.t4)  # raises ValueError when T2 is less than T1

    @hookimpl
    def start(self, engine: Pipeline) -> None:
        """Give the timers to the transactions, which outlive a reload."""
        self._transactions = engine.state(self, lambda: engine.transactions)
        now = self._transactions.timers
        if (now.t1, now.t2, now.t4, self._transactions.limit) != (self.t1, self.t2, self.t4, self.completed):
            self._transactions.configure(Timers(self.t1, self.t2, self.t4), self.completed)
        self._dialogs = engine.dialogs

    @hookimpl
    def protocol(self, packet: Packet, passage: Passage) -> Verdict | None:
        """Parse, check, match."""
        flow = passage.flow
        data = packet.data
        try:
            message = parse(data, flow.reliable)
            passage.message = message
            check(message)
        except Malformed as error:
            return self._refuse(error, data, passage)
        if not isinstance(message, Request):
            return None
        if flow.reliable:
            flow.proved()
        message.stamp(*flow.peer[:2])
        found = self._transactions.match(message, passage)
        if found is not None:
            return found  # type: ignore[no-any-return]
        passage.dialog = self._dialogs.find(message)
        return None

    def _refuse(self, error: Malformed, data: bytes, passage: Passage) -> Verdict:
        if not data.strip(b"\r\n\0 "):
            return Drop("stack: a keepalive")
        message: Any = error.message or passage.message
        if message is None or not message.is_request:
            return Drop(f"stack: {error.reason}")
        passage.message = message
        if message.method == "ACK":
            return Drop(f"stack: {error.reason}")
        if message.return_path is None:
            return Drop(f"stack: {error.reason}; and its Via does not say where to answer")
        message.stamp(*passage.flow.peer[:2])
        return Reply(error.status, error.reason, because=f"stack: {error.reason}", stateless=True)
