"""Where a dialog stands in the exchange of offers and answers: which message may carry one, and what one that came is.

    exchange = Exchange()                                  one per dialog; `fork()` for a second early dialog of an INVITE of ours
    meaning = exchange.received("INVITE", described=True)  a request of the peer; `described`: it has a session description
    meaning = exchange.received("INVITE", 183, described=True, reliable=True)     the peer's response to our request
    meaning = exchange.sent("INVITE", 200, described=True)                        what we send; OutOfPlace: our own mistake
    exchange.carries("INVITE", 200) -> Meaning             what that message of ours has to carry now: OFFER, ANSWER, NOTHING
    exchange.may_offer("INVITE" | "UPDATE" | "PRACK")      whether an offer of ours may go in such a request now; False: queue it
    exchange.may_accept                                    whether the peer's INVITE may get its 2xx now (RFC 3262 3 and 5)
    exchange.state                                         "idle", "local offer" (we wait for an answer), "remote offer" (we owe one)
    exchange.agreed                                        whether any exchange has ever been completed
    Meaning                                                NOTHING OFFER ANSWER EARLY AS_EARLY IGNORED MISSING REFUSED, and
                                                           PENDING (say 491), LATER (say 500 with Retry-After 0 to 10); `meaning.status`

What the descriptions themselves need along the life of a leg (our o= line, its version, the places of the m= lines when the media of a leg
change hands) is kept by `sdp_ledger.Ledger`, one per leg: all that the driver sends and gets goes through it, whoever provides the media.

Rules:
- Nothing here has seen a description. An offer that is not acceptable is the caller's to refuse: `sent("INVITE", 488)`.
- A response to what was never asked, and a description that has no place, change nothing (IGNORED): phones send them.
- `received` of a request that gets PENDING or LATER leaves no trace: do not tell `sent` of that 491 or 500. All other answers are told,
  and so are our own requests that end without an answer (`received("UPDATE", 408)`). ACK to a refusal is not told.
- A PRACK's offer is answered in its 2xx even if with all ports zero: a refusal would leave the response unacknowledged (RFC 6337 3.2).
- Two tables. EXCHANGE follows the INVITE in progress: `out` is ours, `in` the peer's. OTHER follows an offer in PRACK or UPDATE beside it.
  BUSY says what a peer's new request gets in each state.

RFC 6337 (the six patterns: table 1; 4.3 for what crosses), RFC 3261 13.2.1, 13.3.1, 14; RFC 3262 5; RFC 3311 5; RFC 5407 3.1.5.
"""

from __future__ import annotations

from enum import Enum
from typing import Final

__all__ = ["Exchange", "Meaning", "OutOfPlace"]


class Meaning(Enum):
    """What a message's description, or its absence, means."""

    NOTHING = "nothing"
    """It carries none and need not."""
    OFFER = "offer"
    ANSWER = "answer"
    EARLY = "early"
    """A preview of the answer in an unreliable 1xx: act on it, but the exchange is still open (RFC 6337 3.1.1)."""
    AS_EARLY = "as early"
    """The answer should have been here; the preview that came before stands for it (RFC 3261 13.2.1)."""
    IGNORED = "ignored"
    """A description that has no place here: the exchange of this INVITE is over, or none was asked for."""
    MISSING = "missing"
    """The offer or answer that had to be here is not: end the call."""
    REFUSED = "refused"
    """Our offer was refused: what was agreed before stands."""
    PENDING = "pending"
    """Refuse this request with 491: an offer or an INVITE of ours is under way."""
    LATER = "later"
    """Refuse this request with 500 and Retry-After 0 to 10: the peer has not waited for an answer of ours."""

    @property
    def status(self) -> int:
        """The status to refuse the request with; 0: it is not refused."""
        return {"pending": 491, "later": 500}.get(self.value, 0)


class OutOfPlace(RuntimeError):  # noqa: N818 (what it says of a message)
    """We were about to send a description, or to leave one out, where the exchange does not allow it."""


NOTHING, OFFER, ANSWER, EARLY, IGNORED, MISSING, REFUSED, PENDING, LATER = (
    Meaning.NOTHING,
    Meaning.OFFER,
    Meaning.ANSWER,
    Meaning.EARLY,
    Meaning.IGNORED,
    Meaning.MISSING,
    Meaning.REFUSED,
    Meaning.PENDING,
    Meaning.LATER,
)

Table = dict[tuple[str, str], tuple[str, Meaning]]

# "1xx" is an unreliable provisional response, "rel" a reliable one, "no" a final refusal; "sdp": it carries a description.
# What is sent and has no row is out of place; what is received and has none is ignored.
EXCHANGE: Final[Table] = {
    # Our INVITE, with the offer: patterns 1 and 3.
    ("", "send INVITE sdp"): ("out offer", OFFER),
    ("out offer", "get 1xx sdp"): ("out offer", EARLY),
    ("out offer", "get rel sdp"): ("out answered", ANSWER),
    ("out offer", "send PRACK"): ("out offer", NOTHING),
    ("out offer", "get 2xx sdp"): ("", ANSWER),
    ("out offer", "get 2xx"): ("", MISSING),
    ("out offer", "get no"): ("", REFUSED),
    # Our INVITE, without: patterns 2 and 4.
    ("", "send INVITE"): ("out open", NOTHING),
    ("out open", "get rel sdp"): ("out asked in 1xx", OFFER),
    ("out open", "send PRACK"): ("out open", NOTHING),
    ("out open", "get 2xx sdp"): ("out asked in 2xx", OFFER),
    ("out open", "get 2xx"): ("out asked in 2xx", MISSING),
    ("out open", "get no"): ("", NOTHING),
    ("out asked in 1xx", "send PRACK sdp"): ("out acknowledged", ANSWER),
    ("out asked in 1xx", "get no"): ("", NOTHING),
    ("out asked in 1xx", "get 2xx"): ("", MISSING),  # the callee had to wait for our PRACK
    ("out asked in 1xx", "get 2xx sdp"): ("", MISSING),
    ("out asked in 2xx", "send ACK sdp"): ("", ANSWER),
    ("out asked in 2xx", "send ACK"): ("", MISSING),  # no answer could be made: a BYE follows
    # ... when its exchange is over but the INVITE is not. A PRACK for the answer may bring the next offer: pattern 5.
    ("out answered", "send PRACK"): ("out acknowledged", NOTHING),
    ("out answered", "send PRACK sdp"): ("out acknowledged", OFFER),
    ("out answered", "get 2xx"): ("", NOTHING),
    ("out answered", "get no"): ("", NOTHING),
    ("out acknowledged", "send PRACK"): ("out acknowledged", NOTHING),
    ("out acknowledged", "get 2xx PRACK"): ("out agreed", NOTHING),
    ("out acknowledged", "get 2xx PRACK sdp"): ("out agreed", IGNORED),
    ("out acknowledged", "get no PRACK"): ("out agreed", NOTHING),
    ("out acknowledged", "get 2xx"): ("", NOTHING),
    ("out acknowledged", "get no"): ("", NOTHING),
    ("out agreed", "send PRACK"): ("out agreed", NOTHING),
    ("out agreed", "get 2xx"): ("", NOTHING),
    ("out agreed", "get no"): ("", NOTHING),
    ("out answered", "get 2xx sdp"): ("", IGNORED),  # many phones repeat the answer of the 183 in the 200
    ("out acknowledged", "get 2xx sdp"): ("", IGNORED),
    ("out agreed", "get 2xx sdp"): ("", IGNORED),
    ("", "send ACK"): ("", NOTHING),
    # The peer's INVITE, with the offer.
    ("", "get INVITE sdp"): ("in offer", OFFER),
    ("in offer", "send 1xx"): ("in offer", NOTHING),
    ("in offer", "send 1xx sdp"): ("in offer", EARLY),
    ("in offer", "send rel"): ("in offer", NOTHING),
    ("in offer", "send rel sdp"): ("in answered", ANSWER),
    ("in offer", "send 2xx sdp"): ("in accepted", ANSWER),
    ("in offer", "send no"): ("", NOTHING),
    ("in offer", "get PRACK sdp"): ("in offer", LATER),
    # The peer's INVITE, without. The first reliable response has to offer, so a reliable one without is out of place.
    ("", "get INVITE"): ("in open", NOTHING),
    ("in open", "send 1xx"): ("in open", NOTHING),
    ("in open", "send rel sdp"): ("in asked in 1xx", OFFER),
    ("in open", "send 2xx sdp"): ("in asked in 2xx", OFFER),
    ("in open", "send no"): ("", NOTHING),
    ("in asked in 1xx", "get PRACK sdp"): ("in agreed", ANSWER),
    ("in asked in 1xx", "get PRACK"): ("in asked in 1xx", MISSING),
    ("in asked in 1xx", "send 1xx"): ("in asked in 1xx", NOTHING),
    ("in asked in 1xx", "send no"): ("", NOTHING),
    ("in asked in 2xx", "get ACK sdp"): ("", ANSWER),
    ("in asked in 2xx", "get ACK"): ("", MISSING),
    # ... when its exchange is over. The 2xx waits until the answer in the 1xx has been acknowledged: RFC 3262 5.
    ("in answered", "get PRACK"): ("in agreed", NOTHING),
    ("in answered", "get PRACK sdp"): ("in agreed", OFFER),
    ("in answered", "send 1xx"): ("in answered", NOTHING),
    ("in answered", "send no"): ("", NOTHING),
    ("in agreed", "send 1xx"): ("in agreed", NOTHING),
    ("in agreed", "send rel"): ("in agreed", NOTHING),
    ("in agreed", "send 2xx"): ("in accepted", NOTHING),
    ("in agreed", "send no"): ("", NOTHING),
    ("in accepted", "get ACK"): ("", NOTHING),
    ("in accepted", "get ACK sdp"): ("", IGNORED),
    ("in accepted", "get INVITE"): ("in open", NOTHING),  # the ACK was lost, but it has been sent: RFC 5407 3.1.4
    ("in accepted", "get INVITE sdp"): ("in offer", OFFER),
}

# An offer in UPDATE (pattern 6) or PRACK (5). "refresh": an UPDATE of ours without one.
OTHER: Final[Table] = {
    ("", "send UPDATE"): ("refresh out", NOTHING),
    ("", "send UPDATE sdp"): ("UPDATE out", OFFER),
    ("refresh out", "get 2xx UPDATE"): ("", NOTHING),
    ("refresh out", "get 2xx UPDATE sdp"): ("", IGNORED),
    ("refresh out", "get no UPDATE"): ("", NOTHING),
    ("UPDATE out", "get 2xx UPDATE sdp"): ("", ANSWER),
    ("UPDATE out", "get 2xx UPDATE"): ("", MISSING),
    ("UPDATE out", "get no UPDATE"): ("", REFUSED),
    ("", "get UPDATE sdp"): ("UPDATE in", OFFER),
    ("refresh out", "get UPDATE sdp"): ("UPDATE in, refresh out", OFFER),
    ("UPDATE in", "send 2xx UPDATE sdp"): ("", ANSWER),
    ("UPDATE in", "send no UPDATE"): ("", NOTHING),
    ("UPDATE in, refresh out", "get 2xx UPDATE"): ("UPDATE in", NOTHING),
    ("UPDATE in, refresh out", "get no UPDATE"): ("UPDATE in", NOTHING),
    ("UPDATE in, refresh out", "send 2xx UPDATE sdp"): ("refresh out", ANSWER),
    ("UPDATE in, refresh out", "send no UPDATE"): ("refresh out", NOTHING),
    ("PRACK out", "get 2xx PRACK sdp"): ("", ANSWER),
    ("PRACK out", "get 2xx PRACK"): ("", MISSING),
    ("PRACK out", "get no PRACK"): ("", REFUSED),
    ("PRACK in", "send 2xx PRACK sdp"): ("", ANSWER),
    ("PRACK in", "send no PRACK"): ("", NOTHING),
}

# state: what the peer's INVITE gets, and its UPDATE with an offer. What is not here is taken.
# 491 when an offer or INVITE of ours is open, 500 when the peer has not waited for us: RFC 3261 14.2, RFC 3311 5.2, RFC 6337 4.3.
BUSY: Final[dict[str, tuple[Meaning, Meaning]]] = {
    "out offer": (PENDING, PENDING),
    "out open": (PENDING, PENDING),
    "out asked in 1xx": (PENDING, LATER),
    "out asked in 2xx": (PENDING, LATER),
    "out answered": (PENDING, NOTHING),
    "out acknowledged": (PENDING, NOTHING),
    "out agreed": (PENDING, NOTHING),
    "in offer": (LATER, LATER),
    "in open": (LATER, LATER),
    "in asked in 1xx": (LATER, PENDING),
    "in asked in 2xx": (PENDING, PENDING),
    "in answered": (LATER, LATER),
    "in agreed": (LATER, NOTHING),
    "UPDATE out": (PENDING, PENDING),
    "UPDATE in": (LATER, LATER),
    "UPDATE in, refresh out": (LATER, LATER),
    "PRACK out": (PENDING, PENDING),
    "PRACK in": (LATER, LATER),
}

LOCAL = frozenset({"out offer", "in asked in 1xx", "in asked in 2xx", "UPDATE out", "PRACK out"})
REMOTE = frozenset({"in offer", "out asked in 1xx", "out asked in 2xx", "UPDATE in", "UPDATE in, refresh out", "PRACK in"})
OPEN_FOR_UPDATE = frozenset({"", "out agreed", "in agreed"})


class Exchange:
    """The offers and answers of one dialog."""

    __slots__ = ("agreed", "early", "invite", "other")

    def __init__(self) -> None:
        self.invite = ""
        """Where the INVITE in progress stands: a state of EXCHANGE."""
        self.other = ""
        """Where a PRACK's or UPDATE's own offer stands: a state of OTHER."""
        self.early = False
        """Whether a preview of the answer to the INVITE in progress has come."""
        self.agreed = False
        """Whether an exchange has ever been completed in this dialog."""

    def fork(self) -> Exchange:
        """Return the state of another early dialog that the same INVITE of ours has made: its offer stands, the rest is its own."""
        other = Exchange()
        other.invite = "out offer" if self.invite != "out open" else self.invite
        return other

    @property
    def state(self) -> str:
        """One of "idle", "local offer" (we wait for an answer) and "remote offer" (we owe one)."""
        if self.invite in LOCAL or self.other in LOCAL:
            return "local offer"
        return "remote offer" if self.invite in REMOTE or self.other in REMOTE else "idle"

    @property
    def may_accept(self) -> bool:
        """Whether the peer's INVITE may get its 2xx now: not before the PRACK of what was described reliably, nor with an offer open."""
        return self.invite in ("in offer", "in open", "in agreed") and self.state != "local offer" and self.other not in REMOTE

    def may_offer(self, method: str) -> bool:
        """Whether a request of ours of this method may carry an offer now (an INVITE: may be sent at all)."""
        if method == "INVITE":
            return not self.invite and not self.other
        if method == "UPDATE":
            return self.invite in OPEN_FOR_UPDATE and not self.other
        return method == "PRACK" and self.invite == "out answered" and not self.other

    def carries(self, method: str, status: int = 0, *, reliable: bool = False) -> Meaning:
        """Return what a message of ours has to carry now: OFFER, ANSWER (EARLY: may have a preview), or NOTHING."""
        event = f"send {_event(method, status, reliable)} sdp"
        row = OTHER.get((self.other, event)) or EXCHANGE.get((self.invite, event))
        return row[1] if row is not None else NOTHING

    def sent(self, method: str, status: int = 0, *, described: bool = False, reliable: bool = False) -> Meaning:
        """We send this (a request when status is 0). Raises OutOfPlace where it may not, so call it before sending."""
        event = _event(method, status, reliable)
        how = f"{event} with{'' if described else 'out'} a description in {self}"
        if not self._may_send(method, status, described):
            raise OutOfPlace(how)
        meaning = self._move("send " + event + " sdp" if described else "send " + event)
        if meaning is not None:
            return meaning
        if described or self.carries(method, status, reliable=reliable) in (OFFER, ANSWER):
            raise OutOfPlace(how)
        return NOTHING

    def received(self, method: str, status: int = 0, *, described: bool = False, reliable: bool = False) -> Meaning:
        """The peer sends this (a request when status is 0)."""
        if status == 0 and method in ("INVITE", "UPDATE"):
            refusal = self._busy(method, described)
            if refusal is not NOTHING:
                return refusal
        event = _event(method, status, reliable)
        meaning = self._move("get " + event + " sdp" if described else "get " + event)
        if meaning is None:
            return IGNORED if described else NOTHING
        if meaning is EARLY:
            self.early = True
        elif meaning is MISSING and event == "2xx" and self.early and self.invite == "":
            self.agreed = True
            return Meaning.AS_EARLY
        return meaning

    def _may_send(self, method: str, status: int, described: bool) -> bool:
        """Whether nothing that is open forbids it; the tables say the rest."""
        if status:
            return method != "INVITE" or not 200 <= status < 300 or self.may_accept
        if method == "INVITE":
            return self.may_offer(method)
        if method == "UPDATE":
            return self.may_offer(method) if described else not self.other.endswith("out")  # one at a time: RFC 6337 4.3, UAC-UU
        return method != "PRACK" or not described or self.invite == "out asked in 1xx" or self.may_offer(method)

    def _busy(self, method: str, described: bool) -> Meaning:
        place = 0 if method == "INVITE" else 1
        if place and not described:  # a refresh disturbs nothing, but one UPDATE is answered before the next: RFC 3311 5.2
            return LATER if self.other.startswith("UPDATE in") else NOTHING
        for state in (self.invite, self.other):
            if state in BUSY and BUSY[state][place] is not NOTHING:
                return BUSY[state][place]
        return NOTHING

    def _move(self, event: str) -> Meaning | None:
        """Take the row of this event in each table; None: there is none."""
        row = EXCHANGE.get((self.invite, event))
        beside = OTHER.get((self.other, event))
        if row is None and beside is None:
            return None
        meaning = NOTHING
        if row is not None:
            if not self.invite:
                self.early = False
            self.invite, meaning = row
            if meaning is OFFER and event.endswith("PRACK sdp"):
                self.other = "PRACK out" if event.startswith("send") else "PRACK in"
        if beside is not None:
            self.other, meaning = beside
        if meaning is ANSWER:
            self.agreed = True
        return meaning

    def __repr__(self) -> str:
        return f"<Exchange {self.invite or 'idle'}{', ' + self.other if self.other else ''}>"


def _event(method: str, status: int, reliable: bool) -> str:
    if status == 0:
        return method
    kind = ("rel" if reliable else "1xx") if status < 200 else "2xx" if status < 300 else "no"
    return kind if method == "INVITE" else f"{kind} {method}"
