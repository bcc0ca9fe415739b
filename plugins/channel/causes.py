"""Why a call ended, in both languages: SIP status and Q.850 cause, and the Reason header field.

Rule: what one SIP leg was told goes to the other unchanged where it is about the called party; what is about the leg alone (a challenge, an
extension, an interval, an overloaded peer) is told by its cause. Mappings as Asterisk's chan_pjsip has them (RFC 3398 where it has none),
Reason by RFC 3326, in responses by RFC 6432.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from pipeline import Malformed
from pipeline.core.causes import Cause, Hangup
from pipeline.destinations import TECHNOLOGY
from pipeline.sip.grammar import SECONDS, number
from pipeline.sip.reason import Q850, SIP, Reason, reasons_of

if TYPE_CHECKING:
    from pipeline import Message, Response

CAUSES: dict[int, Cause] = {
    401: Cause.REJECTED, 402: Cause.REJECTED, 403: Cause.REJECTED, 404: Cause.UNALLOCATED, 405: Cause.INTERWORKING,
    407: Cause.REJECTED, 408: Cause.NO_USER_RESPONSE, 409: Cause.TEMPORARY_FAILURE, 410: Cause.NUMBER_CHANGED,
    420: Cause.NO_ROUTE, 433: Cause.REJECTED, 480: Cause.NO_ANSWER, 484: Cause.INVALID_NUMBER, 485: Cause.UNALLOCATED, 486: Cause.BUSY,
    487: Cause.NORMAL, 488: Cause.NOT_AVAILABLE, 493: Cause.NOT_AVAILABLE, 500: Cause.NETWORK_OUT_OF_ORDER,
    501: Cause.FACILITY_REJECTED, 502: Cause.DESTINATION_OUT_OF_ORDER, 503: Cause.CONGESTION, 504: Cause.TIMER_EXPIRED,
    600: Cause.BUSY, 603: Cause.REJECTED, 604: Cause.UNALLOCATED, 606: Cause.NOT_AVAILABLE, 607: Cause.REJECTED, 608: Cause.REJECTED,
}  # fmt: skip

STATUSES: dict[Cause, int] = {
    Cause.UNALLOCATED: 404, Cause.NO_ROUTE: 404, Cause.NORMAL: 603, Cause.BUSY: 486, Cause.NO_USER_RESPONSE: 408,
    Cause.NO_ANSWER: 480, Cause.ABSENT: 480, Cause.REJECTED: 403, Cause.NUMBER_CHANGED: 410, Cause.ANSWERED_ELSEWHERE: 480,
    Cause.DESTINATION_OUT_OF_ORDER: 502, Cause.INVALID_NUMBER: 484, Cause.FACILITY_REJECTED: 501, Cause.NORMAL_UNSPECIFIED: 480,
    Cause.CONGESTION: 503, Cause.NETWORK_OUT_OF_ORDER: 500, Cause.TEMPORARY_FAILURE: 500, Cause.SWITCH_CONGESTION: 503,
    Cause.BARRED: 403, Cause.NOT_AVAILABLE: 488, Cause.NOT_IMPLEMENTED: 501, Cause.INCOMPATIBLE: 488, Cause.TIMER_EXPIRED: 504,
    Cause.PROTOCOL_ERROR: 500, Cause.INTERWORKING: 500,
}  # fmt: skip

# About the called party, and so of use to the caller's phone too.
PASSED = frozenset((403, 404, 408, 410, 433, 440, 480, 482, 483, 484, 485, 486, 488, 500, 501, 502, 504, 600, 603, 604, 606, 607, 608))
CHALLENGES = {401: "www-authenticate", 407: "proxy-authenticate"}
AGAIN = frozenset((404, 413, 480, 486, 500, 503, 600, 603))  # which may say Retry-After: RFC 3261 20.33
VALUES = frozenset(int(cause) for cause in Cause)

TIMED_OUT = Hangup(Cause.NO_USER_RESPONSE, technology=TECHNOLOGY, code=408)
"""Nobody answered in time (RFC 3261 8.1.3.1: as if a 408 had come)."""
UNREACHABLE = Hangup(Cause.CONGESTION, technology=TECHNOLOGY, code=503)
"""Nobody could be reached (8.1.3.1: as if a 503 had come)."""


def hangup_of(response: Response) -> Hangup:
    """How a final response that is no 2xx ends a leg. Its Reason, where it has one of Q.850, knows the cause better (RFC 6432)."""
    status = response.status
    cause = _told(reasons_of(response)) if "reason" in response else None
    targets: tuple[str, ...] = ()
    if 300 <= status < 400:
        targets = _targets(response)
    return Hangup(cause or cause_of(status), response.reason, TECHNOLOGY, status, targets, retry_after=_retry_after(response))


def challenge_of(response: Response, hangup: Hangup) -> Hangup:
    """Return how a call ends whose callee asks who calls, if the caller is to be asked: with what the callee has said."""
    name = CHALLENGES.get(response.status, "")
    return (
        attrs.evolve(hangup, details=tuple((name.title().replace("Www", "WWW"), value) for value in response.all(name))) if name else hangup
    )


def cause_of(status: int) -> Cause:
    """The cause that a final status means."""
    known = CAUSES.get(status)
    if known is not None:
        return known
    if status < 300:
        return Cause.NORMAL
    if status < 400:
        return Cause.NUMBER_CHANGED
    return Cause.CONGESTION if 500 <= status < 600 else Cause.INTERWORKING


def status_of(hangup: Hangup) -> tuple[int, str, list[tuple[str, str]]]:
    """How a caller that is not connected yet is refused: (status, reason phrase, header fields).

    With `targets` it is a 3xx with these as Contacts, the best first.
    """
    status, reason, known = STATUSES.get(hangup.cause, 603), "", hangup.technology == TECHNOLOGY
    fields: list[tuple[str, str]] = []
    if hangup.forwarder:
        status = 480  # it wants to be called elsewhere, and nobody dials that for it
    elif hangup.targets:
        status = hangup.code if known and 300 <= hangup.code < 400 else 302
        fields = [("Contact", f"<{target}>") for target in hangup.targets]
    elif known and hangup.details and hangup.code in CHALLENGES:
        return hangup.code, "", list(hangup.details)
    elif known and hangup.code in PASSED:
        status, reason = hangup.code, _line(hangup.text)
        fields = list(hangup.details)  # why a sips URI cannot be called (RFC 5630 7)
    elif known and hangup.code == 503:
        status = 500  # the peer's overload is not ours: RFC 3261 16.7 step 6
    if hangup.retry_after and status in AGAIN and not (known and status in (500, 503)):
        fields.append(("Retry-After", str(hangup.retry_after)))  # of an overloaded peer it would be said of us (21.5.4)
    if hangup.cause is not Cause.NORMAL:
        fields.append(("Reason", str(Reason(Q850, int(hangup.cause)))))
    return status, reason, fields


def reason_of(hangup: Hangup) -> str:
    """The Reason of the BYE or CANCEL by which we end a leg."""
    if hangup.cause is Cause.ANSWERED_ELSEWHERE:
        return str(Reason(SIP, 200, _line(hangup.text) or "Call completed elsewhere"))
    text = _line(hangup.text)
    if hangup.technology == TECHNOLOGY and hangup.code >= 300:
        return f"{Reason(SIP, hangup.code, text)}, {Reason(Q850, int(hangup.cause))}"
    return str(Reason(Q850, int(hangup.cause), text))


def hangup_of_reason(message: Message, otherwise: Cause = Cause.NORMAL) -> Hangup:
    """How a BYE or CANCEL of the peer ends a leg, as its Reason says."""
    if "reason" not in message:
        return Hangup(otherwise)
    reasons = reasons_of(message)
    text = next((reason.text for reason in reasons if reason.text), "")
    code = next((reason.cause for reason in reasons if reason.protocol == SIP), 0)
    cause = _told(reasons)
    if code == 200:  # a proxy in front of us forked, and another branch has answered
        return Hangup(cause or Cause.ANSWERED_ELSEWHERE, text)
    if cause is None:
        cause = cause_of(code) if code >= 300 else otherwise
    return Hangup(cause, text, TECHNOLOGY if code >= 300 else "", code if code >= 300 else 0)


def _told(reasons: list[Reason]) -> Cause | None:
    for reason in reasons:
        if reason.protocol == Q850 and reason.cause in VALUES:
            return Cause(reason.cause)
    return None


def _targets(response: Response) -> tuple[str, ...]:
    """The Contacts of a 3xx that can be called, the best first."""
    try:
        contacts = [contact for contact in response.contacts if contact.uri.scheme in ("sip", "sips", "tel")]
        contacts.sort(key=lambda contact: -1.0 if contact.q is None else -contact.q)
    except Malformed:
        return ()
    return tuple(dict.fromkeys(contact.uri.text for contact in contacts))


def _retry_after(response: Response) -> int:
    value = response.get("retry-after")
    if value is None:
        return 0
    digits = value.partition(";")[0].partition("(")[0].strip(" \t")
    try:
        return number(digits, SECONDS, "Retry-After")
    except Malformed:
        return 0


def _line(text: str) -> str:
    """A text fit for a header field: whatever a script wrote, it stays one line."""
    return text if text.isprintable() else "".join(letter if letter.isprintable() else " " for letter in text)
