"""One TLS connection as a flow. RFC 3261 18.3, 26.2."""

from __future__ import annotations

from pipeline.stream_flow import FramedFlow


class TlsFlow(FramedFlow):
    """The way to the peer at the other end of one TLS connection."""

    __slots__ = ()

    transport = "TLS"
    secure = True
