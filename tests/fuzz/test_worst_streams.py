"""The worst that one read of a connection can hold: nothing that follows from it keeps the loop for more than 10 ms of CPU. RFC 3261 26.1.5.

What one message costs test_worst.py sees; here it is how many there are. Every callback of the loop is timed, whoever set it.
"""

import asyncio
import time

import pytest
from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.uri import parse_uri

from pipeline.streams import READ
from tests.fuzz.whole import Whole

LONGEST = 0.010
"""Seconds of CPU. The quickest of some attempts counts: the collector and the machine's caches are nobody's fault."""
ATTEMPTS = 12
OPTIONS = (
    b"OPTIONS sip:b SIP/2.0\r\nv:SIP/2.0/TCP h;branch=z9hG4bK1\r\nf:<sip:a@b>;tag=1\r\nt:<sip:b>\r\ni:1\r\nCSeq:1 OPTIONS\r\n"
    b"Max-Forwards:70\r\nl:0\r\n\r\n"
)
MESSAGES = {
    "pings": b"\r\n\r\n",
    "pongs and messages": b"\r\n" + OPTIONS,
    "requests": OPTIONS,
    "responses": b"SIP/2.0 200 OK\r\nv:SIP/2.0/TCP h;branch=z9hG4bK1\r\nf:<sip:a@b>;tag=1\r\nt:<sip:b>\r\ni:1\r\nCSeq:1 OPTIONS\r\nl:0\r\n\r\n",
    "requests that nobody can read": b"OPTIONS sip:b SIP/2.0\r\nl:0\r\n\r\n",
    "no SIP": b"x\r\nl:0\r\n\r\n",
    "invitations": OPTIONS.replace(b"OPTIONS", b"INVITE").replace(b"sip:b SIP", b"sip:600@b SIP").replace(b"l:0", b"m:<sip:a@h>\r\nl:0"),
}
FRAMES = {
    "pings": (Opcode.PING, b"", True),
    "pongs": (Opcode.PONG, b"", True),
    "crlf pings": (Opcode.TEXT, b"\r\n\r\n", True),
    "octets": (Opcode.TEXT, b"x", True),
    "empty messages": (Opcode.BINARY, b"", True),
    "pieces": (Opcode.CONT, b"", False),
    "requests": (Opcode.TEXT, OPTIONS, True),
}


@pytest.fixture(scope="module")
def fed():
    whole = Whole()
    whole.server.network.chunks = False
    yield whole
    whole.over()
    whole.server.close()


@pytest.fixture
def longest(monkeypatch):
    """The CPU that the costliest callback has taken, in a list."""
    worst, run = [0.0], asyncio.Handle._run

    def timed(handle):
        begin = time.thread_time()
        run(handle)
        worst[0] = max(worst[0], time.thread_time() - begin)

    monkeypatch.setattr(asyncio.Handle, "_run", timed)
    return worst


def cost(fed, longest, connected, data):
    """What the costliest turn costs when a connection, which has brought a request, brings so much at once; the least of some attempts."""
    best = 1.0
    for attempt in range(ATTEMPTS):
        stream = connected()
        fed.server.advance(0.3)
        stream.on_data = None  # reading what comes back would be timed too
        stream.write(data)
        longest[0] = 0.0
        fed.server.advance(0.1)
        best = min(best, longest[0])
        stream.reset("seen")
        if attempt % 2:
            fed.over()
        if best < LONGEST:
            break
    assert not fed.failures, fed.failures.pop().fields
    return best


@pytest.mark.parametrize("proved", [True, False], ids=["known", "stranger"])
@pytest.mark.parametrize("what", MESSAGES)
def test_no_read_of_tcp_holds_the_loop_for_more_than_ten_milliseconds(fed, longest, what, proved):
    def connected():
        stream = fed.connection(5060)
        stream.on_data = lambda data: None
        if proved:
            stream.write(OPTIONS)
        return stream

    data = MESSAGES[what] * (READ // len(MESSAGES[what]))
    assert cost(fed, longest, connected, data) < LONGEST


@pytest.mark.parametrize("proved", [True, False], ids=["known", "stranger"])
@pytest.mark.parametrize("what", FRAMES)
def test_no_read_of_a_websocket_holds_the_loop_for_more_than_ten_milliseconds(fed, longest, what, proved):
    opcode, payload, whole = FRAMES[what]
    frame = Frame(opcode, payload, whole).serialize(mask=True)

    def connected():
        stream = fed.connection(8088)
        protocol = ClientProtocol(parse_uri("ws://10.0.0.1:8088/"), subprotocols=["sip"])
        stream.on_data = lambda data: None
        protocol.send_request(protocol.connect())
        stream.write(b"".join(protocol.data_to_send()))
        if proved:
            stream.write(Frame(Opcode.TEXT, OPTIONS).serialize(mask=True))
        if what == "pieces":
            stream.write(Frame(Opcode.TEXT, b"x", fin=False).serialize(mask=True))
        return stream

    assert cost(fed, longest, connected, frame * (READ // len(frame))) < LONGEST
