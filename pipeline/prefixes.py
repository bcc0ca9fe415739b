"""Networks by longest prefix: which of many networks, if any, holds a source address. RFC 4632 5.1, RFC 4291 2.3.

Rule: of several networks that hold an address the longest decides; of two equal ones the first given. An IPv4 address mapped into
IPv6 is that IPv4 address; a zone ("%eth0") does not count. A look-up is one dict access per prefix length in use, and what was looked
up is remembered, bounded: the cost does not grow with the number of networks.
"""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address, ip_network
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable
    from ipaddress import IPv4Network, IPv6Network

V = TypeVar("V")

REMEMBERED = 8192
"""Addresses whose answer is kept: whoever sends from more of them pays a look-up each (about 3 us)."""


def network(text: str) -> IPv4Network | IPv6Network:
    """Read an address or a network; raises ValueError that says what to write instead."""
    if not isinstance(text, str):
        raise TypeError(f'{text!r} must be a text such as "192.0.2.0/24"')
    try:
        return ip_network(text)
    except ValueError:
        pass
    try:
        loose = ip_network(text, strict=False)
    except ValueError:
        raise ValueError(f'"{text}" is no address and no network: write "192.0.2.7", "192.0.2.0/24" or "2001:db8::/32"') from None
    raise ValueError(f'"{text}" has bits set behind its prefix: write "{loose}", or "{text.partition("/")[0]}" for the one address')


class Prefixes(Generic[V]):
    """A value for each of some networks."""

    __slots__ = ("_known", "_lengths", "_remembered", "_values")

    def __init__(self, entries: Iterable[tuple[IPv4Network | IPv6Network, V]] = ()) -> None:
        self._known: dict[tuple[int, int, int], V] = {}
        for net, value in entries:
            self._known.setdefault((net.version, net.prefixlen, int(net.network_address)), value)
        self._values = frozenset(self._known.values())
        self._lengths = {
            version: sorted({length for family, length, _ in self._known if family == version}, reverse=True) for version in (4, 6)
        }
        self._remembered: dict[str, V | None] = {}

    def __len__(self) -> int:
        return len(self._known)

    def holds(self, value: V) -> bool:
        """Tell whether any network has this value."""
        return value in self._values

    def find(self, host: str) -> V | None:
        """Return the value of the longest network that holds this address; None when none does, or it is no address."""
        try:
            return self._remembered[host]
        except KeyError:
            pass
        if len(self._remembered) >= REMEMBERED:
            self._remembered.clear()
        found = self._remembered[host] = self._find(host)
        return found

    def _find(self, host: str) -> V | None:
        try:
            address: Any = ip_address(host.partition("%")[0])
        except ValueError:
            return None
        if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        version, bits, number = address.version, address.max_prefixlen, int(address)
        known = self._known
        for length in self._lengths[version]:
            rest = bits - length
            key = (version, length, number >> rest << rest)
            if key in known:
                return known[key]
        return None
