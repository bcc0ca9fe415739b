"""A recording: what the peer says, into a WAV file, until somebody ends it, its time is over, or nothing is said any more.

Rule: silence is written too: a recording is as long as it took.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.pending import Pending

from .codecs import FRAME, audioop
from .resample import Resampler, resampler
from .wav import Writer

if TYPE_CHECKING:
    from pathlib import Path

LOUD = 200
"""Root mean square of a frame in which something is said: -44 dB, above the noise of a telephone line."""


class Recording:
    """A recording that goes on."""

    __slots__ = ("_limit", "_quiet", "_rate", "_resampler", "_silence", "_size", "_writer", "done", "over")

    def __init__(self, path: Path, rate: int, *, seconds: float, silence: float) -> None:
        self.done = Pending()
        """Has the length in seconds; fails with OSError."""
        self.over = False
        self._rate = rate
        self._limit = seconds
        self._silence = silence
        self._quiet = 0.0
        self._size = 2 * int(rate * FRAME)
        self._resampler: tuple[int, Resampler | None] = (rate, None)
        self._writer: Writer | None = None
        try:
            self._writer = Writer(path, rate)
        except OSError as error:
            self.over = True
            self.done.fail(error)

    def hear(self, frame: bytes | None, rate: int) -> None:
        """Take a frame of samples, None: nothing was said in it."""
        if self._writer is None or self.over:
            return
        if frame is not None and rate != self._rate:
            if self._resampler[0] != rate:
                self._resampler = (rate, resampler(rate, self._rate))
            turn = self._resampler[1]
            frame = turn.feed(frame) if turn is not None else frame
        said = frame is not None and audioop.rms(frame, 2) >= LOUD
        self._quiet = 0.0 if said else self._quiet + FRAME
        try:
            self._writer.write(frame if frame is not None else bytes(self._size))
        except OSError as error:
            self._fail(error)
            return
        if self._writer.full or (self._limit and self._writer.seconds >= self._limit) or (self._silence and self._quiet >= self._silence):
            self.end()

    def end(self) -> None:
        """Close the file."""
        if self.over or self._writer is None:
            return
        try:
            self._writer.close()
        except OSError as error:
            self._fail(error)
            return
        self.over = True
        self.done.resolve(self._writer.seconds)

    def _fail(self, error: OSError) -> None:
        self.over = True
        self.done.fail(error)
