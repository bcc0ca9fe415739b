"""A connection before it is a WebSocket: its HTTP request is read, and answered with 101, with a page or with what is wrong. RFC 6455 4.2.

Rule: the library gets the head of the request alone and the rest after the 101; so whatever stands behind a request, it is either frames of
an open WebSocket or never looked at.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from websockets.frames import Opcode
from websockets.http11 import Request
from websockets.server import ServerProtocol

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from websockets.frames import Frame

    from pipeline.network import Stream

HEAD = 16384
"""Bytes of an HTTP request's head: twice what Apache and nginx allow a line, for cookies of the page that opens the WebSocket."""
END = b"\r\n\r\n"
QUIET = logging.Logger("websocket")  # noqa: LOG001  # nobody else has it: the library's own words say nothing that our events do not
QUIET.disabled = True


class Protocol(ServerProtocol):
    """The library's, but that it leaves pings to the flow: of those that come at once the last is answered (RFC 6455 5.5.3)."""

    def recv_frame(self, frame: Frame) -> None:
        """Take one frame."""
        if frame.opcode is Opcode.PING:
            self.events.append(frame)
        else:
            super().recv_frame(frame)


class Opening:
    """One connection whose request has not been answered yet."""

    __slots__ = ("__weakref__", "_buffer", "_on_open", "_page", "_protocol", "stream")

    def __init__(
        self,
        stream: Stream,
        origins: Sequence[str | None] | None,
        most: int,
        on_open: Callable[[Opening, Any, bytes], object],
        page: Callable[[str], Any],
    ) -> None:
        self.stream = stream
        self._buffer = bytearray()
        self._on_open = on_open
        self._page = page
        self._protocol = Protocol(
            origins=origins,  # type: ignore[arg-type]
            subprotocols=["sip"],  # type: ignore[list-item]
            max_size=most,
            logger=QUIET,
        )
        stream.on_data = self._came

    def _came(self, data: bytes) -> None:
        self._buffer += data
        end = self._buffer.find(END)
        if end < 0 and len(self._buffer) <= HEAD:
            return
        if end < 0 or end > HEAD:
            self.stream.write(b"HTTP/1.1 431 Request Header Fields Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
            self.stream.close("the HTTP request is too large")
            return
        head, rest = bytes(self._buffer[: end + 4]), bytes(self._buffer[end + 4 :])
        self._buffer.clear()
        protocol = self._protocol
        protocol.receive_data(head)
        request = next(iter(protocol.events_received()), None)
        if not isinstance(request, Request):
            self.stream.write(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
            self.stream.close("no HTTP request")
            return
        if request.headers.get_all("Upgrade") or getattr(request, "method", "GET") != "GET":
            self._accept(request, rest)
        else:
            response = self._page(request.path)
            self.stream.write(response.serialize())
            self.stream.close(f"answered over HTTP with {response.status_code}")

    def _accept(self, request: Request, rest: bytes) -> None:
        response = self._protocol.accept(request)
        self.stream.write(response.serialize())
        if response.status_code != 101:
            self.stream.close(f"no WebSocket: {self._protocol.handshake_exc or response.reason_phrase}")
            return
        self._protocol.send_response(response)
        self._protocol.data_to_send()  # has gone out already
        if not self.stream.closed:
            self._on_open(self, self._protocol, rest)
