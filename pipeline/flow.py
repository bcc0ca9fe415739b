"""Flows and targets: where a message came from, and where one shall go.

A flow is one path over which bytes reach one peer: a stream's connection, or for datagrams the pair of a listener and a
peer address. Everything above the transport stage speaks of flows, never of sockets. RFC 3261 18, RFC 5626 3.4.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.sip.via import Via

Address = tuple[str, int]
"""(host, port); an IPv6 host stands without brackets."""


@attrs.frozen(slots=True)
class Target:
    """A place to send a request to."""

    host: str
    """An address literal without brackets, or a host name that still has to be resolved."""
    port: int
    transport: str = "UDP"
    """As in a Via: UDP, TCP, TLS, WS, WSS."""
    name: str = ""
    """The host name that `host` was resolved from (TLS verifies it)."""
    only: bool = False
    """Whether it is this transport or none: a datagram's way back through an address translator leads to no TCP port (RFC 3261 18.1.1)."""

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.transport.lower()}:{host}:{self.port}"


class Flow:
    """One path to one peer. Subclassed by each transport; a datagram flow is cheap and made per packet."""

    __slots__ = ()

    transport: str
    """As in a Via: UDP, TCP, ..."""
    reliable: bool
    by_length: bool = False
    """Whether its messages are told apart by Content-Length alone, which they then must have (RFC 3261 18.3)."""
    secure: bool = False
    """Whether the way is encrypted: no other carries a request to a sips URI (RFC 3261 26.2.2)."""
    names: tuple[str, ...] = ()
    """What the certificate says that the peer has proved (domains, "sip:user@domain"), in lower case; () when he showed none."""
    alias: bool = False
    """Whether the Via of our requests lets the peer send his by this connection too (RFC 5923 8.1)."""
    local: Address
    peer: Address

    @property
    def advertised(self) -> Address:
        """What stands for us in Via and Contact on this flow."""
        raise NotImplementedError

    @property
    def listener(self) -> str:
        """The name of the plugin instance that owns it."""
        raise NotImplementedError

    @property
    def id(self) -> str:
        """Names the flow across the house, e.g. "udp:192.0.2.1:5060" or "tcp:7f3a". A contact's `reach` holds it."""
        raise NotImplementedError

    @property
    def closed(self) -> bool:
        """Tell whether nothing can be sent any more."""
        return False

    def send(self, data: bytes) -> None:
        """Send one message. Raises ConnectionError when the flow is closed. Only `Pipeline` calls it."""
        raise NotImplementedError

    def post(self, data: bytes, refused: Callable[[OSError], object] | None = None) -> None:
        """Send one message that may leave with others a moment later. What is refused then `refused` is told; without it, it is counted."""
        self.send(data)

    def toward(self, peer: Address) -> Flow:
        """Return the flow to another address by the same listener; a stream has no other."""
        return self

    def close(self, reason: str) -> None:
        """Close the path, and tell all who hold it; a datagram flow has nothing to close."""

    def on_closed(self, tell: Callable[[Flow, str], None]) -> None:
        """Have `tell(flow, reason)` called once when the flow closes. A datagram flow never does."""

    def proved(self) -> None:
        """Note that a valid request came by this stream: it is no longer on probation."""

    def keepalive(self, told: Callable[[], object]) -> bool:
        """Ask the peer for a sign of life and have `told()` called when it gives one (RFC 5626 4.4.1); False: there is none to ask for."""
        return False

    def aliased(self, via: Via) -> None:
        """Read in the Via of a request that came by this stream whether ours may go by it too (RFC 5923 8.2). Raises Malformed."""

    def hold(self) -> None:
        """Keep the flow open: a binding, dialog or transaction needs it. Each hold wants a release."""

    def release(self) -> None:
        """Give one hold back."""
