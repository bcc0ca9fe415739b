"""Where a message goes next: responses by Via (RFC 3261 18.2, RFC 3581), requests by Route and Request-URI (8.1.2, 12.2.1.1, 16.6).

Rule: addresses in, addresses out; no name is looked up here (RFC 3263 is another room's). A response goes to where its request came
from, never to what a client wrote about itself: `maddr` and a `received` that we did not write are ignored, so nobody can aim
our answers at a group, a broadcast address or a victim.
"""

from __future__ import annotations

import ipaddress
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from .address import Address
from .grammar import bad, split_commas
from .uri import Uri

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .message import Request
    from .via import Via

__all__ = ["Target", "next_hop", "received_via", "reply_to", "route_within", "same_address", "same_source", "target_of", "top_via"]

Source = tuple[str, int]

DEFAULT_PORTS = {"TLS": 5061, "WS": 80, "WSS": 443}  # all others 5060: RFC 3261 19.1.2, 18.2.2; RFC 7118 5.5
SECURED = {"UDP": "DTLS", "TCP": "TLS", "TLS": "TLS", "WS": "WSS", "SCTP": "TLS-SCTP"}


class Target(NamedTuple):
    """Whom to send a request: host is a name or an address without brackets."""

    host: str
    port: int
    transport: str
    sips: bool = False
    named: bool = False
    """Whether the host is a name, and so up to DNS."""


def reply_to(via: Via, source: Source, reliable: bool) -> Source:
    """Where the response to a request goes. With a reliable transport: where to connect if the request's connection is gone."""
    if not reliable and "rport" in via.params:
        return source  # RFC 3581 4
    return source[0], via.port or DEFAULT_PORTS.get(via.transport, 5060)


def received_via(text: str, source: Source, via: Via) -> str:
    """The first Via value as it must go back: with `received`, and `rport` when asked (18.2.1, RFC 3581 4).

    Text is the whole field value; what stands after the first element stays. What a client claims to have received is overwritten.
    """
    host, port = source
    asked = "rport" in via.params
    claimed = "received" in via.params
    if not claimed and '"' not in text:
        if not asked:
            if via.host == host or same_address(via.host, host):
                return text
            end = text.find(",")
            return f"{text};received={_bare(host)}" if end < 0 else f"{text[:end].rstrip()};received={_bare(host)}{text[end:]}"
        found = text.find(";rport")
        if found > 0 and text[found + 6 : found + 7] in ("", ";", ",") and text.find(",", 0, found) < 0:
            return f"{text[:found]};received={_bare(host)};rport={port}{text[found + 6 :]}"
    first, *others = split_commas(text, "Via")
    params = [p for p in _semicolons(first) if _name(p) not in ("received", "rport")]
    if asked or claimed or not same_address(via.host, host):
        params.append(f"received={_bare(host)}")
    if asked:
        params.append(f"rport={port}")
    return ", ".join([";".join(params), *others])


def top_via(text: str) -> str:
    """The first element of a Via field's value."""
    return text if "," not in text else split_commas(text, "Via")[0]


def next_hop(request: Request) -> Uri:
    """The URI that a request is sent to: the first Route, else the Request-URI (8.1.2). For requests made by `route_within`, see there."""
    routes = request.routes
    return routes[0].uri if routes else request.uri


def route_within(target: str, route_set: Sequence[str]) -> tuple[str, list[str], Uri]:
    """Request-URI, Route values and next hop of a request within a dialog (12.2.1.1), also of a forwarded one (16.6 step 6).

    `target` is the remote target; the route set holds name-addrs ("<sip:p1;lr>"). The first route without `lr` is a strict router:
    it gets the request with its own URI as Request-URI and the target as the last Route.
    """
    if not route_set:
        return target, [], Uri.parse(target)
    first = Address.parse(route_set[0], "Route").uri if "<" in route_set[0] else Uri.parse(route_set[0].strip())
    if "lr" in first.params:
        return target, list(route_set), first
    # Not allowed in a Request-URI (19.1.1, table 1): headers, and the method parameter.
    bare = first.text.partition("?")[0]
    if "method" in first.params:
        bare = ";".join(p for p in bare.split(";") if _name(p) != "method")
    return bare, [*route_set[1:], f"<{target}>"], first


def target_of(uri: Uri) -> Target:
    """Host, port and transport of a URI, as far as they can be said without DNS (RFC 3261 19.1.2, RFC 3263 4.1 and 4.2)."""
    if uri.scheme not in ("sip", "sips"):
        raise bad("URI", f"a {uri.scheme} URI names nobody to send to")
    sips = uri.scheme == "sips"
    transport = (uri.params.get("transport") or ("TCP" if sips else "UDP")).upper()
    if sips:
        transport = SECURED.get(transport, transport)
    host = uri.target_host
    if host[:1] == "[":
        host = host[1:-1]
    address = _address(host)
    if address is not None and (address.is_multicast or address.is_unspecified or host == "255.255.255.255"):
        raise bad("URI", f"nothing is sent to {host}")
    return Target(host, uri.port or DEFAULT_PORTS.get(transport, 5060), transport, sips, address is None)


def same_source(one: Source, other: Source, ports: bool = True) -> bool:
    """Whether two packets came from the same place; without `ports`, from the same host."""
    return (one[1] == other[1] or not ports) and same_address(one[0], other[0])


def same_address(one: str, other: str) -> bool:
    """Whether two texts are the same IP address: brackets, zone, spelling and an IPv4 address mapped into IPv6 do not count."""
    if one == other:
        return True
    if ":" not in one and ":" not in other:
        return False  # dotted IPv4 has one spelling
    first, second = _address(one.strip("[]")), _address(other.strip("[]"))
    return first is not None and first == second


@lru_cache(maxsize=4096)  # hot: the same phones are called again and again
def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _bare(host: str) -> str:
    """An address as `received` has it: no brackets (25.1 via-received), no zone, which means nothing elsewhere."""
    return host if ":" not in host else host.partition("%")[0]


def _name(param: str) -> str:
    return param.partition("=")[0].strip().lower()


def _semicolons(text: str) -> list[str]:
    """Split at the semicolons that are not inside quotes."""
    if '"' not in text:
        return [p.strip() for p in text.split(";")]
    parts, start, quoted, at = [], 0, False, 0
    while at < len(text):
        if text[at] == "\\" and quoted:
            at += 1
        elif text[at] == '"':
            quoted = not quoted
        elif text[at] == ";" and not quoted:
            parts.append(text[start:at].strip())
            start = at + 1
        at += 1
    return [*parts, text[start:].strip()]
