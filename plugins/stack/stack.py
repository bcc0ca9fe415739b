"""Parse what came, answer what cannot be read, match what has been seen.

Rules: a syntax error is answered statelessly and names the field; a response or an ACK that cannot be read is dropped. The source
address is written into the top Via (RFC 3261 18.2.1, RFC 3581) before anybody reads it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import attrs

from pipeline import Drop, Malformed, Reply, Request, hookimpl, option, plugin
from pipeline.bind import binds, parse_bind
from pipeline.sip.parser import parse
from pipeline.sip.timers import Timers
from pipeline.sip.validity import check

if TYPE_CHECKING:
    from pipeline import Packet, Passage, Verdict
    from pipeline.engine import Pipeline


def _servers(_instance: Any, attribute: attrs.Attribute[Any], value: list[str]) -> None:
    if value:
        binds(_instance, attribute, value)


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

    dns_servers: list[str] = option(
        factory=list,
        validator=_servers,
        help='name servers that are asked for SIP servers (RFC 3263), as "192.0.2.53" or "192.0.2.53:5353"; [] = those of /etc/resolv.conf',
    )
    dns_seconds: float = option(
        5.0, unit="s", validator=attrs.validators.gt(0), help="how long one question to the name servers may take, all tries together"
    )
    avoid_seconds: float = option(
        60.0,
        unit="s",
        validator=attrs.validators.ge(0),
        help="how long a server that was found by its name and did not answer is tried last (RFC 3263 4.3); 0 = not at all",
    )
    tcp_above: int = option(
        1300,
        unit="bytes",
        validator=attrs.validators.ge(0),
        help="requests longer than this go by TCP instead of UDP, where the peer takes it (RFC 3261 18.1.1); 200 less than the path's MTU"
        " where that is known; 0 = never",
    )

    _transactions: Any = attrs.field(init=False, default=None)
    _dialogs: Any = attrs.field(init=False, default=None)
    _tell: Any = attrs.field(init=False, default=None)

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
        self._tell = engine.tell
        engine.locator.configure(tuple(parse_bind(text, 53) for text in self.dns_servers), self.dns_seconds, self.avoid_seconds)
        engine.clients.large = self.tcp_above

    @hookimpl
    def protocol(self, packet: Packet, passage: Passage) -> Verdict | None:
        """Parse, check, match."""
        flow = passage.flow
        data = packet.data
        try:
            message = parse(data, flow.by_length)
            passage.message = message
            check(message)
        except Malformed as error:
            return self._refuse(error, data, passage)
        if not isinstance(message, Request):
            return None
        if flow.reliable:
            flow.proved()
            if flow.names:
                flow.aliased(message.via)
        message.stamp(*flow.peer[:2])
        found = self._transactions.match(message, passage)
        if found is not None:
            return found  # type: ignore[no-any-return]
        passage.dialog = self._dialogs.find(message)
        return None

    def _refuse(self, error: Malformed, data: bytes, passage: Passage) -> Verdict:
        if not data.strip(b"\r\n\0 "):
            return Drop("stack: a keepalive")
        self._tell("request.malformed", reason=error.reason, passage=passage)
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
