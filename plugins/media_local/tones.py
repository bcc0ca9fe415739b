"""Tones: "tone:440+480*2000/4000" is two frequencies in Hz, then milliseconds on and off in turn; several such, comma between. ITU-T E.180.

Rule: a tone is made once, a second of it, and repeated: whole hertz join without a click. The digits' tones are those of ITU-T Q.23.
"""

from __future__ import annotations

import math
from array import array
from functools import lru_cache

PREFIX = "tone:"
LOUD = 0.3
"""Of full scale, for all frequencies of a tone together: about -13 dBm0 for a single one, as exchanges send them."""
LONGEST = 600_000
"""Milliseconds of a cadence in all."""
WORDS = 1000
"""Signs of its text: each frequency takes a millisecond or two to make, and a dialplan may play what a caller has dialled."""
ROWS, COLUMNS = (697, 770, 852, 941), (1209, 1336, 1477, 1633)
KEYS = ("123A", "456B", "789C", "*0#D")
PAIRS = {key: (ROWS[row], COLUMNS[column]) for row, keys in enumerate(KEYS) for column, key in enumerate(keys)}
"""The two frequencies of each digit."""
DIGIT_LOUD = 0.5


@lru_cache(maxsize=128)
def second(frequencies: tuple[int, ...], rate: int, loud: float = LOUD) -> bytes:
    """Return one second of these frequencies together."""
    heard = [frequency for frequency in frequencies if frequency < rate / 2]
    height = 32767 * loud / max(1, len(heard))
    total = array("h", bytes(2 * rate))
    for frequency in heard:
        turn = 2 * math.pi * frequency / rate
        wave = array("h", [int(height * math.sin(turn * place)) for place in range(rate // math.gcd(frequency, rate))])
        total = array("h", map(sum, zip(total, wave * math.gcd(frequency, rate), strict=True)))
    return total.tobytes()


def stretch(frequencies: tuple[int, ...], milliseconds: int, rate: int, loud: float = LOUD) -> bytes:
    """Return so much of a tone; without frequencies, of silence."""
    size = 2 * (rate * milliseconds // 1000)
    if not frequencies:
        return bytes(size)
    whole = second(frequencies, rate, loud)
    return (whole * (size // len(whole) + 1))[:size]


def digit(key: str, milliseconds: int, rate: int) -> bytes:
    """Return the tone of a digit."""
    return stretch(PAIRS[key], milliseconds, rate, DIGIT_LOUD)


def parse(text: str) -> tuple[tuple[tuple[int, ...], tuple[int, ...]], ...]:
    """Return the parts of "tone:…": frequencies and cadence (empty: without end); raises ValueError."""
    if len(text) > WORDS:
        raise ValueError(f"a tone of {len(text)} signs: at most {WORDS}")
    parts = []
    length = 0
    for part in text.removeprefix(PREFIX).split(","):
        frequencies, star, cadence = part.partition("*")
        try:
            heard = tuple(int(number) for number in frequencies.split("+"))
            times = tuple(int(number) for number in cadence.split("/")) if star else ()
        except ValueError:
            raise ValueError(f'"{text}" is no tone: write it as "tone:425" or "tone:440+480*2000/4000"') from None
        length += sum(times)  # of all parts: they are made in one piece
        if any(not 0 <= frequency <= 20000 for frequency in heard) or any(time < 0 for time in times) or length > LONGEST:
            raise ValueError(f'"{text}" is no tone: 0 to 20000 Hz, and in all at most {LONGEST} ms')
        parts.append((tuple(frequency for frequency in heard if frequency), times))
    return tuple(parts)


@lru_cache(maxsize=32)
def samples(text: str, rate: int) -> tuple[bytes, bool]:
    """Return the samples of "tone:…" and whether they go on for ever; raises ValueError."""
    made: list[bytes] = []
    for frequencies, times in parse(text):
        if not times:
            return second(frequencies, rate) if not made else b"".join(made) + second(frequencies, rate), True
        made += [stretch(frequencies if place % 2 == 0 else (), time, rate) for place, time in enumerate(times)]
    return b"".join(made), False
