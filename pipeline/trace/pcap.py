"""Records as a pcap file that Wireshark and tshark read: the very bytes, unmasked, behind IP and UDP or TCP headers made up for them.

Format: the classic pcap of libpcap 2.4, link type RAW (the packet begins with its IP header), microseconds. Streams get a running
sequence number for each direction, so that a message is dissected where it is whole. What TLS carried is shown as TCP in the clear.
The file holds credentials as they came by: it is 0600.
"""

from __future__ import annotations

import os
import struct
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import IO, TYPE_CHECKING

from pipeline.trace.jsonl import private

if TYPE_CHECKING:
    from pipeline.trace.record import Record

MAGIC = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262_144, 101)
"""Snap length 262,144 as tcpdump has it; 101 is LINKTYPE_RAW."""
UDP, TCP = 17, 6
LARGEST = 65_535
STREAMS = 10_000
"""Directions of streams whose sequence numbers are kept; beyond, the oldest begins anew."""
Way = tuple[str, str]


class Pcap:
    """Writes packets."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._file: IO[bytes] = os.fdopen(private(path), "wb")
        self._file.write(MAGIC)
        self._sent: dict[Way, int] = {}

    def show(self, record: Record) -> None:
        """Write one message as one packet."""
        data: bytes = record.get("data", b"")
        if not data or record["kind"] in ("ended", "not sent"):
            return
        peer, local = record["peer"], record["local"]
        source, target = (peer, local) if record["kind"] == "received" else (local, peer)
        packet = self._packet(source, target, data, reliable=record["transport"] != "UDP")
        seconds = int(record["time"])
        micros = int((record["time"] - seconds) * 1e6)
        self._file.write(struct.pack("<IIII", seconds, micros, len(packet), len(packet)) + packet)

    def _packet(self, source: str, target: str, data: bytes, *, reliable: bool) -> bytes:
        (here, port), (there, other) = _split(source), _split(target)
        if here.version != there.version:  # a listener on [::] that speaks IPv4: shown as IPv6
            here, there = _six(here), _six(there)
        data = data[: LARGEST - 60]
        if reliable:
            number = self._number((source, target), len(data))
            answered = self._sent.get((target, source), 1)
            head = struct.pack("!HHIIBBHHH", port, other, number, answered & 0xFFFFFFFF, 5 << 4, 0x18, LARGEST, 0, 0)
            check = 16
        else:
            head = struct.pack("!HHHH", port, other, 8 + len(data), 0)
            check = 6
        number = TCP if reliable else UDP
        segment = head + data
        pseudo = here.packed + there.packed + struct.pack("!II", len(segment), number)
        total = checksum(pseudo + segment) or 0xFFFF
        segment = segment[:check] + struct.pack("!H", total) + segment[check + 2 :]
        return _ip(here, there, number, len(segment)) + segment

    def _number(self, way: Way, size: int) -> int:
        number = self._sent.pop(way, 1)
        if len(self._sent) >= STREAMS:
            del self._sent[next(iter(self._sent))]
        self._sent[way] = number + size
        return number & 0xFFFFFFFF

    def gap(self, count: int) -> None:
        """Nothing: the format has no word for what is missing."""

    def flush(self) -> None:
        """Let others read what there is."""
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _ip(here: IPv4Address | IPv6Address, there: IPv4Address | IPv6Address, protocol: int, size: int) -> bytes:
    if here.version == 6:
        return struct.pack("!IHBB", 6 << 28, size, protocol, 64) + here.packed + there.packed
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + size, 0, 0x4000, 64, protocol, 0) + here.packed + there.packed
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:]


def _split(text: str) -> tuple[IPv4Address | IPv6Address, int]:
    host, _, port = text.rpartition(":")
    return ip_address(host.strip("[]").partition("%")[0]), int(port)


def _six(address: IPv4Address | IPv6Address) -> IPv6Address:
    return address if isinstance(address, IPv6Address) else IPv6Address(b"\0" * 10 + b"\xff\xff" + address.packed)


def checksum(data: bytes) -> int:
    """Return the ones' complement sum of RFC 1071."""
    if len(data) % 2:
        data += b"\0"
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
