"""The jitter buffer: packets as they come, frames as they are due. RFC 3550 has no rule for it; this is the usual one.

Rule: it waits until a little has gathered, then gives a frame whenever asked. A packet that is missing when its turn comes is lost (the
last frame sounds on, fading); running dry because one was late makes the buffer a frame deeper, a calm while makes it shallower again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .codecs import audioop

if TYPE_CHECKING:
    from .codecs import Codec

SHALLOW, DEEP = 2, 10
"""Frames that gather before the first is given: 40 ms at first, at most 200."""
HELD = 50
"""Packets held at most: with the usual 20 ms, a second."""
JUMP = 1000
"""Sequence numbers from what was expected to a new beginning of the sender."""
CALM = 500
"""Packets without a late one after which one frame less is enough, and over which a buffer always too full is noticed: 10 s."""
FADING = (0.7, 0.4, 0.2)
"""Loudness of the last frame said again for the first, second, third packet lost in a row; then silence."""


class Playout:
    """What one peer says, in even frames at its codec's rate."""

    __slots__ = (
        "_calm",
        "_codec",
        "_expected",
        "_fading",
        "_highest",
        "_last",
        "_lowest",
        "_next",
        "_packet",
        "_packets",
        "_ready",
        "_size",
        "_waiting",
        "dropped",
        "late",
        "lost",
        "target",
    )

    def __init__(self, codec: Codec) -> None:
        self.target = SHALLOW
        """Frames that gather before the first is given."""
        self.late = 0
        """Packets that came too late, or twice."""
        self.lost = 0
        """Packets that had not come when they were due."""
        self.dropped = 0
        """Packets that were too many."""
        self._codec = codec
        self._size = self._packet = 2 * codec.frame
        self._packets: dict[int, tuple[int, bytes]] = {}  # by extended sequence number
        self._ready = bytearray()
        self._next = self._highest = -1
        self._waiting = True
        self._expected = -1  # the timestamp that follows what was played
        self._last = b""
        self._fading = 0
        self._calm = 0
        self._lowest = HELD

    def put(self, sequence: int, timestamp: int, payload: bytes) -> None:
        """Take a packet."""
        packets = self._packets
        step = ((sequence - self._highest + 0x8000) & 0xFFFF) - 0x8000
        if self._highest < 0 or abs(step) > JUMP:
            packets.clear()
            self._next = self._expected = -1
            self._waiting = True
            self._highest = extended = sequence + 0x10000
        else:
            extended = self._highest + step
            self._highest = max(self._highest, extended)
        if extended < self._next or extended in packets:
            self.late += 1
            return
        if self._waiting and not packets and extended == self._next and timestamp == self._expected and self.target < DEEP:
            self.target += 1  # we ran dry and nothing was missing but time
            self._calm, self._lowest = 0, HELD
        packets[extended] = (timestamp, payload)
        if len(packets) > HELD:
            self._drop()

    def _drop(self) -> None:
        first = min(self._packets)
        del self._packets[first]
        self._next = max(self._next, first + 1)
        self.dropped += 1

    def frame(self) -> bytes | None:
        """Return the next frame of samples; None while nothing is said."""
        ready, size = self._ready, self._size
        while len(ready) < size and self._more():
            pass
        if not ready:
            if not self._last or self._fading >= len(FADING):
                return None
            self._fading += 1  # run dry: for a moment it may only be late
            return audioop.mul(self._last, 2, FADING[self._fading - 1])
        self._last = frame = bytes(ready[:size]).ljust(size, b"\0")
        del ready[:size]
        return frame

    def _more(self) -> bool:
        """Make more samples ready, if there are."""
        packets = self._packets
        if self._waiting:
            if not packets or len(packets) * self._packet < self.target * self._size:
                return False
            first = min(packets)
            self.lost += first - self._next if 0 <= self._next < first else 0
            self._waiting, self._next = False, first
        if not packets:
            self._waiting = True
            return False
        self._watch()
        packet = packets.pop(self._next, None)
        self._next += 1
        if packet is not None:
            samples = self._codec.decode(packet[1])
            if samples:
                self._packet = len(samples)
            self._expected = (packet[0] + len(samples) // 2) & 0xFFFFFFFF
            self._ready += samples
            self._fading = 0
            return True
        self.lost += 1
        again = self._last and self._fading < len(FADING)
        said = audioop.mul(self._last, 2, FADING[self._fading]) if again else b""
        self._ready += said[: self._packet].ljust(self._packet, b"\0")
        self._expected = (self._expected + self._packet // 2) & 0xFFFFFFFF
        self._fading += 1
        return True

    def _watch(self) -> None:
        """Grow shallower in calm times, and throw a packet away when there was always one too many (the peer's clock is faster)."""
        self._lowest = min(self._lowest, len(self._packets))
        self._calm += 1
        if self._calm < CALM:
            return
        if self._lowest * self._packet > (self.target + 1) * self._size:
            self._drop()
        if self.target > SHALLOW:
            self.target -= 1
        self._calm, self._lowest = 0, HELD
