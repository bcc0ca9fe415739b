"""The heap: what the collector is to find in time, and giving memory that is free back to the system.

After 5,000 TLS connections glibc keeps 250 MB of OpenSSL's small pieces. And what has lived for a call and then is a cycle is found by a
full collection alone, which Python makes after so many objects that a server sees one in a day.

Rule: called when much was freed and things are quiet again, never per message: it takes the heap's lock for some milliseconds.
"""

from __future__ import annotations

import gc
import sys
import time
from typing import TYPE_CHECKING

from pipeline.sip.remembered import forget

if TYPE_CHECKING:
    from pipeline.clock import Clock

FULL = 60.0
"""Seconds between two full collections, at least."""
SHARE = 2000
"""And as many times what the last one took: half a thousandth of the time goes there at most."""


def collect_fully(clock: Clock) -> None:
    """Make a full collection now and then, for as long as the process lives."""
    begin = time.perf_counter()
    gc.collect()
    give_back()
    clock.call_later(max(FULL, SHARE * (time.perf_counter() - begin)), collect_fully, clock)


def after_a_flood() -> None:
    """Forget what is remembered of strangers, and give the memory back."""
    forget()
    give_back()


def give_back() -> None:
    """Ask glibc to return every page that is wholly free (malloc_trim); elsewhere nothing happens."""
    if not sys.platform.startswith("linux"):
        return
    import ctypes  # noqa: PLC0415  # most servers never need it

    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
