"""How many connections each source has open: the doors that one host can hold are counted.

Rules: one that has brought a valid request counts apart from those that have brought none, so that a thousand phones behind one address
translator are welcome and a thousand half-open connections are not. Where too many have brought none the oldest of these has to go, not
the newest be refused: who means it says what he wants at once, and whoever holds doors open cannot close them to his neighbours. One valid
request buys no place for ever: where a source, or the process, has all that it may, one that no binding, dialog or transaction holds may
have to make room, the longest unneeded first. One that is closed counts until nothing of it is left: what a peer does not read waits for
him. An IPv6 host has a whole /64 (RFC 4291 2.5.4): that is the source.
"""

from __future__ import annotations

from ipaddress import IPv6Address
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Place", "Sources"]

CROWDED = "it brought no request, and too many such connections are open"
UNNEEDED = "nobody needs it, and too many connections are open"


class Source:
    """One source and its connections."""

    __slots__ = ("key", "places", "unheld", "unproved")

    def __init__(self, key: str) -> None:
        self.key = key
        self.places: dict[Place, None] = {}
        """All of them."""
        self.unproved: dict[Place, None] = {}
        """Those that have brought nothing yet, the oldest first."""
        self.unheld: dict[Place, None] = {}
        """Those that have brought a request and that nobody needs now, the longest unneeded first."""

    @property
    def open(self) -> int:
        """How many it has."""
        return len(self.places)


class Place:
    """One connection's place among those of its source."""

    __slots__ = ("_give_up", "_gone", "_sources", "goodbye", "shaking", "source")

    def __init__(self, sources: Sources, source: Source, give_up: Callable[[str], object]) -> None:
        self._sources = sources
        self._give_up = give_up
        self._gone = False
        self.goodbye: Callable[[str], object] | None = None
        """Gives it up with what its protocol says at the end; None: there is nobody to say that to yet, or any more."""
        self.shaking: Any = None
        """What its handshake is at, of whatever kind; None: there is none, or it is over."""
        self.source = source
        sources.open += 1
        source.places[self] = source.unproved[self] = sources.unproved[self] = None

    def prove(self) -> None:
        """The connection has brought a valid request."""
        self.source.unproved.pop(self, None)
        self._sources.unproved.pop(self, None)

    def need(self) -> None:
        """The connection is not one of the unheld: a binding, dialog or transaction holds it."""
        self.source.unheld.pop(self, None)
        self._sources.unheld.pop(self, None)

    def spare(self) -> None:
        """Nobody needs the connection, which has just brought a valid request or was needed until now."""
        self.need()
        if not self._gone:
            self.source.unheld[self] = self._sources.unheld[self] = None

    def leave(self) -> None:
        """Nothing of the connection is left."""
        if self._gone:
            return
        self._gone = True
        self.goodbye = self.shaking = None  # or place and flow would hold each other until the collector comes
        self.prove()
        self.need()
        del self.source.places[self]
        self._sources.open -= 1
        if not self.source.places:
            self._sources.by_key.pop(self.source.key, None)

    def make_room(self) -> None:
        """Close the connection for another's sake."""
        self._sources.crowded += 1
        self.close(CROWDED if self in self.source.unproved else UNNEEDED)

    def close(self, reason: str) -> None:
        """Close the connection."""
        give_up = self.goodbye or self._give_up
        self.leave()
        give_up(reason)


class Sources:
    """All sources that have connections, whatever transport they came by."""

    __slots__ = ("by_key", "crowded", "open", "ours", "refused", "unheld", "unproved")

    def __init__(self) -> None:
        self.by_key: dict[str, Source] = {}
        self.unproved: dict[Place, None] = {}
        """Those of all sources that have brought nothing yet, the oldest first."""
        self.unheld: dict[Place, None] = {}
        """Those of all sources that nobody needs now, the longest unneeded first."""
        self.open = 0
        """Connections that have a place."""
        self.ours = 0
        """Connections that we have opened: they have none."""
        self.refused = 0
        """Connections that were not taken."""
        self.crowded = 0
        """Connections that had to make room."""

    def come(
        self, host: str, most: int, unproved: int, in_all: int, give_up: Callable[[str], object], *, crowded: bool = False
    ) -> Place | None:
        """Count one more connection of a host; None when it has `most` already, or the process is `crowded`, and nobody makes room.

        Who makes room gets a `give_up(reason)`: of `unproved` of the host, or `in_all` of all hosts, that have brought nothing yet, the
        oldest. Where all are too many it is the oldest of those or of the unheld, of whichever there are more: so neither kind is ever a
        queue of one, in which whoever connects fast enough shuts the door on his neighbours.
        """
        key = _key(host)
        source = self.by_key.get(key) or Source(key)
        going: Place | None = None
        if len(source.unproved) >= unproved:
            going = next(iter(source.unproved))
        elif source.open >= most:
            going = _oldest(source.unproved, source.unheld)
        elif len(self.unproved) >= in_all:
            going = next(iter(self.unproved))
        elif crowded:
            going = _oldest(self.unproved, self.unheld)
        if going is not None:
            going.make_room()
        elif crowded or source.open >= most:
            self.refused += 1
            return None
        self.by_key[key] = source  # it may just have lost its only connection
        return Place(self, source, give_up)

    def close(self, host: str, reason: str) -> None:
        """Close every connection of a host, needed or not."""
        source = self.by_key.get(_key(host))
        for place in tuple(source.places) if source is not None else ():
            place.close(reason)


def _oldest(unproved: dict[Place, None], unheld: dict[Place, None]) -> Place | None:
    more = unheld if len(unheld) > len(unproved) else unproved
    return next(iter(more), None)


def _key(host: str) -> str:
    if ":" not in host:
        return host
    address = IPv6Address(host.partition("%")[0])
    mapped = address.ipv4_mapped
    return str(mapped) if mapped is not None else (int(address) >> 64).to_bytes(8, "big").hex()
