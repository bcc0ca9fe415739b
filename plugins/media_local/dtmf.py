"""Digits as RTP events, out and in: RFC 4733 2.

Rule: pure. An event keeps its timestamp from the first packet to the last; its end is said three times; whoever listens takes it once,
also when only one of all its packets comes.
"""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

EVENT = Struct("!BBH")
"""Event; end bit and volume; duration in units of the timestamp."""
KEYS = "0123456789*#ABCD"
END = 0x80
VOLUME = 10
"""-10 dBm0, as telephones send them."""
ENDS = 3
"""RFC 4733 2.5.1.4."""
PAUSE = 0.06
"""Seconds between two digits: what a detector of tones needs behind a gateway (ITU-T Q.24: 40 ms at least)."""
SHORTEST, LONGEST = 40, 8000
"""Milliseconds: shorter than that is no digit for anybody (Q.24); 8 s at 8 kHz still fit the duration's 16 bits (2.5.1.3)."""

STALE = 10
"""Seconds for which a packet can have been under way."""


def sending(key: str, milliseconds: int, rate: int, frame: int) -> Iterator[tuple[bytes, bool]]:
    """Give the payload of each packet of a digit, one per frame, and whether it bears the marker. `frame` is in samples."""
    event = KEYS.index(key)
    most = min(0xFFFF, rate * LONGEST // 1000)
    total = min(max(rate * milliseconds // 1000, rate * SHORTEST // 1000), most)
    duration, first = frame, True
    while duration < total:
        yield EVENT.pack(event, VOLUME, duration), first
        duration, first = duration + frame, False
    for _ in range(ENDS):
        yield EVENT.pack(event, END | VOLUME, total), first
        first = False


class Hearing:
    """Takes events; gives each digit once, when it ends."""

    __slots__ = ("_begun", "_done", "_duration", "_event", "_rate", "_timestamp")

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._event = -1  # that which lasts
        self._begun = self._timestamp = 0
        self._duration = 0
        self._done = -1  # timestamp of the last that was given

    @property
    def lasts(self) -> bool:
        """An event has begun and not ended."""
        return self._event >= 0

    def take(self, timestamp: int, payload: bytes) -> tuple[tuple[str, int], ...]:
        """Take a packet; return the digits that are over: (digit, milliseconds)."""
        if len(payload) < EVENT.size:
            return ()
        event, flags, duration = EVENT.unpack_from(payload)
        if event >= len(KEYS) or timestamp == self._done:
            return ()
        over: tuple[tuple[str, int], ...] = ()
        if self._event >= 0 and timestamp != self._timestamp:
            if self._older(timestamp, self._timestamp):
                return ()
            if event == self._event and timestamp == (self._timestamp + 0xFFFF) & 0xFFFFFFFF:
                self._timestamp, self._duration = timestamp, 0  # 2.5.1.3: the same key, still held
            else:
                over = self.end()
        elif self._event < 0 and self._done >= 0 and self._older(timestamp, self._done):
            return ()
        if self._event < 0:
            self._event, self._begun, self._timestamp, self._duration = event, timestamp, timestamp, 0
        self._duration = max(self._duration, duration)
        if flags & END:
            over += self.end()
        return over

    def _older(self, timestamp: int, than: int) -> bool:
        """Tell whether a packet was overtaken by a later event; what is older by far is a sender that counts anew."""
        return 0 < (than - timestamp) & 0xFFFFFFFF < STALE * self._rate

    def end(self) -> tuple[tuple[str, int], ...]:
        """Return the digit that lasts, because its end cannot be coming any more."""
        if self._event < 0:
            return ()
        key, self._event, self._done = KEYS[self._event], -1, self._timestamp
        samples = ((self._timestamp - self._begun) & 0xFFFFFFFF) + self._duration
        return ((key, samples * 1000 // self._rate),)

    def passed(self, timestamp: int) -> tuple[tuple[str, int], ...]:
        """Hear that sound of this timestamp came: well behind an event, it says that the event's end was lost."""
        if self._event < 0:
            return ()
        behind = (timestamp - self._timestamp - self._duration) & 0xFFFFFFFF
        return self.end() if self._rate // 10 < behind < 0x80000000 else ()
