"""Nonces: made without remembering anything, checked by their own text, and which of their counts were used. RFC 7616 3.3, 5.4, 5.5.

A nonce is 24 octets in hex: 4 time (UTC seconds), 3 instance, 4 serial, 13 of keyed BLAKE2s (RFC 7693 2.9) over these and the source
address without its port (NAT moves ports). A flood of challenges therefore costs no memory; and the key outlives a restart, so nonces do
too.

What is remembered is how an accepted nonce was used: the highest count and a bitmap of the 32 counts up to it, 64 bits in one ring over the
serials. Reordered counts are taken, each once. What the ring no longer knows is stale: the phone repeats itself with a new nonce, nobody is
locked out. Nonces of another instance (our former life, another node) have a bounded table of their own.
"""

from __future__ import annotations

import hashlib
import hmac
from array import array
from typing import TYPE_CHECKING

from pipeline.clock import Fifo

if TYPE_CHECKING:
    from pipeline.clock import Clock

HEAD, MAC = 22, 26
"""Hex digits of time, instance and serial, and of the code that proves them: 104 bits."""
FUTURE = 30
"""Seconds that a nonce may be ahead of our clock: it was set back, or another node made the nonce."""
FOREIGN = 65536
"""Nonces of another instance whose use is remembered, 150 bytes each: after a restart, every phone that was being challenged."""
WINDOW = 32
"""Counts below the highest that may still come: a phone has hardly more requests under way at once. IPsec's window (RFC 4303 3.4.3)."""

LATEST = 1023
"""Nonces made last that are known without their code, as a mask: what a phone is asked it answers within milliseconds."""

FRESH, STALE, USED = "", "stale", "used"


class Nonces:
    """Makes nonces and knows which of their counts were used. Lives in the engine's state, beyond a reload."""

    __slots__ = (
        "_clock",
        "_foreign",
        "_fresh",
        "_gone",
        "_head",
        "_instance",
        "_keyed",
        "_mask",
        "_ring",
        "_second",
        "_serial",
        "lifetime",
    )

    def __init__(self, key: bytes, instance: str, clock: Clock, lifetime: float, size: int) -> None:
        # Copied for each nonce: 0.4 us, where HMAC-SHA-256 takes 2.2, and 1.0 when both its hashes are kept.
        self._keyed = hashlib.blake2s(key=hashlib.sha256(b"sipline nonce" + key).digest(), digest_size=MAC // 2)
        self._instance = instance
        self._clock = clock
        self._serial = 0
        self._second = -1
        self._head = ""
        self._foreign: dict[str, int] = {}
        self._fresh = [("", "")] * (LATEST + 1)
        self._gone: Fifo[str] | None = None
        self._ring = array("Q")
        self.lifetime = 0.0
        self.configure(lifetime, size)

    def configure(self, lifetime: float, size: int) -> None:
        """Take the options of this reading of the file. Another size of the ring makes the nonces under way stale, once."""
        size = 1 << (size - 1).bit_length()
        if self._gone is None or lifetime != self.lifetime:
            if self._gone is not None:
                self._gone.clear()
            self._gone = Fifo(self._clock, lifetime + FUTURE, self._forget, grain=1.0)
            for nonce in self._foreign:
                self._gone.add(nonce)
        self.lifetime = lifetime
        if len(self._ring) != size:
            self._ring = array("Q", bytes(8 * size))
            self._mask = size - 1
            self._serial = (self._serial + size) & 0xFFFFFFFF

    def make(self, host: str) -> str:
        """Return a new nonce for a source address."""
        self._serial = serial = (self._serial + 1) & 0xFFFFFFFF
        self._ring[serial & self._mask] = 0
        second = int(self._clock.time())
        if second != self._second:
            self._second = second
            self._head = f"{second:08x}{self._instance}"
        head = f"{self._head}{serial:08x}"
        nonce = head + self._mac(head, host)
        self._fresh[serial & LATEST] = (nonce, host)
        return nonce

    def _mac(self, head: str, host: str) -> str:
        keyed = self._keyed.copy()
        keyed.update((head + host).encode())
        return keyed.hexdigest()

    def use(self, nonce: str, host: str, count: int) -> str:
        """Note that this count of a nonce was used by somebody who knew the password: FRESH, STALE, or USED when it was before."""
        if len(nonce) != HEAD + MAC or not nonce.isascii():
            return STALE
        try:
            serial = int(nonce[14:HEAD], 16)
            known = self._fresh[serial & LATEST] == (nonce, host)  # who reads this far knows the password
            if not known and not hmac.compare_digest(self._mac(nonce[:HEAD], host), nonce[HEAD:]):
                return STALE
            made = int(nonce[:8], 16)
        except ValueError:
            return STALE
        # From here on it is a text that we wrote ourselves.
        if not -FUTURE <= self._clock.time() - made <= self.lifetime:
            return STALE
        if not known and nonce[8:14] != self._instance:  # only our own are among the latest
            return self._use_foreign(nonce[:HEAD], count)
        if (self._serial - serial) & 0xFFFFFFFF > self._mask:
            return STALE
        at = serial & self._mask
        before = self._ring[at]
        state = used(before, count) if before or not count else count << 32 | 1
        if state < 0:
            return USED
        self._ring[at] = state
        return FRESH

    def ours(self, nonce: str, host: str) -> bool:
        """Tell whether we made this nonce for this source, not longer ago than a nonce lives. Notes nothing."""
        if len(nonce) != HEAD + MAC or not nonce.isascii():
            return False
        head = nonce[:HEAD]
        if not hmac.compare_digest(self._mac(head, host), nonce[HEAD:]):
            return False
        return -FUTURE <= self._clock.time() - int(head[:8], 16) <= self.lifetime

    def _use_foreign(self, nonce: str, count: int) -> str:
        """A nonce whose former use we cannot know: what it was used for up to its first count here counts as used."""
        known = self._foreign.get(nonce)
        if known is None:
            if len(self._foreign) >= FOREIGN:
                return STALE
            self._foreign[nonce] = count << 32 | 0xFFFFFFFF
            if self._gone is not None:
                self._gone.add(nonce)
            return FRESH
        state = used(known, count)
        if state < 0:
            return USED
        self._foreign[nonce] = state
        return FRESH

    def _forget(self, nonce: str) -> None:
        self._foreign.pop(nonce, None)


def used(state: int, count: int) -> int:
    """Return the state with this count used as well; -1 when it was used, or is too old to tell. High half: the highest count."""
    highest = state >> 32
    if count > highest:
        seen = (state & 0xFFFFFFFF) << (count - highest) if count - highest < WINDOW else 0
        return count << 32 | (seen | 1) & 0xFFFFFFFF
    bit = 1 << (highest - count) if highest - count < WINDOW else 0
    if not bit or not count or state & bit:
        return -1
    return state | bit
