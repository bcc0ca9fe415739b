"""Whether the Contact of a message leads to its sender. RFC 3261 8.1.1.8, RFC 3581, RFC 5626 5.3.

Rule: pure, and nothing that was received is changed. Only the sender's own Contact is judged: behind a proxy (a second Via, a Record-Route,
a Path) the way back is that proxy's business.
"""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING

from pipeline.sip.uri import host_key

if TYPE_CHECKING:
    from ipaddress import IPv4Network, IPv6Network

    from pipeline import Message
    from pipeline.flow import Address

MODES = ("always", "mismatch", "private", "never")
PRIVATE = tuple(
    ip_network(text)
    for text in (
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "100.64.0.0/10",
        "169.254.0.0/16",
        "127.0.0.0/8",
        "fc00::/7",
        "fe80::/10",
        "::1/128",
    )
)
"""RFC 1918, RFC 6598 (carriers' translators), RFC 3927, RFC 1122 3.2.1.3, RFC 4193, RFC 4291."""


def within(host: str, networks: tuple[IPv4Network | IPv6Network, ...]) -> bool:
    """Tell whether a host is an address in one of these networks; a name is in none."""
    try:
        address = ip_address(host.strip("[]").partition("%")[0])
    except ValueError:
        return False
    address = getattr(address, "ipv4_mapped", None) or address
    return any(address in network for network in networks if network.version == address.version)


def leads_elsewhere(message: Message, source: Address, mode: str) -> bool | None:
    """Tell whether the way to the sender is not what its Contact says; None: that is not ours to judge.

    "always": it never is; "mismatch": when the Contact's address is not the source's; "private": when it is a private one besides;
    "never": its Contact is believed.
    """
    first = message.first
    if "contact" not in first or first["contact"].strip() == "*" or "record-route" in first or "path" in first:
        return None
    if "via" in message.repeated() or "," in first["via"]:
        return None
    if mode == "never":
        return False
    if mode == "always":
        return True
    contacts = message.contacts
    if len(contacts) != 1:
        return None
    host = contacts[0].uri.target_host
    key = host_key(host)
    if not host or key == host_key(source[0]):
        return False
    try:
        ip_address(key.strip("[]"))
    except ValueError:  # a name is looked up when it is called
        return None
    return mode == "mismatch" or within(key, PRIVATE)
