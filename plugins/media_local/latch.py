"""From whom media are taken, and where they go: symmetric RTP (RFC 4961) with the protection that it needs.

Rule: the address that the peer has described counts at once. Another one counts after a few packets in sequence of one SSRC, and then it
alone: from whom else something comes is a stranger. Whoever moves (a NAT forgets) keeps its SSRC, and the old place has fallen silent.
Described addresses go before all others, and the host of the signalling before the rest of the world.

Whoever is wary does not send where a peer has only said that it is: anybody can describe somebody else, who then gets all that is played.
It sends to the host of the signalling and its network (/24, in IPv6 /64) at once, elsewhere when something has come from there.
"""

from __future__ import annotations

from ipaddress import ip_address
from typing import TYPE_CHECKING

from pipeline.datagrams import literal

if TYPE_CHECKING:
    from pipeline.flow import Address

ENOUGH = 3
"""Packets in sequence that make a source the source."""
SILENT = 1.0
"""Seconds for which nothing came from the old place before a new one counts."""
CANDIDATES = 8


class Latch:
    """Decides who the peer is."""

    def __init__(self, *, symmetric: bool = True) -> None:
        self.symmetric = symmetric
        self.wary = False
        """Whether media go only where the peer is known to be."""
        self.proven = False
        """Whether something has come from the host that is described, if only a report."""
        self.described: Address | None = None
        """Where the peer said that it is."""
        self.near = ""
        """The host that its signalling comes from; empty: not known."""
        self.source: Address | None = None
        """Where it is; None: nothing came yet."""
        self.strangers = 0
        """Packets that came from somebody else."""
        self._own = False
        """Whether it has described itself as a host that would be this machine."""
        self._candidates: dict[tuple[Address, int], list[int]] = {}

    @property
    def destination(self) -> Address | None:
        """Where media are to be sent; None: nowhere yet."""
        if self.source is None and (self._own or (self.wary and not self.proven and not self._near(self.described))):
            return None
        return (self.source or self.described) if self.symmetric else self.described

    def describe(self, address: Address) -> None:
        """Take what the peer's description says. Unchanged, it changes nothing; changed, it is to be learned anew."""
        if address != self.described:
            self.described, self.source, self.proven = address, None, False
            self._candidates.clear()
            # Its own loopback is not ours: some phones do say so, and are heard from where they really are.
            self._own = _loopback(address[0]) and literal(self.near) and not _loopback(self.near)

    def _near(self, address: Address | None) -> bool:
        """Whether an address is that of the signalling, or of its network; where that is not known nothing can be said against it."""
        if address is None or not literal(self.near) or not literal(address[0]):
            return True
        return address[0] == self.near or _network(address[0]) == _network(self.near)

    def admit(self, source: Address, ssrc: int, sequence: int, *, known: int | None, silent: float) -> bool:
        """Tell whether a packet from somewhere else than `source` is the peer's; it may be its `source` from now on.

        `known` is the SSRC of the peer so far, `silent` for how many seconds nothing came from it.
        """
        if source == self.described or (not self.symmetric and self.described is not None and source[0] == self.described[0]):
            self.source = source
            self._candidates.clear()
            return True
        moved = self.source is None or (ssrc == known and silent >= SILENT)
        # Behind a NAT the first to come is believed. Was that one who only tried our ports, the host of the signalling follows.
        better = source[0] == self.near and self.source not in (None, self.described) and self.source[0] != self.near
        if not self.symmetric or not (moved or better):
            self.strangers += 1
            return False
        key = (source, ssrc)
        seen = self._candidates.get(key)
        if seen is None:
            if len(self._candidates) >= CANDIDATES:
                del self._candidates[next(iter(self._candidates))]
            self._candidates[key] = [sequence, 1]
        elif sequence == (seen[0] + 1) & 0xFFFF:
            seen[0], seen[1] = sequence, seen[1] + 1
            if seen[1] >= ENOUGH:
                self.source = source
                self._candidates.clear()
                return True
        else:
            seen[:] = sequence, 1
        self.strangers += 1
        return False


def _network(host: str) -> tuple[int, int]:
    """Give the family and the network of an address: /24, in IPv6 /64."""
    address = ip_address(host.partition("%")[0])
    address = getattr(address, "ipv4_mapped", None) or address
    return address.version, int(address) >> (8 if address.version == 4 else 64)


def _loopback(host: str) -> bool:
    if not literal(host):
        return False
    address = ip_address(host.partition("%")[0])
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback
