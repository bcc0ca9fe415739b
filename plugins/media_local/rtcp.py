"""RTCP: sender and receiver reports, what they say, and goodbye. RFC 3550 6, A.7.

Rule: pure; every packet is a compound one that begins with a report and carries CNAME (6.1). Times are UTC seconds.
"""

from __future__ import annotations

from struct import Struct, error
from typing import TYPE_CHECKING

from attrs import define

if TYPE_CHECKING:
    from .rtp import Received

SR, RR, SDES, BYE = 200, 201, 202, 203
CNAME = 1
NTP_EPOCH = 2208988800
"""Seconds from 1900 to 1970."""
HEAD = Struct("!BBHI")
SENDER = Struct("!IIIII")
"""NTP seconds and fraction, RTP timestamp, packets, octets."""
BLOCK = Struct("!IIIIII")
"""Source, fraction and cumulative loss, highest sequence number, jitter, last SR, delay since it."""
EVERY = 5.0
"""Seconds between two reports: the recommended minimum of 6.2, drawn between half and one and a half of it (6.3.1)."""


@define
class Heard:
    """What the peer's RTCP has said."""

    sender_report: int = 0
    """The middle 32 bits of the NTP time of its last sender report."""
    at: float = 0.0
    """When that report came."""
    lost: int = 0
    """Of what we sent, packets that did not arrive there."""
    fraction: float = 0.0
    """Loss in its last interval, 0 to 1."""
    jitter: int = 0
    """Of what we sent, in units of our timestamp."""
    round_trip: float | None = None
    """Seconds."""
    reports: int = 0
    bye: bool = False


def middle(now: float) -> int:
    """Return the middle 32 bits of an NTP time."""
    return int((now + NTP_EPOCH) * 65536) & 0xFFFFFFFF


def report(
    ssrc: int,
    cname: bytes,
    received: Received | None,
    heard: Heard,
    now: float,
    sent: tuple[int, int, int] | None = None,
    *,
    bye: bool = False,
) -> bytes:
    """Return a compound packet. `sent` is (RTP timestamp of now, packets, octets) when something was sent since the last report."""
    block = b""
    if received is not None and received.packets:
        lost = max(-0x800000, min(received.lost, 0x7FFFFF)) & 0xFFFFFF
        delay = int((now - heard.at) * 65536) & 0xFFFFFFFF if heard.sender_report else 0
        block = BLOCK.pack(
            received.ssrc, received.fraction() << 24 | lost, received.highest & 0xFFFFFFFF, int(received.jitter), heard.sender_report, delay
        )
    body = b""
    if sent is not None:
        seconds = now + NTP_EPOCH
        body = SENDER.pack(int(seconds) & 0xFFFFFFFF, int(seconds % 1 * 0x100000000), *(number & 0xFFFFFFFF for number in sent))
    data = _packet(SR if sent is not None else RR, 1 if block else 0, ssrc, body + block)
    item = bytes((CNAME, len(cname))) + cname
    data += _packet(SDES, 1, ssrc, item.ljust(len(item) // 4 * 4 + 4, b"\0"))
    return data + _packet(BYE, 1, ssrc, b"") if bye else data


def _packet(kind: int, count: int, ssrc: int, body: bytes) -> bytes:
    return HEAD.pack(0x80 | count, kind, len(body) // 4 + 1, ssrc) + body


def hear(data: bytes, ours: int, heard: Heard, now: float) -> bool:
    """Take a compound packet; False when it is none (A.2). `ours` is our SSRC, `now` UTC."""
    if len(data) < 8 or data[0] & 0xE0 != 0x80 or data[1] not in (SR, RR):
        return False
    place = 0
    while place + 8 <= len(data):
        first, kind, words, _ssrc = HEAD.unpack_from(data, place)
        end = place + 4 * (words + 1)
        if first & 0xC0 != 0x80 or end > len(data):
            return False
        try:
            if kind == SR:
                seconds, fraction, *_ = SENDER.unpack_from(data, place + 8)
                heard.sender_report = (seconds & 0xFFFF) << 16 | fraction >> 16
                heard.at = now
                _blocks(data, place + 28, first & 0x1F, ours, heard, now)
            elif kind == RR:
                _blocks(data, place + 8, first & 0x1F, ours, heard, now)
            elif kind == BYE:
                heard.bye = True
        except error:
            return False
        place = end
    return True


def _blocks(data: bytes, place: int, count: int, ours: int, heard: Heard, now: float) -> None:
    for start in range(place, place + 24 * count, 24):
        ssrc, loss, _highest, jitter, last, delay = BLOCK.unpack_from(data, start)
        if ssrc != ours:
            continue
        heard.reports += 1
        heard.fraction = (loss >> 24) / 256
        heard.lost = (loss & 0xFFFFFF) - (0x1000000 if loss & 0x800000 else 0)
        heard.jitter = jitter
        if last:
            trip = (middle(now) - last - delay) & 0xFFFFFFFF
            if trip < 0x80000000:
                heard.round_trip = trip / 65536
