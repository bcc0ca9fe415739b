"""A session that we begin: the INVITE, where it goes, CANCEL. RFC 3261 13.2, 9.1.

Rule: what comes back is taken by `early` (1xx), `answered` (2xx) and `refusals` (the rest). Before a final answer CANCEL ends it, and
whatever comes after that is settled here without the core: 487, or a 200 that crossed (ACK, then BYE; RFC 5407 3.1.2).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline import Malformed
from pipeline.client import Final, Provisional, TransportError
from pipeline.sip.dialog import wants_sips
from pipeline.sip.message import Request
from pipeline.way import contact

from .answered import accepted, acknowledge_anyway
from .causes import TIMED_OUT, UNREACHABLE, reason_of
from .early import provisional
from .exchange import hangup_of_failure, ledger_for, obtain
from .loops import TOO_BROAD, TOO_MANY
from .refusals import refused, unreached
from .session import Session
from .usage import ANSWERED, EARLY, ENDING, OVER, SDP, UP

if TYPE_CHECKING:
    from pipeline import Flow, Response
    from pipeline.client import Asking, Outcome
    from pipeline.core import Hangup
    from pipeline.destinations.targets import Destination
    from pipeline.sip.dialog import Dialog

    from .driver import Driver
    from .early import Fork
    from .loops import Trip


class Outgoing(Session):
    """A call to the peer."""

    direction = "out"

    def __init__(self, driver: Driver, destination: Destination, trip: Trip) -> None:
        super().__init__(driver, destination.endpoint)
        self.destination = destination
        self.trip = trip
        self.breadth = 0
        """Its share of the call's Max-Breadth."""
        if trip.breadth is not None:
            trip.breadth.want()
        self.timer = driver.timer_of(self.options)
        self.asking: Asking | None = None
        self._call_id = driver.engine.token(16)
        self._tag = driver.engine.token(8)
        self.cseq = 0
        self.forks: dict[str, Fork] = {}
        """Its early dialogs, by the To tag."""
        self.offer = b""
        self.relied = False
        """Whether the caller takes reliable answers, and so an offer in one."""
        self.retries = 0
        self.visited: set[str] = {destination.uri}
        """The places that were called or will be."""
        self.elsewhere: list[Destination] = []
        """The places that a 3xx named and that have not been called yet."""
        self.diversions: tuple[str, ...] = ()
        """Who has forwarded the call, the latest first (RFC 5806)."""
        self.won: Response | None = None
        """The 2xx that counts."""
        self.cancelled = False
        self._unfit: Malformed | None = None
        """Why our offer cannot be put to this endpoint at all."""

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
        fork = self.forks.get(tag)
        return fork.dialog if fork is not None else self.dialog

    # -- the INVITE --------------------------------------------------------------------------------------------------

    def call(self) -> None:
        """Send the INVITE; with an offer, unless the media leave that to the peer."""
        if self.trip.onward() is None:
            self.come_to_nothing(TOO_MANY)
            return
        if self.trip.breadth is not None:
            self.breadth = self.trip.breadth.take()
            if not self.breadth:
                self.come_to_nothing(TOO_BROAD)
                return
        media = self.channel.media
        if media is None:
            self._invite(None)
        else:
            obtain(media.offer, self._invite, self.failed)

    def narrow(self) -> None:
        """Give the share of Max-Breadth back: this branch has a final answer (RFC 5393 5.3.3.2), and who called may be sent on."""
        if self.trip.breadth is not None:
            self.trip.breadth.give_back(self.breadth)
            self.breadth = 0

    def _invite(self, offer: bytes | None) -> None:
        if self.state != EARLY or self.cancelled:
            return
        self.offer = offer or b""
        if not self.offer:
            # An offer in a reliable 1xx has to be answered in its PRACK: the caller must take it so, and be offered no other.
            self.relied = self.relied and sum(each.direction == "out" for each in self.channel.call.channels) == 1
        self.send()

    def send(self) -> None:
        """Send the INVITE (anew: to another place, or with another interval)."""
        destination = self.destination
        self.cseq += 1
        self.exchange.sent("INVITE", described=bool(self.offer))
        self.pinned = destination.pinned
        try:
            asking = self.engine.request(self._made, destination.target, self._told, self.passage, self.endpoint)
        except Malformed as error:
            self.failed(error)
            return
        if not (asking.over and self.asking is not None) and (self.state not in (OVER, ENDING) or self.asking is None):
            self.asking = asking  # one that has failed at once may have had another sent already

    def _made(self, flow: Flow) -> Request:
        """Write the INVITE for a flow: Contact and From depend on it."""
        channel, driver, destination = self.channel, self.driver, self.destination
        from_, identity = driver.shown(self)
        if self.ledger is None:  # before the first flow
            self.ledger = ledger_for(self, flow)
            if self.offer:
                try:
                    self.offer = self.ledger.offer(self.offer)
                except Malformed as error:
                    self._unfit = error
                    raise
        self.contact = contact(flow, driver.user_of(channel.caller), secure=wants_sips(destination.uri, destination.route))
        fields = self.trip.onward() or []
        if self.breadth:
            fields.append(("Max-Breadth", str(self.breadth)))
        fields += [("Route", route) for route in destination.route]
        fields += (
            ("From", f"{from_};tag={self._tag}"),
            ("To", f"<{destination.uri}>"),
            ("Call-ID", self._call_id),
            ("CSeq", f"{self.cseq} INVITE"),
            ("Contact", self.contact),
            *driver.abilities(self.options, reliable=bool(self.offer) or self.relied),
            *identity,
        )
        if self.timer is not None:
            fields += self.timer.ask()
        if self.options.rel100 == "required":
            fields.append(("Require", "100rel"))
        if self.options.pass_challenges:
            fields += self.driver.credentials.foreign(channel.call.owner)
        if channel.headers:
            fields += driver.extras(channel.headers)
        if self.offer:
            fields.append(("Content-Type", SDP))
        message = Request.new("INVITE", destination.uri, fields, self.offer)
        driver.supplements.ask(self, message)
        return message

    # -- what becomes of it ------------------------------------------------------------------------------------------

    def _told(self, outcome: Outcome) -> None:
        if isinstance(outcome, Provisional):
            provisional(self, outcome.response)
        elif isinstance(outcome, Final):
            response = outcome.response
            self.driver.supplements.answered(self, response)
            if response.status < 300:
                accepted(self, response)
            else:
                refused(self, response)
        elif self.won is not None:
            pass
        elif self._unfit is not None:
            self.failed(self._unfit)
        elif self.cancelled or self.state != EARLY:
            self.release()
        else:
            unreached(self, UNREACHABLE if isinstance(outcome, TransportError) else TIMED_OUT)

    def failed(self, error: BaseException) -> None:
        """The media have failed, or have nothing to offer."""
        if self.state == EARLY:
            self.hangup(hangup_of_failure(self, error))

    # -- the end -----------------------------------------------------------------------------------------------------

    def come_to_nothing(self, hangup: Hangup) -> None:
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
            acknowledge_anyway(self)
        elif self.state == EARLY and self.asking is not None:
            self.cancelled = True
            self.asking.cancel()
        super().released(hangup)

    def hangup(self, hangup: Hangup) -> None:
        """End it: CANCEL before the final answer, BYE after it."""
        if self.state == EARLY:
            self.cancelled = True
            self.state = ENDING
            self.unanswered()
            if self.asking is None or self.asking.over:
                self.release()
            else:
                self.asking.cancel((("Reason", reason_of(hangup)),))
        elif self.state == ANSWERED:
            acknowledge_anyway(self)
            self.bye(hangup)
        elif self.state == UP:
            self.bye(hangup)
        self.ended(hangup)
