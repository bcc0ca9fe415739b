"""One TLS connection as a flow. RFC 3261 18.3, 26.2; RFC 5923 (what its Via lets go by it).

Rule: who has opened a connection says `alias`, and only where the peer has proved a domain (RFC 5923 9.1, 9.2): nothing is taken on trust.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from pipeline.stream_flow import FramedFlow

if TYPE_CHECKING:
    from pipeline.engine import Pipeline
    from pipeline.network import Stream
    from pipeline.sip.via import Via
    from pipeline.sources import Place
    from pipeline.stream_transport import Connections

    from .tls import Tls


class TlsFlow(FramedFlow):
    """The way to the peer at the other end of one TLS connection."""

    __slots__ = ("alias", "alias_port")

    transport = "TLS"
    secure = True

    def __init__(self, connections: Connections, engine: Pipeline, stream: Stream, source: Place | None) -> None:
        self.alias_port = 0
        """Where its peer, who has opened it, listens for whom we may use it in his place; 0: he has not said."""
        super().__init__(connections, engine, stream, source)
        self.alias = source is None and bool(self.names)

    def aliased(self, via: Via) -> None:
        """Take the connection for the one to where its peer listens, if he says so."""
        if "alias" in via.params and self.source is not None and via.transport == "TLS":
            cast("Tls", self.among.owner).alias(self, via.port or 5061)
