"""One outgoing RTP stream: its SSRC, its sequence numbers and timestamps, whoever fills it. RFC 3550 5.1, RFC 3551 4.1 (marker).

Rule: several fill one stream in turn (a prompt, an echo, a relayed voice, digits); for the peer it is always one sender whose numbers
go on without a break and whose timestamps follow the clock. What is forwarded keeps the distances of its source: its losses can be seen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .rtp import HEADER, MARKER, PLAIN

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

    from pipeline.flow import Address

LATE = 0.1
"""Seconds of silence after which the timestamp is taken from the clock and the next packet bears the marker."""


class Sender:
    """The outgoing half of a stream."""

    __slots__ = (
        "_at",
        "_by_sequence",
        "_by_time",
        "_last_sequence",
        "_last_timestamp",
        "_now",
        "_source",
        "destination",
        "octets",
        "packets",
        "payload_type",
        "rate",
        "send",
        "ssrc",
        "unsent",
    )

    def __init__(self, now: Callable[[], float], random: random.Random) -> None:
        self.ssrc = random.getrandbits(32)
        self.payload_type = 0
        self.rate = 8000
        self.send: Callable[[bytes, Address], object] | None = None
        """Sends a datagram; None: there is no socket."""
        self.destination: Address | None = None
        """Where to; None: nowhere (not agreed, or held)."""
        self.packets = self.octets = 0
        self.unsent = 0
        """Packets that the network refused at once."""
        self._now = now
        self._last_sequence = random.getrandbits(16)
        self._last_timestamp = random.getrandbits(32)  # of the moment `_at`
        self._at = now()
        self._source: object = None
        self._by_sequence = self._by_time = 0

    def timestamp(self) -> int:
        """Return the timestamp of this moment."""
        return (self._last_timestamp + int((self._now() - self._at) * self.rate)) & 0xFFFFFFFF

    def change(self, payload_type: int, rate: int) -> None:
        """Send another payload type from now on."""
        if rate != self.rate:
            self._last_timestamp, self._at, self.rate = self.timestamp(), self._now(), rate
        self.payload_type = payload_type
        self._source = None

    def paced(self, payload: bytes, samples: int) -> None:
        """Send the next piece of a sound that goes on; `samples` is how far the timestamp goes with it."""
        now = self._now()
        marker = 0
        if self._source is not Sender or now - self._at > LATE:
            # `_last_timestamp` is where the next packet stands, from now on.
            self._last_timestamp = self.timestamp()
            self._source, marker = Sender, MARKER
        self._at = now
        timestamp = self._last_timestamp
        self._last_timestamp = (timestamp + samples) & 0xFFFFFFFF
        self._last_sequence = sequence = (self._last_sequence + 1) & 0xFFFF
        destination = self.destination
        if destination is None or self.send is None:
            return
        self.packets += 1
        self.octets += len(payload)
        if self.send(HEADER.pack(PLAIN, self.payload_type | marker, sequence, timestamp, self.ssrc) + payload, destination) is not None:
            self.unsent += 1

    def forward(self, source: object, sequence: int, timestamp: int, payload: bytes, marker: int, payload_type: int) -> None:
        """Send a packet of a source whose clock has our rate, as far from its others as it came. `marker` is 0x80 or 0."""
        if self._source is not source:
            self._by_sequence = self._last_sequence + 1 - sequence
            self._by_time = self.timestamp() - timestamp
            self._source, marker = source, MARKER
            self._last_sequence = (self._last_sequence + 1) & 0xFFFF
        sequence = (sequence + self._by_sequence) & 0xFFFF
        timestamp = (timestamp + self._by_time) & 0xFFFFFFFF
        if (sequence - self._last_sequence) & 0xFFFF < 0x8000:
            self._last_sequence, self._last_timestamp, self._at = sequence, timestamp, self._now()
        destination = self.destination
        if destination is None or self.send is None:
            return
        self.packets += 1
        self.octets += len(payload)
        if self.send(HEADER.pack(PLAIN, payload_type | marker, sequence, timestamp, self.ssrc) + payload, destination) is not None:
            self.unsent += 1

    def skip(self, packets: int, samples: int) -> None:
        """Leave a gap, as the source has one."""
        self._last_sequence = (self._last_sequence + packets) & 0xFFFF
        self._last_timestamp = (self._last_timestamp + samples) & 0xFFFFFFFF

    def event(self, payload_type: int, timestamp: int, payload: bytes, *, marker: bool) -> None:
        """Send a packet of a telephone event, whose timestamp stays (RFC 4733 2.5.1.2)."""
        self._source = None
        self._last_sequence = (self._last_sequence + 1) & 0xFFFF
        destination = self.destination
        if destination is None or self.send is None:
            return
        self.packets += 1
        self.octets += len(payload)
        first = payload_type | MARKER if marker else payload_type
        if self.send(HEADER.pack(PLAIN, first, self._last_sequence, timestamp, self.ssrc) + payload, destination) is not None:
            self.unsent += 1
