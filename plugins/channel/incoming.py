"""A session that the peer began: its INVITE, what it is told, the 2xx and its ACK. RFC 3261 13.3, 9.2; RFC 3262 3; RFC 6337 3.

Rule: before a final answer a final answer ends it, after the 2xx a BYE, and that only when the ACK has come or can come no more (15). A
description that goes out in an unreliable 1xx is a preview: the media are asked again for the 2xx, and say the same.
"""

from __future__ import annotations

from collections import deque
from functools import partial
from typing import TYPE_CHECKING, cast

from pipeline import Drop, Reply
from pipeline.core import Cause, Dialed, Hangup
from pipeline.dal.bans import source_of
from pipeline.destinations import TECHNOLOGY
from pipeline.destinations.identity import caller_of, diversions_from
from pipeline.location import called
from pipeline.sip.dialog import Dialog
from pipeline.sip.offer_answer import Meaning
from pipeline.sip.reliable import RELIABLE, Reliable
from pipeline.way import contact, is_pinned

from .bodies import description_of, refusal_of
from .branches import Branch, choose, show
from .causes import hangup_of_reason, status_of
from .exchange import hangup_of_failure, ledger_for, obtain, warning
from .session import Session
from .t38 import unwanted
from .usage import ANSWERED, EARLY, OVER, SDP, UP

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline import Passage, Request, Uri
    from pipeline.dal import Endpoint
    from pipeline.location import Called

    from .driver import Driver

REMIND = 60.0
"""Seconds after which a 1xx is said again, so that no proxy on the way gives the call up (RFC 3261 13.3.1.1)."""


class Incoming(Session):
    """A call from the peer."""

    direction = "in"

    def __init__(self, driver: Driver, options: Endpoint) -> None:
        super().__init__(driver, options)
        self.invite: Request = None  # type: ignore[assignment]  # set by begin
        self.reliable: Reliable | None = None
        self.diversions: tuple[str, ...] = ()
        """Who has forwarded the call before it came here, as far as that is believed."""
        self.called: Called | None = None
        """Whom the caller called, as far as that is an address of record of ours or a phone's own (RFC 5627)."""
        self.answering = False
        """Whether the core wants it answered."""
        self.branches: dict[str, Branch] = {}
        """Those that ring, each in a dialog of its own, where the endpoint wants that."""
        self._obtaining = False
        self.unfit = ""
        """What is wrong with the offer, as its peer may be told."""
        self._later: deque[tuple[int, bytes]] = deque()
        """Provisional answers that wait for a PRACK."""

    # -- the INVITE --------------------------------------------------------------------------------------------------

    def begin(self, passage: Passage) -> None:
        """Take the INVITE: a job of the lane. Raises Malformed for what cannot be read."""
        driver, engine = self.driver, self.engine
        message = self.invite = self.setup = cast("Request", passage.message)
        self.passage = passage
        self.dialog = Dialog.from_request(message, passage.transaction.tag)
        refusal = self._refusal(message, passage)
        if refusal is not None:
            if isinstance(refusal, Reply):
                passage.reply(refusal.status, refusal.reason, refusal.headers, body=refusal.body, because=refusal.because)
            else:
                engine.transactions.forget(passage)
            return
        description = description_of(message)
        self.exchange.received("INVITE", described=bool(description))
        self.offered = description or None
        self.remote = description
        self.allows = frozenset(message.allow)
        flow = engine.transactions.back(passage)
        self.ledger = ledger_for(self, flow)
        if description:
            self.offered = self.ledger.offered(description)
        self.keeps_apart = self.options.early_dialogs and bool(description) and self.reliable is None
        self.contact = self.dialog.contact = contact(flow, message.uri.user or "", secure=self.dialog.sips_contact)
        self.come_by(flow)
        self.pinned = is_pinned(message, passage)
        self.own(self.dialog)
        driver.add(self)
        driver.due.add(self.id)
        passage.transaction.on_event = self._event
        self.called = called(engine, message.uri, passage.flow)
        options, extension = self.options, extension_of(message.uri, self.called)
        self.diversions = diversions_from(message, options)
        caller = caller_of(message, options, engine, passage.flow)
        channel = self.channel = engine.core.channel(
            "sip", "in", self, endpoint=options.id, context=options.context, dialed=extension, caller=caller
        )
        channel.proved = passage.identity
        channel.source = source_of(passage.flow.peer[0])
        full = driver.enter(self)
        if full is not None:
            channel.end(full)
        else:
            engine.core.incoming(channel, Dialed(options.context, extension, message.uri_text, caller, options.id, "sip"))

    def _refusal(self, message: Request, passage: Passage) -> Reply | Drop | None:
        """Return why this call is not taken, if it is not."""
        driver = self.driver
        trip = driver.loops.arrived(message, self.options.id)
        if isinstance(trip, Hangup):
            return Reply(trip.code, trip.text, because="channel: this call has been here before in the same way")
        self.trip = trip
        unreadable = refusal_of(message, self.engine.generation.offer)
        if unreadable is not None:
            return unreadable
        if unwanted(self.options, description_of(message)):
            return Reply(488, because="endpoint.t38_udptl: false")
        mode = self.options.rel100
        required = "require" in message.first and any(tag.lower() == RELIABLE for tag in message.require)
        supported = required or ("supported" in message.first and any(tag.lower() == RELIABLE for tag in message.supported))
        if mode == "no" and required:
            return Reply(420, headers=(("Unsupported", RELIABLE),), because="endpoint.rel100: no")
        if mode == "required" and not supported:
            return Reply(421, headers=(("Require", RELIABLE),), because="endpoint.rel100: required")
        if required or (supported and mode in ("required", "peer_supported")):
            engine = self.engine
            self.reliable = Reliable(engine.identifiers.below(1 << 30), message.cseq.number, engine.transactions.timers.t1)
        self.timer = driver.timer_of(self.options)
        if self.timer is not None and (refused := self.timer.check(message)) is not None:
            return Reply(refused[0], headers=refused[1], because="endpoint.timers: session timer (RFC 4028)")
        verdict = driver.supplements.began(self, message, passage)
        if isinstance(verdict, Reply | Drop):
            return verdict
        return None

    def _event(self, event: str) -> None:
        """Hear what becomes of the INVITE's transaction."""
        passage = self.passage
        if event == "CANCEL" and self.state == EARLY and passage is not None:
            cancel = passage.transaction.cancelled_by
            self._end(hangup_of_reason(cancel) if cancel is not None else Hangup(), 487, "channel: cancelled by the caller")
        elif event == "timeout" and self.state == EARLY:  # its answer has been given in our place
            self._end(Hangup(Cause.TIMER_EXPIRED, "nobody answered in time"), 0, "")

    def _end(self, hangup: Hangup, status: int, because: str) -> None:
        """End a call that has not been answered."""
        if status and self.passage is not None:
            self.passage.reply(status, because=because)
        self.release()
        self.ended(hangup)

    def released(self, hangup: Hangup) -> None:
        """The caller sent a BYE; before the final answer that ends the INVITE too (15.1.2)."""
        if self.state == EARLY and self.passage is not None:
            self.passage.reply(487, because="channel: the caller sent a BYE")
        super().released(hangup)

    # -- provisional answers -----------------------------------------------------------------------------------------

    def ring(self) -> None:
        """Tell the caller 180."""
        if self.state == EARLY and not self.answering:
            self._provide(180)

    def forwarded(self) -> None:
        """Tell the caller 181: whom he called is called elsewhere."""
        if self.state == EARLY and not self.answering:
            self._provide(181)

    def progress(self) -> None:
        """Tell the caller 183, with the description of what can be heard."""
        if self.state != EARLY or self.answering:
            return
        media = self.channel.media
        offered = self.offered
        if media is None:
            self._provide(183)
        elif offered is not None:
            obtain(lambda: media.answer(offered), partial(self._early, self.ledger.answer), self._failed)
        elif self.exchange.invite == "in open" and self.reliable is not None:
            obtain(media.offer, partial(self._early, self.ledger.offer), self._failed)
        else:
            self._provide(183)

    def branch(self, ident: str, description: bytes) -> None:
        """Let the caller hear one of several that ring."""
        show(self, ident, description)

    def chosen(self, ident: str) -> None:
        """Learn which of several has answered."""
        choose(self, ident)

    def _early(self, stamp: Callable[[bytes], bytes], body: bytes | None) -> None:
        if self.state == EARLY and not self.answering:
            self._provide(183, stamp(body) if body else b"")

    def _provide(self, status: int, body: bytes = b"") -> None:
        """Send a provisional answer, reliably where that was asked for; one waits for the PRACK of the other (RFC 3262 3)."""
        passage, reliable = self.passage, self.reliable
        assert passage is not None
        if reliable is not None and reliable.pending:
            self._later.append((status, body))
            return
        fields = [("Contact", self.contact), *self.driver.connected_fields(self, self.channel.connected)]
        fields += self.driver.supplements.answer(self, self.invite, status)
        if reliable is not None:
            if self.exchange.invite == "in open" and not body:
                return  # the first reliable response would have to make the offer (RFC 3262 5), and there is none yet
            self.exchange.sent("INVITE", status, described=bool(body), reliable=True)
            fields += reliable.send(described=bool(body))
            if body:
                self.offered = None  # answered for good: the 200 brings none
            self.wake("rel", reliable.wait)
        else:
            if body and self.exchange.invite != "in offer":
                body = b""
            self.exchange.sent("INVITE", status, described=bool(body))
        if body:
            fields.append(("Content-Type", SDP))
        passage.reply(status, headers=fields, body=body)
        self.wake("remind", REMIND)

    def fire(self, name: str) -> None:
        """A timer has run out."""
        passage, reliable = self.passage, self.reliable
        if name == "rel" and reliable is not None and passage is not None:
            if not reliable.pending or self.state == OVER:
                return
            if reliable.fire():
                passage.transaction.again()
                self.wake("rel", reliable.wait)
            elif self.state == EARLY:
                self._end(Hangup(Cause.TIMER_EXPIRED, "a reliable response was not acknowledged"), 504, "channel: no PRACK (RFC 3262 3)")
        elif name == "remind":
            if self.state == EARLY and passage is not None:
                if reliable is None:
                    passage.transaction.again()
                self.wake("remind", REMIND)
        else:
            super().fire(name)

    def proceed(self) -> None:
        """A PRACK has come: what waited for it goes on."""
        if self.state != EARLY:
            return
        if self.answering:
            self._later.clear()
            self._accept()
        elif self._later:
            self._provide(*self._later.popleft())
        self.flush()

    def give_up(self, status: int) -> None:
        """Refuse the call: the caller does not do its part."""
        if self.state == EARLY:
            self._end(Hangup(Cause.PROTOCOL_ERROR, "", "sip", status), status, "channel: no answer to our offer")

    # -- the answer --------------------------------------------------------------------------------------------------

    def answer(self) -> None:
        """Answer 200, as soon as that may be."""
        if self.state == EARLY and not self.answering:
            self.answering = True
            self.driver.due.discard(self.id)
            self._accept()

    def _accept(self) -> None:
        if not self.exchange.may_accept or self._obtaining:
            return  # a PRACK has to come first (RFC 3262 3 and 5): `proceed` calls again
        carries, media = self.exchange.carries("INVITE", 200), self.channel.media
        offered = self.offered
        if carries is Meaning.NOTHING:
            self._answer(b"")
        elif media is None:
            self.hangup(Hangup(Cause.INCOMPATIBLE, "there are no media to answer with"))
        else:
            self._obtaining = True
            ask = partial(media.answer, offered) if carries is Meaning.ANSWER and offered is not None else media.offer
            obtain(ask, self._answer, self._failed)

    def _answer(self, body: bytes | None) -> None:
        """Send the 200; the call is up, but for the answer that a late offer still wants."""
        passage = self.passage
        self._obtaining = False
        if self.state != EARLY or passage is None or passage.final:
            return
        if body is None:
            self.hangup(Hangup(Cause.INCOMPATIBLE, "there is nothing to offer"))
            return
        if body:
            body = self.ledger.answer(body) if self.offered is not None else self.ledger.offer(body)
        meaning = self.exchange.sent("INVITE", 200, described=bool(body))
        self.offered = None
        message = self.invite
        self.timers.clear()
        fields = self.fields(message, 200)
        fields += self.driver.connected_fields(self, self.channel.connected)
        fields += self.refresh_timer(message)
        self.dialog.confirm()
        self.state = ANSWERED
        self.accept(passage, fields, body)
        if meaning is not Meaning.OFFER:
            self.channel.told_up()

    def confirmed(self) -> None:
        """The ACK has come."""
        super().confirmed()
        if self.state == UP and not self.told_end:
            self.channel.told_up()

    def _failed(self, error: BaseException) -> None:
        self._obtaining = False
        if self.state == EARLY:
            # What is wrong with this peer's offer he is told; what a media server or the other leg's peer said is not for him.
            self.unfit = "" if str(error).startswith("rtpengine") else str(error)
            self.hangup(hangup_of_failure(self, error))

    # -- the end -----------------------------------------------------------------------------------------------------

    def hangup(self, hangup: Hangup) -> None:
        """End it: a refusal, or a BYE when the ACK has come."""
        if self.state == EARLY and self.passage is not None:
            status, reason, fields = status_of(hangup)
            if self.passage.transaction.open:
                self.exchange.sent("INVITE", status)
                if status == 488 and hangup.technology != TECHNOLOGY:  # else it is the other peer who cannot
                    fields.append(warning(self, self.unfit or "no media in common"))
                fields += self.driver.supplements.answer(self, self.invite, status)
                self.passage.reply(status, reason, fields, because=f"core: {hangup.text or hangup.cause.name}")
            self.release()
        elif self.state == ANSWERED:
            self.release_as = hangup
        elif self.state == UP:
            self.bye(hangup)
        self.ended(hangup)

    def redirect(self, targets: tuple[str, ...]) -> bool:
        """Tell the caller whom to call instead (302)."""
        if self.state != EARLY:
            return False
        self.hangup(Hangup(Cause.NORMAL, "redirected", targets=targets))
        return True


def extension_of(uri: Uri, who: Called | None) -> str:
    """Return what was dialled: the user part, of a phone's own temporary address that of its address of record."""
    return who.aor.rpartition("@")[0] if who is not None and who.hides else uri.user_unescaped
