"""The two requests that a transaction makes out of its INVITE: ACK to a final response that is not 2xx, and CANCEL.

Rule: both go where the INVITE went, with its very top Via, so that the next hop finds its transaction (RFC 3261 17.1.1.3, 9.1).
Fields are copied as they stand in the INVITE as sent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .headers import spelled
from .message import Request
from .routing import top_via

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .message import Response

__all__ = ["ack_for", "cancel_for"]


def ack_for(invite: Request, response: Response) -> Request:
    """The ACK to a 300-699 (17.1.1.3): To of the response, everything else of the INVITE, no body."""
    return _made("ACK", invite, response.get("to") or "", credentials=True)


def cancel_for(invite: Request) -> Request:
    """The CANCEL of an INVITE (9.1): no Require, no Proxy-Require, no body."""
    return _made("CANCEL", invite, invite.get("to") or "", credentials=False)


def _made(method: str, invite: Request, to: str, *, credentials: bool) -> Request:
    def fields() -> Iterator[tuple[str, str]]:
        yield "Via", top_via(invite.get("via") or "")
        for name in ("max-forwards", "route", "from"):
            for value in invite.all(name):
                yield spelled(name), value
        yield "To", to
        yield "Call-ID", invite.get("call-id") or ""
        yield "CSeq", f"{invite.cseq.number} {method}"
        # 22.1: an ACK carries the credentials of its INVITE, since nobody can challenge it. A CANCEL is not challenged either (9.1)
        # and is taken for what its INVITE was; no credentials go out that nobody asked for.
        if credentials:
            for name in ("authorization", "proxy-authorization"):
                for value in invite.all(name):
                    yield spelled(name), value
        yield "Content-Length", "0"

    return Request.new(method, invite.uri_text, fields())
