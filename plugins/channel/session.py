"""One SIP session: a dialog's usage (RFC 5057) on the one side, the leg of a core channel on the other. RFC 3261 12 to 15.

Rule: what both directions share stands here: who it is, the way out, the end. `incoming` and `outgoing` begin one, `in_dialog` serves
what the peer asks within it, `changes` queues what we ask. Nothing here waits: what must is a Pending, a timer of the driver's timetable,
or an answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline import Claim
from pipeline.client import Final, Provisional
from pipeline.core import Cause, Hangup, Refused
from pipeline.pending import Pending
from pipeline.sip.dialog import credentials_of
from pipeline.sip.offer_answer import Exchange

from . import in_dialog
from .causes import reason_of
from .changes import Change, Changes
from .exchange import hangup_of_failure
from .loops import BEGINNING
from .way import way_to

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterable

    from pipeline import Flow, Message, Passage, Request, Response
    from pipeline.client import Asking, Outcome
    from pipeline.core import Channel, Party
    from pipeline.dal import Endpoint
    from pipeline.sip.dialog import Dialog
    from pipeline.sip.sdp_ledger import Ledger
    from pipeline.sip.session_timer import SessionTimer
    from pipeline.stages.protocol import ServerTransaction

    from .driver import Driver
    from .loops import Trip

    Fields = list[tuple[str, str]]

SERVANT = "channel"
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


class Session:
    """What incoming and outgoing sessions share."""

    technology = "sip"
    direction = ""

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
        self.counted = ""
        """The call in which it counts against `max_calls`; empty: it does not."""
        self.channel: Channel = None  # type: ignore[assignment]  # set by the driver before anything can happen
        self.state = EARLY
        self.told_end = False
        """Whether the core knows that it has ended; a BYE or CANCEL may still be under way."""
        self.dialog: Dialog = None  # type: ignore[assignment]  # an outgoing one has none before the first answer
        self.exchange = Exchange()
        self.offered: bytes | None = None
        self.ledger: Ledger = None  # type: ignore[assignment]  # made when it is known by which flow the session goes
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
        self.setup: Message | None = None
        """What the peer said when the call was set up: its INVITE, or its last answer to ours."""
        self.passage: Passage | None = None
        """What caused the requests of this session, for the trace."""
        self.timer: SessionTimer | None = None
        self.alarm: asyncio.TimerHandle | None = None
        """The one timer of its own: when it refreshes or expires (RFC 4028)."""
        self.timers: dict[str, int] = {}
        self.unacked: Unacked | None = None
        self.release_as: Hangup | None = None
        """The BYE that waits for the ACK (RFC 3261 15)."""
        self.changes: Changes | None = None
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
        """Note by which flow the dialog was made, and keep it open."""
        self.flow = self._held = flow
        flow.hold()
        self.source = (flow.transport, flow.peer[0])
        self.flow_id = flow.id if flow.reliable else ""

    def dialog_of(self, tag: str) -> Dialog | None:
        """Return the dialog with the peer of that tag."""
        return self.dialog

    # -- what the peer asks within it --------------------------------------------------------------------------------

    def request(self, message: Request, passage: Passage) -> None:
        """Take a request of the dialog."""
        if message.method == "ACK":
            self.engine.lanes.post(SERVANT, self.id, self._ack, passage)
        else:
            self.engine._claim(passage, Claim(SERVANT, self.id, self._serve))

    def _serve(self, passage: Passage) -> None:
        in_dialog.serve(self, passage)

    def _ack(self, passage: Passage) -> None:
        try:
            in_dialog.acknowledged(self, passage.message)  # type: ignore[arg-type]
        except Exception as error:  # nobody answers an ACK
            self.lost(hangup_of_failure(self, error))

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
        elif name == "change" and self.changes is not None:
            self.changes.flush()

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
            self.change(Change("refresh"))
        self.arm()

    # -- asking the peer ---------------------------------------------------------------------------------------------

    def way(self) -> Any:
        """Return where the requests of the dialog go."""
        return way_to(self.dialog.hop, self.flow, self.pinned)

    def ask(self, method: str, on_event: Any, fields: Iterable[tuple[str, str]] = (), body: bytes = b"", kind: str = SDP) -> Asking:
        """Send a request within the dialog."""
        headers = list(fields)
        if body:
            headers.append(("Content-Type", kind))
        message = self.dialog.request(method, headers, body)
        self.driver.supplements.ask(self, message)

        def told(outcome: Outcome) -> None:
            if isinstance(outcome, Final):
                self.dialog.numbered(outcome.response)
                self.driver.supplements.answered(self, outcome.response)
            on_event(outcome)

        return self.engine.request(message, self.way(), told, self.passage, self.endpoint)

    def acknowledge(self, asking: Asking, response: Response, body: bytes = b"", dialog: Dialog | None = None) -> None:
        """Send the ACK of a 2xx to an INVITE of ours (RFC 3261 13.2.2.4)."""
        dialog = dialog or self.dialog
        assert asking.branch is not None
        fields = credentials_of(asking.branch.message)
        if body:
            fields.append(("Content-Type", SDP))
        ack = dialog.ack(response.cseq.number, fields, body)
        self.driver.supplements.ask(self, ack)
        asking.acknowledge(response, ack, way_to(dialog.hop, self.flow, self.pinned))

    # -- what the core asks ------------------------------------------------------------------------------------------

    def call(self) -> None:
        """Only an outgoing session calls."""

    def ring(self) -> None:
        """Only an incoming session rings back."""

    def progress(self) -> None:
        """Only an incoming session has early media to give."""

    def answer(self) -> None:
        """Only an incoming session is answered by us."""

    def redirect(self, targets: tuple[str, ...]) -> bool:
        """Only a caller can be redirected."""
        return False

    def hangup(self, hangup: Hangup) -> None:
        """End it, in whatever state it is."""
        raise NotImplementedError

    def change_media(self, offer: bytes | None) -> Pending:
        """Put an offer to the peer, or ask it for one."""
        pending = Pending()
        if self.told_end or self.state in (ENDING, OVER):
            pending.fail(Refused(Hangup(Cause.NORMAL, "the leg has ended")))
            return pending
        self.change(Change("ask" if offer is None else "offer", offer or b"", pending))
        return pending

    def complete(self, answer: bytes | None) -> None:
        """Answer the offer that `change_media(None)` brought."""
        if self.changes is not None:
            self.changes.complete(answer)

    def update_connected(self, party: Party) -> None:
        """Show the peer who it is connected to now."""
        fields = self.driver.connected_fields(self, party)
        if not fields or self.told_end:
            return
        if self.state == UP and not self.dialog.early:
            self.change(Change("identity", fields=fields))

    def send_digit(self, digit: str, milliseconds: int) -> bool:
        """Send a digit as INFO where the endpoint wants it so."""
        if self.options.dtmf_mode != "info" or self.state != UP:
            return False
        body = f"Signal={digit}\r\nDuration={milliseconds}\r\n".encode()
        self.ask("INFO", self._informed, body=body, kind="application/dtmf-relay")
        return True

    def _informed(self, outcome: Outcome) -> None:
        if isinstance(outcome, Final) and outcome.response.status in (408, 481):
            self.gone(outcome.response.status)

    def detail(self, name: str) -> str | None:
        """Return a header field of what the peer said when the call was set up."""
        return None if self.setup is None else self.setup.get(name.lower())

    def show(self) -> dict[str, Any]:
        """Return what `sipline show channels` says about it."""
        flow = self.flow
        dialog: Dialog | None = self.dialog
        return {
            "call_id": "" if dialog is None else dialog.call_id,
            "state": self.state,
            "peer": "" if flow is None else f"{flow.transport.lower()}:{flow.peer[0]}:{flow.peer[1]}",
            "target": "" if dialog is None else dialog.target,
            "exchange": self.exchange.state,
            "expires": 0 if self.timer is None else self.timer.interval,
        }

    # -- changes -----------------------------------------------------------------------------------------------------

    def change(self, change: Change) -> None:
        """Ask the peer for a change as soon as that can be asked."""
        if self.changes is None:
            self.changes = Changes(self)
        self.changes.add(change)

    def flush(self) -> None:
        """Something has ended that changes may have waited for."""
        if self.changes is not None:
            self.changes.flush()

    # -- the end -----------------------------------------------------------------------------------------------------

    def bye(self, hangup: Hangup) -> None:
        """Release it: a BYE goes ahead of all that is queued."""
        if self.state in (ENDING, OVER):
            return
        self.state = ENDING
        self.unacked = None
        self.quiet()
        self.unanswered()
        if self.changes is not None:
            self.changes.settle()
        self.ask("BYE", self._released, (("Reason", reason_of(hangup)),))

    def released(self, hangup: Hangup) -> None:
        """The peer has released it: a BYE came, and was answered."""
        self.state = ENDING
        self.unacked = None
        self.unanswered()
        self.ended(hangup)
        self.release()

    def confirmed(self) -> None:
        """The ACK has come: what waited for it goes on."""
        if self.state != ANSWERED:
            self.flush()
            return
        self.state = UP
        if self.release_as is not None:
            self.bye(self.release_as)
        else:
            self.flush()

    def _released(self, outcome: Outcome) -> None:
        if not isinstance(outcome, Provisional):
            self.release()

    def unanswered(self) -> None:
        """Answer what the peer has asked and will not hear about otherwise: 487 (RFC 3261 15.1.2)."""
        asked, self.asked = self.asked, None
        if asked is not None and asked.open and asked.passage is not None:
            asked.passage.reply(487, because="channel: the session has ended")

    def lost(self, hangup: Hangup) -> None:
        """End a session whose peer does not answer any more: tell the core, try a BYE."""
        if self.state not in (ENDING, OVER):
            self.bye(hangup)
        self.ended(hangup)

    def gone(self, status: int) -> None:
        """The peer knows nothing of the dialog (481), or does not answer (408): RFC 3261 12.2.1.2, RFC 5057 5.1."""
        hangup = Hangup(Cause.NORMAL_UNSPECIFIED, "the other end has lost the call", "sip", status)
        if self.state in (ENDING, OVER):
            return
        if status == 408:
            self.bye(hangup)
        else:
            self.state = ENDING
            self.unanswered()
            self.release()
        self.ended(hangup)

    def ended(self, hangup: Hangup) -> None:
        """Tell the core and the supplements, once."""
        if self.told_end:
            return
        self.told_end = True
        self.quiet()
        self.driver.supplements.ended(self, hangup)
        if self.changes is not None:
            self.changes.fail(hangup)
        self.driver.leave(self)
        self.channel.told_ended(hangup)

    def quiet(self) -> None:
        """Stop what goes by time, but for a 2xx that still waits for its ACK."""
        if self.alarm is not None:
            self.alarm.cancel()
            self.alarm = None
        if self.unacked is None:
            self.timers.clear()

    def release(self) -> None:
        """Let go of everything: dialogs, timers, the flow. The core has been told, or is told now."""
        if self.state == OVER:
            return
        self.state = OVER
        self.unacked = None
        self.timers.clear()
        self.quiet()
        for name in self._names:
            self.engine.dialogs.remove(*name)
        self._names.clear()
        if self._held is not None:
            self._held.release()
            self._held = None
        self.driver.forget(self)
