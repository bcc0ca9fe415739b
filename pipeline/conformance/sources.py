"""From where the checks ask: addresses of the virtual network that the lists of the plan may let in.

Rule: nothing here knows a plugin. A network is offered when an option of any plugin, or a stored `acl`, names it in a list of networks;
whether it is let in is seen by asking from there. A network of few addresses is used again and again, by other ports.
"""

from __future__ import annotations

from itertools import count, islice
from typing import TYPE_CHECKING, Any

import attrs

from pipeline.dal.acls import networks
from pipeline.prefixes import network
from pipeline.testing.server import ADDRESS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from ipaddress import IPv4Network, IPv6Network

    from pipeline.config.plan import Plan

USUAL = ("10.7.0.0/16", "192.0.2.0/24", "198.51.100.0/24")
"""Asked first; of the others that a list may leave alone, those of RFC 5737."""
MANY = 2000
"""Addresses of one network: more than there are checks."""


def candidates(plan: Plan) -> Iterator[str]:
    """Give the networks to try, each once."""
    objects = [stored for stored in plan.objects if stored.kind == "acl"]
    holders = [*(listing.plugin for listing in plan.listings()), *objects]
    named = (text for holder in holders for text in _named(holder))
    yield from dict.fromkeys([*USUAL, *named])


def _named(holder: Any) -> Iterator[str]:
    for field in attrs.fields(type(holder)):
        if field.validator is networks and "deny" not in field.name:
            yield from getattr(holder, field.name)


def addresses(text: str) -> Iterator[tuple[str, int]]:
    """Give addresses and ports in a network, none twice; none at all where the server has no address of that family."""
    here: IPv4Network | IPv6Network = network(text)
    hosts = [str(host) for host in islice(here.hosts(), MANY) if str(host) != ADDRESS] if here.version == 4 else []
    for port in count(5060) if hosts else ():
        for host in hosts:
            yield host, port
