"""Which record is tried first. RFC 2782 (SRV: priority, then chance by weight), RFC 3263 4.1 (NAPTR: order, preference, what we speak).

Rule: pure; chance is handed in, so that a seed replays a failure and a test can count.
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from .records import Naptr, Srv

__all__ = ["SERVICES", "SRV_NAMES", "naptr_in_order", "srv_in_order"]

SERVICES = {"SIP+D2U": "UDP", "SIP+D2T": "TCP", "SIPS+D2T": "TLS", "SIP+D2W": "WS", "SIPS+D2W": "WSS"}
"""Service field of a NAPTR record -> our transport (RFC 3263 4.1, RFC 7118 5.4)."""
SRV_NAMES = {"UDP": "_sip._udp", "TCP": "_sip._tcp", "TLS": "_sips._tcp"}
"""RFC 3263 4.1. No SRV name is defined for WebSocket: there only a NAPTR record leads to SRV records."""


def srv_in_order(records: Iterable[Srv], below: Callable[[int], int]) -> list[Srv]:
    """Return SRV records in the order in which to try them; `below(n)` gives a random number from 0 to n - 1.

    Within a priority RFC 2782 draws one after the other: those without weight stand first, a number up to the sum of the weights that
    are left is drawn, and the first whose running sum reaches it is taken.
    """
    found: list[Srv] = []
    by_priority = sorted(records, key=lambda record: (record.priority, record.weight > 0))
    for _, group in groupby(by_priority, key=lambda record: record.priority):
        left = list(group)
        while len(left) > 1:
            drawn = below(sum(record.weight for record in left) + 1)
            running = 0
            for place, record in enumerate(left):
                running += record.weight
                if running >= drawn:
                    found.append(left.pop(place))
                    break
        found += left
    return [record for record in found if record.target]


def naptr_in_order(records: Iterable[Naptr], transports: Collection[str], *, secure: bool) -> list[tuple[str, Naptr]]:
    """Return (transport, record) for the rules that lead to a transport we serve, the first to be tried first.

    For a sips URI only the SIPS services count; a sip URI may be served by them too (RFC 3263 4.1).
    """
    found: list[tuple[str, Naptr]] = []
    for record in sorted(records, key=lambda record: (record.order, record.preference)):
        transport = SERVICES.get(record.service.upper())
        if transport is None or transport not in transports or not record.replacement or record.flags.lower() not in ("s", "a"):
            continue
        if not secure or record.service.upper().startswith("SIPS"):
            found.append((transport, record))
    return found
