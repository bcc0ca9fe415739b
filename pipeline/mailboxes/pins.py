"""PINs of mailboxes: kept as salted hashes, never guessed for long.

Rule: a PIN has four digits or more, so a hash alone protects little: what does is that nobody may try often (`Guard`), and that there is no
PIN that nobody chose.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.clock import Clock

__all__ = ["LONGEST", "SHORTEST", "Guard", "Weak", "hash_pin", "verify"]

SHORTEST, LONGEST = 4, 16
COST, BLOCK, PARALLEL = 2**14, 8, 1
"""Of scrypt: 16 MB and some 40 ms a try (OWASP's floor for interactive use is 2**14 with r=8, p=5; a person on a phone waits for this)."""
FREE = 3
"""Wrong PINs in a row before a mailbox is locked."""
FIRST, LAST = 60.0, 86400.0
"""Seconds that it is locked first, and at most: twice as long each time. 10,000 PINs would take 27 years."""
REMEMBERED = 10_000
"""Mailboxes whose wrong tries are remembered: the names are those of users, not what somebody makes up."""


class Weak(ValueError):  # noqa: N818  it says what is wrong
    """Nobody should have this PIN."""


def hash_pin(pin: str, *, name: str = "", salt: bytes | None = None) -> str:
    """Return what is stored of a PIN; raises Weak. `name`: that of its mailbox, or its number, which is none. Takes some 40 ms."""
    if not (pin.isascii() and pin.isdecimal() and SHORTEST <= len(pin) <= LONGEST):
        raise Weak(f"a PIN is {SHORTEST} to {LONGEST} digits")
    if len(set(pin)) == 1 or pin in "01234567890" or pin in "09876543210" or pin == name:
        raise Weak("this PIN is the first that anybody would try")
    salt = os.urandom(16) if salt is None else salt
    return f"scrypt:{salt.hex()}:{_digest(pin, salt).hex()}"


def verify(pin: str, stored: str) -> bool:
    """Whether this is the PIN; never where none is stored. Takes some 40 ms: for a thread."""
    kind, _, rest = stored.partition(":")
    salt, _, digest = rest.partition(":")
    try:
        return kind == "scrypt" and hmac.compare_digest(_digest(pin[:LONGEST], bytes.fromhex(salt)), bytes.fromhex(digest))
    except ValueError:
        return False


def _digest(pin: str, salt: bytes) -> bytes:
    return hashlib.scrypt(pin.encode(), salt=salt, n=COST, r=BLOCK, p=PARALLEL, maxmem=64 << 20, dklen=32)


class Guard:
    """Counts wrong PINs by mailbox, wherever they come from, and locks it for a while that grows. Owners' own phones need no PIN."""

    __slots__ = ("_clock", "_wrong")

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._wrong: OrderedDict[str, tuple[int, float]] = OrderedDict()
        """Name -> (wrong ones in a row, locked until, on the loop's clock)."""

    def locked(self, name: str) -> float:
        """Return for how many seconds nobody may try; 0: he may."""
        return max(0.0, self._wrong.get(name, (0, 0.0))[1] - self._clock.now())

    def wrong(self, name: str) -> float:
        """Count a wrong PIN; return for how long the mailbox is locked now."""
        count = self._wrong.pop(name, (0, 0.0))[0] + 1
        seconds = min(LAST, FIRST * 2.0 ** min(count - FREE, 64)) if count >= FREE else 0.0
        self._wrong[name] = (count, self._clock.now() + seconds)
        while len(self._wrong) > REMEMBERED:
            self._wrong.popitem(last=False)
        return seconds

    def right(self, name: str) -> None:
        """Forget the wrong ones: the owner has come."""
        self._wrong.pop(name, None)
