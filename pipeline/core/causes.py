"""Why a call ended: the cause codes of ITU-T Q.850, which every technology can be mapped to and from.

Rule: a cause is a number with a name; what a technology says besides (its own status, its own words) is carried in `Hangup` and means
something only to a leg of the same technology.
"""

from __future__ import annotations

from enum import IntEnum

import attrs


class Cause(IntEnum):
    """Q.850 cause values, table 1."""

    UNALLOCATED = 1
    NO_ROUTE = 3
    NORMAL = 16
    BUSY = 17
    NO_USER_RESPONSE = 18
    NO_ANSWER = 19
    ABSENT = 20
    REJECTED = 21
    NUMBER_CHANGED = 22
    ANSWERED_ELSEWHERE = 26
    DESTINATION_OUT_OF_ORDER = 27
    INVALID_NUMBER = 28
    FACILITY_REJECTED = 29
    NORMAL_UNSPECIFIED = 31
    CONGESTION = 34
    NETWORK_OUT_OF_ORDER = 38
    TEMPORARY_FAILURE = 41
    SWITCH_CONGESTION = 42
    BARRED = 52
    NOT_AVAILABLE = 58
    NOT_IMPLEMENTED = 79
    INCOMPATIBLE = 88
    TIMER_EXPIRED = 102
    PROTOCOL_ERROR = 111
    INTERWORKING = 127


@attrs.frozen(slots=True)
class Hangup:
    """How a channel ended."""

    cause: Cause = Cause.NORMAL
    text: str = ""
    """For a person to read; empty: the cause's name says it."""
    technology: str = ""
    """The technology whose `code` this is; empty: none."""
    code: int = 0
    """What the technology itself said: a leg of the same technology passes it on unchanged."""
    targets: tuple[str, ...] = ()
    """Where the called party asked to be called instead."""
    forwarder: str = ""
    """The endpoint for which `targets` are to be dialled: they are extensions of its `context` then; empty: addresses, for the caller."""
    context: str = ""
    details: tuple[tuple[str, str], ...] = ()
    """What the technology said besides, for a leg of the same technology: (name, value)."""
    retry_after: int = 0
    """Seconds after which it may be tried again; 0: nothing was said."""
