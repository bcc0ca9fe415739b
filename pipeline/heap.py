"""Give memory that is free back to the system: after 5,000 TLS connections glibc keeps 250 MB of OpenSSL's small pieces.

Rule: called when much was freed and things are quiet again, never per message: it takes the heap's lock for some milliseconds.
"""

from __future__ import annotations

import sys

from pipeline.sip.remembered import forget


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
