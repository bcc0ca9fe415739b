"""Which addresses a URI leads to, all of them: to see whether something came from there. RFC 3263 4.

Rule: nothing is sent, so the order does not matter; what cannot be looked up leads nowhere. The number of steps is bounded, for the names
are chosen by others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline.datagrams import literal
from pipeline.flow import Target
from pipeline.pending import walk
from pipeline.sip.grammar import Malformed

if TYPE_CHECKING:
    from collections.abc import Generator

    from pipeline.dns.locator import Locator
    from pipeline.pending import Pending
    from pipeline.sip.uri import Uri

STEPS = 32
"""Names that are looked up for one URI: NAPTR, three transports' SRV, and the hosts of a service (a dozen are many)."""


def hosts_of(locator: Locator, uri: Uri) -> frozenset[str] | Pending:
    """Return every address that a URI leads to, or a Pending of them; none when it cannot be told."""
    found: frozenset[str] | Pending = walk(_hosts(locator, uri))
    return found


def _hosts(locator: Locator, uri: Uri) -> Generator[Any, Any, frozenset[str]]:
    steps: list[Any] = [uri]
    found: set[str] = set()
    for _ in range(STEPS):
        if not steps:
            break
        step = steps.pop()
        if isinstance(step, Target) and literal(step.host):
            found.add(step.host)
            continue
        try:
            steps += yield locator.expand(step)
        except (OSError, Malformed):
            continue
    return frozenset(found)
