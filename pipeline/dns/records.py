"""What DNS answers, as plain values: the rest of the house sees none of the library's. RFC 2782, RFC 3403 4."""

from __future__ import annotations

import attrs

__all__ = ["Naptr", "Srv"]


@attrs.frozen(slots=True)
class Srv:
    """One server of a service (RFC 2782)."""

    priority: int
    weight: int
    port: int
    target: str
    """Host name, without the trailing dot; "" = the service is decidedly not available at this domain."""


@attrs.frozen(slots=True)
class Naptr:
    """One rule of a domain (RFC 3403 4.1), as far as SIP uses it: the replacement of an "s" or "a" rule (RFC 3263 4.1)."""

    order: int
    preference: int
    flags: str
    service: str
    replacement: str
