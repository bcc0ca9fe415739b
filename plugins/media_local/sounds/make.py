"""Makes the sounds that come with Sipline: every note is a sine with its overtones, written here, so they are ours and free.

    .venv/bin/python plugins/media_local/sounds/make.py

Mu-law WAV files at 8 kHz, each below 200 kB. They are kept in the repository; run this only to change them.
"""

from __future__ import annotations

import math
import warnings
from array import array
from pathlib import Path
from struct import pack

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import audioop

RATE = 8000
A4 = 440.0
OVERTONES = (1.0, 0.35, 0.15, 0.05)
NAMES = {"C": -9, "D": -7, "E": -5, "F": -4, "G": -2, "A": 0, "B": 2}

Note = tuple[str, float, float]
"""Name with octave ("C5"), when it begins and how long it sounds, in seconds."""


def frequency(name: str) -> float:
    """Return the hertz of "A4", "F#5"."""
    half = NAMES[name[0]] + (1 if "#" in name else 0) + 12 * (int(name[-1]) - 4)
    return float(A4 * 2 ** (half / 12))


def notes(*melody: Note, loud: float = 0.25) -> bytes:
    """Return samples: struck, and fading like a bell."""
    length = max(start + lasts for _, start, lasts in melody)
    line = [0.0] * int(RATE * length)
    for name, start, lasts in melody:
        turn = 2 * math.pi * frequency(name) / RATE
        first = int(RATE * start)
        for place in range(int(RATE * lasts)):
            if first + place >= len(line):
                break
            rise = min(1.0, place / 80)
            fall = math.exp(-3.5 * place / (RATE * lasts)) * min(1.0, (RATE * lasts - place) / 160)
            wave = sum(
                part * math.sin(turn * (number + 1) * place) for number, part in enumerate(OVERTONES) if turn * (number + 1) < math.pi
            )
            line[first + place] += loud * rise * fall * wave
    return array("h", [max(-32767, min(32767, int(32767 * value))) for value in line]).tobytes()


def hold() -> bytes:
    """Twenty-two seconds of broken chords: C, a, F, G, twice, in the pace of a music box."""
    chords = (("C4", "E4", "G4", "C5"), ("A3", "C4", "E4", "A4"), ("F3", "A3", "C4", "F4"), ("G3", "B3", "D4", "G4"))
    top = ("E5", "D5", "C5", "A4", "A4", "C5", "B4", "D5", "G5", "E5", "C5", "E5", "F5", "A5", "G5", "D5")
    beat = 22.0 / 64
    melody: list[Note] = []
    for bar in range(8):
        chord = chords[bar % 4]
        steps = enumerate((0, 2, 1, 2, 3, 2, 1, 2))
        melody += [(chord[which], (bar * 8 + step) * beat, 1.2 * beat) for step, which in steps]
        melody += [(top[bar * 2 + half], (bar * 8 + 4 * half) * beat, 3.6 * beat) for half in (0, 1)]
    return notes(*melody, loud=0.16)[: 2 * RATE * 22]


def beep(hertz: int, seconds: float) -> bytes:
    """Return a plain tone."""
    size = int(RATE * seconds)
    return array(
        "h", [int(9000 * min(1.0, place / 80, (size - place) / 80) * math.sin(2 * math.pi * hertz * place / RATE)) for place in range(size)]
    ).tobytes()


SOUNDS = {
    "welcome": lambda: notes(("C5", 0.0, 1.2), ("E5", 0.3, 1.2), ("G5", 0.6, 1.2), ("C6", 0.9, 2.0), ("G5", 1.7, 1.0), ("C6", 2.1, 1.8)),
    "menu": lambda: notes(("G5", 0.0, 0.8), ("E5", 0.3, 0.8), ("G5", 0.6, 0.8), ("C6", 0.9, 1.4)),
    "goodbye": lambda: notes(("C6", 0.0, 0.9), ("G5", 0.3, 0.9), ("E5", 0.6, 0.9), ("C5", 0.9, 1.5)),
    "invalid": lambda: notes(("E4", 0.0, 0.5), ("C4", 0.25, 0.9)),
    "entered": lambda: notes(("C5", 0.0, 0.4), ("G5", 0.15, 0.7)),
    "left": lambda: notes(("G5", 0.0, 0.4), ("C5", 0.15, 0.7)),
    "beep": lambda: beep(1000, 0.4),
    "hold": hold,
}


def write(path: Path, samples: bytes) -> None:
    """Write a mu-law WAV file."""
    data = audioop.lin2ulaw(samples, 2)
    head = (
        b"WAVEfmt "
        + pack("<IHHIIHHH", 18, 7, 1, RATE, RATE, 1, 8, 0)
        + b"fact"
        + pack("<II", 4, len(data))
        + b"data"
        + pack("<I", len(data))
    )
    path.write_bytes(b"RIFF" + pack("<I", len(head) + len(data) + len(data) % 2) + head + data + b"\0" * (len(data) % 2))


if __name__ == "__main__":
    for sound, made in SOUNDS.items():
        write(Path(__file__).with_name(sound + ".wav"), made())
