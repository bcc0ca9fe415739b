"""What becomes of a request of ours, as its owner is told: any Provisional, then one Final, TransportError or Timeout."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from pipeline.sip.message import Response


@attrs.frozen(slots=True)
class Provisional:
    """A 1xx came."""

    response: Response


@attrs.frozen(slots=True)
class Final:
    """A final response came; for an INVITE each 2xx of a fork is one."""

    response: Response


@attrs.frozen(slots=True)
class TransportError:
    """No target could be reached."""

    reason: str


@attrs.frozen(slots=True)
class Timeout:
    """No target answered in time (RFC 3261 17.1, Timers B and F; 9.1 for a cancelled INVITE)."""


TOO_LARGE = "it is too large for a datagram, and no stream is taken"
"""The reason of a TransportError where RFC 3428 8 leaves no other way."""

Outcome = Provisional | Final | TransportError | Timeout


def nothing(outcome: Outcome) -> None:
    """Take what nobody asked for: a repeated 2xx tries again."""
