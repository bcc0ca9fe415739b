"""What an event package says of itself (RFC 6665 5.4, its checklist): a plugin declares it in its class attribute `packages`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.pubsub.watch import Resource


@attrs.frozen
class Package:
    """An event package, as the plugin that implements it declares it."""

    name: str
    """Of the Event field, with its templates: "presence", "presence.winfo"."""
    bodies: tuple[str, ...]
    """Content types of its NOTIFYs, the default first: what a SUBSCRIBE without Accept gets (RFC 6665 5.4.5)."""
    publishes: tuple[str, ...] = ()
    """Content types that a PUBLISH may carry; empty: nobody publishes it (489)."""
    expires: int = 3600
    """Seconds that a subscription lasts whose SUBSCRIBE does not say (6665 5.4.4)."""
    interval: float = 0.0
    """Seconds that two NOTIFYs of a subscription are apart at least; changes between are told as one (6665 5.4.10). 0: any."""
    bare: bool = False
    """Whether a resource is the server's own or need not be an address of record: `event_package` alone decides what there is."""
    blocked: Callable[[Resource], Any] | None = None
    """Gives the state that is told to who is politely blocked ("waiting"): that of somebody who does nothing. None: he gets no document,
    and may guess why."""
