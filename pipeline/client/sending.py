"""A request of ours gets its Via when it is known by which flow it goes (RFC 3261 8.1.1.7); what its owner has made stays as it is."""

from __future__ import annotations

from pipeline.sip.message import Request


def with_via(message: Request, via: str) -> Request:
    """Return a copy of a request of ours with this Via on top. Hot: one that nobody has edited is not taken apart for it."""
    if message.edits is not None:
        return Request.new(message.method, message.uri_text, [("Via", via), *message.items()], message.body)
    start, _, rest = message.head.partition("\r\n")
    return Request(message.method, message.uri_text, f"{start}\r\nVia: {via}\r\n{rest}", message.body)


def with_number(message: Request, number: int) -> Request:
    """Return a copy of a request of ours with this number in its CSeq."""
    copy = Request.new(message.method, message.uri_text, list(message.items()), message.body)
    copy.set("cseq", f"{number} {message.method}", by="stack")
    return copy
