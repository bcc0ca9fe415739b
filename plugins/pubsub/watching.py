"""A subscription of ours to something elsewhere: the subscriber's side. RFC 6665 4.1.

Rule: it lasts until `stop`: refreshed before it expires, begun anew when it has ended and its end allows that (4.1.3), more and more seldom
while that fails. The first NOTIFY makes the dialog when it comes before the 200 (4.1.4); of a fork the first one counts, others are 481.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline.client import Final, Provisional
from pipeline.peers import is_peer, stranger
from pipeline.pending import Pending
from pipeline.pubsub.service import Heard
from pipeline.sip import params
from pipeline.sip.dialog import Dialog, wants_sips
from pipeline.sip.grammar import Malformed
from pipeline.sip.message import Request
from pipeline.way import contact

from .asked import event_of
from .failures import retry_after

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline import Flow, Passage
    from pipeline.client import Outcome
    from pipeline.dal import Endpoint

    from .watches import Watches

INIT, PENDING, ACTIVE, WAITING, TERMINATED = "init", "pending", "active", "waiting", "terminated"
NEVER = frozenset((400, 403, 404, 405, 406, 410, 416, 420, 421, 484, 485, 489, 501, 600, 603, 604, 606))
"""Answers after which the same is not asked again."""
AT_ONCE, LATER = frozenset({"deactivated", "timeout"}), frozenset({"probation", "giveup", ""})
"""Reasons of Subscription-State after which a subscription begins anew (4.1.3); after any other it does not."""
FIRST_WAIT, LONGEST_WAIT = 5.0, 3600.0
LARGEST = 65536
"""Bytes of a NOTIFY's body: what a package of ours would read (pipeline/pubsub/xml.py)."""
SOON = 0.1
"""Part of its time that is left when a subscription is refreshed; and half a minute at least where there is so much."""


class Watching:
    """One subscription of ours."""

    flow_id = ""
    judges = True
    proved: tuple[str, ...] = ()

    def __init__(
        self,
        watches: Watches,
        uri: str,
        event: str,
        heard: Callable[[Heard], object],
        *,
        expires: int,
        accept: tuple[str, ...],
        as_: str,
        endpoint: Endpoint | None,
        target: Any,
    ) -> None:
        engine = watches.engine
        self.watches = watches
        self.engine = engine
        self.uri = uri
        self.event = event
        self._name = event.partition(";")[0].strip()
        self.state = INIT
        self.endpoint = None
        """No endpoint of ours is at the other end: its NOTIFYs come from where we have asked, or from where its dialog says that it is."""
        self.source = ("", "")
        self.last: Heard | None = None
        self._heard = heard
        self._expires = expires
        self._accept = accept
        self._from = f"sip:{as_}" if as_ else f"sip:{engine.domains.first.id}"
        self._whose = endpoint
        self._target = target
        self._flow: Flow | None = None
        self._call_id = ""
        self._tag = ""
        self._cseq = 0
        self._sent: Request | None = None
        self._dialog: Dialog | None = None
        self._timer: Any = None
        self._wait = FIRST_WAIT
        self._stopping = False
        self._asking = False

    # -- asking ------------------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Send the first SUBSCRIBE of a new dialog."""
        self._leave()
        self._call_id, self._tag, self._cseq = self.engine.token(16), self.engine.token(8), 0
        self.state = INIT
        self.engine.dialogs.expect(self._call_id, self._tag, self)
        self._subscribe(self._expires)

    def stop(self) -> None:
        """Unsubscribe; what the last NOTIFY says is still told, for as long as one may be on its way."""
        if self._stopping or self.state == TERMINATED:
            return
        self._stopping = True
        if self._dialog is None or self.state == WAITING:
            self.close()
        else:
            self._subscribe(0)
            self._after(64 * self.engine.transactions.timers.t1, self.close)

    def close(self) -> None:
        """Want nothing more."""
        self.state = TERMINATED
        self._leave()
        self.watches.forget(self)

    def _leave(self) -> None:
        self._quiet()
        if self._call_id:
            self.engine.dialogs.expect_no_more(self._call_id, self._tag)
        if self._dialog is not None:
            self.engine.dialogs.leave(*self._dialog.id, self)
            self._dialog = None

    def _subscribe(self, expires: int) -> None:
        fields = [("Event", self.event), ("Expires", str(expires)), ("Supported", "eventlist")]
        if self._accept:
            fields.append(("Accept", ", ".join(self._accept)))
        dialog = self._dialog
        self._asking = True

        def made(flow: Flow) -> Request:
            self._flow = flow
            self.source = (flow.transport, flow.peer[0])
            secure = wants_sips(self.uri, [route for _, route in self._routes()]) if dialog is None else dialog.sips_contact
            here = contact(flow, "", secure=secure)
            if dialog is not None:
                dialog.contact = here
                return dialog.request("SUBSCRIBE", fields)
            self._cseq += 1
            self._sent = Request.new(
                "SUBSCRIBE",
                self.uri,
                [
                    ("Max-Forwards", "70"),
                    *self._routes(),
                    ("From", f"<{self._from}>;tag={self._tag}"),
                    ("To", f"<{self.uri}>"),
                    ("Call-ID", self._call_id),
                    ("CSeq", f"{self._cseq} SUBSCRIBE"),
                    ("Contact", here),
                    *fields,
                ],
            )
            return self._sent

        if dialog is not None:
            target: Any = (
                [self._flow, dialog.hop] if self._flow is not None and self._flow.reliable and not self._flow.closed else dialog.hop
            )
        else:
            target = self._target if self._target is not None else self._proxy() or self.uri
        try:
            self.engine.request(made, target, self._told, None, self._whose, dialog)
        except Malformed as error:
            self._failed(0, error.reason, 0.0)

    def _proxy(self) -> str:
        return self._whose.outbound_proxy if self._whose is not None else ""

    def _routes(self) -> list[tuple[str, str]]:
        proxy = self._proxy()
        return [("Route", f"<{proxy}>")] if proxy and self._target is None else []

    def _told(self, outcome: Outcome) -> None:
        if isinstance(outcome, Provisional) or self.state == TERMINATED:
            return
        self._asking = False
        if not isinstance(outcome, Final):
            self._failed(0, getattr(outcome, "reason", "") or "no answer", 0.0)
            return
        response = outcome.response
        self._cseq = max(self._cseq, response.cseq.number)
        if self._dialog is not None:
            self._dialog.numbered(response)
        status = response.status
        if status < 300:
            if self._dialog is None and self._sent is not None:
                self._own(Dialog.from_response(self._sent, response))
            elif self._dialog is not None:
                self._dialog.refresh(response)
            if not self._stopping:
                # A NOTIFY has to follow within 64*T1 (Timer N, 4.1.2.4); what it says of the time counts.
                self._wait = FIRST_WAIT
                self._plan(response.expires if response.expires is not None else self._expires)
        elif status == 423 and (least := _seconds(response.get("min-expires"))) > self._expires:
            self._expires = least
            self._subscribe(least)
        elif status == 481 and self._dialog is not None and not self._stopping:
            self.begin()
        else:
            self._failed(status, response.reason, retry_after(response))

    def _own(self, dialog: Dialog) -> None:
        dialog.early = False
        self._dialog = dialog
        self.engine.dialogs.add(*dialog.id, self)

    def _failed(self, status: int, why: str, after: float) -> None:
        self._asking = False
        if self._stopping or status in NEVER:
            self._ended(why if status not in NEVER else f"{status} {why}")
            return
        self.engine.tell("subscribe.failed", uri=self.uri, event=self.event, status=status, reason=why)
        self._again(after)

    def _again(self, after: float = 0.0) -> None:
        """Begin anew later."""
        self._leave()
        self.state = WAITING
        self._after(after or self._wait, self.begin)
        self._wait = min(2 * self._wait, LONGEST_WAIT)

    def _ended(self, reason: str) -> None:
        self._tell(Heard(self.uri, self.event, TERMINATED, reason, "", b""))
        self.close()

    # -- time --------------------------------------------------------------------------------------------------------

    def _plan(self, expires: int) -> None:
        """Refresh before it expires."""
        self._after(max(expires - max(expires * SOON, min(30.0, expires / 2)), 1.0), self._refresh)

    def _refresh(self) -> None:
        if not self._asking and not self._stopping:
            self._subscribe(self._expires)

    def _after(self, seconds: float, fn: Callable[[], object]) -> None:
        self._quiet()
        self._timer = self.engine.clock.call_later(seconds, fn)

    def _quiet(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # -- what is told ------------------------------------------------------------------------------------------------

    def request(self, message: Request, passage: Passage) -> None:
        """Take a NOTIFY."""
        if message.method != "NOTIFY":
            passage.reply(405, headers=(("Allow", "NOTIFY"),), because="pubsub: this is a subscription of ours")
            return
        dialog = self._dialog
        # Before there is a dialog who knows the Call-ID, which is random, is who was asked, or another server that he has passed it to.
        found = True if dialog is None else is_peer(self, dialog, passage)
        if isinstance(found, Pending):
            self.engine.transactions.begin(passage)
            found.then(lambda pending: self._judged(message, passage, found=pending.value()))
        else:
            self._judged(message, passage, found=found)

    def _judged(self, message: Request, passage: Passage, *, found: bool) -> None:
        if not found:
            stranger(self, passage)
            passage.reply(481, because=f"pubsub: {passage.flow.peer[0]} is not where the peer of this dialog is")
            return
        dialog = self._dialog
        event = event_of(message)
        said = message.get("subscription-state")
        if event is None or event.name != self._name:
            passage.reply(489, headers=(("Allow-Events", self._name),), because="pubsub: another event was asked for")
            return
        if said is None:
            passage.reply(400, "Missing Subscription-State", because="a NOTIFY has one (RFC 6665 4.1.3)")
            return
        state, semicolon, rest = said.partition(";")
        fields = params.parse(semicolon + rest, "Subscription-State")
        if len(message.body) > LARGEST:
            passage.reply(413, because=f"pubsub: a body of {len(message.body)} bytes")
            return
        if dialog is None:
            dialog = Dialog.from_request(message, self._tag)
            dialog.local_cseq = max(self._cseq, self._sent.cseq.number if self._sent is not None else 0)
            self._own(dialog)
        elif dialog.remote_tag != message.from_.tag:
            passage.reply(481, because="pubsub: another answer to the same SUBSCRIBE was taken (RFC 6665 4.1.4)")
            return
        if status := dialog.receive(message):
            passage.reply(status, because="pubsub: CSeq out of order")
            return
        dialog.refresh(message)
        passage.reply(200)
        self._take(message, state.strip().lower(), fields)

    def _take(self, message: Request, state: str, found: dict[str, str | None]) -> None:
        reason = (found.get("reason") or "").lower()
        heard = Heard(self.uri, self.event, state, reason, message.get("content-type") or "", message.body, message)
        if state != TERMINATED:
            self.state = PENDING if state == PENDING else ACTIVE
            if not self._stopping and found.get("expires"):
                self._plan(_seconds(found["expires"]))
            self._tell(heard)
            return
        self._tell(heard)
        if self._stopping or (reason not in AT_ONCE and reason not in LATER):
            self.close()
        else:
            after = float(_seconds(found.get("retry-after")))
            self._again(after or (1.0 if reason in AT_ONCE and self._wait == FIRST_WAIT else 0.0))

    def _tell(self, heard: Heard) -> None:
        self.last = heard
        self.engine.tell("notify.received", uri=heard.uri, event=heard.event, state=heard.state, reason=heard.reason, body=heard.body)
        self._heard(heard)


def _seconds(text: str | None) -> int:
    words = (text or "").strip()
    return int(words) if words.isascii() and words.isdigit() and len(words) < 10 else 0
