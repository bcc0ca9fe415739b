"""Digits as tones in the sound: the strength of eight frequencies in every eightieth of a second. ITU-T Q.23, Q.24, Goertzel's sums.

Rule: `audioop.findfactor` against a sine and a cosine gives the same number as Goertzel's loop, in C. A digit is one row and one column
that stand out, about as loud as each other, and nearly all that is heard, twice in a row; it is over when it is not heard twice.
"""

from __future__ import annotations

import math
from array import array

from .codecs import audioop
from .tones import COLUMNS, KEYS, ROWS

RATE = 8000
BLOCK = 102
"""Samples: bins of 78 Hz, whose zeros lie near the neighbouring row (73 Hz), and two whole ones in the 40 ms of the shortest digit."""
QUIET = 120
"""Root mean square below which nobody looks: -48 dB."""
TWIST = 6.3
"""How many times the power of one of the two may be that of the other: 8 dB, as Q.24 has it for the usual way round."""
STANDS_OUT = 6.3
"""How many times the power of the next of its group."""
ALL = 0.7
"""Share of everything heard that the two must be: speech has its power elsewhere too."""


def _wave(frequency: int, phase: float) -> bytes:
    turn = 2 * math.pi * frequency / RATE
    return array("h", [int(16384 * math.sin(turn * place + phase)) for place in range(BLOCK)]).tobytes()


GROUPS = tuple(tuple((_wave(frequency, 0), _wave(frequency, math.pi / 2)) for frequency in group) for group in (ROWS, COLUMNS))


def heard(block: bytes) -> str:
    """Return the digit whose tones a block of samples is; "" when it is none."""
    loud = audioop.rms(block, 2)
    if loud < QUIET:
        return ""
    best = []
    total = 0.0
    for group in GROUPS:
        powers = [audioop.findfactor(block, sine) ** 2 + audioop.findfactor(block, cosine) ** 2 for sine, cosine in group]
        first = max(powers)
        place = powers.index(first)
        if any(first < STANDS_OUT * power for other, power in enumerate(powers) if other != place):
            return ""
        best.append((first, place))
        total += first
    (row_power, row), (column_power, column) = best
    if max(row_power, column_power) > TWIST * min(row_power, column_power):
        return ""
    if total * 16384**2 / 2 < ALL * loud**2:  # a wave of height 1 (of 16384) has half the power of its square
        return ""
    return KEYS[row][column]


class Ear:
    """Listens to samples at 8 kHz; gives each digit when it ends, with its length in milliseconds."""

    __slots__ = ("_candidate", "_digit", "_gap", "_length", "_rest")

    def __init__(self) -> None:
        self._rest = b""
        self._digit = self._candidate = ""
        self._length = self._gap = 0

    def listen(self, samples: bytes) -> list[tuple[str, int]]:
        """Take samples; return the digits that ended in them."""
        line = self._rest + samples
        over = []
        size = 2 * BLOCK
        place = 0
        for place in range(0, len(line) - size + 1, size):
            over += self._block(heard(line[place : place + size]))
        end = place + size if len(line) >= size else 0
        self._rest = line[end:]
        return over

    def _block(self, digit: str) -> list[tuple[str, int]]:
        if self._digit:
            if digit == self._digit:
                self._length += 1 + self._gap
                self._gap = 0
                return []
            self._gap += 1
            self._candidate = digit
            if self._gap < 2:
                return []
            over = [(self._digit, self._length * BLOCK * 1000 // RATE)]
            self._digit, self._gap = "", 0
            return over
        if digit and digit == self._candidate:
            self._digit, self._length = digit, 2
        self._candidate = digit
        return []
