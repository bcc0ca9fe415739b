"""How many connections each source has open: the doors that one host can hold are counted.

Rule: one that has brought a valid request counts apart from those that have brought none, so that a thousand phones behind one address
translator are welcome and a thousand half-open connections are not. An IPv6 host has a whole /64 (RFC 4291 2.5.4): that is the source.
"""

from __future__ import annotations

from ipaddress import IPv6Address

__all__ = ["Source", "Sources"]


class Source:
    """One source and its connections."""

    __slots__ = ("_key", "_sources", "open", "unproved")

    def __init__(self, sources: Sources, key: str) -> None:
        self._sources = sources
        self._key = key
        self.open = 0
        self.unproved = 0

    def prove(self) -> None:
        """One of its connections has brought a valid request."""
        self.unproved -= 1

    def leave(self, *, proved: bool) -> None:
        """One of its connections has closed."""
        self.open -= 1
        if not proved:
            self.unproved -= 1
        if not self.open:
            self._sources.by_key.pop(self._key, None)


class Sources:
    """All sources that have connections."""

    __slots__ = ("by_key", "refused")

    def __init__(self) -> None:
        self.by_key: dict[str, Source] = {}
        self.refused = 0

    def come(self, host: str, most: int, unproved: int) -> Source | None:
        """Count one more connection of a host; None when it has too many: `most` in all, or `unproved` that brought nothing yet."""
        key = _key(host)
        source = self.by_key.get(key)
        if source is None:
            source = self.by_key[key] = Source(self, key)
        elif source.open >= most or source.unproved >= unproved:
            self.refused += 1
            return None
        source.open += 1
        source.unproved += 1
        return source


def _key(host: str) -> str:
    if ":" not in host:
        return host
    address = IPv6Address(host.partition("%")[0])
    mapped = address.ipv4_mapped
    return str(mapped) if mapped is not None else (int(address) >> 64).to_bytes(8, "big").hex()
