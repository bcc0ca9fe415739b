"""One TCP connection as a flow. RFC 3261 18.3."""

from __future__ import annotations

from pipeline.stream_flow import FramedFlow


class TcpFlow(FramedFlow):
    """The way to the peer at the other end of one TCP connection."""

    __slots__ = ()

    transport = "TCP"
