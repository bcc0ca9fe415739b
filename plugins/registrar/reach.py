"""Where requests to a contact really go. RFC 3261 18.2.1 and RFC 3581 (what was received), RFC 5626 (flows), RFC 7118 (`.invalid`).

Rule: a Contact is believed unless it is shown wrong. It is shown wrong when its host is what the sender believes itself to be (the
sent-by of its Via) while the request came from elsewhere: then an address translator stands between, and only the way back by
which the request came leads to the phone. A Contact of somebody else (a registration for another device, a public address set by
hand, a proxy in between) is not the sender's to correct and stays as it is. What was received is never rewritten: this is kept beside it.
"""

from __future__ import annotations

from ipaddress import ip_address
from typing import TYPE_CHECKING

from pipeline.passage import BELIEVED
from pipeline.sip.uri import host_key

if TYPE_CHECKING:
    from pipeline import Message, Passage, Uri

WEB = ("ws", "wss")
STREAM = "flow:"
"""How the id of a connection begins."""


def reach_of(uri: Uri, message: Message, passage: Passage) -> str:
    """Return the id of the flow that leads to a contact, or "" when its URI says it rightly."""
    believed = passage.reach == BELIEVED  # as an address; what is none leads nowhere, whoever believes it
    if passage.reach and not believed:  # an interceptor knows better
        return passage.reach
    host, flow = uri.host, passage.flow
    source = flow.peer[0]
    if flow.secure and not believed and host and "path" not in message.first and _is_literal(host_key(host)):
        return flow.id  # no certificate proves an address, so nobody could be verified there (RFC 5922 7.3, RFC 5626 5.3)
    params = uri.params
    if (params and ("ob" in params or params.get("transport") in WEB)) or host[-8:].lower() == ".invalid":
        return "" if "path" in message.first else flow.id  # only the flow itself, or the proxy that holds it, leads there
    if flow.reliable and (host, uri.port) == flow.peer[:2] and "path" not in message.first:
        return flow.id  # the far end of this very connection: nobody listens there, and who holds it open for the binding must be known
    if believed or host == source or not host:  # where it says; or a tel:, mailto: ...
        return ""
    key = host_key(host)
    if key == host_key(source) or key != host_key(message.via.host) or not _is_literal(key):
        return ""
    return flow.id


def _is_literal(host: str) -> bool:
    """Tell whether a host is an address; a name is looked up when it is called, and may well be right."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
