"""An INVITE that came to a scripted phone: the one that makes a call, or one within it. RFC 3261 13.3, 14.2; RFC 3262 for the callee.

Rule: a 2xx is repeated until its ACK comes (13.3.1.4), a reliable provisional until its PRACK (RFC 3262 3); after 64*T1 the call is
given up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline.sip.message import Response
from pipeline.testing.merged import merged
from pipeline.testing.peer import Peer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pipeline.passage import Passage
    from pipeline.sip.message import Request
    from pipeline.testing.calls import Call

    Headers = Iterable[tuple[str, str]]


class Invited:
    """One INVITE of theirs, until its 2xx is acknowledged or it has been refused."""

    def __init__(self, call: Call, passage: Passage, *, initial: bool) -> None:
        self.call = call
        self.initial = initial
        self.passage = passage
        self.message: Request = passage.message  # type: ignore[assignment]
        self.transaction: Any = passage.transaction
        self.number = self.message.cseq.number
        self.given = 0
        """The final status given; 0: none yet."""
        self.reliably = 0
        """RSeq of the reliable provisional that waits for its PRACK; 0: none does."""
        self.offer = self.message.body if self.message.content_type == "application/sdp" else b""
        self.described = b""
        """Our answer, or our offer to an INVITE without one, as given in an answer already."""
        self.settled = False
        """It was given reliably: the 2xx has none."""
        self._rseq = 0
        self._waiting: list[Callable[[], None]] = []
        self._repeating: Any = None
        self.transaction.on_event = self._event

    def _event(self, event: str) -> None:
        if event == "CANCEL" and not self.given:
            self._give(487)
            self.given = 487
            self._over()
            if self.initial:
                self.call.end("abandoned")
            else:
                self.call.freed()

    # -- answers -----------------------------------------------------------------------------------------------------

    def provisional(self, status: int, *, sdp: bool, reliable: bool, headers: Headers) -> None:
        """Send a 1xx."""
        if self.given:
            return
        call = self.call
        supported = "100rel" in [tag.lower() for tag in self.message.supported + self.message.require]
        reliable = (reliable and supported) or "100rel" in self.message.require
        if self.reliably:  # one at a time (RFC 3262 3)
            self._waiting.append(lambda: self.provisional(status, sdp=sdp, reliable=reliable, headers=headers))
            return
        body = self._description() if sdp and (self.offer or reliable) else b""  # an offer needs a reliable answer (RFC 3262 5)
        if body is None:
            call.decline(488)
            return
        fields = [("Contact", f"<{call.phone.remote_target}>"), *([("Content-Type", "application/sdp")] if body else [])]
        if reliable:
            self._rseq = self._rseq + 1 if self._rseq else call.phone.random.randrange(1, 1 << 20)
            self.reliably = self._rseq
            fields += [("Require", "100rel"), ("RSeq", str(self._rseq))]
        if not call.statuses or call.statuses[-1] != status:
            call.statuses.append(status)
        data = self._give(status, merged(fields, headers), body or b"")
        call.proceed()
        if reliable:
            self.settled = self.settled or bool(body)
            self._repeat(data, self._unheard, limit=None)

    def accept(self, sdp: bytes = b"", headers: Headers = ()) -> None:
        """Send 200."""
        if self.given:
            return
        if self.reliably:
            self._waiting.append(lambda: self.accept(sdp, headers))
            return
        call = self.call
        body: bytes | None = b""
        if not self.settled:
            body = self._description(sdp)
        if body is None:
            self.refuse(488, "", ())
            if self.initial:
                call.status = 488
                call.end("declined")
            else:
                call.freed()
            return
        phone = call.phone
        fields = [("Contact", f"<{phone.remote_target}>"), ("Allow", phone.allow), *([("Content-Type", "application/sdp")] if body else [])]
        fields += self._timer()
        self.given = 200
        if self.initial:
            call.status = 200
            call.statuses.append(200)
        data = self._give(200, merged(fields, headers), body)
        if self.offer and not self.settled:
            call.exchange.settle(body)
        self._repeat(data, self._unacknowledged, limit=call.engine.transactions.timers.t2)
        call.up()

    def refuse(self, status: int, reason: str, headers: Headers) -> bool:
        """Send a final answer that is no 2xx; False: one has been given already."""
        if self.given:
            return False
        self.given = status
        if self.initial:
            self.call.statuses.append(status)
        self._give(status, list(headers), b"", reason)
        self._over()
        return True

    def _description(self, own: bytes = b"") -> bytes | None:
        """Our answer to the offer, or our offer; the same each time. None: the offer cannot be taken."""
        if not self.described:
            exchange = self.call.exchange
            if self.offer:
                answer = exchange.take(self.offer)
                if answer is None:
                    return None
                self.described = own or answer
            else:
                self.described = exchange.offer(own)
        return self.described

    def _timer(self) -> list[tuple[str, str]]:
        asked = self.message.get("session-expires") or self.message.get("x")
        call = self.call
        if not asked or not call.phone.timers:
            return []
        seconds, _, parameter = asked.partition(";")
        refresher = parameter.strip().partition("=")[2].lower() or "uac"
        value = f"{seconds};refresher={refresher}"
        required = [("Require", "timer")] if refresher == "uac" else []
        answer = Response.new(200, "", [("Session-Expires", value)])
        call.timed(answer, ours=False)
        return [("Supported", "timer"), *required, ("Session-Expires", value)]

    def _give(self, status: int, headers: Headers = (), body: bytes = b"", reason: str = "") -> bytes:
        """Send an answer by the transaction, and return its bytes."""
        transaction, passage = self.transaction, self.passage
        response = Response.to(self.message, status, reason, headers, body, to_tag=transaction.tag)
        if status < 300 and self.initial:
            self._meet()
        data = response.encode()
        if status >= 200:
            passage.final = True
        transaction.respond(status, data, passage.pipeline.transactions.back(passage))
        return data

    def _meet(self) -> None:
        call = self.call
        if call.peer is None:
            contacts = self.message.contacts
            if not contacts:
                call.faults.append("an INVITE without Contact (RFC 3261 8.1.1.8)")
            target = str(contacts[0].uri) if contacts else str(self.message.from_.uri)
            call.peer = Peer(self.message.from_.tag, target, [str(route) for route in self.message.record_routes])
            call.meet(call.peer)

    # -- repeating ---------------------------------------------------------------------------------------------------

    def _repeat(self, data: bytes, give_up: Callable[[], None], limit: float | None) -> None:
        """Send it again after T1, doubled each time up to `limit`, until stop(); after 64*T1 give up."""
        call = self.call
        timers = call.engine.transactions.timers
        end = call.loop.time() + 64 * timers.t1
        flow = call.engine.transactions.back(self.passage)

        def again(seconds: float) -> None:
            if call.loop.time() + 1e-6 >= end:
                give_up()
                return
            call.repeats += 1
            call.engine.resend(data, flow)
            wait(2 * seconds if limit is None else min(2 * seconds, limit))

        def wait(seconds: float) -> None:
            self._repeating = call.loop.call_later(min(seconds, max(0.0, end - call.loop.time())), again, seconds)

        self.stop()
        wait(timers.t1)

    def stop(self) -> None:
        """Repeat nothing any more."""
        if self._repeating is not None:
            self._repeating.cancel()
            self._repeating = None

    def _unheard(self) -> None:
        """No PRACK within 64*T1 (RFC 3262 3)."""
        self.reliably = 0
        self.call.decline(500)

    def _unacknowledged(self) -> None:
        """No ACK within 64*T1 (13.3.1.4): release the call."""
        call = self.call
        self._over()
        if call.state == "up":
            call.bye()
            call.why = "not acknowledged"

    # -- what comes for it -------------------------------------------------------------------------------------------

    def pracked(self, message: Request, passage: Passage) -> None:
        """Take a PRACK (RFC 3262 3)."""
        rack = (message.get("rack") or "").split()
        if not self.reliably or rack[:2] != [str(self.reliably), str(self.number)]:
            passage.reply(481)
            return
        call = self.call
        self.stop()
        call.rseqs.append(self.reliably)
        self.reliably = 0
        sdp = message.body if message.content_type == "application/sdp" else b""
        answer = b""
        if sdp and call.exchange.offered:
            call.exchange.answered(sdp)
        elif self.offer and self.described and not call.exchange.agreed:
            call.exchange.settle(self.described)
        if sdp and not answer and call.exchange.agreed and call.exchange.remote != sdp:  # a new offer, in the PRACK (RFC 3262 5)
            answer = call.exchange.take(sdp) or b""
            call.exchange.settle(answer)
        passage.reply(200, headers=[("Content-Type", "application/sdp")] if answer else (), body=answer)
        waiting, self._waiting = self._waiting, []
        for fn in waiting:
            fn()

    def acknowledged(self, message: Request) -> None:
        """Take the ACK of our 2xx."""
        call = self.call
        if message.cseq.number != self.number:
            return
        call.acks += 1
        self.stop()
        if not self.offer and not self.settled:
            if message.content_type == "application/sdp":
                call.exchange.answered(message.body)
            else:
                call.exchange.withdrawn()
                call.later(64 * call.phone.t1, self._unanswered)  # who releases the call at once need not answer
        self._over()
        call.up()
        call.freed()

    def _unanswered(self) -> None:
        if self.call.state == "up":
            self.call.faults.append("an ACK without the answer to the offer of its 2xx (RFC 3261 13.2.2.4)")

    def _over(self) -> None:
        self.stop()
        if self.call.theirs is self:
            self.call.theirs = None
