"""A session that we begin: the INVITE, its provisional answers, forks, the 2xx and its ACK, CANCEL. RFC 3261 13.2, 9.1; RFC 3262 4.

Rule: the first 2xx wins; others of a fork get an ACK and a BYE (13.2.2.4). Before a final answer CANCEL ends it, and whatever comes after
that is settled here without the core: 487, or a 200 that crossed (ACK, then BYE; RFC 5407 3.1.2). The ACK waits for an answer that is not
known yet; a BYE does not.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from pipeline import Malformed
from pipeline.client import Final, Provisional, TransportError
from pipeline.core import Cause, Hangup
from pipeline.pending import Pending
from pipeline.sip.dialog import Dialog
from pipeline.sip.message import Request
from pipeline.sip.offer_answer import Meaning
from pipeline.sip.reliable import Rack, Received, is_reliable, rseq_of

from .bodies import description_of
from .causes import TIMED_OUT, UNREACHABLE, hangup_of, reason_of
from .exchange import hangup_of_failure, ledger_for, obtain, refusing
from .identity import connected_of
from .loops import TOO_MANY
from .session import Session
from .usage import ANSWERED, EARLY, ENDING, OVER, SDP, UP
from .way import contact, way_to

if TYPE_CHECKING:
    from pipeline import Flow, Response
    from pipeline.client import Asking, Outcome
    from pipeline.core import Terminal
    from pipeline.sip.offer_answer import Exchange

    from .driver import Driver
    from .loops import Trip
    from .targets import Destination

RETRIES = 4
"""INVITEs sent anew for a 422 (RFC 4028 7.3): each raises the interval, whoever asks more often plays with us."""
FOLLOWED = 10
"""Places that one call is redirected to at most (RFC 3261 8.1.3.4 wants each tried once)."""
FORKS = 32
"""Early dialogs of one INVITE that are kept: a fork that rings more phones is served as if it were one."""


class Fork:
    """One early dialog of our INVITE: who answered, and how far offer and answer have come with him."""

    __slots__ = ("dialog", "exchange", "preview", "received")

    def __init__(self, dialog: Dialog, exchange: Exchange) -> None:
        self.dialog = dialog
        self.exchange = exchange
        self.received = Received()
        self.preview = b""


class Outgoing(Session):
    """A call to the peer."""

    direction = "out"

    def __init__(self, driver: Driver, destination: Destination, trip: Trip) -> None:
        super().__init__(driver, destination.endpoint)
        self.destination = destination
        self.trip = trip
        self.timer = driver.timer_of(self.options)
        self.asking: Asking | None = None
        self._call_id = driver.engine.token(16)
        self._tag = driver.engine.token(8)
        self._cseq = 0
        self._forks: dict[str, Fork] = {}
        self._offer = b""
        self.relied = False
        """Whether the caller takes reliable answers, and so an offer in one."""
        self._retries = 0
        self._visited: set[str] = {destination.uri}
        self._next: list[Destination] = []
        self._won: Response | None = None
        self._cancelled = False

    @property
    def call_id(self) -> str:
        """The Call-ID."""
        return self._call_id

    @property
    def local_tag(self) -> str:
        """Our tag."""
        return self._tag

    @property
    def remote_tag(self) -> str:
        """The peer's tag; "" before it has answered."""
        dialog: Dialog | None = self.dialog
        return "" if dialog is None else dialog.remote_tag

    @property
    def peer_host(self) -> str:
        """The address that is called, where it is an address."""
        target: Any = self.destination.target
        if self.flow is not None or isinstance(target, list):
            return super().peer_host
        return str(target.peer[0] if hasattr(target, "peer") else target.host).strip("[]")

    def dialog_of(self, tag: str) -> Dialog | None:
        """Return the dialog with the peer of that tag."""
        fork = self._forks.get(tag)
        return fork.dialog if fork is not None else self.dialog

    # -- the INVITE --------------------------------------------------------------------------------------------------

    def call(self) -> None:
        """Send the INVITE; with an offer, unless the media leave that to the peer."""
        if self.trip.onward() is None:
            self._end(TOO_MANY)
            return
        media = self.channel.media
        if media is None:
            self._invite(None)
        else:
            obtain(media.offer, self._invite, self._failed)

    def _invite(self, offer: bytes | None) -> None:
        if self.state != EARLY or self._cancelled:
            return
        self._offer = offer or b""
        if not self._offer:
            # An offer in a reliable 1xx has to be answered in its PRACK: the caller must take it so, and be offered no other.
            self.relied = self.relied and sum(each.direction == "out" for each in self.channel.call.channels) == 1
        self._send()

    def _send(self) -> None:
        """Send the INVITE (anew: to another place, or with another interval)."""
        destination = self.destination
        self._cseq += 1
        self.exchange.sent("INVITE", described=bool(self._offer))
        self.pinned = destination.pinned
        try:
            asking = self.engine.request(self._made, destination.target, self._told, self.passage, self.endpoint)
        except Malformed as error:
            self._failed(error)
            return
        if self.state not in (OVER, ENDING) or self.asking is None:
            self.asking = asking

    def _made(self, flow: Flow) -> Request:
        """Write the INVITE for a flow: Contact and From depend on it."""
        channel, driver, destination = self.channel, self.driver, self.destination
        from_, identity = driver.shown(self)
        if self.ledger is None:  # before the first flow
            self.ledger = ledger_for(self, flow)
            if self._offer:
                self._offer = self.ledger.offer(self._offer)
        self.contact = contact(flow, driver.user_of(channel.caller), secure=destination.uri[:5].lower() == "sips:")
        fields = self.trip.onward() or []
        fields += [("Route", route) for route in destination.route]
        fields += (
            ("From", f"{from_};tag={self._tag}"),
            ("To", f"<{destination.uri}>"),
            ("Call-ID", self._call_id),
            ("CSeq", f"{self._cseq} INVITE"),
            ("Contact", self.contact),
            *driver.abilities(self.options, reliable=bool(self._offer) or self.relied),
            *identity,
        )
        if self.timer is not None:
            fields += self.timer.ask()
        if self.options.rel100 == "required":
            fields.append(("Require", "100rel"))
        if channel.headers:
            fields += driver.extras(channel.headers)
        if self._offer:
            fields.append(("Content-Type", SDP))
        message = Request.new("INVITE", destination.uri, fields, self._offer)
        driver.supplements.ask(self, message)
        return message

    # -- what becomes of it ------------------------------------------------------------------------------------------

    def _told(self, outcome: Outcome) -> None:
        if isinstance(outcome, Provisional):
            self._provisional(outcome.response)
        elif isinstance(outcome, Final):
            response = outcome.response
            self.driver.supplements.answered(self, response)
            if response.status < 300:
                self._accepted(response)
            else:
                self._refused(response)
        elif self._won is not None:
            pass
        elif isinstance(outcome, TransportError):
            self._end(UNREACHABLE)
        else:
            self._end(TIMED_OUT)

    def _fork(self, response: Response) -> Fork | None:
        """Return the dialog that a response belongs to; a new one for a tag that was not seen before."""
        tag = response.to.tag
        fork = self._forks.get(tag)
        if fork is None and self.asking is not None and self.asking.branch is not None and len(self._forks) < FORKS:
            dialog = Dialog.from_response(self.asking.branch.message, response)
            dialog.contact = self.contact
            exchange = self.exchange.fork() if self._forks else self.exchange
            fork = self._forks[tag] = Fork(dialog, exchange)
            if len(self._forks) == 1:
                self.dialog = dialog
                self.come_by(self.asking.branch.flow)
            self.own(dialog)
        return fork

    # -- 1xx ---------------------------------------------------------------------------------------------------------

    def _provisional(self, response: Response) -> None:
        if self.state != EARLY or self._cancelled:
            return
        status = response.status
        self.driver.supplements.answered(self, response)
        reliable = is_reliable(response, status)
        fork = self._fork(response) if response.to.tag else None
        description = description_of(response)
        if fork is not None:
            self.setup = response
            if (allow := response.get("allow")) is not None and allow:
                self.allows = frozenset(response.allow)
            if reliable:
                if not fork.received.take(rseq_of(response) or 0):
                    return
                fork.dialog.refresh(response)
            meaning = fork.exchange.received("INVITE", status, described=bool(description), reliable=reliable)
            self._describe(fork, response, meaning, description, reliable)
            if self.state != EARLY:
                return
        if status == 180:
            self.channel.told_ringing()
        self._learn(response)

    def _describe(self, fork: Fork, response: Response, meaning: Meaning, description: bytes, reliable: bool) -> None:
        media = self.channel.media
        if meaning is Meaning.OFFER and media is not None:
            self.remote = description
            description = self.offered = self.ledger.offered(description)
            obtain(lambda: media.answer(description), partial(self._prack, fork, response), self._failed)
            if self.state == EARLY:
                self.channel.told_early()
            return
        if reliable:
            self._prack(fork, response, b"")
        if meaning in (Meaning.EARLY, Meaning.ANSWER) and media is not None:
            self.remote = description
            if meaning is Meaning.EARLY or fork.exchange is not self.exchange:
                fork.preview = description
                heard = self._heard(media, description)
            else:
                obtain(lambda: media.accept(self.ledger.answered(description)), _nothing, self._failed)
                heard = True
            if heard and self.state == EARLY:
                self.channel.told_early()

    def _heard(self, media: Terminal, description: bytes) -> bool:
        """Give a preview to the media; True: there is something to be heard. One that cannot be read is none."""
        try:
            return media.early(self.ledger.early(description))
        except Malformed:
            return False

    def _prack(self, fork: Fork, response: Response, body: bytes) -> None:
        """Acknowledge a reliable provisional answer (RFC 3262 4), with the answer to its offer."""
        if self.state != EARLY or self._cancelled:
            return
        rack = Rack(rseq_of(response) or 0, response.cseq.number)
        body = self.ledger.answer(body) if body else b""
        fork.exchange.sent("PRACK", described=bool(body))
        fields = [("RAck", str(rack))]
        if body:
            self.offered = None
            fields.append(("Content-Type", SDP))
        message = fork.dialog.request("PRACK", fields, body)
        self.driver.supplements.ask(self, message)
        way = way_to(fork.dialog.hop, self.flow, self.pinned)
        self.engine.request(message, way, partial(self._pracked, fork), self.passage, self.endpoint)

    def _pracked(self, fork: Fork, outcome: Outcome) -> None:
        if isinstance(outcome, Provisional):
            return
        status = outcome.response.status if isinstance(outcome, Final) else 408
        if isinstance(outcome, Final):
            fork.dialog.numbered(outcome.response)
        fork.exchange.received("PRACK", status, described=isinstance(outcome, Final) and bool(description_of(outcome.response)))
        if self.state == EARLY:
            self.flush()

    # -- 2xx ---------------------------------------------------------------------------------------------------------

    def _accepted(self, response: Response) -> None:
        if self._won is not None:
            if response.to.tag != self._won.to.tag:
                self._dismiss(response)
            return
        if self._cancelled or self.state != EARLY:
            self._won = response
            self._dismiss(response)
            self.release()
            return
        self._won = self.setup = response
        fork = self._fork(response)
        assert self.asking is not None
        if fork is None:
            fork = Fork(Dialog.from_response(self.asking.branch.message, response), self.exchange.fork())  # type: ignore[union-attr]
            self.own(fork.dialog)
        fork.dialog.confirm(response)
        self.dialog, self.exchange = fork.dialog, fork.exchange
        self.dialog.contact = self.contact
        for other in self._forks.values():
            if other is not fork:
                self.disown(other.dialog)
        self._forks.clear()
        if self.flow is None:
            self.come_by(self.asking.branch.flow)  # type: ignore[union-attr]
        self.allows = frozenset(response.allow)
        if self.timer is not None:
            self.timer.accepted(response, self.engine.clock.now())
            self.arm()
        description = description_of(response)
        meaning = self.exchange.received("INVITE", response.status, described=bool(description))
        self._settle(response, meaning, description, fork)

    def _settle(self, response: Response, meaning: Meaning, description: bytes, fork: Fork) -> None:
        """Acknowledge the 2xx, and tell the core: with what was agreed, or while the answer to its offer is being found."""
        media = self.channel.media
        self.state = UP
        if meaning is Meaning.OFFER and media is not None:
            self.state = ANSWERED
            self.remote = description
            description = self.offered = self.ledger.offered(description)
            self._tell_up(response)
            if self.told_end:
                return
            obtain(lambda: media.answer(description), self._complete, self._unanswerable)
            return
        self.acknowledge(self.asking, response)  # type: ignore[arg-type]
        if meaning is Meaning.AS_EARLY:
            description = fork.preview
        if meaning is Meaning.MISSING or (meaning is Meaning.OFFER and media is None):
            self.lost(Hangup(Cause.PROTOCOL_ERROR, "the 200 has no session description"))
            return
        if meaning in (Meaning.ANSWER, Meaning.AS_EARLY) and media is not None:
            self.remote = description
            try:
                accepted = media.accept(self.ledger.answered(description))
            except Exception as error:
                self.lost(hangup_of_failure(self, error))
                return
            if isinstance(accepted, Pending):
                accepted.then(self._checked)
        if self.told_end:
            return
        self._tell_up(response)
        self.flush()

    def _checked(self, accepted: Pending) -> None:
        try:
            accepted.value()
        except Exception as error:
            self.lost(hangup_of_failure(self, error))

    def _tell_up(self, response: Response) -> None:
        self._learn(response)
        self.channel.told_up()

    def _learn(self, response: Response) -> None:
        """Tell the core who is at the far side, where the peer says so and is believed."""
        party = connected_of(response, self.options, self.engine, self.flow)
        if party is not None and party != self.channel.party:
            self.channel.told_connected(party)

    def _complete(self, answer: bytes) -> None:
        """The answer to the offer of the 2xx is known: the ACK brings it."""
        if self.state != ANSWERED or self._won is None:
            return
        answer, self.offered = self.ledger.answer(answer), None
        self.exchange.sent("ACK", described=bool(answer))
        self.acknowledge(self.asking, self._won, answer)  # type: ignore[arg-type]
        self.state = UP
        self.flush()

    def _unanswerable(self, error: BaseException) -> None:
        if self.state == ANSWERED:
            self.hangup(hangup_of_failure(self, error))

    def _dismiss(self, response: Response) -> None:
        """End what another branch of a fork has answered, or what was cancelled too late: ACK, then BYE."""
        asking = self.asking
        if asking is None or asking.branch is None:
            return
        dialog = Dialog.from_response(asking.branch.message, response)
        flow = asking.branch.flow
        self.acknowledge(asking, response, dialog=dialog)
        message = dialog.request("BYE", (("Reason", reason_of(Hangup(Cause.ANSWERED_ELSEWHERE))),))
        self.engine.request(message, way_to(dialog.hop, flow, self.pinned), _nothing, self.passage, self.endpoint)

    # -- refusals ----------------------------------------------------------------------------------------------------

    def _refused(self, response: Response) -> None:
        if self._won is not None:
            return
        status = response.status
        if self._cancelled or self.state != EARLY:
            self.release()
            return
        for fork in self._forks.values():
            self.disown(fork.dialog)
            fork.exchange.received("INVITE", status)
        if not self._forks:
            self.exchange.received("INVITE", status)
        if status == 422 and self.timer is not None and self._retries < RETRIES and self.timer.too_small(response):
            self._retries += 1
            self._again(response)
            return
        hangup = hangup_of(response)
        if hangup.targets and self.options.follow_redirect:
            self._follow(hangup, response)
        elif self._next:
            self._try_next(response)
        else:
            self._end(hangup)

    def _again(self, response: Response) -> None:
        """Send the INVITE anew, with a CSeq above the one that was refused."""
        self._cseq = max(self._cseq, response.cseq.number)
        self._forks.clear()
        self.dialog = None  # type: ignore[assignment]
        if self._held is not None:
            self._held.release()
            self._held = None
        self._send()

    def _follow(self, hangup: Hangup, response: Response) -> None:
        """Call where the callee is said to be instead; each place once (8.1.3.4)."""

        def found(destinations: list[Destination]) -> None:
            if self.state != EARLY or self._cancelled:
                self.release()
                return
            self._next = [each for each in destinations if each.uri not in self._visited][:FOLLOWED]
            if not self._next or len(self._visited) > FOLLOWED:
                self._end(hangup)
                return
            self._try_next(response)

        obtain(lambda: self.driver.targets.redirected(hangup, self.options), found, lambda _: self._end(hangup))

    def _try_next(self, response: Response) -> None:
        self.destination = self._next.pop(0)
        self._visited.add(self.destination.uri)
        self._again(response)

    def _failed(self, error: BaseException) -> None:
        if self.state == EARLY:
            self.hangup(hangup_of_failure(self, error))

    # -- the end -----------------------------------------------------------------------------------------------------

    def _end(self, hangup: Hangup) -> None:
        """It has come to nothing."""
        self.release()
        self.ended(hangup)

    def release(self) -> None:
        """Let go of everything; another 2xx to the INVITE, should one come, is the stack's to end."""
        super().release()
        if self.asking is not None:
            self.asking.leave()

    def released(self, hangup: Hangup) -> None:
        """The peer sent a BYE: no answer is needed any more, but its 2xx still gets its ACK."""
        if self.state == ANSWERED:
            self._acknowledge_anyway()
        elif self.state == EARLY and self.asking is not None:
            self._cancelled = True
            self.asking.cancel()
        super().released(hangup)

    def hangup(self, hangup: Hangup) -> None:
        """End it: CANCEL before the final answer, BYE after it."""
        if self.state == EARLY:
            self._cancelled = True
            self.state = ENDING
            self.unanswered()
            if self.asking is None or self.asking.over:
                self.release()
            else:
                self.asking.cancel((("Reason", reason_of(hangup)),))
        elif self.state == ANSWERED:
            self._acknowledge_anyway()
            self.bye(hangup)
        elif self.state == UP:
            self.bye(hangup)
        self.ended(hangup)

    def _acknowledge_anyway(self) -> None:
        """Acknowledge a 2xx whose offer is not taken."""
        if self._won is not None and self.asking is not None:
            answer = refusing(self.remote)
            answer = self.ledger.answer(answer) if answer else b""
            self.exchange.sent("ACK", described=bool(answer))
            self.acknowledge(self.asking, self._won, answer)


def _nothing(_: object) -> None:
    """Nothing follows."""
