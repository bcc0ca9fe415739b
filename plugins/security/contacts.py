"""Where requests of ours would be led by what a message says: its Contacts, and the proxy that stands in front of them.

Rule: judged is what a request would really be sent to: `maddr` goes before the host (RFC 3261 19.1.1), and the first hop of a Path (RFC
3327 5.3) or of a route set (RFC 3261 12.1) before the Contact. Both halves of a Contact must pass: others, to whom it is told, may not heed
`maddr`. A name cannot be judged, for it can mean another address tomorrow. A proxy at the very address that a message came from passes:
that is judged as a source, by the other lists.
"""

from __future__ import annotations

from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

from pipeline import Malformed
from pipeline.sip.message import STAR
from pipeline.sip.routing import same_address

from .lists import first_refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pipeline import Message, Uri

    from .lists import Missing, Rules

    Lists = Iterable[Rules | Missing | None]

NO_PLACE = ".invalid"
"""Contacts of browsers are in this domain (RFC 7118 5): they are reached by their connection, whose source has been judged."""


def nobody(_host: str) -> bool:
    """Tell that no host is ours."""
    return False


def leads_astray(lists: Lists, uri: Uri, ours: Callable[[str], bool] = nobody) -> str:
    """Say why a URI leads where not all of these lists let it; "" when they do, or it leads nowhere at all."""
    host, target = uri.host, uri.target_host
    return _refusal(lists, host, ours) or ("" if target == host else _refusal(lists, target, ours))


def _refusal(lists: Lists, host: str, ours: Callable[[str], bool]) -> str:
    if not host or host[-8:].lower() == NO_PLACE or ours(host):
        return ""
    address = host.strip("[]")
    try:
        ip_address(address)
    except ValueError:
        return f"contact_deny: the name {host} cannot be judged"
    return first_refusal(lists, address)


def refusal(lists: Lists, request: Message, source: str) -> str:
    """Say why the Contacts of a request, or the proxy in front of them, do not pass these lists; "" when they do."""
    first = request.first
    try:
        contacts = request.contacts if "contact" in first else ()
        for contact in () if contacts is STAR else contacts:
            if why := leads_astray(lists, contact.uri):
                return why
        hop = _hop(request, "path" if request.method == "REGISTER" else "record-route")  # type: ignore[attr-defined]
    except Malformed:
        return ""  # whoever needs it says 400
    return "" if hop is None or same_address(hop.target_host, source) else leads_astray(lists, hop)


def _hop(message: Message, name: str, at: int = 0) -> Uri | None:
    """Return the hop that our requests would be sent to first; of an answer's Record-Route that is the last (RFC 3261 12.1.2)."""
    if name not in message.first:
        return None
    addresses = message.paths if name == "path" else message.record_routes
    return addresses[at].uri


def strip(lists: Lists, response: Message, source: str, ours: Callable[[str], bool], *, proxied: bool) -> list[str]:
    """Take out of an answer what leads where these lists do not let it, and return why.

    The answer itself counts: without a Contact the requests of its dialog go where the first one went, and a 3xx leads nowhere; without
    a Record-Route they go to the Contact. `proxied`: whether the dialog is not with us, so its route set is none of ours.
    """
    found: list[str] = []
    try:
        kept: list[Any] = []
        contacts = response.contacts if "contact" in response.first else []
        for contact in contacts:
            why = leads_astray(lists, contact.uri, ours)
            if why:
                found.append(why)
            else:
                kept.append(contact.text)
        if found:
            response.remove("contact", by="security")
            for text in kept:
                response.add("Contact", text, by="security")
        hop = None if proxied else _hop(response, "record-route", -1)
    except Malformed:
        return found  # nobody is sent where it says
    if hop is not None and not same_address(hop.target_host, source) and (why := leads_astray(lists, hop, ours)):
        found.append(why)
        response.remove("record-route", by="security")
    return found
