"""Dialogs: which one a message belongs to, and what one remembers. RFC 3261 section 12; target refresh by RFC 6141 and RFC 6665 too.

Rule: state of one dialog in, requests out; nothing here waits, sends or knows what a session is. Texts that are repeated in each request
(From, To, Route) are kept as they were received. A missing tag of RFC 2543 counts as "".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from .address import Address
from .grammar import Malformed, bad, missing
from .message import TAGGED, Request
from .routing import route_within

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Self

    from .message import Message, Response
    from .uri import Uri

__all__ = ["TARGET_REFRESH", "Dialog", "DialogId", "credentials_of", "dialog_id", "in_dialog", "is_sips", "wants_sips"]

TARGET_REFRESH = frozenset(("INVITE", "UPDATE", "SUBSCRIBE", "NOTIFY", "REFER"))
"""Methods whose Contact replaces the remote target: RFC 3261 12.2, RFC 3311 5.1, RFC 6665 4.1.2.1 and 4.1.3, RFC 3515 2.2."""
MAX_FORWARDS = "70"  # RFC 3261 8.1.1.6


class DialogId(NamedTuple):
    """What names a dialog on our side."""

    call_id: str
    local: str
    remote: str

    @property
    def reverse(self) -> DialogId:
        """The name of the same dialog on the peer's side."""
        return DialogId(self.call_id, self.remote, self.local)


def dialog_id(message: Message, received: bool = True) -> DialogId:
    """The dialog of a message: From is the peer in a request that was received and a response that was sent."""
    theirs, ours = message.from_.tag, message.to.tag
    if message.is_request is not received:
        theirs, ours = ours, theirs
    return DialogId(message.call_id, ours, theirs)


def in_dialog(message: Message) -> bool:
    """Say whether a request claims to belong to a dialog: it has a To tag (12.2.2)."""
    return message.to.tag != ""


def is_sips(text: str) -> bool:
    """Tell whether an address, or a bare URI, is a sips one."""
    return text[text.rfind("<") + 1 :].lstrip()[:5].lower() == "sips:"


def wants_sips(uri: str, routes: Sequence[str]) -> bool:
    """Tell whether the Contact of a request that we send outside a dialog has to be a sips URI (8.1.1.8)."""
    return is_sips(uri) or (len(routes) > 0 and is_sips(routes[0]))


def credentials_of(request: Request) -> list[tuple[str, str]]:
    """The credentials of an INVITE as sent: the ACK to its 2xx carries the same ones (22.1, 13.2.2.4)."""
    return [(name, value) for name in ("authorization", "proxy-authorization") for value in request.all(name)]


class Dialog:
    """One dialog, early or confirmed, seen from our side."""

    __slots__ = (
        "_way",
        "call_id",
        "contact",
        "early",
        "initiator",
        "local",
        "local_cseq",
        "local_tag",
        "remote",
        "remote_cseq",
        "remote_tag",
        "route_set",
        "secure",
        "sips_contact",
        "target",
    )

    def __init__(self, call_id: str, local: str, local_tag: str, remote: str, remote_tag: str, target: str, *, initiator: bool) -> None:
        self.call_id = call_id
        self.local = local
        """Our From (or To), tag and all."""
        self.local_tag = local_tag
        self.remote = remote
        """The peer's To (or From), tag and all."""
        self.remote_tag = remote_tag
        self.target = target
        """The remote target: the URI of the peer's Contact. Changed by `refresh` and `confirm` alone."""
        self.initiator = initiator
        """Whether our request made the dialog: we own its Call-ID (14.1)."""
        self.route_set: tuple[str, ...] = ()
        """Route values in the order in which our requests meet them."""
        self.local_cseq = 0
        """Number of our last request."""
        self.remote_cseq = -1
        """Number of the peer's last request; -1: it made none."""
        self.contact = ""
        """Our Contact value, written into each request that refreshes the target; the owner sets it, it depends on the flow."""
        self.secure = False
        """Whether it was made by a request to a sips URI, over TLS: what we send in it never goes by any other way (12.1.1, 12.1.2)."""
        self.sips_contact = False
        """Whether our Contact has to be a sips URI: also when only the nearest hop, or the peer's Contact, is one (12.1.1, 8.1.1.8)."""
        self.early = True
        self._way: tuple[str, list[str], Uri] | None = None

    def __repr__(self) -> str:
        return f"<Dialog {self.call_id} {self.local_tag} {self.remote_tag}{' early' if self.early else ''}>"

    # -- how one begins ----------------------------------------------------------------------------------------------

    @classmethod
    def from_request(cls, request: Request, tag: str) -> Self:
        """The server's side (12.1.1): `tag` is our To tag. Early until `confirm`. Raises Malformed when there is no usable Contact."""
        local = request.get("to") or ""
        if not TAGGED.search(local, local.rfind(">") + 1):
            local = f"{local};tag={tag}"
        target = _target(request)
        if target is None:
            raise missing("Contact")
        self = cls(request.call_id, local, tag, request.get("from") or "", request.from_.tag, target, initiator=False)
        self.remote_cseq = request.cseq.number
        self.secure = request.uri_text[:5].lower() == "sips:"
        if "record-route" in request:
            self.route_set = tuple(_routes(request))
        self.sips_contact = self.secure or is_sips(self.route_set[0] if self.route_set else target)
        return self

    @classmethod
    def from_response(cls, request: Request, response: Response) -> Self:
        """The client's side (12.1.2): early for a 1xx with a tag, confirmed for a 2xx; each To tag of a fork makes its own.

        Without a Contact that can be used (the peer breaks 12.1.1) requests go where the first one went: the call can at least be ended.
        """
        self = cls(
            request.call_id,
            request.get("from") or "",
            request.from_.tag,
            response.get("to") or "",
            response.to.tag,
            request.uri_text,
            initiator=True,
        )
        self.local_cseq = response.cseq.number  # the INVITE's own, or that of its repetition with credentials
        self.secure = request.uri_text[:5].lower() == "sips:"
        self.sips_contact = wants_sips(request.uri_text, [each.text for each in request.routes])
        self._learn(response)
        return self

    def confirm(self, response: Response | None = None) -> None:
        """The dialog is confirmed: by our 2xx (None), or by the peer's, whose Record-Route makes the route set anew (13.2.2.4)."""
        self.early = False
        if response is not None:
            self._learn(response)

    def _learn(self, response: Response) -> None:
        self.early = response.status < 200
        try:
            target = _target(response)
        except Malformed:
            target = None
        try:
            routes = tuple(reversed(_routes(response))) if "record-route" in response else ()
        except Malformed:
            routes = self.route_set
        self.target, self.route_set, self._way = target or self.target, routes, None

    # -- what names it -----------------------------------------------------------------------------------------------

    @property
    def id(self) -> DialogId:
        """The name of the dialog, as `dialog_id` gives it for the messages inside."""
        return DialogId(self.call_id, self.local_tag, self.remote_tag)

    # -- what the peer sends -----------------------------------------------------------------------------------------

    def receive(self, request: Request) -> int:
        """Look at the order of a request (12.2.2): 0, or the status that refuses it (500). Raises Malformed for a Contact out of order.

        ACK and CANCEL carry the number of their INVITE and are in order by definition. The same number again, from another request, is
        let by: only a lower one is out of order by the letter, and what merely repeats a request never comes here. A BYE is never too
        late: the order keeps old requests from undoing newer ones, and nothing is newer than the end (phones that count wrongly hang up).
        """
        method = request.method
        if method in ("ACK", "CANCEL", "BYE"):
            return 0
        number = request.cseq.number
        if number < self.remote_cseq:
            return 500
        if method in TARGET_REFRESH:
            _target(request)
        self.remote_cseq = number  # a request that is refused for other reasons has been counted all the same
        return 0

    def refresh(self, message: Message) -> bool:
        """Take the Contact of the peer's request that we accept (2xx, reliable 1xx: RFC 6141 4.2), or of its 2xx to ours, as target.

        Only of methods that refresh the target. True when it is another than before.
        """
        if message.cseq.method not in TARGET_REFRESH:
            return False
        try:
            target = _target(message)
        except Malformed:
            return False
        if target is None or target == self.target:
            return False
        self.target, self._way = target, None
        return True

    def number(self) -> int:
        """Take the number of the next request (12.2.1.1): also of one that was challenged and is sent again (22.2)."""
        self.local_cseq += 1
        return self.local_cseq

    def numbered(self, response: Response) -> None:
        """Note the number that our request had in the end, when whoever sent it again after a challenge did not take it from here."""
        self.local_cseq = max(self.local_cseq, response.cseq.number)

    # -- what we send ------------------------------------------------------------------------------------------------

    @property
    def hop(self) -> Uri:
        """Where requests of this dialog are sent: the first route, without any the remote target (12.2.1.1, strict routers too)."""
        return self._where()[2]

    def request(self, method: str, headers: Iterable[tuple[str, str]] = (), body: bytes = b"") -> Request:
        """Make the next request of the dialog (12.2.1.1), without Via, to be sent to `hop`; not for ACK and CANCEL.

        Our `contact` is added where the method refreshes the target.
        """
        number = self.number()
        if self.contact and method in TARGET_REFRESH:
            headers = (("Contact", self.contact), *headers)
        return self._made(method, number, headers, body)

    def ack(self, cseq: int, headers: Iterable[tuple[str, str]] = (), body: bytes = b"") -> Request:
        """Make the ACK to a 2xx of the INVITE with that number (13.2.2.4); `headers`: its credentials (`credentials_of`) and others."""
        return self._made("ACK", cseq, headers, body)

    def _made(self, method: str, cseq: int, headers: Iterable[tuple[str, str]], body: bytes) -> Request:
        uri, routes, _ = self._where()
        fields = [("Max-Forwards", MAX_FORWARDS)]
        if routes:
            fields += [("Route", route) for route in routes]
        fields += (
            ("From", self.local),
            ("To", self.remote),
            ("Call-ID", self.call_id),
            ("CSeq", f"{cseq} {method}"),
            *headers,
        )
        return Request.new(method, uri, fields, body)

    def _where(self) -> tuple[str, list[str], Uri]:
        way = self._way
        if way is None:
            way = self._way = route_within(self.target, self.route_set)
        return way


def _target(message: Message) -> str | None:
    """The URI of the first Contact; None when there is none. Raises Malformed when it is nobody's that we could send to (8.1.1.8)."""
    if "contact" not in message:
        return None
    contacts = message.contacts
    if not contacts:
        raise bad("Contact", "an address must be given")
    uri = contacts[0].uri
    if uri.scheme not in ("sip", "sips"):
        raise bad("Contact", f"a {uri.scheme} URI names nobody to send to")
    return uri.text


def _routes(message: Message) -> list[str]:
    """The Record-Route values, each as a Route value: verbatim when it is a name-addr, as it must be (20.30)."""
    found: list[str] = []
    for address in message.record_routes:
        if address.uri.scheme not in ("sip", "sips"):
            raise bad("Record-Route", f"a {address.uri.scheme} URI names no proxy")
        found.append(address.text if ">" in address.text else Address.write(address.uri))
    return found
