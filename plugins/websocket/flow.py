"""One WebSocket as a flow: a message a frame, text or binary, in pieces or whole. RFC 7118 4 and 5, RFC 6455 5.4.

Rule: text goes out as text as long as it is UTF-8 (RFC 7118 4.2), anything else as binary. Pings and pongs keep the connection from being
taken for dead, and do not keep it open when nobody needs it.
"""

from __future__ import annotations

import contextlib
from collections import deque
from typing import TYPE_CHECKING, Any

from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.frames import CloseCode, Frame, Opcode
from websockets.protocol import State

from pipeline.stream_flow import TURN, StreamFlow

if TYPE_CHECKING:
    from websockets.server import ServerProtocol

    from pipeline.engine import Pipeline
    from pipeline.network import Stream
    from pipeline.sources import Place
    from pipeline.stream_transport import Connections

CRLF = b"\r\n"
SLICE = 1024
"""Octets that the library gets at once, for it reads them all: 170 of the smallest frames, which take it 2 ms."""
WHOLE = frozenset({Opcode.TEXT, Opcode.BINARY, Opcode.CONT})
"""Frames that complete a message, where they are the last of one."""
LIGHT = 16
"""Other frames that cost as much as a message, at most: 10 us each."""
REASON = 100
"""Bytes of a close frame's reason; RFC 6455 5.5 lets a control frame have 125."""


class WsFlow(StreamFlow):
    """The way to the client at the other end of one WebSocket."""

    __slots__ = ("_asked", "_message", "_ping", "_protocol", "_text", "_unread", "_waiting", "awaited")

    transport = "WS"

    def __init__(self, connections: Connections, engine: Pipeline, stream: Stream, source: Place | None, protocol: ServerProtocol) -> None:
        self._protocol = protocol
        self._message: bytearray | None = None
        """What has come of a message in pieces."""
        self._text = False
        self._unread = b""
        self._waiting: deque[Frame] = deque()
        """Frames that have been read and have not had their turn."""
        self._ping: bytes | None = None
        """What the last ping without an answer holds."""
        self._asked = 0
        """How many CRLF pings (RFC 7118 6) have no answer yet."""
        self.awaited = False
        """Whether a ping of ours has had no answer of any kind yet."""
        super().__init__(connections, engine, stream, source)

    def take(self, data: bytes) -> bool:
        """Take frames."""
        self.awaited = False
        protocol = self._protocol
        data, at = self._unread + data, 0
        self._unread = b""
        waiting = self._waiting
        found, frames, pings, left = False, 0, 0, TURN * LIGHT
        while left > 0 and (waiting or at < len(data)):
            if not waiting:
                protocol.receive_data(data[at : at + SLICE])
                at += SLICE
                waiting.extend(event for event in protocol.events_received() if isinstance(event, Frame))
                continue
            frame = waiting.popleft()
            frames += 1
            left -= LIGHT if frame.fin and frame.opcode in WHOLE else 1
            pings += frame.opcode is Opcode.PING
            found = self._frame(frame) or found
            if self.stream.closed:
                return False
        self._unread = data[at:]
        self._pong(pings)
        self._flush()
        if self._unread or waiting:  # whether what is left is unfinished the next turn tells
            if found:
                self.stuck_since = 0.0
            return True
        if frames and self._message is None and not protocol.reader.buffer:
            self.stuck_since = 0.0
        elif found or not self.stuck_since:  # what is unfinished now began with this piece at the earliest
            self.stuck_since = self._engine.clock.now()
        return False

    def _pong(self, pings: int) -> None:
        """Answer the last of several pings (RFC 6455 5.5.3), and as many of CRLF as a keepalive may be."""
        asked, self._asked = self._asked, 0
        data, self._ping = self._ping, None
        if (not pings and not asked) or self._protocol.state is not State.OPEN:
            return
        answered = self.answerable(pings + asked)
        if data is not None and not self.stream.closed:
            self._protocol.send_pong(data)
        for _ in range(min(asked, answered)):
            self.send(CRLF)

    def _frame(self, frame: Frame) -> bool:
        """Take one frame; True when it completes a message."""
        opcode = frame.opcode
        if opcode is Opcode.TEXT or opcode is Opcode.BINARY:
            self._text = opcode is Opcode.TEXT
            if frame.fin:
                self._whole(bytes(frame.data))
                return True
            self._message = bytearray(frame.data)
        elif opcode is Opcode.CONT and self._message is not None:
            self._message += frame.data
            if frame.fin:
                data, self._message = bytes(self._message), None
                self._whole(data)
                return True
        elif opcode is Opcode.PING:
            self._ping = bytes(frame.data)
        return False

    def _whole(self, data: bytes) -> None:
        self.heard = self._engine.clock.now()
        if self._text and not _is_text(data):
            self._protocol.fail(CloseCode.INVALID_DATA, "text that is not UTF-8")
            self._flush()
        elif data == CRLF + CRLF:
            self._asked += 1
        elif data != CRLF:
            self._engine.receive(data, self)

    def send(self, data: bytes) -> None:
        """Send one message; raises ConnectionError when the WebSocket is closed."""
        protocol = self._protocol
        try:
            if _is_text(data):
                protocol.send_text(data)
            else:
                protocol.send_binary(data)
        except (ConnectionClosed, WebSocketException) as error:
            raise ConnectionError(f"the WebSocket to {self.peer[0]} is closed: {self.stream.closed or error}") from error
        self._flush()

    def ping(self) -> None:
        """Ask whether the client is still there."""
        if self._protocol.state is State.OPEN:
            self.awaited = True
            self._protocol.send_ping(b"")
            self._flush()

    def close(self, reason: str) -> None:
        """Say why, then close the connection."""
        self._say_end(reason)
        self.stream.close(reason)

    def give_up(self, reason: str) -> None:
        """Say why, as far as that goes at once, and close the connection."""
        self._say_end(reason)
        self.stream.give_up(reason)

    def _say_end(self, reason: str) -> None:
        if self._protocol.state is State.OPEN and not self.stream.closed:
            self._protocol.send_close(CloseCode.GOING_AWAY, reason.encode()[:REASON].decode("utf-8", "ignore"))
            with contextlib.suppress(ConnectionError):
                self._flush()

    def _flush(self) -> None:
        for data in self._protocol.data_to_send():
            if self.stream.closed:
                return
            if data:
                self.stream.write(data)
            else:
                self.stream.close(self._why())

    def _why(self) -> str:
        error: Any = self._protocol.parser_exc
        if error is not None:
            return f"the WebSocket cannot be followed: {error}"
        received = self._protocol.close_rcvd
        return f"closed by the peer: {received}" if received is not None else "the WebSocket is closed"


class WssFlow(WsFlow):
    """The same over TLS."""

    __slots__ = ()

    transport = "WSS"
    secure = True


def _is_text(data: bytes) -> bool:
    if data.isascii():
        return True
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
