"""Samples at one rate into samples at another: a low pass and every n-th sample, with audioop doing the sums over whole frames.

Rule: a windowed sinc, whose every tap is one multiplication and one addition of a whole stretch of samples in C; the rest of a
ratio that is no whole number (44,100 to 8,000) is linear interpolation where the signal is far below half the rate.
"""

from __future__ import annotations

import math
from array import array
from functools import lru_cache
from typing import Any

from .codecs import audioop

TAPS = 16
"""Taps per phase: 40 dB and more from a tenth above half the lower rate on."""


@lru_cache(maxsize=64)
def low_pass(ratio: int, cut: float) -> tuple[float, ...]:
    """Return the taps of a low pass for a rate `ratio` times the lower one; they add up to 1.

    `cut` is where it passes half, as a fraction of half the lower rate.
    """
    size = TAPS * ratio
    middle = (size - 1) / 2
    taps = []
    for place in range(size):
        x = (place - middle) / ratio * cut
        sinc = 1.0 if x == 0 else math.sin(math.pi * x) / (math.pi * x)
        taps.append(sinc * (0.54 - 0.46 * math.cos(2 * math.pi * place / (size - 1))))
    total = sum(taps)
    return tuple(tap / total for tap in taps)


class Resampler:
    """A stream of samples from one rate to another; feed it any lengths."""

    __slots__ = ("_down", "_from", "_history", "_interpolation", "_skip", "_state", "_taps", "_up")

    def __init__(self, rate: int, wanted: int) -> None:
        up = -(-wanted // rate) if wanted > rate else 1
        down = rate // wanted if wanted < rate and rate % wanted == 0 else 1
        self._up, self._down = up, down
        ratio = up if wanted > rate else -(-rate // wanted)
        cut = 0.9 if wanted > rate else 0.9 * wanted * ratio / rate
        self._taps = low_pass(ratio, cut) if ratio > 1 else ()
        between = rate * up // down
        self._interpolation = (between, wanted) if between != wanted else None
        self._state: Any = None
        self._history = array("i", bytes(4 * (max(1, len(self._taps) // up) - 1)))
        self._skip = 0
        self._from = rate

    def feed(self, samples: bytes) -> bytes:
        """Return what these samples come to; what is not enough for one yet is kept."""
        if self._taps and samples:
            # Half the height in 32 bits: the sums on the way may go beyond the input's.
            wide = array("i", audioop.mul(audioop.lin2lin(samples, 2, 4), 4, 0.5))
            samples = self._stretch(wide) if self._up > 1 else self._shrink(wide)
        if self._interpolation is not None and samples:
            samples, self._state = audioop.ratecv(samples, 2, 1, *self._interpolation, self._state)
        return samples

    def _stretch(self, new: array[int]) -> bytes:
        """Each of the `up` phases of the low pass over the samples; what they give, in turn, is the faster stream."""
        up, taps, size = self._up, self._taps, len(new)
        line = self._history + new
        reach = len(self._history)
        out = array("i", bytes(4 * size * up))
        for phase in range(up):
            total = bytes(4 * size)
            for place, tap in enumerate(taps[phase::up]):
                start = reach - place
                total = audioop.add(total, audioop.mul(line[start : start + size], 4, tap * up), 4)
            out[phase::up] = array("i", total)
        self._history = line[size:]
        return _narrow(out)

    def _shrink(self, new: array[int]) -> bytes:
        """Low pass where a sample is wanted, and nowhere else."""
        taps, down = self._taps, self._down
        line = self._history + new
        reach = len(taps) - 1
        first = reach + self._skip
        size = max(0, -(-(len(line) - first) // down))
        total = bytes(4 * size)
        if size:
            for place, tap in enumerate(taps):
                start = first - place
                total = audioop.add(total, audioop.mul(line[start : start + (size - 1) * down + 1 : down], 4, tap), 4)
        self._skip = first + size * down - len(line)
        self._history = line[len(line) - reach :]
        return _narrow(total)


def _narrow(wide: array[int] | bytes) -> bytes:
    """Back to 16 bits and full height."""
    return audioop.lin2lin(audioop.mul(wide, 4, 2), 4, 2)


def resampler(rate: int, wanted: int) -> Resampler | None:
    """Return what turns one rate into the other; None when they are the same."""
    return None if rate == wanted else Resampler(rate, wanted)
