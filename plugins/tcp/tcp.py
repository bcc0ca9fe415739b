"""SIP over TCP. What it shares with the other transports of connections stands in pipeline/stream_transport.py."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pipeline import plugin
from pipeline.stream_transport import StreamTransport

from .flow import TcpFlow

if TYPE_CHECKING:
    from pipeline.network import Stream
    from pipeline.sources import Place
    from pipeline.stream_flow import StreamFlow


@plugin
class Tcp(StreamTransport):
    """SIP over TCP."""

    after: ClassVar[tuple[str, ...]] = ("udp",)

    def _make(self, stream: Stream, source: Place | None) -> StreamFlow:
        return TcpFlow(self._open, self._engine, stream, source)
