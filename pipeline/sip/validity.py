"""What RFC 3261 demands of every message before anybody acts on it.

Rule: only what all need is looked at (start line, Via, From, To, Call-ID, CSeq, Max-Forwards, and Contact where a dialog may begin);
other fields are validated when they are read. What RFC 2543 lets out (branch, tag, Max-Forwards, Contact) may be missing.
RFC 3261 sections 7.3.1, 8.1.1, 8.2.2 and 18.3; RFC 4475 gives the cases.
"""

from __future__ import annotations

from .grammar import Malformed, bad, missing
from .headers import SINGLE, spelled
from .message import DIALOG_MAKERS, STAR, Request, Response


def check(message: Request | Response) -> None:
    """Raise Malformed with the status to answer; its `message` is the request when it can be answered."""
    try:
        _check(message)
    except Malformed as error:
        if isinstance(message, Request) and "via" in message.first:
            error.message = message
        raise


def _check(message: Request | Response) -> None:
    if message.version != "SIP/2.0" and message.version.upper() != "SIP/2.0":
        raise Malformed("Version Not Supported", status=505)
    if isinstance(message, Request):
        if message.uri.headers is not None:
            raise bad("Request-URI", "it may hold no headers")
        method = message.method
    else:
        method = ""
    more = message.repeated()
    if more:
        for key in more:
            if key in SINGLE:
                raise bad(spelled(key), "more than one")
    via = message.via
    if (more and "via" in more) or "," in (message.get("via") or ""):
        _ = message.vias
    if via.params:
        _ = via.rport
        branch = via.params.get("branch", "")
        if branch == "z9hG4bK":
            raise bad("Via", "the branch is only the magic cookie")
    _ = message.from_
    _ = message.to
    call_id = message.get("call-id")
    if call_id is None:
        raise missing("Call-ID")
    if not call_id or " " in call_id or "\t" in call_id or not call_id.isprintable():
        raise bad("Call-ID", "it must be one word")
    cseq = message.cseq
    if method:
        if cseq.method != method:
            raise bad("CSeq", "its method is not that of the request")
        _ = message.max_forwards
        if method in DIALOG_MAKERS and "contact" in message.first:
            contacts = message.contacts
            if contacts is STAR or len(contacts) != 1:
                raise bad("Contact", "it must be exactly one address")
