"""What we ask the peer of a session to change: an offer, a refresh, an identity. RFC 3261 14, RFC 3311, RFC 4028 7.4, RFC 6141.

Rule: one at a time, in order. What cannot go now waits and is never lost while the session lives: it goes when an exchange, a PRACK or an
ACK has ended, or when the window of a glare is over. An UPDATE is taken where the peer allows it and no answer of a person is needed;
offers go by re-INVITE, in an early dialog by UPDATE.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from pipeline import Malformed
from pipeline.client import Final, Provisional, TransportError
from pipeline.core import Cause, Hangup, Refused
from pipeline.sip.offer_answer import Meaning

from .bodies import description_of
from .causes import hangup_of
from .changes_early import Early
from .exchange import as_before, obtain

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pipeline import Pending, Response
    from pipeline.client import Asking, Outcome
    from pipeline.sip.dialog import Dialog

    from .session import Session

TRIES = 12
"""Times that one change is tried when the peer says "not now": at 491's 2 to 4 s half a minute, after which nobody waits any more."""
PATIENCE = 10
"""Seconds of a Retry-After that are waited for: what RFC 3261 14.2 and RFC 3311 5.2 have a busy peer say."""


class Change:
    """One change: "offer" has a description for the peer, "ask" wants one from it, "refresh" and "identity" leave the media alone."""

    __slots__ = ("body", "fields", "kind", "pending", "tries")

    def __init__(self, kind: str, body: bytes = b"", pending: Pending | None = None, fields: Iterable[tuple[str, str]] = ()) -> None:
        self.kind = kind
        self.body = body
        self.pending = pending
        self.fields = tuple(fields)
        self.tries = 0


class Changes:
    """The changes of one session: those that wait and the one under way."""

    __slots__ = ("_asking", "_current", "_early", "_method", "_open", "_session", "_waiting")

    def __init__(self, session: Session) -> None:
        self._session = session
        self._waiting: deque[Change] = deque()
        self._current: Change | None = None
        self._method = ""
        self._asking: Asking | None = None
        self._early = Early(session)
        """Of the re-INVITE under way."""
        self._open: Response | None = None
        """The 2xx with an offer whose ACK waits for the answer."""

    def add(self, change: Change) -> None:
        """Ask for a change, now or as soon as it can be asked."""
        session = self._session
        if change.pending is not None and session.state == "up" and session.asked is not None:
            # The peer's own offer is open, and its answer may wait for this very leg: two that wait for each other are a glare.
            change.pending.fail(Refused(Hangup(Cause.TEMPORARY_FAILURE, "both sides want a change", "sip", 491)))
            return
        if change.kind == "refresh" and any(each.kind == "refresh" for each in self._waiting):
            return
        if change.kind == "identity":  # of several that wait only the last says who it is
            self._waiting = deque(each for each in self._waiting if each.kind != "identity")
        self._waiting.append(change)
        self.flush()

    def flush(self) -> None:
        """Send what can go now."""
        while self._waiting and self._current is None and "change" not in self._session.timers:
            method = self._way(self._waiting[0])
            if not method:
                return
            self._send(self._waiting.popleft(), method)

    def _way(self, change: Change) -> str:
        """Return the method that can bring this change now; "" when none can."""
        session = self._session
        exchange = session.exchange
        dialog: Dialog | None = session.dialog
        if dialog is None or session.state not in ("early", "up"):
            return ""
        early, updates = dialog.early, "UPDATE" in session.allows
        if change.kind == "offer" and early:
            return "UPDATE" if updates and exchange.agreed and exchange.may_offer("UPDATE") else ""
        if change.kind in ("refresh", "identity") and updates:
            return "UPDATE" if not exchange.other and not early else ""
        if change.kind == "offer" and updates and self._asked_by_update() and exchange.may_offer("UPDATE"):
            return "UPDATE"
        return "INVITE" if not early and session.state == "up" and session.unacked is None and exchange.may_offer("INVITE") else ""

    def _asked_by_update(self) -> bool:
        """Tell whether the other leg's peer offers by UPDATE: it waits no longer than ours will (RFC 3311 5.1), so pass it on as one."""
        channel = self._session.channel
        other = None if channel.bridge is None else channel.bridge.other(channel)
        asked = None if other is None else getattr(other.leg, "asked", None)
        return asked is not None and asked.passage is not None and asked.passage.message.method == "UPDATE"

    def _send(self, change: Change, method: str) -> None:
        session = self._session
        body = change.body
        if method == "INVITE" and change.kind in ("refresh", "identity"):
            body = session.ledger.sent  # the description as it was, its version too: nothing changes (RFC 3264 8)
        fields = [*change.fields, *session.driver.abilities(session.options)]
        if session.timer is not None:
            fields += session.timer.ask(method)
        if body:
            try:
                body = session.ledger.offer(body)
            except Malformed as error:
                self._fail(change, Hangup(Cause.INCOMPATIBLE, error.reason))
                return
        session.exchange.sent(method, described=bool(body))
        self._current, self._method, self._asking, self._early = change, method, None, Early(session)
        asking = session.ask(method, self._told, fields, body)
        if self._current is change:
            self._asking = asking

    # -- what comes of it --------------------------------------------------------------------------------------------

    def _told(self, outcome: Outcome) -> None:
        change, session = self._current, self._session
        if isinstance(outcome, Provisional):
            if change is not None and self._method == "INVITE" and (offer := self._early.take(outcome.response)):
                self._offered(change, offer)
            return
        ended = session.state in ("ending", "over")
        if isinstance(outcome, Final) and outcome.response.status < 300:
            if self._open is not None and not ended:
                return  # repeated while its ACK waits for the answer
            if change is None or ended:
                self._confirm(outcome.response)
            else:
                self._accepted(change, outcome.response)
            return
        if change is None or ended:
            return
        self._current = None
        session.ledger.refused()
        if isinstance(outcome, Final):
            session.exchange.received(self._method, outcome.response.status)
            self._refused(change, outcome.response)
        else:
            session.exchange.received(self._method, 408)
            self._unanswered(change, outcome)
        self.flush()

    def _unanswered(self, change: Change, outcome: Outcome) -> None:
        session = self._session
        if not isinstance(outcome, TransportError):
            self._fail(change, Hangup(Cause.NO_USER_RESPONSE, "no answer", "sip", 408))
            session.gone(408)
            return
        # It is as a 503 (RFC 3261 8.1.3.1), which ends the change alone (RFC 5057 5.1); nobody else would refresh the session for us.
        self._fail(change, Hangup(Cause.NO_USER_RESPONSE, outcome.reason, "sip", 408))
        if change.kind == "refresh" and session.timer is not None:
            session.timer.missed(session.engine.clock.now())
            session.arm()

    def _confirm(self, response: Response, body: bytes = b"") -> None:
        """Send the ACK, if it was an INVITE; also when nobody wants the change any more."""
        if self._method == "INVITE" and response.cseq.method == "INVITE" and self._asking is not None:
            self._session.acknowledge(self._asking, response, body)

    def _accepted(self, change: Change, response: Response) -> None:
        session = self._session
        session.dialog.refresh(response)
        session.learn(response)
        if session.timer is not None:
            session.timer.accepted(response, session.engine.clock.now())
            session.arm()
        description = description_of(response)
        meaning = session.exchange.received(self._method, response.status, described=bool(description))
        if meaning is Meaning.OFFER:
            self._open = response
            self._offered(change, description)
            return
        if self._early.answer and meaning is not Meaning.MISSING:
            meaning, description = Meaning.ANSWER, self._early.answer
        self._current = None
        self._confirm(response)
        before, session.remote = session.remote, description or session.remote
        try:
            answer = session.ledger.answered(description) if meaning is Meaning.ANSWER else b""
        except Malformed:
            meaning = Meaning.MISSING
        if meaning is Meaning.MISSING:
            hangup = Hangup(Cause.PROTOCOL_ERROR, "the answer to an offer was missing", "sip", 488)
            self._fail(change, hangup)
            session.lost(hangup)
            return
        if change.pending is not None:
            if not change.pending.done:  # the offer of a reliable answer was all that was wanted
                change.pending.resolve(answer)
        elif answer and description != before and session.channel.media is not None:
            media = session.channel.media
            obtain(lambda: media.accept(answer), _nothing, _nothing)
        self.flush()

    def _offered(self, change: Change, description: bytes) -> None:
        """The peer makes an offer where we have made none: whoever asked for the change answers it."""
        session = self._session
        session.remote = description
        description = session.ledger.offered(description)
        if change.pending is not None:
            change.pending.resolve(description)
        else:
            obtain(lambda: session.channel.media.answer(description), self.complete, lambda _: self.complete(None))  # type: ignore[union-attr]

    def complete(self, answer: bytes | None) -> None:
        """Answer the offer that a 2xx, or a reliable 1xx, brought; without an answer what was agreed before is said again."""
        response, self._open = self._open, None
        session = self._session
        if self._early.offering is not None:
            body = answer or as_before(session.ledger.sent, session.remote)
            self._early.complete(session.ledger.answer(body))
            return
        if response is None:
            return
        self._current = None
        body = answer or as_before(session.ledger.sent, session.remote)
        try:
            body = session.ledger.answer(body) if body else b""
        except Malformed:
            body = b""
        session.exchange.sent("ACK", described=bool(body))
        self._confirm(response, body)
        if not body:
            session.lost(Hangup(Cause.INCOMPATIBLE, "no answer could be given", "sip", 488))
            return
        self.flush()

    def _refused(self, change: Change, response: Response) -> None:
        session, status = self._session, response.status
        change.tries += 1
        wait = -1.0
        if status == 491:
            wait = self._window()
        elif status == 422 and session.timer is not None and session.timer.too_small(response):
            wait = 0.0
        elif status in (405, 501) and self._method == "UPDATE":
            session.allows = session.allows - {"UPDATE"}
            wait = 0.0
        elif status in (500, 503) and (seconds := _retry_after(response)) is not None and seconds <= PATIENCE:
            wait = float(seconds)
        if wait >= 0 and change.tries < TRIES:
            self._waiting.appendleft(change)
            if wait:
                session.wake("change", wait)
            return
        self._fail(change, hangup_of(response))
        if status in (408, 481):
            session.gone(status)

    def _window(self) -> float:
        """Return when to try again after a glare: 2.1 to 4 s for who owns the Call-ID, else 0 to 2 s, in units of 10 ms (14.1)."""
        session = self._session
        below = session.engine.identifiers.below
        return 2.1 + 0.01 * below(191) if session.dialog.initiator else 0.01 + 0.01 * below(200)

    def _fail(self, change: Change, hangup: Hangup) -> None:
        if change.pending is not None and not change.pending.done:
            change.pending.fail(Refused(hangup))

    def settle(self) -> None:
        """Send the ACK that still waits for an answer: a BYE follows (RFC 3261 15)."""
        response, self._open = self._open, None
        if response is not None:
            self._current = None
            session = self._session
            self._confirm(response, as_before(session.ledger.sent, session.remote))

    def fail(self, hangup: Hangup) -> None:
        """Give up everything: the session has ended."""
        waiting, self._waiting = self._waiting, deque()
        current, self._current = self._current, None
        self.settle()
        for change in (current, *waiting):
            if change is not None:
                self._fail(change, hangup)


def _retry_after(response: Response) -> int | None:
    digits = (response.get("retry-after") or "").partition(";")[0].partition("(")[0].strip()
    return int(digits) if digits.isdigit() and len(digits) < 6 else None


def _nothing(_: object) -> None:
    """Nothing follows."""
