"""Bytes to a message: split, no more. What the parts mean is read when somebody asks (message.py), what is demanded of all in validity.py.

Rule: the buffer is decoded once and cut once. What cannot be cut raises Malformed; with the request so far, when it can be answered.
RFC 3261 sections 7 and 18.3; limits below cite their sources.
"""

from __future__ import annotations

import re

from .fields import FOLD, index
from .grammar import SECONDS, TOKEN, Malformed, bad, missing, number
from .headers import canonical
from .message import Request, Response

__all__ = ["MAX_FIELD", "MAX_FIELDS", "MAX_HEAD", "parse"]

MAX_HEAD = 65_535  # octets: what a UDP datagram can carry at all (RFC 768); 18.1.1 asks to handle messages of this size
# A message may meet 70 hops (20.22), each of which may add a Via and a Record-Route: 140. And 100 more, where Apache stops
# (LimitRequestFields).
MAX_FIELDS = 240
# Characters of one field, folds and all. 70 hops may stand in one Record-Route, at 200 each; and Apache's 8,190 (LimitRequestFieldSize)
# are too few for some credentials (SPNEGO: 12,392, as its manual says), which a token of RFC 8898 may be like. pjsip bounds messages and
# URIs (PJSIP_MAX_PKT_LEN: 4,000 unless it is built otherwise; PJSIP_MAX_URL_SIZE) and Kamailio its buffer, neither a field.
MAX_FIELD = 16_384
# Values of lists and parameters of a whole message: each costs up to a microsecond for everybody who reads it, and 64 kB of "," or ";"
# would be 60,000. Ten in each of MAX_FIELDS are more than any message needs; one that is not LONG cannot hold so many that it matters.
MAX_ELEMENTS = 2400
LONG = 4800

METHODS = frozenset(
    ("ACK BYE CANCEL INFO INVITE MESSAGE NOTIFY OPTIONS PRACK PUBLISH REFER REGISTER SUBSCRIBE UPDATE").split()  # noqa: SIM905 (shorter)
)
VERSION = re.compile(r"SIP/[0-9]+\.[0-9]+", re.IGNORECASE)
STATUS_LINE = re.compile(r"(SIP/[0-9]+\.[0-9]+) ([1-6][0-9][0-9])(?: (.*))?", re.IGNORECASE | re.DOTALL)
BREAK = re.compile(r"\r\n|\n|\r")


def parse(data: bytes, stream: bool = False) -> Request | Response:
    """Parse one message: a datagram, or (stream) what the framing cut out. Leading CRLFs are skipped (7.5)."""
    if data[:2] == b"\r\n":
        data = data.lstrip(b"\r\n")
    top, empty, body = data.partition(b"\r\n\r\n")
    head = top.decode("utf-8", "surrogateescape")
    try:
        return _parse(data, head, empty, body, stream)
    except Malformed as error:
        error.message = _recovered(head, body, data)
        raise


def _parse(data: bytes, head: str, empty: bytes, body: bytes, stream: bool) -> Request | Response:
    lines = head.split("\r\n")
    breaks = len(lines) - 1
    if not empty:
        raise Malformed("Bad message: no empty line after the header fields")
    glued = "".join(lines)
    if "\n" in glued or "\r" in glued:
        raise Malformed("Bad header section: a line must end with CR LF")
    if breaks > MAX_FIELDS or len(head) > MAX_HEAD:
        raise Malformed("Bad header section: too large", status=513)
    if len(head) > LONG:
        if len(head) > MAX_FIELD and _longest(lines) > MAX_FIELD:
            raise Malformed("Bad header section: a field is too large", status=513)
        if head.count(",") > MAX_ELEMENTS or head.count(";") > MAX_ELEMENTS:
            raise Malformed("Bad header section: too many values or parameters", status=513)
    start = lines[0]
    method, _, rest = start.partition(" ")
    if method not in METHODS and (method[:4].upper() == "SIP/" or not TOKEN.fullmatch(method)):
        return _response(lines, data, head, body, stream)
    uri, _, version = rest.rpartition(" ")
    if version != "SIP/2.0" and not VERSION.fullmatch(version):
        raise Malformed("Bad request line: it must be METHOD, URI and SIP/2.0 with one blank between")
    del lines[0]
    first, more = index(lines)
    length = first.get("content-length")
    if length is None:
        if stream:
            raise missing("Content-Length")
    elif length == "0" and not body and "content-length" not in more:
        pass
    else:
        data, body = _measured(length, more, data, body)
    return Request(method, uri, head, body, data, first, more, version)


def _longest(lines: list[str]) -> int:
    """The length of the longest field; the start line is none, its URI has a limit and a status (414) of its own."""
    longest = size = 0
    for line in lines[1:]:
        size = len(line) + (size if line[:1] in (" ", "\t") else 0)
        longest = max(longest, size)
    return longest


def _response(lines: list[str], data: bytes, head: str, body: bytes, stream: bool) -> Response:
    found = STATUS_LINE.fullmatch(lines[0])
    if found is None:
        raise Malformed("Bad start line: neither a request nor a response")
    first, more = index(lines[1:])
    length = first.get("content-length")
    if length is not None:
        data, body = _measured(length, more, data, body)
    elif stream:
        raise missing("Content-Length")
    return Response(int(found[2]), found[3] or "", head, body, data, first, more, found[1])


def _measured(length: str, more: dict[str, list[str]], data: bytes, body: bytes) -> tuple[bytes, bytes]:
    """The message and body of the length stated: octets beyond are not part of it, too few are an error (18.3)."""
    if "content-length" in more:
        raise bad("Content-Length", "more than one")
    size = number(length, SECONDS, "Content-Length")
    extra = len(body) - size
    if extra < 0:
        raise bad("Content-Length", "larger than the body that came")
    if not extra:
        return data, body
    return data[:-extra], body[:size]


def _recovered(head: str, body: bytes, data: bytes) -> Request | None:
    """What can be read of a malformed request, leniently: enough to answer it. None: it is a response, has no Via, or is no SIP."""
    start, *lines = BREAK.split(FOLD.sub(" ", head))
    method, _, rest = start.partition(" ")
    if not method or method[:4].upper() == "SIP/" or "SIP/" not in rest.upper():
        return None
    first: dict[str, str] = {}
    more: dict[str, list[str]] = {}
    for line in lines[:MAX_FIELDS]:
        if not line:
            break
        if len(line) > MAX_FIELD or (len(line) > LONG and (line.count(",") > MAX_ELEMENTS or line.count(";") > MAX_ELEMENTS)):
            continue
        name, colon, value = line.partition(":")
        try:
            key = canonical(name)
        except Malformed:
            continue
        if not colon:
            continue
        value = value.strip(" \t")
        if key in first:
            more.setdefault(key, [first[key]]).append(value)
        else:
            first[key] = value
    if "via" not in first:
        return None
    uri, _, version = rest.strip(" ").rpartition(" ")
    kept = "\r\n".join([start, *(f"{key}: {value}" for key in first for value in more.get(key, [first[key]]))])
    return Request(method, uri, kept, body, data, first, more, version)
