"""The plugin `nat`: senders behind address translators, and ourselves behind one.

Rules: what was received is never rewritten: `passage.reach` says where requests to the sender really go, which the registrar and dialogs
keep beside the verbatim Contact. On the way out only our own Via, Contact, Record-Route, Path and media addresses are written anew, for
peers outside of `local_net`. It belongs behind `identify` (an endpoint has a say) and before `auth`.
"""

from __future__ import annotations

from functools import lru_cache
from ipaddress import ip_network
from typing import TYPE_CHECKING, Any, ClassVar

import attrs

from pipeline import hookimpl, option, plugin
from pipeline.bind import advertised, parse_advertised, reachable
from pipeline.passage import BELIEVED

from .inward import MODES, PRIVATE, leads_elsewhere, within
from .outward import description, signalling

if TYPE_CHECKING:
    from pipeline import Message, Passage
    from pipeline.engine import Pipeline

SDP = "application/sdp"


def _networks(_instance: Any, attribute: attrs.Attribute[Any], value: list[str]) -> None:
    for text in value:
        try:
            ip_network(text)
        except ValueError as error:
            raise ValueError(f'{attribute.name}: {error}: write a network, as "192.168.0.0/16"') from None


@plugin
class Nat:
    """Finds the way to phones behind address translators, and hides ours."""

    stage: ClassVar[str] = "intercept"
    after: ClassVar[tuple[str, ...]] = ("identify",)

    rewrite_contact: str = option(
        "mismatch",
        validator=attrs.validators.in_(MODES),
        help="when requests to a sender go to where its message came from, instead of to its Contact, which stays as it is:"
        ' "always", "mismatch" (its Contact has another address), "private" (a private one), "never" (all the same for a Contact that is no'
        " address: of a WebSocket, `.invalid`, with `ob`); an endpoint may say otherwise",
    )
    force_rport: bool = option(
        True, help="whether answers go to the port that a request came from also where the sender did not ask for it (RFC 3581)"
    )
    local_net: list[str] = option(
        factory=lambda: [str(network) for network in PRIVATE],
        validator=_networks,
        help="networks in which we are reached by our own addresses; to all others the external addresses are told",
    )
    external_signaling_address: str = option(
        "",
        validator=advertised,
        help='what stands for us in Via and Contact outside of local_net, as "203.0.113.7" (with the port of the listener) or'
        ' "sip.example.com:5060"; "" = our own address',
    )
    external_media_address: str = option(
        "", validator=reachable, help='our address for media outside of local_net, as "203.0.113.7"; "" = what the media plugin says'
    )
    media_hosts: list[str] = option(
        factory=list,
        validator=reachable,
        help="addresses of media servers of ours (rtpengine) for which external_media_address stands too",
    )

    _engine: Any = attrs.field(init=False, default=None)
    _outside: Any = attrs.field(init=False, default=None)
    """Tells whether a host is outside of local_net."""

    @hookimpl
    def start(self, engine: Pipeline) -> None:
        """Count our external address as one of ours."""
        self._engine = engine
        networks = tuple(ip_network(text) for text in self.local_net)
        self._outside = lru_cache(maxsize=4096)(lambda host: not within(host, networks))
        external = parse_advertised(self.external_signaling_address, 0)
        if external is not None:
            engine.domains.bound(external[0])

    # -- in ----------------------------------------------------------------------------------------------------------

    @hookimpl
    def intercept(self, message: Message, passage: Passage) -> None:
        """Say where requests to the sender go."""
        if not message.is_request:
            return
        endpoint = passage.endpoint
        if self.force_rport and (endpoint is None or endpoint.force_rport) and not passage.flow.reliable:
            passage.symmetric = True
        if passage.reach:  # an interceptor before us knows better
            return
        mode = (endpoint.rewrite_contact if endpoint is not None else "") or self.rewrite_contact
        elsewhere = leads_elsewhere(message, passage.flow.peer, mode)
        if elsewhere:
            passage.reach = passage.flow.id
        elif mode == "never" and elsewhere is False:
            passage.reach = BELIEVED

    # -- out ---------------------------------------------------------------------------------------------------------

    @hookimpl
    def intercept_out(self, message: Message, passage: Passage) -> None:
        """Tell who is outside of our networks our external addresses."""
        if not (self.external_signaling_address or self.external_media_address):
            return
        flow = passage.flow
        if not self._outside(flow.peer[0]):
            return
        if self.external_signaling_address and not self._outside(flow.advertised[0]):
            ours = flow.advertised
            outside = parse_advertised(self.external_signaling_address, ours[1])
            assert outside is not None
            signalling(message, ours, outside, request=message.is_request)
        if self.external_media_address and message.body and (message.get("content-type") or "").partition(";")[0].strip().lower() == SDP:
            body = description(message.body, self.external_media_address, self._is_ours)
            if body is not message.body:
                message.set_body(body, by="nat")

    def _is_ours(self, host: str) -> bool:
        """Tell whether an address is one of this machine or of a media server of ours, within our networks."""
        if self._outside(host):
            return False
        if host in self.media_hosts:
            return True
        try:
            return self._engine.network.local_for((host, 9)) == host  # type: ignore[no-any-return]
        except OSError:
            return False
