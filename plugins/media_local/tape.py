"""Both sides of a relay in one file: each packet is heard through a jitter buffer of its own, and every 20 ms a frame of both is written.

Rule: the packets go on as if nobody listened; what a side says is mixed at one rate, and who is silent adds nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .codecs import FRAME, audioop
from .jitter import Playout
from .recorder import Recording
from .resample import resampler

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pipeline.pending import Pending

    from .codecs import Codec
    from .resample import Resampler
    from .room import Room

NARROW, WIDE = 8000, 16000
"""Hertz of the file: wideband where one of the two speaks so."""


class Tape:
    """A recording of two sides."""

    __slots__ = ("_ended", "_heard", "_rate", "_recording", "_seat")

    def __init__(self, room: Room, path: Path, rates: list[int], ended: Callable[[Tape], None]) -> None:
        self._rate = WIDE if max(rates, default=NARROW) > NARROW else NARROW
        self._recording = Recording(path, self._rate, seconds=0, silence=0)
        self._ended = ended
        self._heard: dict[tuple[int, Codec], tuple[Playout, Resampler | None]] = {}
        self._seat: Any = None if self._recording.over else room.pace.join(self._beat)

    @property
    def done(self) -> Pending:
        """Has the length in seconds when it is over; fails with OSError."""
        return self._recording.done

    def hear(self, side: int, codec: Codec, payload: bytes, sequence: int, timestamp: int) -> None:
        """Take a packet that came from the peer of a side."""
        found = self._heard.get((side, codec))
        if found is None:
            turn = resampler(codec.rate, self._rate) if codec.rate != self._rate else None
            found = self._heard[side, codec] = (Playout(codec), turn)
        found[0].put(sequence, timestamp, payload)

    def end(self) -> None:
        """Close the file."""
        if self._seat is not None:
            self._seat.leave()
            self._seat = None
            self._ended(self)
        self._recording.end()

    def _beat(self) -> None:
        size = 2 * int(self._rate * FRAME)
        mixed: bytes | None = None
        for playout, turn in self._heard.values():
            frame = playout.frame()
            if frame is None:
                continue
            if turn is not None:
                frame = turn.feed(frame)[:size].ljust(size, b"\0")
            mixed = frame if mixed is None else audioop.add(mixed, frame, 2)
        self._recording.hear(mixed, self._rate)
        if self._recording.over:
            self.end()
