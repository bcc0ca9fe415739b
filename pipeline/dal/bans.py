"""The stored type `ban`: a source that is not listened to, until when, and why. Made by `shield` and by `sipline ban add`.

Rule: the id is the source itself, as `source_of` writes it: an IPv4 address, the /64 of an IPv6 address (one customer has at least
so many, RFC 6177 2), or a network that an administrator named.
"""

from functools import lru_cache
from ipaddress import IPv6Network, ip_address, ip_network

import attrs

from pipeline.option import option

from .stored import Stored, register
from .stored import origin as origin_field
from .stored import version as version_field


@attrs.frozen(eq=False, weakref_slot=False)
class Ban(Stored):
    """A source that is not listened to."""

    id: str = option(help="the source: an IPv4 address, the /64 of an IPv6 address, or a network")
    created_at: float = option(default=0.0, unit="s", help="since when, seconds since 1970 (UTC)")
    expires_at: float = option(default=0.0, unit="s", help="until when; 0 = until it is lifted")
    reason: str = option(default="", help="why")
    by: str = option(default="", help='who made it: "shield" or "admin"')
    origin: str = origin_field()
    version: int = version_field()


def source_of(host: str) -> str:
    """Return what a source address is counted and banned as; an IPv4 address mapped into IPv6 is that IPv4 address."""
    return _source6(host) if ":" in host else host


@lru_cache(maxsize=2048)
def _source6(host: str) -> str:
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return host
    mapped = getattr(address, "ipv4_mapped", None)
    return str(mapped) if mapped is not None else str(IPv6Network((int(address) >> 64 << 64, 64)))


def ban_of(text: str) -> str:
    """Return the id of a ban for an address or a network as somebody wrote it; raises ValueError."""
    try:
        net = ip_network(text.strip().strip("[]"), strict=False)
    except ValueError:
        raise ValueError(f'{text!r} is no address and no network: write "192.0.2.7", "192.0.2.0/24" or "2001:db8::/32"') from None
    if net.prefixlen == 0:
        raise ValueError(f"{text!r} is everybody")
    return source_of(str(net.network_address)) if net.prefixlen == net.max_prefixlen else str(net)


register("ban", Ban)
