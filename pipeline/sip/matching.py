"""Which transaction a message belongs to: keys to look it up by (RFC 3261 17.1.3, 17.2.3, 8.2.2.2).

Rule: a key is one string made of received text, quick to build and to compare; nothing here holds a transaction.
Keys of the two ways (a branch with the magic cookie, RFC 2543's set of fields) can never be equal: a line feed opens the second.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .message import Message, Request
    from .via import Via

__all__ = ["ack_belongs", "client_key", "has_cookie", "merge_key", "server_key", "server_key_for_cancel"]

COOKIE = "z9hG4bK"
SECURE = frozenset({"TLS", "WSS", "TLS-SCTP", "DTLS"})  # sent-by without a port means 5061 there (18.2.2, RFC 3263 4.2)


def has_cookie(branch: str) -> bool:
    """Whether a branch is unique as RFC 3261 8.1.1.7 promises. The bare cookie is not (RFC 4475 3.2.1)."""
    # A parameter's value compares without case (7.3.1), so a cookie of another case is one as well.
    return len(branch) > 7 and (branch.startswith(COOKIE) or branch[:7].lower() == "z9hg4bk")


def server_key(request: Request, method: str = "") -> str:
    """Key of the server transaction that a request starts or belongs to (17.2.3). An ACK's is that of its INVITE.

    The Call-ID stands in it too: a client that uses one branch again for another call breaks 8.1.1.7, and must not get the answer of
    the first. A retransmission, an ACK and a CANCEL repeat the Call-ID (17.1.1.3, 9.1), so nothing that belongs together is parted.
    """
    method = method or request.method
    if method == "ACK":
        method = "INVITE"
    via = request.via
    branch = via.params.get("branch")
    if branch is None or ((branch[:7] != COOKIE or len(branch) < 8) and not has_cookie(branch)):
        return _old_key(request, via, method)
    port = via.port or (5061 if via.transport in SECURE else 5060)
    return f"{branch} {via.host.lower()}:{port} {method} {request.call_id}"


def server_key_for_cancel(request: Request) -> str:
    """Key of the INVITE that a CANCEL wants to end (9.2). CANCEL means nothing to other methods, so they are not looked for."""
    return server_key(request, "INVITE")


def ack_belongs(ack: Request, response_tag: str) -> bool:
    """Whether an ACK found by `server_key` is for the response that was sent with this To tag.

    With a proper branch it always is. In RFC 2543's way the To tag decides too, and cannot be in the key: the INVITE had none.
    """
    return has_cookie(ack.via.branch) or ack.to.tag == response_tag


def client_key(message: Message) -> str:
    """Key of the client transaction that a request creates or a response answers: branch and CSeq method (17.1.3)."""
    return f"{message.via.branch} {message.cseq.method}"


def merge_key(request: Request) -> str:
    """What copies of one forked request that reached us on several ways have in common (8.2.2.2): only asked without a To tag."""
    number, method = request.cseq
    return f"{request.from_.params.get('tag') or ''} {request.call_id} {number} {method}"


def _old_key(request: Request, via: Via, method: str) -> str:
    """RFC 2543: Request-URI, tags, Call-ID, CSeq and top Via. Without the To tag for INVITE and ACK: see `ack_belongs`."""
    to_tag = "" if method == "INVITE" else request.to.tag
    top = f"{via.transport} {via.host.lower()}:{via.port or 5060} {via.branch}"
    parts = (request.uri_text, to_tag, request.from_.tag, request.call_id, str(request.cseq.number), top, method)
    return "\n" + "\n".join(parts)
