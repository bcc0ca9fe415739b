"""How many connections each source has open: the doors that one host can hold are counted.

Rules: one that has brought a valid request counts apart from those that have brought none, so that a thousand phones behind one address
translator are welcome and a thousand half-open connections are not. Where too many have brought none the oldest of these has to go, not
the newest be refused: who means it says what he wants at once, and whoever holds doors open cannot close them to his neighbours. An IPv6
host has a whole /64 (RFC 4291 2.5.4): that is the source.
"""

from __future__ import annotations

from ipaddress import IPv6Address
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Place", "Sources"]

CROWDED = "it brought no request, and too many such connections are open"


class Source:
    """One source and its connections."""

    __slots__ = ("key", "open", "unproved")

    def __init__(self, key: str) -> None:
        self.key = key
        self.open = 0
        self.unproved: dict[Place, None] = {}
        """Those that have brought nothing yet, the oldest first."""


class Place:
    """One connection's place among those of its source."""

    __slots__ = ("_give_up", "_gone", "_sources", "source")

    def __init__(self, sources: Sources, source: Source, give_up: Callable[[str], object]) -> None:
        self._sources = sources
        self._give_up = give_up
        self._gone = False
        self.source = source
        source.open += 1
        source.unproved[self] = sources.unproved[self] = None

    def prove(self) -> None:
        """The connection has brought a valid request."""
        self.source.unproved.pop(self, None)
        self._sources.unproved.pop(self, None)

    def leave(self) -> None:
        """The connection has closed."""
        if self._gone:
            return
        self._gone = True
        self.prove()
        self.source.open -= 1
        if not self.source.open:
            self._sources.by_key.pop(self.source.key, None)

    def make_room(self) -> None:
        """Close the connection for another's sake."""
        self.leave()
        self._give_up(CROWDED)


class Sources:
    """All sources that have connections."""

    __slots__ = ("by_key", "crowded", "refused", "unproved")

    def __init__(self) -> None:
        self.by_key: dict[str, Source] = {}
        self.unproved: dict[Place, None] = {}
        """Those of all sources that have brought nothing yet, the oldest first."""
        self.refused = 0
        """Connections that were not taken."""
        self.crowded = 0
        """Connections that had to make room."""

    def come(self, host: str, most: int, unproved: int, in_all: int, give_up: Callable[[str], object]) -> Place | None:
        """Count one more connection of a host; None when it has `most` already.

        Of `unproved` of the host, or `in_all` of all hosts, that have brought nothing yet, the oldest gets a `give_up(reason)`.
        """
        key = _key(host)
        source = self.by_key.get(key)
        if source is None:
            source = Source(key)
        elif source.open >= most and not source.unproved:
            self.refused += 1
            return None
        if source.unproved and (source.open >= most or len(source.unproved) >= unproved):
            self._make_room(next(iter(source.unproved)))
        elif len(self.unproved) >= in_all:
            self._make_room(next(iter(self.unproved)))
        self.by_key[key] = source  # it may just have lost its only connection
        return Place(self, source, give_up)

    def _make_room(self, place: Place) -> None:
        self.crowded += 1
        place.make_room()


def _key(host: str) -> str:
    if ":" not in host:
        return host
    address = IPv6Address(host.partition("%")[0])
    mapped = address.ipv4_mapped
    return str(mapped) if mapped is not None else (int(address) >> 64).to_bytes(8, "big").hex()
