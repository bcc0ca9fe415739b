"""What RFC 3261 demands of every message before anybody acts on it.

Rule: only what all need is looked at (start line, Via, From, To, Call-ID, CSeq, Max-Forwards, and Contact where a dialog may begin);
other fields are validated when they are read. What RFC 2543 lets out (branch, tag, Max-Forwards, Contact) may be missing.
RFC 3261 sections 7.3.1, 8.1.1, 8.2.2 and 18.3; RFC 4475 gives the cases.
"""

from __future__ import annotations

from .address import Address
from .grammar import Malformed, bad, missing
from .headers import SINGLE, spelled
from .message import DIALOG_MAKERS, STAR, Request, Response
from .typed import cseq_of, hops_of
from .via import Via


def check(message: Request | Response) -> None:
    """Raise Malformed with the status to answer; its `message` is the request when it can be answered."""
    try:
        _check(message)
    except Malformed as error:
        if isinstance(message, Request) and "via" in message.first:
            error.message = message
        raise


def _check(message: Request | Response) -> None:
    # Hot: what is parsed here is put where the typed property would have kept it (once.py), without asking the property.
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
    first = message.first
    try:
        value = first["via"]
        if "," in value or (more and "via" in more):
            via = message.via
            _ = message.vias
        else:
            via = message.via = Via.parse(value)
        params = via.params
        if params:
            if params.get("rport") is not None:
                _ = via.rport
            if params.get("branch") == "z9hG4bK":
                raise bad("Via", "the branch is only the magic cookie")
        message.from_ = Address.parse(first["from"], "From")
        message.to = Address.parse(first["to"], "To") if method else _to_of_answer(first["to"])
        call_id = message.call_id = first["call-id"]
        if not call_id or " " in call_id or not call_id.isprintable():
            raise bad("Call-ID", "it must be one word")
        cseq = message.cseq = cseq_of(first["cseq"])
    except KeyError as error:
        raise missing(spelled(error.args[0])) from None
    if method:
        if cseq[1] != method:
            raise bad("CSeq", "its method is not that of the request")
        value = first.get("max-forwards", "70")
        if value != "70":
            hops_of(value)
        if method in DIALOG_MAKERS and "contact" in first:
            contacts = message.contacts
            if contacts is STAR or len(contacts) != 1:
                raise bad("Contact", "it must be exactly one address")


def _to_of_answer(value: str) -> Address:
    """Read the To of a response. A peer that adds its tag to a To that has one already is known by its branch all the same (17.1.3)."""
    try:
        return Address.parse(value, "To")
    except Malformed:
        kept, second, rest = value.rpartition(";tag=")
        if not second or ";tag=" not in kept or ">" in rest or '"' in rest:
            raise
        return Address.parse(kept, "To")
