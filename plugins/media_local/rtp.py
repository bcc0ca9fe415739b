"""RTP packets and what is counted of them: RFC 3550 5.1, 6.4.1, A.1, A.3, A.8.

Rule: pure. The header is five numbers; nobody makes an object of it, since two hundred calls bring ten thousand a second.
"""

from __future__ import annotations

from struct import Struct

HEADER = Struct("!BBHII")
"""Version, padding, extension and CSRC count; marker and payload type; sequence number; timestamp; SSRC."""
PLAIN = 0x80
"""Version 2 and nothing else: nearly every packet."""
MARKER = 0x80
SIZE = HEADER.size
EXTENSION = Struct("!2xH")
MAX_DROPOUT, MAX_MISORDER = 3000, 100
"""Packets: RFC 3550 A.1. What lies farther away is a new beginning of the sender."""


def payload_of(data: bytes) -> bytes | None:
    """Return what a packet carries, without contributing sources, extension and padding; None when it is no RTP packet."""
    size, first = len(data), data[0] if data else 0
    if size < SIZE or first & 0xC0 != PLAIN:
        return None
    start = SIZE + 4 * (first & 0x0F)
    if first & 0x10:
        if size < start + 4:
            return None
        start += 4 + 4 * int(EXTENSION.unpack_from(data, start)[0])
    if first & 0x20:
        padding = data[-1]
        if not padding:
            return None
        size -= padding
    return data[start:size] if size >= start else None


def build(payload_type: int, sequence: int, timestamp: int, ssrc: int, payload: bytes, *, marker: bool = False) -> bytes:
    """Return a packet."""
    return HEADER.pack(PLAIN, payload_type | MARKER if marker else payload_type, sequence, timestamp, ssrc) + payload


def is_rtcp(data: bytes) -> bool:
    """Tell RTCP from RTP on a port that both share (RFC 5761 4): types 192 to 223 of the second byte."""
    return len(data) >= 8 and 192 <= data[1] <= 223


class Received:
    """What was received of one source, for reports and for whoever wants to know: RFC 3550 A.1, A.3, A.8."""

    __slots__ = ("_base", "_cycles", "_highest", "_late", "_prior", "_transit", "jitter", "packets", "rate", "ssrc")

    def __init__(self, ssrc: int, sequence: int, rate: int) -> None:
        self.ssrc = ssrc
        self.rate = rate
        self.packets = 0
        self.jitter = 0.0
        """In units of the timestamp."""
        self._base = self._highest = sequence
        self._cycles = 0
        self._late = 0
        self._prior = (0, 0)
        self._transit: float | None = None

    def count(self, sequence: int, timestamp: int, now: float) -> None:
        """Count a packet that came at `now`."""
        self.packets += 1
        step = (sequence - self._highest) & 0xFFFF
        if not step and self.packets > 1:
            self._late += 1
        elif step < 0x8000:
            if step > MAX_DROPOUT:
                self._begin_anew(sequence)
            else:
                if sequence < self._highest:
                    self._cycles += 0x10000
                self._highest = sequence
        elif 0x10000 - step > MAX_MISORDER:
            self._begin_anew(sequence)
        else:
            self._late += 1
        transit = now * self.rate - timestamp
        if self._transit is not None:
            off = abs(transit - self._transit)
            if off < self.rate:  # a second or more is the sender's new beginning, or the clock's wrap
                self.jitter += (off - self.jitter) / 16
        self._transit = transit

    def _begin_anew(self, sequence: int) -> None:
        self._base = self._highest = sequence
        self._cycles = 0
        self._prior = (0, 0)
        self.packets = 1

    @property
    def highest(self) -> int:
        """The extended highest sequence number."""
        return self._cycles + self._highest

    @property
    def expected(self) -> int:
        """How many packets the sender must have sent."""
        return self.highest - self._base + 1

    @property
    def lost(self) -> int:
        """Packets that have not come; less than 0 when some came twice."""
        return self.expected - self.packets

    @property
    def late(self) -> int:
        """Packets that came after a later one, or twice."""
        return self._late

    def fraction(self) -> int:
        """Return the loss since the last call, in 256ths."""
        expected, packets = self.expected - self._prior[0], self.packets - self._prior[1]
        self._prior = (self.expected, self.packets)
        lost = expected - packets
        return 0 if expected <= 0 or lost <= 0 else min(255, (lost << 8) // expected)
