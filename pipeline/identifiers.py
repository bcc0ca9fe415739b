"""Random identifiers: tags, branches, Call-IDs. RFC 3261 19.3: at least 32 bits, cryptographically random.

Handed a seeded `random.Random` (tests), the same seed gives the same identifiers; without one the bytes are the system's.
"""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random

POOL = 4096
"""Bytes asked of the system at a time: one system call for five hundred identifiers."""


class Identifiers:
    """Gives identifiers that nobody can guess."""

    def __init__(self, random: random.Random | None = None) -> None:
        self._random = random
        self._pool = ""
        self._at = 0
        self.keep(b"")
        self.instance = self.token(3)
        """Stands in branches and flow ids, so that several workers and nodes can find the owner later."""

    def keep(self, key: bytes) -> None:
        """Take the key of `tag_of`: the same over a restart, so that a retransmission gets the same tag."""
        self._keyed = hashlib.blake2b(digest_size=8, key=key)

    def token(self, size: int = 8) -> str:
        """Return `size` random bytes in hex."""
        begin = self._at
        end = self._at = begin + 2 * size
        if end > len(self._pool):
            self._pool = (os.urandom(POOL) if self._random is None else self._random.randbytes(POOL)).hex()
            begin, end = 0, 2 * size
            self._at = end
        return self._pool[begin:end]

    def branch(self) -> str:
        """Return a new branch with the magic cookie (RFC 3261 8.1.1.7) and our instance in it."""
        return "z9hG4bK" + self.instance + self.token(8)

    def below(self, limit: int) -> int:
        """Return a random number from 0 to limit - 1."""
        return int(self.token(4), 16) % limit

    def tag_of(self, *parts: str) -> str:
        """Return the To-tag of a stateless answer: the same for the same request, guessable by nobody (RFC 3261 8.2.7)."""
        keyed = self._keyed.copy()  # a copy takes half of what a new one with its key does
        keyed.update("\0".join(parts).encode("utf-8", "surrogateescape"))
        return keyed.hexdigest()
