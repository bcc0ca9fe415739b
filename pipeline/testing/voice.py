"""What a scripted phone says and hears: tones in RTP, G.711, over the virtual network. RFC 3550, RFC 3551, RFC 4733.

Rule: written apart from plugins/media_local. A phone in a test says tones; `tones()` finds by Goertzel's filter which were heard.
"""

from __future__ import annotations

import math
import struct
from functools import cache
from typing import TYPE_CHECKING, Any

from pipeline.testing.descriptions import streams

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.flow import Address
    from pipeline.testing.calls import Call

TONES = (350, 440, 480, 620, 697, 770, 852, 941, 1000, 1209, 1336, 1477, 1633)
"""Hertz that are listened for."""
DIGITS = {d: (low, high) for low, row in zip((697, 770, 852, 941), ("123A", "456B", "789C", "*0#D"), strict=True)
          for high, d in zip((1209, 1336, 1477, 1633), row, strict=True)}  # fmt: skip
EVENTS = "0123456789*#ABCD"
RATE = 8000
FRAME = 160
LOUD = 6000.0
PART = 0.08
"""The share of all power that a tone needs to count as heard."""
FIRST_PORT, LAST_PORT = 16384, 48000


@cache
def ulaw() -> tuple[list[int], bytes]:
    """Tables of G.711 mu-law: the value of each octet, and the octet of each value (as 14-bit index from -8192)."""
    values = []
    for octet in range(256):
        inverted = ~octet & 0xFF
        magnitude = (((inverted & 0x0F) << 3) + 0x84) << ((inverted >> 4) & 7)
        values.append(-(magnitude - 0x84) if inverted & 0x80 else magnitude - 0x84)
    octets = bytearray()
    order = sorted(range(256), key=lambda octet: values[octet])
    place = 0
    for index in range(-8192, 8192):
        wanted = index * 4
        while place < 255 and abs(values[order[place + 1]] - wanted) <= abs(values[order[place]] - wanted):
            place += 1
        octets.append(order[place])
    return values, bytes(octets)


@cache
def alaw() -> list[int]:
    """The value of each octet of G.711 A-law."""
    values = []
    for octet in range(256):
        turned = octet ^ 0x55
        exponent = (turned >> 4) & 7
        magnitude = ((turned & 0x0F) << 4) + 8
        if exponent:
            magnitude = (magnitude + 0x100) << (exponent - 1)
        values.append(magnitude if turned & 0x80 else -magnitude)
    return values


def powers(samples: Sequence[float], tones: Sequence[int] = TONES, rate: int = RATE) -> dict[int, float]:
    """Return the share (0 to 1) that each tone has of the power of the samples, by Goertzel's filter."""
    total = sum(sample * sample for sample in samples)
    if not total:
        return dict.fromkeys(tones, 0.0)
    found = {}
    for tone in tones:
        turn = 2.0 * math.cos(2.0 * math.pi * tone / rate)
        one = two = 0.0
        for sample in samples:
            one, two = sample + turn * one - two, one
        found[tone] = 2.0 * (one * one + two * two - turn * one * two) / (total * len(samples))
    return found


class Voice:
    """The RTP side of one call: one socket, one tone out, what comes in."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._loop = call.loop
        host = call.phone.host
        self.packets = 0
        self.strays = 0
        """Packets of a payload type that was not agreed."""
        self.sources: set[Address] = set()
        self.extra: dict[int, int] = {}
        """Datagrams that came at our video or fax port, by port."""
        self._samples: list[int] = []
        self._tone: tuple[int, ...] = ()
        self._sending: Any = None
        self._sequence = call.phone.random.randrange(1 << 15)
        self._stamp = call.phone.random.randrange(1 << 31)
        self._ssrc = call.phone.random.randrange(1 << 32)
        self._last_event: tuple[int, int] = (-1, -1)
        self._events: list[bytes] = []
        for _ in range(1000):
            self.port = call.phone.rtp_port()
            try:
                self._socket = host.datagram(call.phone.address[0], self.port, self._came)
                break
            except OSError:
                continue
        self._others = [host.datagram(call.phone.address[0], self.port + more, self._other) for more in (2, 4)] if self._wide() else []

    def _wide(self) -> bool:
        media = self._call.exchange.media
        return bool(media.video) or media.fax

    def close(self) -> None:
        """Stop, and give the ports back."""
        self.talk()
        self._socket.close()
        for other in self._others:
            other.close()

    # -- saying ------------------------------------------------------------------------------------------------------

    def talk(self, *hertz: int) -> None:
        """Send this tone from now on; none: nothing."""
        self._tone = hertz
        if self._sending is None and hertz:
            self._sending = self._loop.call_soon(self._frame)

    def press(self, digit: str, *, inband: bool) -> None:
        """Send a digit for 160 ms: as telephone-events or as its two tones."""
        if inband:
            before = self._tone
            self.talk(*DIGITS[digit])
            self._loop.call_later(0.16, lambda: self.talk(*before))
            return
        octet = EVENTS.index(digit)
        self._events += [struct.pack("!BBH", octet, 10, step * FRAME) for step in range(1, 9)]
        self._events += [struct.pack("!BBH", octet, 0x8A, 8 * FRAME)] * 3  # the end, three times (2.5.1.4)
        if self._sending is None:
            self._sending = self._loop.call_soon(self._frame)

    def send_other(self, kind: str, data: bytes) -> None:
        """Send a datagram to the peer's stream of that kind (video, image), from our port for it."""
        for stream in streams(self._call.exchange.remote):
            if stream.kind == kind and stream.alive:
                self._others[0].send(data, (stream.address, stream.port))

    def _frame(self) -> None:
        self._sending = None
        if (not self._tone and not self._events) or self._call.state == "ended":
            return
        call = self._call
        mine = next((stream for stream in streams(call.exchange.local) if stream.kind == "audio" and stream.alive), None)
        his = next((stream for stream in streams(call.exchange.remote) if stream.kind == "audio" and stream.alive), None)
        if his is None and call.early:
            his = next((stream for stream in streams(call.early) if stream.kind == "audio" and stream.alive), None)
        if mine is not None and his is not None and mine.direction in ("sendrecv", "sendonly") and his.address not in ("0.0.0.0", "::"):  # noqa: S104
            self._send(his.codecs, his.payloads, (his.address, his.port))
        self._sending = self._loop.call_later(0.02, self._frame)

    def _send(self, codecs: tuple[str, ...], payloads: tuple[str, ...], where: Address) -> None:
        known = dict(zip((codec.lower() for codec in codecs), payloads, strict=True))
        if self._events:
            event = self._events.pop(0)
            if "telephone-event" not in known:
                return
            payload, data = int(known["telephone-event"]), event
            first = event[2:] == struct.pack("!H", FRAME)
            self._packet(payload, data, where, marker=first, stamp=self._stamp)
            if not self._events or self._events[0][2:] == struct.pack("!H", FRAME):
                self._stamp = (self._stamp + 10 * FRAME) & 0xFFFFFFFF
            return
        name = next((codec for codec in codecs if codec.upper() in ("PCMU", "PCMA")), None)
        if name is None:
            return
        samples = self._sound()
        if name.upper() == "PCMU":
            table = ulaw()[1]
            data = bytes(table[max(0, min(16383, (sample >> 2) + 8192))] for sample in samples)
        else:
            data = bytes(_alaw_of(sample) for sample in samples)
        self._packet(int(known[name.lower()]), data, where, stamp=self._stamp)
        self._stamp = (self._stamp + FRAME) & 0xFFFFFFFF

    def _sound(self) -> list[int]:
        start = self._stamp
        share = LOUD / max(1, len(self._tone))
        return [int(sum(share * math.sin(2 * math.pi * hertz * (start + n) / RATE) for hertz in self._tone)) for n in range(FRAME)]

    def _packet(self, payload: int, data: bytes, where: Address, *, marker: bool = False, stamp: int) -> None:
        head = struct.pack("!BBHII", 0x80, payload | (0x80 if marker else 0), self._sequence & 0xFFFF, stamp, self._ssrc)
        self._sequence += 1
        self._socket.send(head + data, where)

    # -- hearing -----------------------------------------------------------------------------------------------------

    def follow(self) -> None:
        """Something was agreed: go on with the tone."""
        if self._tone and self._sending is None:
            self._sending = self._loop.call_soon(self._frame)

    def listen(self) -> None:
        """Forget what was heard until now."""
        self._samples.clear()

    def tones(self) -> set[int]:
        """Return the tones heard since `listen`."""
        samples = self._samples[-4 * RATE :]
        if len(samples) < 2 * FRAME:
            return set()
        return {tone for tone, share in powers(samples).items() if share > PART}

    def _other(self, data: bytes, source: Address, local: Address) -> None:
        self.extra[local[1]] = self.extra.get(local[1], 0) + 1

    def _came(self, data: bytes, source: Address, local: Address) -> None:
        if len(data) < 12 or data[0] >> 6 != 2:
            return
        self.packets += 1
        self.sources.add(source)
        payload = data[1] & 0x7F
        body = data[12 + 4 * (data[0] & 0x0F) :]
        mine = next(
            (stream for stream in streams(self._call.exchange.local or self._call.exchange.offered) if stream.kind == "audio"), None
        )
        codec = dict(zip(mine.payloads, mine.codecs, strict=True)).get(str(payload), "") if mine is not None else ""
        if codec.upper() == "PCMU":
            table = ulaw()[0]
            self._samples += [table[octet] for octet in body]
        elif codec.upper() == "PCMA":
            table = alaw()
            self._samples += [table[octet] for octet in body]
        elif codec.lower() == "telephone-event" and len(body) >= 4:
            event = (body[0], struct.unpack("!I", data[4:8])[0])
            if event != self._last_event and body[0] < len(EVENTS):
                self._last_event = event
                self._call.digits += EVENTS[body[0]]
        else:
            self.strays += 1


@cache
def _alaw_of(sample: int) -> int:
    table = alaw()
    return min(range(256), key=lambda octet: abs(table[octet] - sample))
