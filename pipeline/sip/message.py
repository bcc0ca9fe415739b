"""Messages: requests and responses, received or made here.

Rule: a received message keeps its bytes and gives them back unless it was edited (fields.py); its typed fields are parsed when first
read and raise Malformed (typed.py). RFC 3261 section 7; responses are made from requests by 8.2.6.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Protocol, overload

from .grammar import Malformed, bad
from .headers import SPELLED, canonical, spelled
from .once import once
from .status import REASONS, reason_of
from .typed import STAR, Cseq, Message
from .uri import Uri
from .via import Via

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .address import Address

__all__ = ["DIALOG_MAKERS", "REASONS", "STAR", "Cseq", "Message", "Request", "Response"]

TAGGED = re.compile(r";[ \t]*+tag[ \t]*+=", re.IGNORECASE)  # looked for behind the last ">": linear, whatever stands before it
# What makes a dialog: RFC 3261 section 12.1, RFC 6665 section 4.4.1 (SUBSCRIBE, NOTIFY), RFC 3515 section 2.4.4.
DIALOG_MAKERS = frozenset(("INVITE", "SUBSCRIBE", "REFER", "NOTIFY"))
WRITTEN = {**SPELLED, **{name: name for name in SPELLED.values()}}
"""A field name as key or as its RFC writes it -> as its RFC writes it: hot, each message of ours has a dozen."""
BREAKS = "a field value or reason may not hold line breaks"
ECHOED = (("via", "Via: "), ("from", "From: "), ("to", "To: "), ("call-id", "Call-ID: "), ("cseq", "CSeq: "))


class Request(Message):
    """A request. `uri_text` is the Request-URI as written, `version` e.g. "SIP/2.0"."""

    is_request = True

    def __init__(
        self,
        method: str,
        uri_text: str,
        head: str,
        body: bytes = b"",
        raw: bytes | None = None,
        first: dict[str, str] | None = None,
        more: dict[str, list[str]] | None = None,
        version: str = "SIP/2.0",
    ) -> None:
        # What Fields.__init__ does, without the call: one is made for every message.
        self.head = head
        self.body = body
        self.raw = raw
        if first is not None:
            self.first = first
            self.get = first.get  # type: ignore[method-assign, assignment]
            self._more = more if more is not None else {}
        self.method = method
        self.uri_text = uri_text
        self.version = version

    @staticmethod
    def new(method: str, uri: Uri | str, headers: Iterable[tuple[str, str]], body: bytes = b"") -> Request:
        """Make a request; names may be keys or any spelling, Content-Length is added last when not given."""
        uri = str(uri)
        return Request(method, uri, _head(f"{method} {uri} SIP/2.0", headers, body), body)

    @once
    def uri(self) -> Uri:
        """The Request-URI."""
        try:
            return Uri.parse(self.uri_text)
        except Malformed as error:
            raise bad("Request-URI", error.why, error.status) from None

    @property
    def start_line(self) -> str:
        """The request line."""
        return f"{self.method} {self.uri_text} {self.version}"

    def set_uri(self, uri: Uri | str, by: str = "") -> None:
        """Another Request-URI."""
        text = str(uri)
        if " " in text or "\r" in text or "\n" in text:
            raise ValueError("a Request-URI may not hold blanks or line breaks")
        self.uri_text = text
        self._edited(self._list(), by, "set", "request-uri")

    @property
    def return_path(self) -> Via | None:
        """The top Via, read leniently when it is malformed: where to send a 400. None when not even a host can be read."""
        try:
            via = self.via
            _ = via.rport
        except Malformed:
            return Via.recover(self.get("via") or "")
        return via

    def stamp(self, host: str, port: int) -> None:
        """Write the source address into the top Via (18.2.1, RFC 3581): the transport's duty, no plugin's edit. `raw` stays.

        A Via that cannot be read is left alone: its request gets a 400 all the same.
        """
        try:
            via = self.via
        except Malformed:
            return
        stamped = via.stamped(host, port)
        if stamped is via:
            return
        value = self.first["via"]
        value = self.first["via"] = stamped.text + value[len(via.text) :]
        if "via" in self._more:
            self._more["via"][0] = value
        self.__dict__.pop("vias", None)
        self.via = stamped
        self._stamp, self._changed = value, True
        if self._fields is not None:
            place = next(place for place, field in enumerate(self._fields) if field[0] == "via")
            self._fields[place] = ("via", self._fields[place][1], value, "")


def answer(
    request: Request,
    status: int,
    reason: str = "",
    headers: Iterable[tuple[str, str]] = (),
    body: bytes = b"",
    to_tag: str = "",
) -> Response:
    """Answer a request (8.2.6.2): its Vias, From, To, Call-ID and CSeq as received, then the headers given.

    Also works on the partial request of a Malformed: a field that is not there is left out.
    """
    reason = reason or reason_of(status)
    return Response(status, reason, _answer(request, status, reason, headers, len(body), to_tag), body)


def answer_octets(
    request: Request, status: int, reason: str, headers: Iterable[tuple[str, str]], body: bytes = b"", to_tag: str = ""
) -> bytes:
    """The bytes of such an answer, at which nobody looks before it leaves."""
    head = _answer(request, status, reason or reason_of(status), headers, len(body), to_tag)
    return head.encode("utf-8", "surrogateescape") + b"\r\n\r\n" + body


def _answer(request: Request, status: int, reason: str, headers: Iterable[tuple[str, str]], length: int, to_tag: str) -> str:
    # Hot: text is put together, nothing is parsed, and the answer's own fields are only found when somebody asks for one.
    first = request.first
    try:
        to, via = first["to"], first["via"]
        if to_tag and not (";" in to and TAGGED.search(to, to.rfind(">") + 1)):
            to = f"{to};tag={to_tag}"
        if request._more and "via" in request._more:
            via = "\r\nVia: ".join(request._more["via"])
        head = (
            f"SIP/2.0 {status} {reason}\r\nVia: {via}\r\nFrom: {first['from']}\r\nTo: {to}\r\n"
            f"Call-ID: {first['call-id']}\r\nCSeq: {first['cseq']}\r\n"
        )
    except KeyError:
        head = _partly(request, status, reason, to_tag)
    if "\n" in reason or "\r" in reason:
        raise ValueError(BREAKS)
    if status == 100 and "timestamp" in first:
        head += f"Timestamp: {first['timestamp']}\r\n"
    elif "record-route" in first and 100 < status < 300 and request.method in DIALOG_MAKERS:
        for value in request.all("record-route"):
            head += f"Record-Route: {value}\r\n"
    for name, value in headers:
        if "\n" in value or "\r" in value:  # what was received holds none, or it would not have been cut into lines
            raise ValueError(BREAKS)
        head += f"{WRITTEN.get(name) or _spelled(name)}: {value}\r\n"
    return f"{head}Content-Length: {length}"


def _partly(request: Request, status: int, reason: str, to_tag: str) -> str:
    """The echoed lines of a request that lacks some of them."""
    parts = [f"SIP/2.0 {status} {reason}"]
    for key, name in ECHOED:
        for value in request.all(key)[: None if key == "via" else 1]:
            tagged = key != "to" or not to_tag or (";" in value and TAGGED.search(value, value.rfind(">") + 1))
            parts.append(f"{name}{value}" if tagged else f"{name}{value};tag={to_tag}")
    return "\r\n".join([*parts, ""])


class Answer(Protocol):
    """The signature of `Response.to`."""

    def __call__(
        self,
        request: Request,
        status: int,
        reason: str = "",
        headers: Iterable[tuple[str, str]] = (),
        body: bytes = b"",
        to_tag: str = "",
    ) -> Response:
        """Answer the request."""


_TO: Callable[[Message], Address] = Message.to.func  # type: ignore[attr-defined]


class _To:
    """`Response.to(request, ...)` makes an answer; `response.to` is the To of one, as of every message."""

    @overload
    def __get__(self, instance: None, owner: type[Response]) -> Answer: ...
    @overload
    def __get__(self, instance: Response, owner: type[Response]) -> Address: ...
    def __get__(self, instance: Response | None, owner: type[Response]) -> Answer | Address:
        if instance is None:
            return answer
        found = instance.__dict__["to"] = _TO(instance)
        return found


class Response(Message):
    """A response."""

    def __init__(
        self,
        status: int,
        reason: str,
        head: str,
        body: bytes = b"",
        raw: bytes | None = None,
        first: dict[str, str] | None = None,
        more: dict[str, list[str]] | None = None,
        version: str = "SIP/2.0",
    ) -> None:
        self.head = head
        self.body = body
        self.raw = raw
        if first is not None:
            self.first = first
            self.get = first.get  # type: ignore[method-assign, assignment]
            self._more = more if more is not None else {}
        self.status = status
        self.reason = reason
        self.version = version

    @staticmethod
    def new(status: int, reason: str, headers: Iterable[tuple[str, str]], body: bytes = b"") -> Response:
        """Make a response from nothing; names may be keys or any spelling, Content-Length is added last when not given."""
        reason = reason or reason_of(status)
        return Response(status, reason, _head(f"SIP/2.0 {status} {reason}", headers, body), body)

    to = _To()


def _joined(lines: list[str]) -> str:
    """The lines as one head; a line break inside a value would be another field, or another message: refused."""
    head = "\r\n".join(lines)
    if head.count("\n") != len(lines) - 1 or head.count("\r") != len(lines) - 1:
        raise ValueError(BREAKS)
    return head


def _head(start: str, headers: Iterable[tuple[str, str]], body: bytes) -> str:
    named = [(WRITTEN.get(name) or _spelled(name), value) for name, value in headers]
    lines = [start, *(f"{name}: {value}" for name, value in named)]
    if not any(name == "Content-Length" for name, _ in named):
        lines.append(f"Content-Length: {len(body)}")
    return _joined(lines)


def _spelled(name: str) -> str:
    """A name given in any spelling: known ones as their RFC writes them, others as they are when they hold a capital."""
    key = canonical(name)
    return SPELLED.get(key) or (name if name != name.lower() else spelled(key))
