"""The ports for RTP: an even one for RTP, the next for RTCP, out of the range that a firewall lets through. RFC 3550 11, RFC 5761.

Rule: round robin from a random place, so that what still comes for a call that has ended meets nobody; what another program holds is
passed over.
"""

from __future__ import annotations

import errno
from collections import Counter
from typing import TYPE_CHECKING

from pipeline.core.media import Unavailable

if TYPE_CHECKING:
    from pipeline.network import Endpoint, Network, OnDatagram

BUFFER = 65536
"""Bytes of a socket's receive buffer: over a second of G.711; more would only be heard too late."""
TAKEN = (errno.EADDRINUSE, errno.EACCES)


class Ports:
    """Pairs of ports."""

    def __init__(self, first: int, last: int, start: int = 0) -> None:
        self._first = first + first % 2
        self._pairs = max(0, (last - self._first + 1) // 2)
        self._next = start
        self.used = 0
        """Pairs that are open now."""
        self._open: Counter[str] = Counter()  # the same, by the address that they are bound on

    def __len__(self) -> int:
        return self._pairs

    def open(self, network: Network, host: str, on_rtp: OnDatagram, on_rtcp: OnDatagram) -> Pair:
        """Bind a pair on `host`; raises Unavailable when none is free, OSError when the address is not ours."""
        if self._open[host] >= self._pairs:  # to try them all would take longer than a call may
            raise Unavailable(f"all {self._pairs} pairs of ports for media are in use")
        for _ in range(self._pairs):
            port = self._first + 2 * (self._next % self._pairs)
            self._next += 1
            try:
                rtp = network.datagram(host, port, on_rtp, receive_buffer=BUFFER)
            except OSError as error:
                if error.errno in TAKEN:
                    continue
                raise
            try:
                rtcp = network.datagram(host, port + 1, on_rtcp)
            except OSError as error:
                rtp.close()
                if error.errno in TAKEN:
                    continue
                raise
            self.used += 1
            self._open[host] += 1
            return Pair(self, host, rtp, rtcp)
        raise Unavailable(f"all {self._pairs} pairs of ports for media are in use")


class Pair:
    """Two sockets."""

    __slots__ = ("_host", "_ports", "rtcp", "rtp")

    def __init__(self, ports: Ports, host: str, rtp: Endpoint, rtcp: Endpoint) -> None:
        self._ports = ports
        self._host = host
        self.rtp = rtp
        self.rtcp: Endpoint | None = rtcp

    def join(self) -> None:
        """Give the RTCP port back: both share the RTP port (RFC 5761)."""
        if self.rtcp is not None:
            self.rtcp.close()
            self.rtcp = None

    def close(self) -> None:
        """Give both back."""
        self.join()
        self.rtp.close()
        self._ports.used -= 1
        self._ports._open[self._host] -= 1
