"""The peers that have proved who they are: an address and port, or a connection, by which somebody logged in lately.

Rule: these, and nobody else, skip what strangers meet. A proof is a digest answer with a nonce that we sent to that very source
address, so a peer cannot be forged into this table. It is bounded, and a peer that does not prove itself again is forgotten after one
to two times `remember`. Behind one NAT each phone is a peer of its own: what its neighbour does is not held against it.
"""

from __future__ import annotations

from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

from pipeline.dal.bans import source_of

if TYPE_CHECKING:
    from ipaddress import IPv4Network, IPv6Network

    from pipeline.flow import Address

MOST = 1 << 17
"""Peers that are known at most, at some 400 bytes each; the longest known are forgotten first."""
MOST_OF_ONE = MOST // 16
"""Of one source: more than phones behind any address translator, and nobody can have all others forgotten with one account."""


class Known:
    """Known peers, each with the time at which its bucket is full again."""

    __slots__ = ("fresh", "peers", "sources")

    def __init__(self) -> None:
        self.peers: dict[Address, float] = {}
        self.sources: dict[str, dict[Address, None]] = {}
        """The known peers of each source that has any, the longest known first."""
        self.fresh: set[Address] = set()
        """Who has proved himself since `age` was last asked."""

    def add(self, peer: Address) -> None:
        """Note a proof."""
        if peer in self.fresh:
            return
        self.fresh.add(peer)
        if peer not in self.peers:
            source = source_of(peer[0])
            if len(self.sources.get(source, ())) >= MOST_OF_ONE:
                self.drop(next(iter(self.sources[source])))
            elif len(self.peers) >= MOST:
                self.drop(next(iter(self.peers)))
            self.peers[peer] = 0.0
            self.sources.setdefault(source, {})[peer] = None

    def drop(self, peer: Address) -> None:
        """Forget a peer."""
        if self.peers.pop(peer, None) is not None:
            self.fresh.discard(peer)
            source = source_of(peer[0])
            of_it = self.sources[source]
            del of_it[peer]
            if not of_it:
                del self.sources[source]

    def drop_source(self, source: str) -> None:
        """Forget every peer of a source."""
        for peer in tuple(self.sources.get(source, ())):
            self.drop(peer)

    def drop_network(self, net: IPv4Network | IPv6Network) -> None:
        """Forget every peer in a network."""
        hosts = {peer[0] for peer in self.peers}
        gone = {host for host in hosts if inside(host, net)}
        for peer in [peer for peer in self.peers if peer[0] in gone]:
            self.drop(peer)

    def age(self) -> None:
        """Forget who has not proved himself since the last time this was asked."""
        fresh = self.fresh
        self.fresh = set()
        for peer in [peer for peer in self.peers if peer not in fresh]:
            self.drop(peer)


def inside(host: str, net: IPv4Network | IPv6Network) -> bool:
    """Tell whether an address is in a network; an IPv4 address mapped into IPv6 is that IPv4 address."""
    try:
        address: Any = ip_address(host.partition("%")[0])
    except ValueError:
        return False
    address = getattr(address, "ipv4_mapped", None) or address
    return address in net
