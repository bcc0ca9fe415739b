"""An INVITE of a scripted phone: the one that makes a call, or one within it. RFC 3261 13.2, 14.1; RFC 3262 for the caller.

Rule: every 2xx is acknowledged; each fork but the first gets a BYE (13.2.2.4). A 2xx that crosses our CANCEL is acknowledged and released.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.client import Final, Provisional, TransportError
from pipeline.testing.peer import Peer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pipeline.client import Asking, Outcome
    from pipeline.flow import Flow, Target
    from pipeline.sip.message import Request, Response
    from pipeline.testing.calls import Call

    Headers = Iterable[tuple[str, str]]


class Inviting:
    """One INVITE of ours, until its 2xx is acknowledged or it has failed."""

    def __init__(self, call: Call, *, initial: bool) -> None:
        self.call = call
        self.initial = initial
        self.late = False
        self.asking: Asking = None  # type: ignore[assignment]  # set by the sending
        self._answered = False
        self._final: Response | None = None
        self._final_at = 0.0
        self._rejected = False
        self._again: Callable[[], None] | None = None

    def waits_for_ack(self) -> bool:
        """Tell whether the callee must still be waiting for our ACK (RFC 3261 15)."""
        return self.initial and self._final is not None and self.call.loop.time() < self._final_at + 64 * self.call.phone.t1

    # -- sending -----------------------------------------------------------------------------------------------------

    def place(self, make: Callable[[Flow], Request], target: Target, *, late: bool) -> None:
        """Send the INVITE that makes the call."""
        self.late = late
        self.call.ours = self
        self.asking = self.call.engine.request(make, target, self._told)

    def go(self, sdp: bytes, *, late: bool, headers: Headers, retry: bool) -> None:
        """Send an INVITE within the call."""
        call = self.call
        self.late = late
        call.ours = self
        body = b"" if late else call.exchange.offer(sdp)
        fields = [("Contact", f"<{call.phone.remote_target}>"), *([("Content-Type", "application/sdp")] if body else []), *headers]
        message, hop = call.make("INVITE", call.number(), fields, body)
        if retry:
            self._again = lambda: Inviting(call, initial=False).go(sdp, late=late, headers=headers, retry=True)
        self.asking = call.engine.request(message, hop, self._told)

    # -- what comes back ---------------------------------------------------------------------------------------------

    def _told(self, outcome: Outcome) -> None:
        if isinstance(outcome, Provisional):
            self._provisional(outcome.response)
        elif isinstance(outcome, Final):
            if outcome.response.status < 300:
                self._success(outcome.response)
            else:
                self._failed(outcome.response)
        else:
            self._nothing("lost" if isinstance(outcome, TransportError) else "timeout")

    def _provisional(self, response: Response) -> None:
        call = self.call
        call.keep(response)
        if not self.initial or call.state == "ended":
            return
        if not call.statuses or call.statuses[-1] != response.status:
            call.statuses.append(response.status)
        if response.to.tag:
            peer = call.peers.get(response.to.tag)
            if peer is None:
                peer = self._peer(response)
                call.meet(peer)
            if call.peer is None or self._final is None:
                call.peer = peer
            sdp = response.body if response.content_type == "application/sdp" else b""
            if sdp:
                call.early = sdp
            if "100rel" in response.require:
                self._reliable(response, peer, sdp)
            elif sdp and self.late:
                call.faults.append(f"an offer in an unreliable {response.status} (RFC 3262 5)")
        call.proceed()

    def _reliable(self, response: Response, peer: Peer, sdp: bytes) -> None:
        call = self.call
        number = int(response.get("rseq") or 0)
        if number == peer.rseq or (peer.rseq and number != peer.rseq + 1):
            return  # repeated, or out of order (RFC 3262 4)
        peer.rseq = number
        call.rseqs.append(number)
        body = b""
        if sdp and not self._answered:
            self._answered = True
            if self.late:
                body = call.exchange.take(sdp) or b""
                call.exchange.settle(body)
            else:
                call.exchange.answered(sdp)
            call.voice.follow()
        headers = [("RAck", f"{number} {response.cseq.number} INVITE"), *([("Content-Type", "application/sdp")] if body else [])]
        call.request("PRACK", headers, body, peer=peer)

    def _peer(self, response: Response) -> Peer:
        contacts = response.contacts
        if not contacts and (response.status >= 200 or "100rel" in response.require):
            self.call.faults.append(f"a {response.status} without Contact (RFC 3261 12.1.1)")
        target = str(contacts[0].uri) if contacts else self.call.invite.uri_text
        return Peer(response.to.tag, target, [str(route) for route in reversed(response.record_routes)])

    def _success(self, response: Response) -> None:
        call = self.call
        if self._final is not None:
            if response.to.tag == self._final.to.tag:
                call.repeats += 1  # told only while it has no ACK
            else:
                self._fork(response)
            return
        self._final, self._final_at = response, call.loop.time()
        call.keep(response)
        call.cseq = max(call.cseq, response.cseq.number + 1)
        if self.initial:
            call.final, call.status, call.reason = response, response.status, response.reason
            call.statuses.append(response.status)
            known = call.peers.get(response.to.tag)
            peer = self._peer(response)
            peer.rseq = known.rseq if known is not None else 0
            call.meet(peer)
            call.peer = peer
        elif call.peer is not None and response.contacts:
            call.peer.target = str(response.contacts[0].uri)  # target refresh (12.2.1.2)
        if call.state == "ended":
            self.acknowledge()
            return
        if call.phone.timers or "session-expires" in response:
            call.timed(response, ours=True)
        self._description(response)
        if call.phone.acks:
            self.acknowledge()

    def _description(self, response: Response) -> None:
        call = self.call
        sdp = response.body if response.content_type == "application/sdp" else b""
        if self._answered or self.late:
            return  # the answer came reliably before; or what is here is the offer, and the ACK answers it
        if sdp:
            self._answered = True
            if call.early and self.initial and _media(call.early) != _media(sdp) and call.phone.one_branch:
                call.faults.append("the answer of the 2xx is another than that of the 18x in the same dialog (RFC 3261 13.2.1)")
            call.exchange.answered(sdp)
        else:
            call.faults.append(f"a {response.status} without an answer (RFC 3261 13.2.1)")
            call.exchange.withdrawn()

    def acknowledge(self, sdp: bytes = b"") -> None:
        """Send the ACK of our 2xx, with the answer when the offer came in it."""
        call, response = self.call, self._final
        if response is None:
            return
        body = self._late_answer(response, sdp)
        call.acks += 1
        peer = Peer(response.to.tag, call.peer.target if call.peer else "", call.peer.routes if call.peer else [])
        ack, _ = call.make("ACK", response.cseq.number, [("Content-Type", "application/sdp")] if body else [], body, peer)
        self.asking.acknowledge(response, ack)
        if call.ours is self:
            call.ours = None
        if self._rejected or (self.initial and call.state == "ending"):
            call.bye()  # it was answered after all: release it
            return
        if self.initial:
            call.up()
        call.freed()

    def _late_answer(self, response: Response, sdp: bytes) -> bytes:
        call = self.call
        if not self.late or self._answered:
            return b""
        self._answered = True
        offer = response.body if response.content_type == "application/sdp" else b""
        if not offer:
            call.faults.append(f"a {response.status} without an offer to an INVITE without one (RFC 3261 13.2.1)")
            return b""
        answer = call.exchange.take(offer)
        if answer is None:
            self._rejected = True
            return offer
        answer = sdp or answer
        call.exchange.settle(answer)
        return answer

    def _fork(self, response: Response) -> None:
        """Another 2xx to the same INVITE: another dialog, which nobody wants."""
        call = self.call
        if response.to.tag in call.forks_seen:
            return
        call.forks_seen.add(response.to.tag)
        call.forks += 1
        peer = self._peer(response)
        ack, _ = call.make("ACK", response.cseq.number, (), b"", peer)
        self.asking.acknowledge(response, ack)
        call.request("BYE", peer=peer)

    def _failed(self, response: Response) -> None:
        call = self.call
        call.keep(response)
        call.ours = None
        call.cseq = max(call.cseq, response.cseq.number + 1)
        call.exchange.withdrawn()
        if self.initial:
            call.final, call.status, call.reason = response, response.status, response.reason
            call.statuses.append(response.status)
            call.end("cancelled" if call.why == "cancelled" else "refused")
        elif response.status == 491 and self._again is not None:
            call.glare(self._again)
        else:
            call.dead(Final(response))
        call.freed()

    def _nothing(self, why: str) -> None:
        call = self.call
        call.ours = None
        call.exchange.withdrawn()
        if self.initial:
            if self._final is None:
                call.end("cancelled" if call.why == "cancelled" else why)
        elif call.state == "up":
            call.bye()
            call.why = "lost"


def _media(description: bytes) -> bytes:
    return b"\n".join(line for line in description.splitlines() if not line.startswith((b"o=", b"s=")))
