"""How many connections each source has open: the doors that one host can hold are counted.

Rules: one that has brought a valid request counts apart from those that have brought none, so that a thousand phones behind one address
translator are welcome and a thousand half-open connections are not. Where too many have brought none the oldest of these has to go, not
the newest be refused: who means it says what he wants at once, and whoever holds doors open cannot close them to his neighbours. One valid
request buys no place for ever: where a source, or the process, has all that it may, one that no binding, dialog or transaction holds may
have to make room, the longest unneeded first. One that is closed counts until nothing of it is left: what a peer does not read waits for
him. An IPv6 host has a whole /64 (RFC 4291 2.5.4): that is the source. What stands here for a connection is small: in a flood
a thousand sources have one each, and thousands come and go in a second.
"""

from __future__ import annotations

from ipaddress import IPv6Address
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Place", "Sources"]

CROWDED = "it brought no request, and too many such connections are open"
UNNEEDED = "nobody needs it, and too many connections are open"


class Ends(Protocol):
    """What can end a connection: its stream, or what speaks a protocol over it."""

    def give_up(self, reason: str) -> None:
        """Close it at once, for another's sake."""


class Line:
    """Places of one source, in the order in which they came to stand in it. They are linked: a dict of one takes four times as much."""

    __slots__ = ("first", "last", "length")

    def __init__(self) -> None:
        self.first: Place | None = None
        self.last: Place | None = None
        self.length = 0

    def __len__(self) -> int:
        return self.length

    def __iter__(self) -> Iterator[Place]:
        place = self.first
        while place is not None:
            yield place
            place = place.behind

    def enter(self, place: Place) -> None:
        """Stand at the end."""
        place.line, place.before = self, self.last
        if self.last is None:
            self.first = place
        else:
            self.last.behind = place
        self.last = place
        self.length += 1

    def leave(self, place: Place) -> None:
        """Go, from wherever in it."""
        before, behind = place.before, place.behind
        if before is None:
            self.first = behind
        else:
            before.behind = behind
        if behind is None:
            self.last = before
        else:
            behind.before = before
        place.line = place.before = place.behind = None
        self.length -= 1


class Source:
    """One source and its connections; each stands in one of the three lines."""

    __slots__ = ("held", "key", "open", "unheld", "unproved")

    def __init__(self, key: str) -> None:
        self.key = key
        self.open = 0
        """How many it has."""
        self.unproved = Line()
        """Those that have brought nothing yet, the oldest first."""
        self.unheld: Line | None = None
        """Those that have brought a request and that nobody needs now, the longest unneeded first; None: there has been none."""
        self.held: Line | None = None
        """Those that have brought a request and that are needed; None: there has been none."""

    @property
    def places(self) -> list[Place]:
        """All of them."""
        return [place for line in (self.unproved, self.unheld, self.held) if line is not None for place in line]


class Place:
    """One connection's place among those of its source."""

    __slots__ = ("_sources", "_stream", "before", "behind", "goodbye", "line", "shaking", "source")

    def __init__(self, sources: Sources, source: Source, stream: Ends) -> None:
        self._sources = sources
        self._stream = stream
        self.goodbye: Ends | None = None
        """Gives it up with what its protocol says at the end; None: there is nobody to say that to yet, or any more."""
        self.shaking: Any = None
        """What its handshake is at, of whatever kind; None: there is none, or it is over."""
        self.source = source
        self.line: Line | None = None
        """Where it stands among those of its source; None: nothing of the connection is left."""
        self.before: Place | None = None
        self.behind: Place | None = None
        sources.open += 1
        source.open += 1
        source.unproved.enter(self)
        sources.unproved[self] = None

    def prove(self) -> None:
        """The connection has brought a valid request."""
        if self.line is self.source.unproved:
            self._hold()
            self._sources.unproved.pop(self, None)

    def need(self) -> None:
        """The connection is not one of the unheld: a binding, dialog or transaction holds it."""
        if self.line is not None and self.line is self.source.unheld:
            self._hold()
            self._sources.unheld.pop(self, None)

    def spare(self) -> None:
        """Nobody needs the connection, which has just brought a valid request or was needed until now."""
        if self.line is None:
            return
        self.line.leave(self)
        if self.source.unheld is None:
            self.source.unheld = Line()
        self.source.unheld.enter(self)
        self._sources.unheld.pop(self, None)
        self._sources.unheld[self] = None

    def _hold(self) -> None:
        if self.line is not None:
            self.line.leave(self)
        if self.source.held is None:
            self.source.held = Line()
        self.source.held.enter(self)

    def leave(self) -> None:
        """Nothing of the connection is left."""
        if self.line is None:
            return
        self.goodbye = self.shaking = None  # or place and flow would hold each other until the collector comes
        self.line.leave(self)
        self._sources.unproved.pop(self, None)
        self._sources.unheld.pop(self, None)
        self._sources.open -= 1
        self.source.open -= 1
        if not self.source.open:
            self._sources.by_key.pop(self.source.key, None)

    def make_room(self) -> None:
        """Close the connection for another's sake."""
        self._sources.crowded += 1
        self.close(CROWDED if self.line is self.source.unproved else UNNEEDED)

    def close(self, reason: str) -> None:
        """Close the connection."""
        ends = self.goodbye or self._stream
        self.leave()
        ends.give_up(reason)


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

    def come(self, host: str, most: int, unproved: int, in_all: int, stream: Ends, *, crowded: bool = False) -> Place | None:
        """Count one more connection of a host; None when it has `most` already, or the process is `crowded`, and nobody makes room.

        Who makes room is given up: of `unproved` of the host, or `in_all` of all hosts, that have brought nothing yet, the
        oldest. Where all are too many it is the oldest of those or of the unheld, of whichever there are more: so neither kind is ever a
        queue of one, in which whoever connects fast enough shuts the door on his neighbours.
        """
        key = _key(host)
        source = self.by_key.get(key) or Source(key)
        going: Place | None = None
        if len(source.unproved) >= unproved:
            going = source.unproved.first
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
        return Place(self, source, stream)

    def close(self, host: str, reason: str) -> None:
        """Close every connection of a host, needed or not."""
        source = self.by_key.get(_key(host))
        for place in source.places if source is not None else ():
            place.close(reason)


def _oldest(unproved: Line | dict[Place, None], unheld: Line | dict[Place, None] | None) -> Place | None:
    more = unheld if unheld is not None and len(unheld) > len(unproved) else unproved
    return next(iter(more), None)


def _key(host: str) -> str:
    if ":" not in host:
        return host
    address = IPv6Address(host.partition("%")[0])
    mapped = address.ipv4_mapped
    return str(mapped) if mapped is not None else (int(address) >> 64).to_bytes(8, "big").hex()
