"""The heap: what the collector is to find in time, and giving memory that is free back to the system.

After 5,000 TLS connections glibc keeps 250 MB of OpenSSL's small pieces. And what has lived for a call and then is a cycle is found by a
full collection alone, which Python makes after so many objects that a server sees one in a day.

Rule: never per message, and only where it pays: when the memory has grown, when much was freed, when a configuration has been taken.
"""

from __future__ import annotations

import gc
import sys
import time
from functools import cache
from math import inf
from typing import TYPE_CHECKING

from pipeline.sip.remembered import forget

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.clock import Clock

FULL, SELDOM = 20.0, 3600.0
"""Seconds between two looks at whether a full collection is due, and between two collections at most, if we are not busy."""
SHARE = 500
"""And as many times what the last one took: two thousandths of the time go there at most."""
GROWN, STEP = 0.02, 2 << 20
"""By what share of the memory, and by how many bytes, it must have grown: a collection walks through every contact, 100 ms for 100,000, and
is worth that only when there is something to be found."""
LARGE, USED = 2 << 20, 0.75
"""Bytes of a large page, and the share of some memory that must be in use to lie on such."""
MADV_COLLAPSE = 25
"""madvise(2)."""
BUSY = 0.25
"""The share of a core above which we are busy: then the heap is full of what is under way, which a collection walks through in vain. Of
500 calls a second that takes a second, in which nobody is answered."""


def settle() -> None:
    """Collect, and never look again at what is alive: called when a configuration has been taken, before it serves.

    What was frozen before is looked at once more, or the rings of the configuration that went would stay.
    """
    gc.unfreeze()
    gc.collect()
    gc.freeze()
    on_large_pages()


class Collecting:
    """Makes a full collection now and then, for as long as the process lives."""

    def __init__(self, clock: Clock, memory: Callable[[], int]) -> None:
        self._clock = clock
        self._memory = memory
        self._before = memory()
        """What there was after the last collection."""
        self._at = self._looked = clock.now()
        self._used = time.process_time()
        self._not_before, self._settle_at = 0.0, inf
        clock.call_later(FULL, self._look)

    def taken(self, _event: object) -> None:
        """Note that another configuration serves: what went with the former is found when all that was under way in it has ended."""
        self._settle_at = self._clock.now() + 2 * FULL

    def _look(self) -> None:
        now, used = self._clock.now(), time.process_time()
        busy = used - self._used > BUSY * (now - self._looked)
        self._looked, self._used = now, used
        try:
            if not busy and now >= self._not_before and self._due(now):
                begin = time.perf_counter()
                if now >= self._settle_at:
                    self._settle_at = inf
                    settle()
                else:
                    gc.collect()
                give_back()
                self._not_before = now + SHARE * (time.perf_counter() - begin)
                self._before, self._at = self._memory(), now
        finally:
            self._clock.call_later(FULL, self._look)

    def _due(self, now: float) -> bool:
        memory = self._memory()
        grown = not memory or memory > self._before + max(STEP, GROWN * self._before)
        return grown or now >= self._settle_at or now - self._at >= SELDOM


def on_large_pages() -> None:
    """Have the kernel put the heap, as it is now, on pages of 2 MB (Linux 6.1): each message reads all over it.

    With pages of 4 kB the processor looks up where they are again and again, in a virtual machine in two tables. Takes 20 ms; a thirtieth
    of what a REGISTER costs is gained. What grows later lies on small pages, and can be given back.
    """
    if not sys.platform.startswith("linux"):
        return
    try:
        import ctypes  # noqa: PLC0415  # a Python may have been built without

        advise = ctypes.CDLL(None).madvise
        advise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
        for begin, end in _anonymous():
            for at in range(-(-begin // LARGE) * LARGE, end - LARGE + 1, LARGE):
                advise(at, LARGE, MADV_COLLAPSE)  # what a kernel cannot do it refuses, and nothing has changed
    except (ImportError, OSError, AttributeError):
        return


def _anonymous() -> list[tuple[int, int]]:
    """Return the memory of our own that is nearly all in use; a thread's stack, which is hardly, would be made so."""
    found, begin, end, ours = [], 0, 0, False
    with open("/proc/self/smaps", encoding="ascii", errors="replace") as maps:  # noqa: PTH123
        for line in maps:
            words = line.split()
            if "-" in words[0]:
                begin, end = (int(word, 16) for word in words[0].split("-"))
                ours = words[1] == "rw-p" and words[4] == "0" and words[5:] in ([], ["[heap]"])
            elif ours and words[0] == "Rss:" and int(words[1]) * 1024 >= USED * (end - begin):
                found.append((begin, end))
    return found


def after_a_flood() -> None:
    """Forget what is remembered of strangers, and give the memory back."""
    forget()
    give_back()


def give_back() -> None:
    """Ask glibc to return every page that is wholly free (malloc_trim); elsewhere nothing happens."""
    trim = _trim()
    if trim is not None:
        trim(0)


@cache
def _trim() -> Callable[[int], int] | None:
    """Return malloc_trim. Made once: ctypes makes a class each time, which stays among what a flood leaves until the collector comes."""
    if not sys.platform.startswith("linux"):
        return None
    try:
        import ctypes  # noqa: PLC0415  # a Python may have been built without

        return getattr(ctypes.CDLL(None), "malloc_trim", None)
    except (ImportError, OSError):
        return None
