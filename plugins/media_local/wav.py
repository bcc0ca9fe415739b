"""WAV files: read into samples of the rate that is wanted, written as they come. Microsoft's RIFF/WAVE, as everybody writes it.

Rule: read in a thread, whole, and kept for the next who asks (a prompt is played many times); written a second at a time.
"""

from __future__ import annotations

import sys
import threading
from collections import OrderedDict
from struct import Struct, pack
from typing import IO, TYPE_CHECKING, Any

from attrs import frozen

from .codecs import audioop
from .resample import resampler

if TYPE_CHECKING:
    from pathlib import Path

PCM, ALAW, ULAW, EXTENSIBLE = 1, 6, 7, 0xFFFE
FORMAT = Struct("<HHIIHH")
"""Format, channels, rate, bytes per second, block, bits."""
LONGEST = 3600
"""Seconds of a file that are read: an hour of 8 kHz sound is 58 MB of samples."""
LARGEST = 0xFFFFFFFF - 36 - (1 << 16)
"""Bytes of samples after which a file is written no further: its header says them in 32 bits."""
KEPT = 64 << 20
"""Bytes of samples that are kept for the next who asks."""
LONG = 1 << 16
"""Bytes of a format: 18 to 40 in truth, and a header may say four gigabytes."""
RATES = range(1000, 384001)
BIG = sys.byteorder == "big"
"""WAV is little-endian whatever the machine."""


class NotSound(OSError):  # noqa: N818 - it is what the file is
    """A file that is no WAV file that can be read here."""


@frozen
class Shape:
    """How the samples of a file are written."""

    kind: int
    channels: int
    rate: int
    bits: int

    @property
    def block(self) -> int:
        """Bytes of one instant."""
        return self.channels * self.bits // 8

    def samples(self, data: bytes) -> bytes:
        """Return 16-bit mono."""
        data = data[: len(data) // self.block * self.block]
        if self.kind == ULAW:
            data = audioop.ulaw2lin(data, 2)
        elif self.kind == ALAW:
            data = audioop.alaw2lin(data, 2)
        elif self.bits == 8:  # the one width that is unsigned
            data = audioop.lin2lin(audioop.bias(data, 1, -128), 1, 2)
        else:
            width = self.bits // 8
            data = audioop.lin2lin(audioop.byteswap(data, width) if BIG else data, width, 2)
        return audioop.tomono(data, 2, 0.5, 0.5) if self.channels == 2 else data


def _open(file: IO[bytes], path: Path) -> tuple[Shape, int]:
    """Read up to the samples; return their shape and how many bytes there are (as the header has it: it may say too much)."""
    head = file.read(12)
    if head[:4] != b"RIFF" or head[8:] != b"WAVE":
        raise NotSound(f"{path} is not a WAV file")
    shape = None
    while len(chunk := file.read(8)) == 8:
        name, size = chunk[:4], int.from_bytes(chunk[4:], "little")
        if name == b"fmt ":
            body = file.read(min(size + size % 2, LONG))
            if len(body) < FORMAT.size:
                break
            kind, channels, rate, _, _, bits = FORMAT.unpack_from(body)
            if kind == EXTENSIBLE and len(body) >= 26:
                kind = int.from_bytes(body[24:26], "little")
            shape = Shape(kind, channels, rate, bits)
        elif name == b"data":
            if shape is None:
                break
            known = (shape.kind == PCM and shape.bits in (8, 16, 24, 32)) or (shape.kind in (ALAW, ULAW) and shape.bits == 8)
            if not known or shape.channels not in (1, 2) or shape.rate not in RATES:
                raise NotSound(f"{path}: format {shape.kind}, {shape.bits} bits, {shape.channels} channels, {shape.rate} Hz cannot be read")
            return shape, size
        else:
            file.seek(size + size % 2, 1)
    raise NotSound(f"{path}: there are no samples in it")


def read(path: Path, rate: int) -> bytes:
    """Return the samples of a file, 16-bit mono at `rate`; raises OSError."""
    with path.open("rb") as file:
        shape, left = _open(file, path)
        turn, parts, second = resampler(shape.rate, rate), [], shape.rate * shape.block
        for _ in range(LONGEST):
            data = file.read(min(left, second))
            if not data:
                break
            left -= len(data)
            samples = shape.samples(data)
            parts.append(turn.feed(samples) if turn is not None else samples)
    return b"".join(parts)


class Shelf:
    """Files that were read, the least used thrown away first."""

    def __init__(self, size: int = KEPT) -> None:
        self._size = size
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[Any, ...], bytes] = OrderedDict()
        self._bytes = 0

    def read(self, path: Path, rate: int) -> bytes:
        """Return what `read` returns; a file that has changed is read anew. May be called from any thread."""
        stat = path.stat()
        key = (str(path), rate, stat.st_mtime_ns, stat.st_size)
        with self._lock:
            if (samples := self._kept.get(key)) is not None:
                self._kept.move_to_end(key)
                return samples
        samples = read(path, rate)
        with self._lock:
            self._bytes += len(samples) - len(self._kept.pop(key, b""))
            self._kept[key] = samples
            while self._bytes > self._size and len(self._kept) > 1:
                self._bytes -= len(self._kept.popitem(last=False)[1])
        return samples

    def at_hand(self, path: Path, rate: int) -> bytes | None:
        """Return the samples if they need not be read, else None; raises OSError."""
        stat = path.stat()
        with self._lock:
            return self._kept.get((str(path), rate, stat.st_mtime_ns, stat.st_size))


class Writer:
    """A WAV file that grows: 16-bit mono."""

    def __init__(self, path: Path, rate: int) -> None:
        """Begin the file; raises OSError."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("wb", buffering=2 * rate)
        self._rate = rate
        self.size = 0
        """Bytes of samples."""
        self._file.write(self._head())

    @property
    def seconds(self) -> float:
        """Its length."""
        return self.size / 2 / self._rate

    @property
    def full(self) -> bool:
        """Whether it is as long as its header can say."""
        return self.size >= LARGEST

    def _head(self) -> bytes:
        size = min(self.size, 0xFFFFFFFF - 36)  # what came last may be some frames longer
        return (
            b"RIFF" + pack("<I", size + 36) + b"WAVEfmt " + pack("<I", 16)
            + FORMAT.pack(PCM, 1, self._rate, 2 * self._rate, 2, 16) + b"data" + pack("<I", size)
        )  # fmt: skip

    def write(self, samples: bytes) -> None:
        """Add samples; raises OSError."""
        self._file.write(audioop.byteswap(samples, 2) if BIG else samples)
        self.size += len(samples)

    def close(self) -> None:
        """Write the length into the header; raises OSError."""
        with self._file:
            self._file.seek(0)
            self._file.write(self._head())
