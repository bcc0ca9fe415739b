"""A scripted watcher: the subscriber's side of one subscription, in the dialog that its SUBSCRIBE and the NOTIFYs make. RFC 6665 4.1.

    watch = Watch(server.phone("alice"), "bob", event="presence")
    server.advance(1)
    assert watch.state == "active" and b"open" in watch.body

Rule: it judges nothing. What came stands in `notifies`; what a NOTIFY is answered with stands in `answers`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline.client import Final
from pipeline.sip.dialog import Dialog
from pipeline.sip.message import Request

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pipeline.client import Outcome
    from pipeline.passage import Passage
    from pipeline.sip.message import Response
    from pipeline.testing.user_agent import UserAgent


class Watch:
    """A subscription of a phone."""

    flow_id = ""
    source = ("", "")

    def __init__(
        self,
        phone: UserAgent,
        to: str = "",
        *,
        event: str = "presence",
        uri: str = "",
        expires: int | None = 600,
        accept: str = "",
        headers: Iterable[tuple[str, str]] = (),
        send: bool = True,
    ) -> None:
        self.phone = phone
        self.uri = uri or f"sip:{to}@{phone.domain}"
        self.event = event
        self.headers = [*([("Accept", accept)] if accept else []), *headers]
        engine = phone.engine
        self.call_id = f"{engine.token(12)}@{phone.address[0]}"
        self.tag = engine.token()
        self.cseq = 0
        self.dialog: Dialog | None = None
        self.responses: list[Response] = []
        """The final answers to its SUBSCRIBEs."""
        self.outcome: Outcome | None = None
        self.notifies: list[Request] = []
        """The NOTIFYs that came, oldest first."""
        self.answers: list[Any] = []
        """Status, or (status, headers), of the next NOTIFYs; then 200."""
        self.late: list[Request] = []
        """NOTIFYs that were overtaken by later ones: 500 (RFC 3261 12.2.2)."""
        self.silent = False
        """Whether NOTIFYs are left without an answer: the phone has crashed."""
        engine.dialogs.expect(self.call_id, self.tag, self)
        if send:
            self.subscribe(expires)

    # -- what it asks ------------------------------------------------------------------------------------------------

    def subscribe(self, expires: int | None = 600, headers: Iterable[tuple[str, str]] = ()) -> Watch:
        """Send a SUBSCRIBE: the first, or one in the dialog; 0 ends it."""
        self.outcome = None
        fields = [("Event", self.event), *self.headers, *headers]
        if expires is not None:
            fields.append(("Expires", str(expires)))
        dialog = self.dialog
        if dialog is not None:
            dialog.contact = f"<{self.phone.contact}>"
            message = dialog.request("SUBSCRIBE", fields)
            self.phone.engine.request(message, [self.phone.target], self._told)
            return self
        self.cseq += 1
        message = Request.new(
            "SUBSCRIBE",
            self.uri,
            [
                ("Max-Forwards", "70"),
                ("From", f"<{self.phone.aor}>;tag={self.tag}"),
                ("To", f"<{self.uri}>"),
                ("Call-ID", self.call_id),
                ("CSeq", f"{self.cseq} SUBSCRIBE"),
                ("Contact", f"<{self.phone.contact}>"),
                *fields,
            ],
        )
        self._first = message
        self.phone.engine.request(message, self.phone.target, self._told)
        return self

    def unsubscribe(self) -> Watch:
        """End it (4.1.2.3)."""
        return self.subscribe(0)

    def forget(self) -> None:
        """Know nothing of it any more, as a phone that has started anew: its NOTIFYs are 481."""
        self.phone.engine.dialogs.expect_no_more(self.call_id, self.tag)

    def _told(self, outcome: Outcome) -> None:
        self.outcome = outcome
        if not isinstance(outcome, Final):
            return
        response = outcome.response
        self.responses.append(response)
        self.cseq = max(self.cseq, response.cseq.number)
        if self.dialog is not None:
            self.dialog.numbered(response)
        elif 200 <= response.status < 300:
            self.dialog = Dialog.from_response(self._first, response)

    # -- what it is told ---------------------------------------------------------------------------------------------

    def request(self, message: Request, passage: Passage) -> None:
        """Take a NOTIFY."""
        if self.notifies and message.cseq.number < self.notifies[-1].cseq.number:
            self.late.append(message)
            passage.reply(500)
            return
        self.notifies.append(message)
        if self.silent:
            self.phone.engine.transactions.forget(passage)
            return
        answer = self.answers.pop(0) if self.answers else 200
        status, headers = answer if isinstance(answer, tuple) else (answer, ())
        passage.reply(status, headers=headers)

    # -- what it knows -----------------------------------------------------------------------------------------------

    @property
    def done(self) -> bool:
        """Whether the last SUBSCRIBE has been answered, or has failed."""
        return self.outcome is not None

    @property
    def status(self) -> int:
        """Status of the last answer to a SUBSCRIBE; 0: none."""
        return self.responses[-1].status if self.responses else 0

    @property
    def state(self) -> str:
        """active, pending or terminated, as the last NOTIFY said; empty: none came."""
        return self._said.partition(";")[0].strip() if self.notifies else ""

    @property
    def reason(self) -> str:
        """The reason of the last NOTIFY; empty: it gave none."""
        return self._said.partition("reason=")[2].partition(";")[0]

    @property
    def body(self) -> bytes:
        """The body of the last NOTIFY."""
        return self.notifies[-1].body if self.notifies else b""

    @property
    def bodies(self) -> list[bytes]:
        """The bodies of all NOTIFYs."""
        return [message.body for message in self.notifies]

    @property
    def _said(self) -> str:
        return self.notifies[-1].get("subscription-state") or ""
