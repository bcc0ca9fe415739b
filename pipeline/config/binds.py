"""Whether all listeners can be bound at once, and what the only domain of a file that names none is called.

A plugin class that listens says on what: `listens = "udp"` (or "tcp"), and has an option `bind`. Rule: addresses are compared. IPv6
listeners are V6ONLY, so [::] and 0.0.0.0 do not meet; port 0 takes a free port and meets nothing.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Any

from pipeline.bind import is_wildcard, parse_bind
from pipeline.config.schema import options_of

if TYPE_CHECKING:
    from pipeline.config.problems import Report

__all__ = ["check_listeners", "first_domain", "is_wildcard"]


def _same(one: str, other: str) -> bool:
    """Whether two literals are one address, however it is written."""
    (host, _, zone), (other_host, _, other_zone) = one.partition("%"), other.partition("%")
    return zone == other_zone and ipaddress.ip_address(host) == ipaddress.ip_address(other_host)


def _family(host: str) -> int:
    return 6 if ":" in host else 4


def check_listeners(report: Report, listeners: list[tuple[str, type, Any, tuple[str | int, ...], bool]]) -> list[str]:
    """Find listeners of one kind on one port. `listeners`: name, class, bind values, place, whether the file says them.

    Give the hosts that are bound, in order: the first domain may be named after one.
    """
    taken: dict[str, list[tuple[str, int, str, str, tuple[str | int, ...]]]] = {}
    hosts: list[str] = []
    for name, cls, binds, keys, written in listeners:
        kind = str(getattr(cls, "listens", ""))
        option = options_of(cls).get("bind")
        if not kind or option is None or not isinstance(binds, tuple | list):
            continue
        for position, text in enumerate(binds):
            place = (*keys, position) if written else keys
            try:
                host, port = parse_bind(str(text), int(getattr(cls, "default_port", 5060)))
            except ValueError as error:
                report.error(place, f"{option.name}: {error}")
                continue
            hosts.append(host)
            others = taken.setdefault(kind, [])
            for other_host, other_port, other_name, other_text, other_keys in others:
                if _meet((host, port), (other_host, other_port)):
                    line = report.document.place(*other_keys)
                    whose = f"'{other_name}' binds" if other_name != name else "it already binds"
                    report.error(
                        place,
                        f"'{name}' cannot bind {kind} {text}: {whose} {other_text} (line {line.line})",
                        "give one of them another port",
                    )
                    break
            others.append((host, port, name, str(text), place))
    return hosts


def _meet(one: tuple[str, int], other: tuple[str, int]) -> bool:
    (host, port), (other_host, other_port) = one, other
    if port != other_port or port == 0 or _family(host) != _family(other_host):
        return False
    return _same(host, other_host) or is_wildcard(host) or is_wildcard(other_host)


NAMELESS = "sipline"
"""The domain of a server that listens everywhere and names none; phones know it by its addresses, which stand for it."""


def first_domain(hosts: list[str]) -> str:
    """Name the only domain of a file that names none: the first bound address; NAMELESS where any listener is bound to all of them.

    It must not change when the machine gets another address, or another listener: digest hashes include the realm, and stored objects the
    domain.
    """
    if not hosts or any(is_wildcard(host) for host in hosts):
        return NAMELESS
    return f"[{hosts[0]}]" if ":" in hosts[0] else hosts[0]
