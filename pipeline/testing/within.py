"""Requests that come within a call of a scripted phone, and UPDATE. RFC 3261 12.2.2, 14.2, 15.1.2; RFC 3311 5.2; RFC 6086.

Rule: what the test's phone refuses or ignores (`phone.refuses`, `phone.silent`) comes first, then what the RFCs say.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from pipeline.client import Final
from pipeline.testing.invited import Invited

if TYPE_CHECKING:
    from pipeline.client import Outcome
    from pipeline.passage import Passage
    from pipeline.sip.message import Request
    from pipeline.testing.calls import Call

SDP = "application/sdp"


class Usage:
    """What the table of dialogs holds for a call."""

    __slots__ = ("call", "flow_id", "source")

    def __init__(self, call: Call) -> None:
        self.call = call
        self.source, self.flow_id = ("", ""), ""

    def request(self, message: Request, passage: Passage) -> None:
        """Take a request of the dialog."""
        came(self.call, message, passage)


def came(call: Call, message: Request, passage: Passage) -> None:
    """Take a request of the dialog."""
    method = message.method
    call.phone.received.append(message)
    call.keep(message)
    if method == "ACK":
        if call.theirs is not None:
            call.theirs.acknowledged(message)
        return
    if message.cseq.number < call.remote_cseq:
        passage.reply(500, "CSeq out of order")
        return
    call.remote_cseq = message.cseq.number
    if method in call.phone.silent:
        return
    status = call.phone.refuses.get(method)
    if status is not None:
        passage.reply(status)
    elif method == "BYE":
        _bye(call, passage)
    elif method == "INVITE":
        _invite(call, message, passage)
    elif method == "UPDATE":
        _update(call, message, passage)
    elif method == "PRACK":
        if call.theirs is not None:
            call.theirs.pracked(message, passage)
        else:
            passage.reply(481)
    elif method == "INFO":
        _info(call, message, passage)
    else:
        passage.reply(200)


def _bye(call: Call, passage: Passage) -> None:
    if call.state in ("calling", "proceeding") and not call.caller:
        call.faults.append("a BYE before a final answer, from the caller (RFC 3261 15: he sends CANCEL)")
    elif call.state in ("calling", "proceeding") and not call.status:
        call.faults.append("a BYE before a final answer, from the callee (RFC 3261 15)")
    elif call.caller and call.ours is not None and call.ours.waits_for_ack():
        call.faults.append("a BYE from the callee before the ACK (RFC 3261 15)")
    passage.reply(200)
    if call.theirs is not None and not call.theirs.given:
        call.theirs.refuse(487, "", ())
    call.end("released")


def _invite(call: Call, message: Request, passage: Passage) -> None:
    offer = message.content_type == SDP
    if call.ours is not None or call.updating or (call.theirs is not None and call.theirs.given):
        passage.reply(491)  # 14.2; before the ACK of an earlier one: RFC 5407 3.2.2
    elif call.theirs is not None:
        passage.reply(500, headers=[("Retry-After", "1")])
    elif call.state != "up":
        passage.reply(481 if call.state == "ended" else 491)
    else:
        _target(call, message)
        call.engine.transactions.begin(passage)
        call.theirs = Invited(call, passage, initial=False)
        if offer and not call.exchange.agreed:
            call.faults.append("an INVITE within the call before its first exchange was over")
        call.theirs.accept(headers=[("Supported", "timer")] if call.phone.timers else ())


def _update(call: Call, message: Request, passage: Passage) -> None:
    if message.content_type != SDP:
        _target(call, message)
        passage.reply(200, headers=[("Contact", f"<{call.phone.remote_target}>")])
        return
    theirs = call.theirs
    if call.exchange.offered or call.updating:
        passage.reply(491)
    elif theirs is not None and theirs.offer and not theirs.given and not theirs.settled:
        passage.reply(500, headers=[("Retry-After", "1")])
    else:
        answer = call.exchange.take(message.body)
        if answer is None:
            passage.reply(488)
            return
        _target(call, message)
        passage.reply(200, headers=[("Contact", f"<{call.phone.remote_target}>"), ("Content-Type", SDP)], body=answer)
        call.exchange.settle(answer)
        call.freed()


def _info(call: Call, message: Request, passage: Passage) -> None:
    if message.content_type == "application/dtmf-relay":
        fields = dict(line.partition("=")[::2] for line in message.body.decode("utf-8", "replace").splitlines())
        call.digits += fields.get("Signal", "").strip()
    passage.reply(200)


def _target(call: Call, message: Request) -> None:
    """Target refresh (12.2.2)."""
    if message.contacts and call.peer is not None:
        call.peer.target = str(message.contacts[0].uri)


def update(call: Call, sdp: bytes, headers: list[tuple[str, str]]) -> None:
    """Send an UPDATE with an offer."""
    call.updating = True
    body = call.exchange.offer(sdp)

    def told(outcome: Outcome) -> None:
        call.updating = False
        response = outcome.response if isinstance(outcome, Final) else None
        if response is not None and response.status < 300:
            if response.content_type == SDP:
                call.exchange.answered(response.body)
            else:
                call.faults.append("a 2xx to an UPDATE with an offer, without an answer (RFC 3311 5.2)")
                call.exchange.withdrawn()
            if response.contacts and call.peer is not None:
                call.peer.target = str(response.contacts[0].uri)
        else:
            call.exchange.withdrawn()
            if response is not None and response.status == 491:
                call.glare(partial(update, call, sdp, headers))
        call.freed()

    call.request("UPDATE", [("Contact", f"<{call.phone.remote_target}>"), ("Content-Type", SDP), *headers], body, told)
