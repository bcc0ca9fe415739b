"""A client's connection to the server on the virtual network: whole messages in and out, where no datagrams are taken."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline.sip.framing import Framer, Keepalive
from pipeline.sip.parser import parse

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.testing.network import Host


class Connection:
    """Opened when something is sent first, and anew when it was closed."""

    def __init__(self, host: Host, source: tuple[str, int], server: tuple[str, int], heard: Callable[[Any], object]) -> None:
        self._host, self._source, self._server, self._heard = host, source, server, heard
        self._stream: Any = None
        self._framer = Framer()
        self._waiting: list[bytes] = []

    def send(self, data: bytes) -> None:
        """Send octets as they are."""
        if self._stream is not None and not self._stream.closed:
            self._stream.write(data)
            return
        self._waiting.append(data)
        if len(self._waiting) == 1:
            self._host.connect(*self._server, local=self._source).then(self._connected)

    def _connected(self, found: Any) -> None:
        waiting, self._waiting = self._waiting, []
        try:
            self._stream = found.value()
        except OSError:
            return  # nobody hears what was sent: it is not answered
        self._framer = Framer()
        self._stream.on_data = self._read
        self._stream.write(b"".join(waiting))

    def _read(self, data: bytes) -> None:
        for piece in self._framer.feed(data):
            if not isinstance(piece, Keepalive):
                self._heard(parse(piece))
