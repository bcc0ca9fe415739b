"""One call of a scripted phone: what it believes, what it can do, what it does by itself. RFC 3261 12 to 15, 3311, 3262, 4028.

Rule: written apart from plugins/channel, so that the two check each other: of the house it uses the messages, the client and server
transactions and the table of dialogs. What the peer does against the rules is noted in `faults`.
An INVITE of ours is in inviting.py, one of theirs in invited.py, requests within the call in within.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline.client import Final, Provisional
from pipeline.pending import Pending
from pipeline.sip.message import Request
from pipeline.sip.routing import route_within
from pipeline.testing import within
from pipeline.testing.attempt import Attempt
from pipeline.testing.descriptions import Exchange, Media, answering, mirror, streams
from pipeline.testing.displays import Display, displays
from pipeline.testing.inviting import Inviting
from pipeline.testing.merged import merged
from pipeline.testing.voice import Voice

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pipeline.client import Outcome
    from pipeline.sip.message import Message, Response
    from pipeline.testing.invited import Invited
    from pipeline.testing.peer import Peer
    from pipeline.testing.user_agent import UserAgent

    Headers = Iterable[tuple[str, str]]

GLARE_OWNER = (2.1, 4.0)
GLARE_OTHER = (0.0, 2.0)
"""Seconds to wait after a 491, for who made the Call-ID and for the other (RFC 3261 14.1)."""


class Call:
    """A call as one of its two phones sees it."""

    def __init__(self, phone: UserAgent, *, caller: bool, call_id: str, here: str, there: str, media: Media | None = None) -> None:
        self.phone = phone
        self.engine = phone.engine
        self.loop = phone.loop
        self.caller = caller
        self.state = "calling"
        """calling, proceeding, up, ending, ended."""
        self.why = ""
        """How it ended: hung up, released, cancelled, abandoned, refused, declined, timeout, lost, not acknowledged."""
        self.status = 0
        self.reason = ""
        self.final: Response | None = None
        self.statuses: list[int] = []
        """Of the INVITE that made the call: got by a caller, given by a callee; repeats are not counted."""
        self.received: list[Any] = []
        self.displays: list[Display] = []
        """The last display is that of the last message which showed any."""
        self.display: Display | None = None
        self.faults: list[str] = []
        """What the peer did against the rules."""
        self.acks = 0
        self.repeats = 0
        self.rseqs: list[int] = []
        self.forks = 0
        self.forks_seen: set[str] = set()
        self.digits = ""
        self.refresher, self.interval = "", 0
        """Who refreshes the session, and how often (RFC 4028); seen from here: uac is who sent the last refresh."""
        self.held = False
        self.early = b""
        self.invite: Request = None  # type: ignore[assignment]  # set at once by whoever makes the call
        # the dialog
        self.call_id, self.here, self.there = call_id, here, there
        self.local_tag = here.rpartition("tag=")[2]
        self.peer: Peer | None = None
        self.peers: dict[str, Peer] = {}
        self.cseq = 0
        self.remote_cseq = -1
        # what is under way
        self.ours: Inviting | None = None
        self.theirs: Invited | None = None
        self.updating = False
        self.leaving: list[tuple[str, str]] | None = None
        """A BYE that waits for the ACK; its header fields."""
        self._waiting: list[Callable[[], None]] = []
        self._reached: list[tuple[str, Pending]] = []
        self._timers: list[Any] = []
        self._refresh: Any = None
        self.exchange = Exchange(media or phone.media, phone.address[0], phone.random.randrange(1, 1 << 31))
        self.exchange.faults = self.faults
        self.voice = Voice(self)
        self.exchange.port = self.voice.port
        phone.calls.append(self)

    def __repr__(self) -> str:
        who = f"{self.phone.name} {'calls' if self.caller else 'is called'}"
        faults = f", faults {self.faults}" if self.faults else ""
        return f"<{who}: {self.state}{', ' + self.why if self.why else ''}, {self.statuses}{faults}>"

    # -- what it believes --------------------------------------------------------------------------------------------

    @property
    def agreed(self) -> bool:
        """Tell whether an offer has been answered."""
        return self.exchange.agreed

    @property
    def local(self) -> bytes:
        """Our description as agreed."""
        return self.exchange.local

    @property
    def remote(self) -> bytes:
        """Their description as agreed."""
        return self.exchange.remote

    @property
    def holding(self) -> bool:
        """Tell whether we hold."""
        return self.exchange.direction in ("sendonly", "inactive") or self.exchange.zero

    @property
    def direction(self) -> str:
        """What we send and receive of our first living stream, as agreed."""
        for mine, his in zip(streams(self.exchange.local), streams(self.exchange.remote), strict=False):
            if mine.alive and his.alive:
                return answering(his.direction, mine.direction)
        return "inactive"

    def mirrors(self, other: Call, *, addresses: bool = True) -> bool:
        """Tell whether both believe the same of each other's media; `addresses` too where media flow between the phones."""
        mine, his = self.exchange, other.exchange
        return (
            mine.agreed
            and his.agreed
            and mirror(mine.local, his.remote, addresses=addresses)
            and mirror(his.local, mine.remote, addresses=addresses)
        )

    def requests(self, method: str) -> list[Request]:
        """Return the requests of that method that came within this call."""
        return [message for message in self.received if message.is_request and message.method == method]

    def responses(self, status: int) -> list[Response]:
        """Return the responses of that status to our INVITEs."""
        return [message for message in self.received if not message.is_request and message.status == status]

    def until(self, what: str | Callable[[], bool], seconds: float = 64.0) -> Call:
        """Let time pass until the call is in that state (or a function holds); AssertionError when it is not within `seconds`."""

        def reached() -> bool:
            return self.state == what if isinstance(what, str) else what()

        self.loop.run_until(lambda: reached() or (isinstance(what, str) and self.state == "ended"), seconds)
        assert reached(), f"waited {seconds:g} s in vain for {what}: {self!r}"
        return self

    def reached(self, state: str) -> Pending:
        """Return a Pending that is done when the call comes into that state (fails with AssertionError when it ends before)."""
        pending = Pending()
        self._reached.append((state, pending))
        self._tell()
        return pending

    # -- what a user does --------------------------------------------------------------------------------------------

    def hangup(self, headers: Headers = ()) -> None:
        """Do what ends it now: CANCEL, a refusal, or BYE (the callee waits for the ACK first, RFC 3261 15)."""
        if self.state in ("ending", "ended") or self.leaving is not None:
            return
        if self.caller and self.state in ("calling", "proceeding"):
            self.cancel()
        elif self.state in ("calling", "proceeding"):
            self.decline(486)
        elif not self.caller and self.theirs is not None and self.theirs.initial:
            self.leaving = list(headers)  # RFC 3261 15: not before the ACK, or 64*T1
        else:
            self.bye(headers)

    def cancel(self) -> None:
        """Want the INVITE no more (RFC 3261 9.1); a 2xx that crosses is acknowledged and released."""
        if self.ours is not None and self.ours.initial and self.state in ("calling", "proceeding"):
            self.leave("cancelled")
            self.ours.asking.cancel()

    def ring(self, status: int = 180, *, sdp: bool = False, reliable: bool = False, headers: Headers = ()) -> None:
        """Send a provisional answer, with a description or reliably when asked."""
        if self.theirs is not None:
            self.theirs.provisional(status, sdp=sdp, reliable=reliable, headers=headers)

    def answer(self, sdp: bytes = b"", headers: Headers = ()) -> None:
        """Take the call."""
        if self.theirs is not None:
            self.theirs.accept(sdp, headers)

    def decline(self, status: int = 486, reason: str = "", headers: Headers = ()) -> None:
        """Refuse the call."""
        theirs = self.theirs
        if theirs is not None and theirs.refuse(status, reason, headers) and theirs.initial:
            self.status = status
            self.end("declined")

    def bye(self, headers: Headers = ()) -> Attempt:
        """Send BYE now, whatever was before."""
        self.leave("hung up")
        return self.request("BYE", headers, told=lambda _: self.end("hung up"))

    def acknowledge(self, sdp: bytes = b"") -> None:
        """Send the ACK that `phone.acks = False` held back."""
        if self.ours is not None:
            self.ours.acknowledge(sdp)

    def hold(self, direction: str = "sendonly", *, zero: bool = False, by: str = "INVITE") -> None:
        """Put the peer on hold: a=sendonly or inactive, or c=0.0.0.0."""
        self.exchange.direction, self.exchange.zero = ("sendrecv" if zero else direction), zero
        self._again(by)

    def resume(self, *, by: str = "INVITE") -> None:
        """Take it back."""
        self.exchange.direction, self.exchange.zero = "sendrecv", False
        self._again(by)

    def _again(self, by: str) -> None:
        if by == "UPDATE":
            self.update()
        else:
            self.reinvite()

    def reinvite(self, sdp: bytes = b"", *, late: bool = False, headers: Headers = (), retry: bool = True) -> None:
        """Send an INVITE within the call as soon as no other exchange is under way; after a 491 again (14.1)."""
        headers = list(headers)
        self.when_free(lambda: Inviting(self, initial=False).go(sdp, late=late, headers=headers, retry=retry))

    def update(self, sdp: bytes | None = b"", headers: Headers = ()) -> None:
        """Send UPDATE (RFC 3311) with an offer of ours, with `sdp`, or with None: without any."""
        headers = list(headers)
        if sdp is None:
            self.request("UPDATE", [("Contact", f"<{self.phone.remote_target}>"), *headers])
        else:
            self.when_free(lambda: within.update(self, sdp, headers), early=True)

    def refresh(self, method: str = "INVITE") -> None:
        """Refresh the session (RFC 4028 7.4), with the description as it is."""
        headers = [("Supported", "timer"), ("Session-Expires", f"{self.interval};refresher=uac")] if self.interval else []
        if method == "UPDATE":
            self.request("UPDATE", [("Contact", f"<{self.phone.remote_target}>"), *headers], told=self._refreshed)
        else:
            self.reinvite(headers=headers)

    def _refreshed(self, outcome: Outcome) -> None:
        if isinstance(outcome, Final) and outcome.response.status < 300:
            self.timed(outcome.response, ours=True)

    def info(self, body: bytes = b"", content_type: str = "", headers: Headers = ()) -> Attempt:
        """Send INFO."""
        return self.request("INFO", [*headers, *([("Content-Type", content_type)] if content_type else [])], body)

    def press(self, digit: str, *, by: str = "rfc4733") -> None:
        """Press a digit: by info (application/dtmf-relay), by rfc4733, or inband."""
        if by == "info":
            self.info(f"Signal={digit}\r\nDuration=160\r\n".encode(), "application/dtmf-relay")
        else:
            self.voice.press(digit, inband=by == "inband")

    def talk(self, *hertz: int) -> None:
        """Send this tone from now on."""
        self.voice.talk(*hertz)

    def quiet(self) -> None:
        """Send nothing any more."""
        self.voice.talk()

    def hears(self, seconds: float = 1.0) -> set[int]:
        """Let so much time pass and return which of voice.TONES were heard in it."""
        self.voice.listen()
        self.loop.advance(seconds)
        return self.voice.tones()

    @property
    def heard(self) -> int:
        """RTP packets that came."""
        return self.voice.packets

    # -- requests within the dialog ----------------------------------------------------------------------------------

    def number(self) -> int:
        """The next CSeq; the one behind it stays free for the answer to a challenge."""
        self.cseq += 2
        return self.cseq - 1

    def make(self, method: str, number: int, headers: Headers = (), body: bytes = b"", peer: Peer | None = None) -> tuple[Request, Any]:
        """Make a request of the dialog and say where it goes (RFC 3261 12.2.1.1)."""
        peer = peer or self.peer
        assert peer is not None, f"no dialog yet: {self!r}"
        uri, routes, hop = route_within(peer.target, peer.routes)
        fields = [
            ("Max-Forwards", "70"),
            ("From", self.here),
            ("To", f"{self.there};tag={peer.tag}" if peer.tag else self.there),
            ("Call-ID", self.call_id),
            ("CSeq", f"{number} {method}"),
            *(("Route", route) for route in routes),
        ]
        return Request.new(method, uri, merged(fields, headers), body), hop

    def request(
        self,
        method: str,
        headers: Headers = (),
        body: bytes = b"",
        told: Callable[[Outcome], None] | None = None,
        *,
        cseq: int | None = None,
        peer: Peer | None = None,
    ) -> Attempt:
        """Send any request within the dialog (INVITE: see reinvite)."""
        attempt = Attempt()
        message, hop = self.make(method, cseq or self.number(), headers, body, peer)

        def outcome(outcome: Outcome) -> None:
            if isinstance(outcome, Provisional):
                attempt.responses.append(outcome.response)
                return
            if isinstance(outcome, Final):
                attempt.responses.append(outcome.response)
            attempt.outcome = outcome
            if method != "BYE":
                self.dead(outcome)
            if told is not None:
                told(outcome)

        attempt.asking = self.engine.request(message, hop, outcome)
        return attempt

    def dead(self, outcome: Outcome) -> None:
        """End the call where an answer to a request of ours says that the peer has it no more (12.2.1.2)."""
        if self.state != "up":
            return
        if isinstance(outcome, Final) and outcome.response.status == 481:
            self.end("lost")
        elif not isinstance(outcome, Final) or outcome.response.status == 408:
            self.bye()
            self.why = "lost"

    # -- what the INVITEs tell ---------------------------------------------------------------------------------------

    def meet(self, peer: Peer) -> None:
        """Know the far end of a dialog: its requests come here from now on."""
        if peer.tag not in self.peers and self.state != "ended":
            self.engine.dialogs.add(self.call_id, self.local_tag, peer.tag, within.Usage(self))
        self.peers[peer.tag] = peer

    def keep(self, message: Message) -> None:
        """Note a message and what it shows."""
        self.received.append(message)
        shown = displays(message)
        if shown and not (shown[0].source == "from" and self.display is not None):  # a later From says nothing new (RFC 3261 12.2.1.1)
            self.displays += shown
            self.display = shown[0]

    def up(self) -> None:
        """The call is answered."""
        if self.state in ("calling", "proceeding"):
            self._become("up")
            self.voice.follow()
        if self.state == "up" and self.leaving is not None and not (self.theirs is not None and self.theirs.initial):
            headers, self.leaving = self.leaving, None
            self.bye(headers)

    def proceed(self) -> None:
        """Something was heard of it, or given."""
        if self.state == "calling":
            self._become("proceeding")

    def leave(self, why: str) -> None:
        """We want no more of it."""
        if self.state != "ended":
            self.why = self.why or why
            self._become("ending")

    def end(self, why: str) -> None:
        """It is over."""
        if self.state == "ended":
            return
        self.why = self.why or why
        for tag in self.peers:
            self.engine.dialogs.remove(self.call_id, self.local_tag, tag)
        if self.theirs is not None:
            self.theirs.stop()
        for timer in self._timers:
            timer.cancel()
        self._waiting.clear()
        self.voice.close()
        if self._refresh is not None:
            self._refresh.cancel()
        self._become("ended")

    def _become(self, state: str) -> None:
        self.state = state
        self._tell()

    def _tell(self) -> None:
        order = ("calling", "proceeding", "up", "ending", "ended")
        for entry in tuple(self._reached):
            state, pending = entry
            if self.state == state:
                self._reached.remove(entry)
                pending.resolve(self)
            elif self.state == "ended" and order.index(state) < order.index("ended"):
                self._reached.remove(entry)
                pending.fail(AssertionError(f"it ended: {self!r}"))

    def later(self, seconds: float, fn: Callable[..., object], *args: Any) -> None:
        """Do something later, unless the call has ended by then."""
        self._timers = [timer for timer in self._timers if not timer.cancelled() and timer.when() > self.loop.time()]
        self._timers.append(self.loop.call_later(seconds, fn, *args))

    @property
    def busy(self) -> bool:
        """Tell whether an exchange is under way that forbids another (14.1, RFC 3311 5.1)."""
        return self.ours is not None or self.theirs is not None or self.updating

    def when_free(self, fn: Callable[[], None], *, early: bool = False) -> None:
        """Do it now, or when the exchange under way has ended."""
        before = early and self.state == "proceeding" and self.agreed and not self.exchange.offered and not self.updating
        if before or (self.state == "up" and not self.busy):
            fn()
        elif self.state not in ("ending", "ended"):
            self._waiting.append(fn)

    def freed(self) -> None:
        """An exchange has ended: the next may begin."""
        self.held = bool(self.exchange.remote) and any(
            stream.alive and stream.direction in ("sendonly", "inactive") for stream in streams(self.exchange.remote)
        )
        self.voice.follow()
        if self._waiting and self.state == "up" and not self.busy:
            self._waiting.pop(0)()

    def glare(self, fn: Callable[[], None]) -> None:
        """Try again what got a 491, in the window of 14.1."""
        low, high = GLARE_OWNER if self.caller else GLARE_OTHER
        self.later(round(self.phone.random.uniform(low, high), 2), lambda: self.when_free(fn))

    def timed(self, message: Message, *, ours: bool) -> None:
        """Take the session timer that a 2xx settles (RFC 4028); `ours`: it answers a request of ours."""
        value = message.get("session-expires") or message.get("x")
        if self._refresh is not None:
            self._refresh.cancel()
            self._refresh = None
        if value is None:
            self.interval = 0
            return
        seconds, _, parameter = value.partition(";")
        self.interval = int(seconds)
        self.refresher = parameter.strip().partition("=")[2].lower()
        if (self.refresher == "uac") is ours:
            if self.phone.refreshes:
                self._refresh = self.loop.call_later(self.interval / 2, self._refresh_now)
        else:
            self._refresh = self.loop.call_later(self.interval - min(32, self.interval / 3), self._expired)

    def _refresh_now(self) -> None:
        self._refresh = None
        if self.state == "up":
            self.refresh(self.phone.refreshes)

    def _expired(self) -> None:
        self._refresh = None
        if self.state == "up":
            self.bye([("Reason", 'SIP;cause=408;text="session timer expired"')])
