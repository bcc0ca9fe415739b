"""Token buckets for any number of sources in constant memory: one float each, in a table of fixed size that sources are hashed into.

Rule: nothing is ever made for a source. Two that share a slot share a budget, and nobody can choose whose slot he gets: Python's hash of
a text is keyed anew in each process. The bucket is the virtual scheduling of ATM's GCRA (ITU-T I.371 A.1): kept is the time at which
it would be full again, so that a slot needs no visit while nobody comes.
"""

from __future__ import annotations

from array import array

SLOTS = 1 << 16
"""Half a megabyte each. Of 10,000 strangers one in seven shares his slot with another stranger."""


class Bucket:
    """One bucket: `rate` tokens a second, at most `burst` at once."""

    __slots__ = ("_empty", "_step", "full_at")

    def __init__(self, rate: float, burst: float) -> None:
        self.full_at = 0.0
        self.configure(rate, burst)

    def configure(self, rate: float, burst: float) -> None:
        """Take other numbers; what is in it stays."""
        self._step = 1.0 / rate
        self._empty = (burst - 1.0) * self._step

    def has(self, now: float) -> bool:
        """Tell whether a token is there."""
        return self.full_at - now <= self._empty

    def charge(self, now: float) -> None:
        """Take a token, there or not: who is in debt pays it off first, but never more than twice the burst."""
        full_at = self.full_at
        self.full_at = min((max(now, full_at)) + self._step, now + 2.0 * self._empty + self._step)

    def take(self, now: float) -> bool:
        """Take a token if one is there."""
        if self.full_at - now > self._empty:
            return False
        self.charge(now)
        return True


class Buckets:
    """A bucket for each source, by its hash."""

    __slots__ = ("_empty", "_full_at", "_step")

    def __init__(self, rate: float, burst: float) -> None:
        self._full_at = array("d", bytes(8 * SLOTS))
        self.configure(rate, burst)

    def configure(self, rate: float, burst: float) -> None:
        """Take other numbers; what is in the buckets stays."""
        self._step = 1.0 / rate
        self._empty = (burst - 1.0) * self._step

    def has(self, key: int, now: float, scale: float = 1.0) -> bool:
        """Tell whether a token is there, in a bucket `scale` times as large."""
        return self._full_at[key & SLOTS - 1] - now <= self._empty * scale

    def lacks(self, key: int, now: float) -> bool:
        """Tell whether more than one token is missing."""
        return self._full_at[key & SLOTS - 1] - now > self._step

    def charge(self, key: int, now: float, scale: float = 1.0) -> None:
        """Take a token, there or not, of a bucket that is filled `scale` times as fast."""
        key &= SLOTS - 1
        full_at = self._full_at[key]
        self._full_at[key] = min((max(now, full_at)) + self._step / scale, now + 2.0 * self._empty * scale + self._step)

    def take(self, key: int, now: float) -> bool:
        """Take a token if one is there."""
        key &= SLOTS - 1
        full_at = self._full_at[key]
        if full_at <= now:
            self._full_at[key] = now + self._step
            return True
        if full_at - now > self._empty:
            return False
        self._full_at[key] = full_at + self._step
        return True

    def fill(self, key: int) -> None:
        """Make it full."""
        self._full_at[key & SLOTS - 1] = 0.0
