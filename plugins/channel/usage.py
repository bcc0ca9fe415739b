"""The SIP side of a session: a dialog's usage (RFC 5057), whoever began it. RFC 3261 12, 13.3.1.4; RFC 4028.

Rule: how messages of the dialog go out and what goes by time (a 2xx until its ACK, the session timer); nothing of the core's. What time
brings about is the session's to do: `lost`, `refresh`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline.client import Final
from pipeline.core import Cause, Hangup
from pipeline.flow import Flow
from pipeline.sip.dialog import credentials_of
from pipeline.sip.offer_answer import Exchange
from pipeline.way import contact, is_registered, way_to, ways_back

from .loops import BEGINNING

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterable

    from pipeline import Passage, Request, Response
    from pipeline.client import Asking, Outcome
    from pipeline.core import Channel
    from pipeline.dal import Endpoint
    from pipeline.sip.dialog import Dialog
    from pipeline.sip.session_timer import SessionTimer
    from pipeline.stages.protocol import ServerTransaction

    from .driver import Driver
    from .loops import Trip
    from .t38 import FaxLedger

    Fields = list[tuple[str, str]]

EARLY, ANSWERED, UP, ENDING, OVER = "early", "answered", "up", "ending", "over"
TRANSACTION = 64
"""Times T1 that an answer is waited for: RFC 3261 13.3.1.4 and 17.1.1.2."""
SDP = "application/sdp"


class Unacked:
    """A 2xx of ours to an INVITE that is repeated until its ACK comes (RFC 3261 13.3.1.4)."""

    __slots__ = ("cseq", "elapsed", "transaction", "wait")

    def __init__(self, transaction: ServerTransaction, cseq: int, wait: float) -> None:
        self.transaction = transaction
        self.cseq = cseq
        self.wait = wait
        self.elapsed = 0.0


class Usage:
    """A dialog, and all that has to be known to send and take its messages."""

    def __init__(self, driver: Driver, options: Endpoint) -> None:
        engine = driver.engine
        self.driver = driver
        self.engine = engine
        self.id: str = engine.token(6)
        """The key of its lane and of its timers."""
        self.options = options
        """The endpoint, which says how its calls are made; its id is "" for a stranger."""
        self.endpoint = options if options.id else None
        self.trip: Trip = BEGINNING
        self.channel: Channel = None  # type: ignore[assignment]  # set by the driver before anything can happen
        self.state = EARLY
        self.dialog: Dialog = None  # type: ignore[assignment]  # an outgoing one has none before the first answer
        self.exchange = Exchange()
        self.offered: bytes | None = None
        self.ledger: FaxLedger = None  # type: ignore[assignment]  # made when it is known by which flow the session goes
        """What our descriptions keep, whoever provides the media."""
        self.remote = b""
        """The description that the peer sent last."""
        self.contact = ""
        self.flow: Flow | None = None
        self.flow_id = ""
        self.source = ("", "")
        self.pinned = False
        self.allows: frozenset[str] = frozenset()
        """The methods that the peer says it takes."""
        self.passage: Passage | None = None
        """What caused the requests of this session, for the trace."""
        self.timer: SessionTimer | None = None
        self.alarm: asyncio.TimerHandle | None = None
        """The one timer of its own: when it refreshes or expires (RFC 4028)."""
        self.timers: dict[str, int] = {}
        self.unacked: Unacked | None = None
        self.asked: ServerTransaction | None = None
        """The peer's re-INVITE or UPDATE that has no final answer yet."""
        self.data: dict[str, Any] = {}
        """What supplements keep."""
        self._names: list[tuple[str, str, str]] = []
        self._held: Flow | None = None

    # -- who it is ---------------------------------------------------------------------------------------------------

    @property
    def call_id(self) -> str:
        """The Call-ID."""
        return self.dialog.call_id

    @property
    def local_tag(self) -> str:
        """Our tag."""
        return self.dialog.local_tag

    @property
    def remote_tag(self) -> str:
        """The peer's tag; "" before it has answered."""
        return self.dialog.remote_tag

    @property
    def peer_host(self) -> str:
        """Where the peer's signalling is, for media offered before it has described any; "" when it is not known."""
        return str(self.flow.peer[0]) if self.flow is not None else ""

    def own(self, dialog: Dialog) -> None:
        """Have the requests of a dialog come to this session."""
        name = (dialog.call_id, dialog.local_tag, dialog.remote_tag)
        self._names.append(name)
        self.engine.dialogs.add(*name, self)

    def disown(self, dialog: Dialog) -> None:
        """Leave a dialog of a fork that has not won."""
        name = (dialog.call_id, dialog.local_tag, dialog.remote_tag)
        if name in self._names:
            self._names.remove(name)
            self.engine.dialogs.remove(*name)

    def come_by(self, flow: Flow) -> None:
        """Note by which flow the peer is there, and keep that open."""
        if flow is not self._held:
            self.part()
            self.flow = self._held = flow
            flow.hold()
            self.engine.carried.join(flow, self)
        self.source = (flow.transport, flow.peer[0])
        self.flow_id = flow.id if flow.reliable else ""

    def follow(self, message: Request, passage: Passage) -> None:
        """Go on by the flow that a request of the peer came by: his target refresh (RFC 3261 12.2.2), or any once the former is closed."""
        flow = self.engine.transactions.back(passage)
        if self.dialog.secure and not flow.secure:
            return
        if self.flow is not None and flow.id == self.flow.id:
            return
        self.come_by(flow)
        self.contact = self.dialog.contact = contact(flow, message.uri.user or "", secure=self.dialog.sips_contact)

    def part(self) -> None:
        """Let go of the flow: the session goes on by another."""
        if self._held is not None:
            self.engine.carried.leave(self._held, self)
            self._held.release()
            self._held = None

    def dialog_of(self, tag: str) -> Dialog | None:
        """Return the dialog with the peer of that tag."""
        return self.dialog

    # -- answering ---------------------------------------------------------------------------------------------------

    def fields(self, message: Request, status: int) -> Fields:
        """Return the fields that every answer with a Contact has: what we are, and what supplements add."""
        fields = [("Contact", self.contact), *self.driver.abilities(self.options)]
        fields += self.driver.supplements.answer(self, message, status)
        return fields

    def accept(self, passage: Passage, fields: Fields, body: bytes) -> None:
        """Answer an INVITE with a 2xx, and repeat that until the ACK comes."""
        if body:
            fields.append(("Content-Type", SDP))
        passage.reply(200, headers=fields, body=body)
        transaction: ServerTransaction = passage.transaction
        wait = self.engine.transactions.timers.t1
        self.unacked = Unacked(transaction, passage.message.cseq.number, wait)
        self.wake("2xx", wait)

    def refresh_timer(self, message: Request) -> Fields:
        """Return the session timer fields of our 2xx to `message`, and set the timer by them (RFC 4028 9)."""
        if self.timer is None:
            return []
        fields = self.timer.answer(message, self.engine.clock.now())
        self.arm()
        return fields

    # -- time --------------------------------------------------------------------------------------------------------

    def wake(self, name: str, seconds: float) -> None:
        """Have `fire(name)` called in so many seconds, instead of whenever it was to be called before."""
        self.timers[name] = self.driver.timetable.start(self.id, name, seconds)

    def fire(self, name: str) -> None:
        """A timer has run out."""
        if name == "2xx":
            self._repeat()

    def _repeat(self) -> None:
        unacked = self.unacked
        if unacked is None:
            return
        timers = self.engine.transactions.timers
        unacked.elapsed += unacked.wait
        if unacked.elapsed >= TRANSACTION * timers.t1:
            self.unacked = None
            self.lost(Hangup(Cause.TIMER_EXPIRED, "the answer was never acknowledged"))
            return
        unacked.transaction.again()
        unacked.wait = min(2 * unacked.wait, timers.t2, TRANSACTION * timers.t1 - unacked.elapsed)
        self.wake("2xx", unacked.wait)

    def arm(self) -> None:
        """Set the alarm to when the session is to be refreshed, or expires (RFC 4028 7.2, 10)."""
        if self.alarm is not None:
            self.alarm.cancel()
            self.alarm = None
        timer = self.timer
        if timer is None or timer.expire_at is None or self.state in (ENDING, OVER):
            return
        when = timer.expire_at if timer.refresh_at is None else min(timer.refresh_at, timer.expire_at)
        self.alarm = self.engine.clock.call_at(when, self._alarmed)

    def _alarmed(self) -> None:
        self.alarm = None
        timer = self.timer
        if timer is None or timer.expire_at is None or self.state in (ENDING, OVER):
            return
        now = self.engine.clock.now() + 1e-3
        if now >= timer.expire_at:
            self.lost(Hangup(Cause.TIMER_EXPIRED, "the session was not refreshed"))
            return
        if timer.refresh_at is not None and now >= timer.refresh_at:
            timer.refresh_at = None
            self.refresh()
        self.arm()

    def quiet(self) -> None:
        """Stop what goes by time, but for a 2xx that still waits for its ACK."""
        if self.alarm is not None:
            self.alarm.cancel()
            self.alarm = None
        if self.unacked is None:
            self.timers.clear()

    def let_go(self) -> None:
        """Give back what is held: dialogs, timers, the flow."""
        self.state = OVER
        self.unacked = None
        self.timers.clear()
        self.quiet()
        for name in self._names:
            self.engine.dialogs.remove(*name)
        self._names.clear()
        self.part()
        self.passage = None  # its verdict names our first job, and so us: neither is to wait for the collector

    # -- asking the peer ---------------------------------------------------------------------------------------------

    def way(self, dialog: Dialog | None = None) -> Any:
        """Return where the requests of the dialog go: where the peer has registered since, when his connection is closed."""
        dialog = dialog or self.dialog
        back = self._come_back(dialog)
        return [*back, dialog.hop] if back else way_to(dialog.hop, self.flow, self.pinned, self.engine)

    def _come_back(self, dialog: Dialog) -> list[Any]:
        """Go on by the connection by which the peer has registered since the one closed that alone led to him; give the other ways."""
        if not (self.pinned and self.flow is not None and self.flow.closed):
            return []
        ways = ways_back(self.engine, self.endpoint, dialog.target, self.flow_id)
        streams = [way for way in ways if isinstance(way, Flow) and way.reliable]
        if streams:
            self.come_by(streams[0])
            return []
        return ways

    def stranded(self, reason: str) -> None:
        """The connection closed a while ago, and the peer has said nothing by another."""
        if self.state in (ENDING, OVER) or self._come_back(self.dialog) or self.flow is None or not self.flow.closed:
            return
        if self.pinned and is_registered(self.endpoint, self.dialog.target):
            self.channel.end(Hangup(Cause.DESTINATION_OUT_OF_ORDER, f"its connection closed and it did not come back: {reason}"))

    def ask(self, method: str, on_event: Any, fields: Iterable[tuple[str, str]] = (), body: bytes = b"", kind: str = SDP) -> Asking:
        """Send a request within the dialog."""
        headers = list(fields)
        if body:
            headers.append(("Content-Type", kind))
        dialog = self.dialog
        message = dialog.request(method, headers, body)
        self.driver.supplements.ask(self, message)

        def told(outcome: Outcome) -> None:
            if isinstance(outcome, Final):
                dialog.numbered(outcome.response)
                self.driver.supplements.answered(self, outcome.response)
            on_event(outcome)

        return self.engine.request(message, self.way(), told, self.passage, self.endpoint, dialog)

    def acknowledge(self, asking: Asking, response: Response, body: bytes = b"", dialog: Dialog | None = None) -> None:
        """Send the ACK of a 2xx to an INVITE of ours (RFC 3261 13.2.2.4)."""
        dialog = dialog or self.dialog
        assert asking.branch is not None
        fields = credentials_of(asking.branch.message)
        if body:
            fields.append(("Content-Type", SDP))
        ack = dialog.ack(response.cseq.number, fields, body)
        self.driver.supplements.ask(self, ack)
        asking.acknowledge(response, ack, self.way(dialog))

    # -- what is the session's to do ---------------------------------------------------------------------------------

    def request(self, message: Request, passage: Passage) -> None:
        """Take a request of the dialog."""
        raise NotImplementedError

    def lost(self, hangup: Hangup) -> None:
        """The peer does not answer any more."""
        raise NotImplementedError

    def refresh(self) -> None:
        """It is time to refresh the session (RFC 4028 7.4)."""
        raise NotImplementedError
