"""The whole server in memory and in virtual time, every plugin of the default pipeline.toml and `websocket` listed, to be fed with anything.

Rule: what is fed must make no step fail, and the next OPTIONS is answered; from time to time all that was begun is let come to its end. Nobody
is challenged here: what stands behind the guards is what shall be reached.
"""

from __future__ import annotations

import functools
import pathlib
import tempfile
import tomllib

from websockets.client import ClientProtocol
from websockets.protocol import State
from websockets.uri import parse_uri

from pipeline.testing.server import Server

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
SOURCE = ("10.0.0.9", 5060)
EVERY = 100
"""Inputs after which all comes to its end."""
OFFER = b"v=0\r\no=- 1 1 IN IP4 10.0.0.9\r\ns=-\r\nc=IN IP4 10.0.0.9\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0 101\r\na=rtpmap:101 telephone-event/8000\r\n"
PIDF = b'<?xml version="1.0"?><presence xmlns="urn:ietf:params:xml:ns:pidf" entity="sip:a@b"><tuple id="t"><status><basic>open</basic></status></tuple></presence>'
HEAD = (
    "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.9:5060;branch=z9hG4bKf{serial};rport\r\nFrom: <sip:a@b>;tag=f{serial}\r\nTo: <{uri}>\r\n"
    "Call-ID: f{serial}\r\nCSeq: 1 {method}\r\nMax-Forwards: 70\r\nContact: <sip:a@10.0.0.9>\r\n"
)


def stages() -> dict[str, list[str]]:
    """Return what the default pipeline.toml lists; in memory, without the guards in front, with `websocket`."""
    written = {stage["name"]: stage["plugins"] for stage in tomllib.loads((ROOT / "pipeline.toml").read_text())["stage"]}
    listed = {name: [plugin for plugin in plugins if plugin not in ("shield", "sqlite")] for name, plugins in written.items()}
    listed["transport"].append("websocket")
    listed["integration"].insert(0, "memory")
    return listed


TOML = """
[pipeline]
name = "whole"
domains = ["b"]
[plugin.websocket]
bind = ["10.0.0.1:8088"]
[plugin.security]
log = []
[user.a]
auth = []
[user.c]
auth = []
[context.default]
users = true
[context.default.extensions]
600 = ["answer", "echo"]
602 = ["answer", "conference"]
"""


class Whole:
    """The server, and who feeds it."""

    def __init__(self) -> None:
        self.server = Server(TOML, pathlib.Path(tempfile.mkdtemp(prefix="sipline-whole")), **stages())
        self.failures: list[object] = []
        self.server.engine.bus.listen("step.failed", self.failures.append)
        self.serial = 0
        self.came: list[bytes] = []
        """Datagrams that came back: answers, requests, media."""
        host = self.server.network.host(SOURCE[0])
        self.phone = host.datagram(*SOURCE, lambda data, *_: self.came.append(data))

    def message(self, method: str, uri: str, lines: bytes = b"", body: bytes = b"", kind: str = "") -> bytes:
        """Write a request that is right but for what is given."""
        self.serial += 1
        head = HEAD.format(method=method, uri=uri, serial=self.serial).encode() + lines
        if kind:
            head += f"Content-Type: {kind}\r\n".encode()
        return head + f"Content-Length: {len(body)}\r\n\r\n".encode() + body

    def feed(self, data: bytes) -> None:
        """Send one datagram, and see that the server is well."""
        self.phone.send(data, ("10.0.0.1", 5060))
        self.well()

    def well(self) -> None:
        """See that no step failed, and that the next is served."""
        server = self.server
        server.advance(0.05)
        assert not self.failures, self.failures.pop().fields
        self.forget()
        self.phone.send(self.message("OPTIONS", "sip:b"), ("10.0.0.1", 5060))
        server.advance(0.05)
        call_id = b"\r\nCall-ID: f%d\r\n" % self.serial
        assert any(data.startswith(b"SIP/2.0 ") and call_id in data for data in self.came), "OPTIONS is not answered"
        if self.serial % EVERY == 0:
            self.over()

    def over(self) -> None:
        """Let all that was begun come to its end."""
        self.server.advance(400)
        assert not self.failures, self.failures.pop().fields
        self.forget()

    def forget(self) -> None:
        """Forget what was answered and told so far."""
        self.server.events.clear()
        self.came.clear()

    def connection(self, port: int):
        """Open a connection to the server."""

        async def connect():
            return await self.server.network.host(SOURCE[0]).connect("10.0.0.1", port)

        return self.server.run(connect())


@functools.cache
def whole() -> Whole:
    """The one of this process."""
    return Whole()


def calls(data: bytes) -> None:
    """One thing in an honest request of each application is what the fuzzer says: the first octet chooses which."""
    if not data:
        return
    fed, what, rest = whole(), data[0] % 10, data[1:]
    lines = rest.replace(b"\r\n\r\n", b"\r\n") + b"\r\n"
    shapes = (
        lambda: rest,
        lambda: fed.message("INVITE", "sip:600@b", body=rest, kind="application/sdp"),
        lambda: fed.message("INVITE", "sip:600@b", lines, OFFER, "application/sdp"),
        lambda: fed.message("INVITE", "sip:602@b", body=OFFER + rest, kind="application/sdp"),
        lambda: fed.message("REGISTER", "sip:b", lines),
        lambda: fed.message("SUBSCRIBE", "sip:a@b", b"Event: presence\r\n" + lines),
        lambda: fed.message("SUBSCRIBE", "sip:a@b", lines),
        lambda: fed.message("PUBLISH", "sip:a@b", b"Event: presence\r\n", rest, "application/pidf+xml"),
        lambda: fed.message("MESSAGE", "sip:c@b", lines, b"hello", "text/plain"),
        lambda: fed.message("INVITE", "sip:600@b", body=rest, kind="multipart/mixed;boundary=x"),
    )
    fed.feed(shapes[what]())


def sockets(data: bytes) -> None:
    """A WebSocket: the opening, the frames, or what is in a frame, in pieces; the first octet chooses which."""
    if len(data) < 2:
        return
    fed, rest, size = whole(), data[2:], 1 + data[1] % 64
    stream = fed.connection(8088)
    protocol = ClientProtocol(parse_uri("ws://10.0.0.1:8088/"), subprotocols=["sip"])  # type: ignore[list-item]
    stream.on_data = protocol.receive_data
    request = protocol.connect()
    if data[0] % 3:
        protocol.send_request(request)
        stream.write(b"".join(protocol.data_to_send()))
        fed.server.advance(0.3)
        assert protocol.state is State.OPEN, "no WebSocket could be opened"
    else:
        rest = b"GET / HTTP/1.1\r\n" + rest if data[0] & 64 else rest
    if data[0] % 3 == 2:
        protocol.send_binary(rest) if data[0] & 64 else protocol.send_binary(rest, fin=False)
        rest = b"".join(protocol.data_to_send())
    for at in range(0, len(rest), max(size, len(rest) // 16 + 1)):
        if not stream.closed:
            stream.write(rest[at : at + max(size, len(rest) // 16 + 1)])
    fed.server.advance(0.05)
    if not stream.closed:
        stream.reset("over")
    fed.well()
