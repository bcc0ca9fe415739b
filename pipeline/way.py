"""By which way the requests of a dialog go. RFC 3261 12.2.1.1; RFC 5626 5.3 and RFC 3581 for peers behind address translators.

Rule: where the route set or the peer's Contact says, except where that is shown wrong: a Contact whose host is what the peer believes
itself to be while its messages come from elsewhere leads nowhere, and only the flow by which they came leads to the peer.
"""

from __future__ import annotations

from contextlib import suppress
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

from pipeline.passage import BELIEVED
from pipeline.reach import way_of, ways_to_gruu
from pipeline.sip.grammar import Malformed
from pipeline.sip.uri import Uri, host_key

if TYPE_CHECKING:
    from pipeline import Flow, Passage, Request
    from pipeline.dal import Endpoint
    from pipeline.engine import Pipeline
    from pipeline.flow import Target

WEB = ("ws", "wss")


def is_pinned(request: Request, passage: Passage) -> bool:
    """Tell whether requests to the sender of this one have to go back by the flow by which it came."""
    believed = passage.reach == BELIEVED  # as an address; what is none leads nowhere, whoever believes it
    if passage.reach and not believed:
        return True
    if "record-route" in request.first or not request.contacts:
        return False
    uri, source = request.contacts[0].uri, passage.flow.peer[0]
    host = uri.host
    if passage.flow.secure and not believed and host and _is_literal(host_key(host)):
        return True  # no certificate proves an address: who came by TLS is reached by the connection he opened (RFC 5922 7.3)
    if uri.params and ("ob" in uri.params or uri.params.get("transport") in WEB):
        return True
    if host[-8:].lower() == ".invalid":
        return True
    if believed or host == source or not host:
        return False
    key = host_key(host)
    return key != host_key(source) and key == host_key(request.via.host) and _is_literal(key)


def way_to(hop: Uri, flow: Flow | None, pinned: bool, engine: Pipeline) -> Any:
    """Return where a request whose next hop is `hop` is sent, as `Pipeline.request` takes it."""
    if "gr" in hop.params and (ways := ways_to_gruu(engine, hop)) is not None:  # a phone of ours, whose domain would lead to ourselves
        ways = ways if flow is None or flow.closed else [flow, *ways]
        return ways or hop
    if flow is None:
        return hop
    if pinned:
        return flow if not flow.closed else [flow, hop]
    host, port = flow.peer[:2]
    if flow.reliable:  # a stream to that very host is used again, whatever port it was opened from
        same = flow.secure if hop.scheme == "sips" else (hop.params.get("transport") or "tcp").upper() == flow.transport
        alike = same and host_key(hop.host) == host_key(host)
        return [flow, hop] if alike and not flow.closed else hop
    if (hop.port or 5060) == port and (hop.host == host or host_key(hop.host) == host_key(host)) and _is_udp(hop):
        return flow
    return hop


def ways_back(engine: Pipeline, endpoint: Endpoint | None, target: str, but: str = "") -> list[Flow | Target]:
    """Return the ways by which the phone behind a Contact has registered, other than `but`: it may have come back by another connection.

    A binding with this very Contact goes before those that differ only in its port: behind a stream that is often the stream's own.
    """
    if endpoint is None or not engine.dal.stores("contact"):
        return []
    very: list[Flow | Target] = []
    alike: list[Flow | Target] = []
    for aor in endpoint.aors:
        owned = engine.dal.owned("contact", aor)
        for stored in owned if isinstance(owned, tuple) else ():
            if not stored.reach or stored.reach == but or not (stored.uri == target or _is_alike(stored.uri, target)):
                continue
            with suppress(ConnectionError):
                way = way_of(engine, stored)
                if way is not None:
                    (very if stored.uri == target else alike).append(way)
    return very + alike


def is_registered(endpoint: Endpoint | None, target: str) -> bool:
    """Tell whether a peer is one who registers to be reached, so that he is gone when his connection is closed and he has no other binding.

    A trunk opens another connection when it has something to say, and its calls go on without one (RFC 3261 18 ties no dialog to any).
    """
    if endpoint is not None and endpoint.aors and endpoint.auth:
        return True
    try:
        uri = Uri.parse(target)
    except Malformed:
        return False
    return "ob" in uri.params or uri.params.get("transport") in WEB or uri.host[-8:].lower() == ".invalid"


def _is_alike(one: str, other: str) -> bool:
    try:
        mine, theirs = Uri.parse(one), Uri.parse(other)
    except Malformed:
        return False
    return mine.user == theirs.user and host_key(mine.host) == host_key(theirs.host)


def contact(flow: Flow, user: str, *, secure: bool = False) -> str:
    """Return our Contact for messages that go by `flow`: the address that it advertises.

    `secure`: a sips URI, where the flow is secured. What listens at the address of any other speaks no TLS: a sips URI would lead
    nowhere, and who asks for one by UDP (its own Contact is one) could not even send its ACK.
    """
    host, port = flow.advertised
    where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    at = f"{user}@" if user else ""
    kind = "ws" if flow.transport in ("WS", "WSS") else flow.transport.lower()  # RFC 7118 5.2: what is secure is said by sips alone
    if secure and flow.secure:
        return f"<sips:{at}{where};transport=ws>" if kind == "ws" else f"<sips:{at}{where}>"
    return f"<sip:{at}{where}>" if kind == "udp" else f"<sip:{at}{where};transport={kind}>"


def _is_udp(uri: Uri) -> bool:
    return uri.scheme == "sip" and (not uri.params or (uri.params.get("transport") or "udp").lower() == "udp")


def _is_literal(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
