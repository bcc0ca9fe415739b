"""The codecs: G.711 and L16, each a pair of functions between 16-bit mono samples and the bytes of a packet. RFC 3551 4.5.11, 4.5.14.

Rule: samples are 16 bits of the machine's byte order, one channel, at the codec's own rate. `audioop` came with Python until 3.12
and comes as `audioop-lts` since; nobody else in the house imports it but from here.
"""

from __future__ import annotations

import sys
import warnings
from typing import TYPE_CHECKING, Final

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Callable

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # 3.11 and 3.12 announce that it moves
    import audioop

__all__ = ["CODECS", "FRAME", "Codec", "audioop", "codec_of", "named"]

FRAME: Final = 0.02
"""Seconds of one frame: what everything inside here is cut into."""
MTU = 1400
"""Bytes of payload that go into one packet without being cut on the way."""


@frozen(eq=False)
class Codec:
    """One way to write sound."""

    name: str
    """As the options have it (Asterisk's words)."""
    encoding: str
    """The encoding's name in a=rtpmap, upper case."""
    rate: int
    """Samples, and steps of the timestamp, per second."""
    channels: int
    width: int
    """Bytes of one sample instant in a packet."""
    static: int | None
    """Its payload type in RFC 3551, table 4; None: dynamic."""
    encode: Callable[[bytes], bytes]
    decode: Callable[[bytes], bytes]

    @property
    def frame(self) -> int:
        """Samples of a frame."""
        return int(self.rate * FRAME)

    @property
    def silence(self) -> bytes:
        """A packet's worth of nothing, one frame long."""
        return self.encode(bytes(2 * self.frame))

    def longest(self) -> float:
        """Seconds of sound that fit a packet: 20 ms of L16 above 35 kHz do not."""
        seconds = FRAME
        while self.rate * seconds * self.width > MTU:
            seconds /= 2
        return seconds


def _swap(samples: bytes) -> bytes:
    return audioop.byteswap(samples[: len(samples) & ~1], 2) if sys.byteorder == "little" else samples


def _left_right(data: bytes) -> bytes:
    return audioop.tomono(_swap(data[: len(data) & ~3]), 2, 0.5, 0.5)


CODECS: Final[dict[str, Codec]] = {
    codec.name: codec
    for codec in (
        Codec("ulaw", "PCMU", 8000, 1, 1, 0, lambda samples: audioop.lin2ulaw(samples, 2), lambda data: audioop.ulaw2lin(data, 2)),
        Codec("alaw", "PCMA", 8000, 1, 1, 8, lambda samples: audioop.lin2alaw(samples, 2), lambda data: audioop.alaw2lin(data, 2)),
        Codec("l16", "L16", 8000, 1, 2, None, _swap, _swap),
        Codec("slin16", "L16", 16000, 1, 2, None, _swap, _swap),
        Codec("slin44", "L16", 44100, 1, 2, 11, _swap, _swap),
        Codec("slin44_stereo", "L16", 44100, 2, 4, 10, lambda samples: _swap(audioop.tostereo(samples, 2, 1, 1)), _left_right),
        Codec("slin48", "L16", 48000, 1, 2, None, _swap, _swap),
    )
}


ALIASES: Final = {"pcmu": "ulaw", "pcma": "alaw", "slin": "l16"}
_BY_KEY = {(codec.encoding, codec.rate, codec.channels): codec for codec in CODECS.values()}


def codec_of(encoding: str, rate: int, channels: int = 1) -> Codec | None:
    """Return the codec of an a=rtpmap; None when it is none of ours."""
    return _BY_KEY.get((encoding.upper(), rate, channels))


def named(names: str) -> tuple[Codec, ...]:
    """Return the codecs of a list of names, comma between; names of others (an endpoint may have codecs that only pass) are left out."""
    found = dict.fromkeys(CODECS.get(ALIASES.get(name, name)) for name in names.lower().replace(",", " ").split())
    return tuple(codec for codec in found if codec is not None)
