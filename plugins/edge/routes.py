"""What of a request's Route is ours, and the values by which we want to be met again. RFC 3261 16.4, 16.6; RFC 5626 5.1, 5.3; RFC 5658.

Rule: a Route is ours when it holds a token of ours, whatever address a translator gives us, or when its host and port are a listener's.
Where the two sides are met at different addresses or transports there is a value for each (RFC 5658), so each sees one that it can send to.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from pipeline.bind import write_address
from pipeline.sip.routing import DEFAULT_PORTS
from pipeline.sip.uri import host_key

if TYPE_CHECKING:
    from pipeline import Flow, Request, Uri
    from pipeline.engine import Pipeline

    from .tokens import Token, Tokens

DIALOG_MAKERS = frozenset(("INVITE", "SUBSCRIBE", "REFER", "NOTIFY"))


class Way(NamedTuple):
    """What the Route of a request says to us."""

    ours: bool
    """Whether it begins with us."""
    token: Token | None
    """The flow that it names."""
    forged: bool
    """Whether it names one that we never made, or for another dialog."""
    left: list[str]
    """The values behind ours."""
    uri: str
    """The Request-URI: that of the request, or what a strict router has left in Route."""


NO_WAY = Way(False, None, False, [], "")
"""That of a request without Route."""


def way(request: Request, engine: Pipeline, flow: Flow, tokens: Tokens) -> Way:
    """Read the Route of a request. Raises Malformed."""
    addresses = request.routes
    left = [address.text if ">" in address.text else f"<{address.uri.text}>" for address in addresses]
    uris, target = [address.uri for address in addresses], request.uri_text
    if uris and request.uri.user and "lr" in request.uri.params and is_ours(request.uri, engine, flow):
        target = uris.pop().text  # 16.4: a strict router has put us in the place of the Request-URI, and that at the end
        left.pop()
        uris.insert(0, request.uri)
        left.insert(0, "")
    token: Token | None = None
    forged, count = False, 0
    for uri in uris:
        found = tokens.read(uri.user, request.call_id) if uri.user else None
        if found is None and not is_ours(uri, engine, flow):
            break
        count += 1
        token, forged = found or token, forged or (found is None and bool(uri.user))
    return Way(count > 0, token, forged, left[count:], target)


def is_ours(uri: Uri, engine: Pipeline, flow: Flow) -> bool:
    """Tell whether a URI is an address of a listener of ours."""
    if uri.scheme not in ("sip", "sips") or engine.domain_of(uri.host, flow) is None:
        return False
    transport = "TLS" if uri.scheme == "sips" else (uri.params.get("transport") or "udp").upper()
    port = uri.port or DEFAULT_PORTS.get(transport, 5060)
    return any(port == bound[1] for _, _, bound in engine.listeners) or (host_key(uri.host), port) == _key(flow.advertised)


def _key(address: tuple[str, int]) -> tuple[str, int]:
    return host_key(address[0] if ":" not in address[0] else f"[{address[0]}]"), address[1]


def value(flow: Flow, token: str, *more: str, secure: bool) -> str:
    """Return a Route value by which we are met at the address of a flow."""
    kind = "ws" if flow.transport in ("WS", "WSS") else flow.transport.lower()
    params = "" if kind == "udp" or (secure and kind == "tls") else f";transport={kind}"
    tail = "".join(f";{flag}" for flag in more)
    return f"<{'sips' if secure else 'sip'}:{token}@{write_address(flow.advertised)}{params};lr{tail}>"


def record(request: Request, came: Flow, goes: Flow, token: str) -> list[str]:
    """Return the Record-Route values of a request that makes a dialog, the next hop's on top."""
    if request.method not in DIALOG_MAKERS or request.to.tag:
        return []
    secure = request.uri_text[:5].lower() == "sips:"
    there, here = value(goes, token, secure=secure), value(came, token, secure=secure)
    return [there] if there == here else [there, here]
