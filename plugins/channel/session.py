"""One SIP session: a dialog's usage (RFC 5057) on the one side, the leg of a core channel on the other. RFC 3261 12 to 15.

Rule: what both directions share stands here, for the core: its leg and its end; the dialog's own side is `usage`. `incoming` and `outgoing`
begin one, `in_dialog` serves what the peer asks within it, `changes` queues what we ask. Nothing here waits: what must is a Pending, a
timer of the driver's timetable, or an answer.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from pipeline import Claim
from pipeline.client import Final, Provisional
from pipeline.core import Cause, Hangup, Refused
from pipeline.destinations.identity import connected_of
from pipeline.peers import is_peer, stranger
from pipeline.pending import Pending

from . import in_dialog
from .causes import reason_of
from .changes import Change, Changes
from .exchange import hangup_of_failure
from .left import Left
from .t38 import TIMER
from .texts import Texts
from .usage import ANSWERED, ENDING, OVER, UP, Usage

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline import Message, Passage, Request
    from pipeline.client import Outcome
    from pipeline.core import Party, Text
    from pipeline.dal import Endpoint
    from pipeline.sip.dialog import Dialog

    from .driver import Driver
    from .t38 import FaxLedger
    from .usage import Fields

SERVANT = "channel"
MEDIA = ("media", "codecs", "dtmf_mode", "media_address", "rtp_timeout", "rtp_timeout_hold")
"""Variables by which a channel's media know what its endpoint wants."""


class Session(Usage):
    """What incoming and outgoing sessions share: the core's leg, what the peer asks, the end."""

    technology = "sip"
    direction = ""
    keeps_apart = False
    judges = True
    proved: tuple[str, ...] = ()
    """Hosts from which the peer has proved to be himself, besides the one that he began from."""

    def __init__(self, driver: Driver, options: Endpoint) -> None:
        super().__init__(driver, options)
        self.counted = ""
        """The call in which it counts against `max_calls`; empty: it does not."""
        self.forwarders: tuple[tuple[str, str], ...] = ()
        """Endpoints that have forwarded this call, each with the call in which it counts against their `max_calls`."""
        self.told_end = False
        """Whether the core knows that it has ended; a BYE or CANCEL may still be under way."""
        self.setup: Message | None = None
        """What the peer said when the call was set up: its INVITE, or its last answer to ours."""
        self.changes: Changes | None = None
        self.texts: Texts | None = None
        """What is written to the peer; made with the first."""
        self.release_as: Hangup | None = None
        """The BYE that waits for the ACK (RFC 3261 15)."""

    def bear(self, other: Session) -> Callable[[], None]:
        """Count the call of another leg, by whose peer this one is sent on, until this one ends; returns what gives the count back."""
        count = (other.options.id, other.counted)
        if not other.counted:
            return _nothing
        other.counted = ""
        self.forwarders += (count,)

        def back() -> None:
            if count not in self.forwarders:  # it has ended
                return
            at = self.forwarders.index(count)
            self.forwarders = (*self.forwarders[:at], *self.forwarders[at + 1 :])
            if other.channel.hangup is None and not other.counted:
                other.counted = count[1]
            else:
                self.driver.limits.leave(*count)

        return back

    # -- what the peer asks within it --------------------------------------------------------------------------------

    def request(self, message: Request, passage: Passage) -> None:
        """Take a request of the dialog."""
        if message.method == "ACK":
            self.engine.lanes.post(SERVANT, self.id, partial(self._judge, self._ack), passage)
        else:
            self.engine._claim(passage, Claim(SERVANT, self.id, partial(self._judge, self._serve)))

    def _judge(self, job: Callable[[Passage], None], passage: Passage) -> None:
        """Do what a request asks if it comes from the peer; while names are looked up for that, other requests go on."""
        found = is_peer(self, self.dialog_of(passage.message.from_.tag), passage)
        if found is True:
            job(passage)
        elif isinstance(found, Pending):
            found.then(lambda pending: self.engine.lanes.post(SERVANT, self.id, partial(self._judged, pending.value(), job), passage))
        else:
            self._judged(False, job, passage)

    def _judged(self, found: bool, job: Callable[[Passage], None], passage: Passage) -> None:
        if found:
            job(passage)
            return
        stranger(self, passage)
        if passage.message.method != "ACK":  # type: ignore[attr-defined]
            passage.reply(481, because=f"channel: {passage.flow.peer[0]} is not where the peer of this dialog is, and has proved nothing")

    def _serve(self, passage: Passage) -> None:
        in_dialog.serve(self, passage)

    def _ack(self, passage: Passage) -> None:
        try:
            in_dialog.acknowledged(self, passage.message)  # type: ignore[arg-type]
        except Exception as error:  # nobody answers an ACK
            self.lost(hangup_of_failure(self, error))

    def accept(self, passage: Passage, fields: Fields, body: bytes) -> None:
        """Answer an INVITE with a 2xx, and repeat it until the ACK comes: within the dialog, or by the INVITE's branch (RFC 2543)."""
        super().accept(passage, fields, body)
        passage.transaction.on_event = partial(self._by_branch, passage.message)

    def _by_branch(self, message: Message, event: str) -> None:
        if event == "ACK" and self.unacked is not None:
            in_dialog.acknowledged(self, message)  # type: ignore[arg-type]

    def learn(self, message: Message) -> None:
        """Tell the core who is at the far side, where the peer says so and is believed."""
        party = connected_of(message, self.options, self.engine, self.flow)
        if party is not None and party != self.channel.party:
            self.channel.told_connected(party)

    # -- what the core asks ------------------------------------------------------------------------------------------

    def call(self) -> None:
        """Only an outgoing session calls."""

    def ring(self) -> None:
        """Only an incoming session rings back."""

    def progress(self) -> None:
        """Only an incoming session has early media to give."""

    def branch(self, ident: str, description: bytes) -> None:
        """Only a caller hears several."""

    def chosen(self, ident: str) -> None:
        """Only a caller hears several."""

    def answer(self) -> None:
        """Only an incoming session is answered by us."""

    def redirect(self, targets: tuple[str, ...]) -> bool:
        """Only a caller can be redirected."""
        return False

    def hangup(self, hangup: Hangup) -> None:
        """End it, in whatever state it is."""
        raise NotImplementedError

    @property
    def said(self) -> bytes:
        """The description that the peer was given last and has not refused."""
        return self.ledger.plain

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
        """Send a digit as INFO where the endpoint wants it so, and where nothing else is left: the media do not pass through us."""
        mode = self.options.dtmf_mode
        if self.state != UP or not (mode == "info" or (mode == "auto" and not hasattr(self.channel.media, "send_digit"))):
            return False
        body = f"Signal={digit}\r\nDuration={milliseconds}\r\n".encode()
        self.ask("INFO", self._informed, body=body, kind="application/dtmf-relay")
        return True

    def send_text(self, text: Text) -> Pending:
        """Send a text as MESSAGE, one after the other; the Pending has the Receipt."""
        if self.texts is None:
            self.texts = Texts(self)
        return self.texts.send(text)

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
        ledger: FaxLedger | None = self.ledger
        return {
            "call_id": "" if dialog is None else dialog.call_id,
            "state": self.state,
            "peer": "" if flow is None else f"{flow.transport.lower()}:{flow.peer[0]}:{flow.peer[1]}",
            "target": "" if dialog is None else dialog.target,
            "exchange": self.exchange.state,
            "expires": 0 if self.timer is None else self.timer.interval,
            **({} if ledger is None else ledger.shown()),
        }

    def fire(self, name: str) -> None:
        """A timer has run out."""
        if name == "change" and self.changes is not None:
            self.changes.flush()
        elif name == TIMER:
            in_dialog.impatient(self)
        else:
            super().fire(name)

    # -- changes -----------------------------------------------------------------------------------------------------

    def change(self, change: Change) -> None:
        """Ask the peer for a change as soon as that can be asked."""
        if self.changes is None:
            self.changes = Changes(self)
        self.changes.add(change)

    def refresh(self) -> None:
        """Refresh the session, as its timer wants (RFC 4028 7.4)."""
        self.change(Change("refresh"))

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
        """The peer knows nothing of the dialog (481), or does not answer (408): a BYE ends it (RFC 3261 12.2.1.2, RFC 5057 5.1)."""
        if self.state in (ENDING, OVER):
            return
        hangup = Hangup(Cause.NORMAL_UNSPECIFIED, "the other end has lost the call", "sip", status)
        self.bye(hangup)
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
        if self.texts is not None:
            self.texts.end()
        self.driver.leave(self)
        self.channel.told_ended(hangup)
        self._part_channel()

    def release(self) -> None:
        """Let go of everything: dialogs, timers, the flow. The core has been told, or is told now."""
        if self.state == OVER:
            return
        self.let_go()
        self.driver.forget(self)
        self._part_channel()

    def _part_channel(self) -> None:
        """Leave the channel when both are done."""
        if self.state == OVER and self.told_end and self.channel.leg is self:
            self.channel.leg = Left(self)


def _nothing() -> None:
    """It was not counted."""
