"""The far end of one dialog of a scripted phone. RFC 3261 12.1: each fork that answers is another."""

from __future__ import annotations


class Peer:
    """Whose requests and where ours go."""

    __slots__ = ("routes", "rseq", "tag", "target")

    def __init__(self, tag: str, target: str, routes: list[str]) -> None:
        self.tag = tag
        self.target = target
        """Its Contact."""
        self.routes = routes
        """The route set, the next hop first."""
        self.rseq = 0
        """The last reliable provisional response of it that was acknowledged (RFC 3262)."""
