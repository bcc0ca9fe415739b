"""Thirteen thousand malformed INVITEs by UDP, TCP and WebSocket against a server that lists what the default pipeline.toml lists, and `websocket`.

After each the server answers an OPTIONS, no step has failed, and no message has held the loop for more than 10 ms of CPU; in the end nothing is
left. The suite takes every seventh case; `-m fuzz` takes all.
"""

import asyncio
import gc
import re
import socket
import time
from pathlib import Path

import pytest
from websockets.client import ClientProtocol
from websockets.uri import parse_uri

from pipeline.clock import Clock
from pipeline.config import Document, build
from pipeline.engine import Pipeline
from pipeline.heap import give_back
from pipeline.overload import resident
from tests.fuzz.malformed import cases

ROOT = Path(__file__).parent.parent.parent
LONGEST = 0.010
"""Seconds of CPU for one message."""
ASKED = (
    "OPTIONS sip:example.com SIP/2.0\r\nVia: SIP/2.0/{transport} 127.0.0.1:{port};branch=z9hG4bK{mark};rport\r\nFrom: <sip:a@example.com>;tag=1\r\n"
    "To: <sip:example.com>\r\nCall-ID: {mark}\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
)


def configuration():
    """The default file, on loopback ports of its own; the tester is let through the limits, and may call without a password."""
    text = (
        (ROOT / "pipeline.toml")
        .read_text()
        .replace("0.0.0.0:5060", "127.0.0.1:0")
        .replace("[pipeline]", '[pipeline]\ndomains = ["example.com"]', 1)
    )
    text = re.sub(r'^plugins = \["shield", "udp", "tcp"', r'\g<0>, "websocket"', text, count=1, flags=re.MULTILINE)
    assert '"websocket"' in text
    return text + (
        '\n[plugin.websocket]\nbind = ["127.0.0.1:0"]\n[plugin.shield]\nallow = ["127.0.0.0/8"]\n[plugin.security]\nlog = []\n'
        '[plugin.stack]\n[user.open]\nauth = []\n[user.alice]\npassword = "swordfish"\n'
    ).replace("[plugin.stack]\n", "")


class Timed(Pipeline):
    """A pipeline that notes what the costliest message cost."""

    worst = 0.0

    def receive(self, data, flow):
        begin = time.thread_time()
        super().receive(data, flow)
        self.worst = max(self.worst, time.thread_time() - begin)


class Udp:
    transport = "UDP"

    async def open(self, port):
        self.loop = asyncio.get_running_loop()
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.setblocking(False)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)  # thousands of calls repeat their 200, and nobody acknowledges
        await self.loop.sock_connect(self.sock, ("127.0.0.1", port))
        self.port = self.sock.getsockname()[1]

    async def send(self, data):
        await self.loop.sock_sendall(self.sock, data)

    async def until(self, mark):
        while mark not in await asyncio.wait_for(self.loop.sock_recv(self.sock, 65535), 5):
            pass

    def close(self):
        self.sock.close()


class Tcp:
    transport = "TCP"

    async def open(self, port):
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
        self.port = self.writer.get_extra_info("sockname")[1]

    async def send(self, data):
        self.writer.write(data)

    async def until(self, mark):
        came = b""
        while mark not in came:
            data = await asyncio.wait_for(self.reader.read(65536), 10)
            if not data:
                raise ConnectionError(came)
            came += data

    def close(self):
        self.writer.transport.abort()


class Ws(Tcp):
    transport = "WS"

    async def open(self, port):
        await super().open(port)
        self.protocol = ClientProtocol(parse_uri(f"ws://127.0.0.1:{port}/"), subprotocols=["sip"])
        self.protocol.send_request(self.protocol.connect())
        self.writer.write(b"".join(self.protocol.data_to_send()))
        self.protocol.receive_data(await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), 5))

    async def send(self, data):
        try:
            data.decode()
            self.protocol.send_text(data)
        except UnicodeDecodeError:
            self.protocol.send_binary(data)
        self.writer.write(b"".join(self.protocol.data_to_send()))


async def feed(engine, way, port, step, failures, made=cases):
    """Send every `step`th case that is made, and after each an OPTIONS; give how many there were, and which took long each time."""
    slow, count = [], 0
    client = way()
    await client.open(port)
    for number, (name, data) in enumerate(made(way.transport, client.port, f"{id(client):x}")):
        if number % step:
            continue
        count += 1
        for attempt in range(4):
            engine.worst = 0.0
            await client.send(data)
            asking = client
            if way is not Udp:  # what was sent may have ended the connection, or waits for its rest
                asking = way()
                await asking.open(port)
            mark = f"mark{number}x{attempt}{way.transport}"
            question = ASKED.format(transport=way.transport, port=asking.port, mark=mark).encode()
            for last in (False, False, True):
                await asking.send(question)  # again, as a phone does: on UDP it may be lost
                try:
                    await asyncio.wait_for(asking.until(mark.encode()), 2 if way is Udp else 10)
                    break
                except (TimeoutError, ConnectionError) as error:
                    if last or way is not Udp:
                        raise AssertionError(f"no answer after {name}: {engine.counts}, {engine.overload.reasons}") from error
            if asking is not client:
                client.close()
                client = asking
            assert not failures, (name, failures[0].fields)
            if engine.worst <= LONGEST:
                break
        else:
            slow.append((name, engine.worst))
    client.close()
    return count, slow


async def quiet(engine):
    """Wait until every call has ended (nobody acknowledges: after 64*T1), then give what memory is left in use."""
    end = engine.clock.now() + 120
    while (engine.core.calls or engine.dialogs) and engine.clock.now() < end:  # noqa: ASYNC110
        await asyncio.sleep(1)
    assert not engine.core.calls and not len(engine.dialogs)
    gc.collect()
    give_back()
    return resident()


async def fed(tmp_path, way, step, *, twice):
    loop = asyncio.get_running_loop()
    engine = Timed(build(Document(tmp_path / "pipeline.toml", configuration())), loop, clock=Clock(loop))
    failures = []
    engine.bus.listen("step.failed", failures.append)
    await engine.start()
    port = next(local[1] for _, transport, local in engine.listeners if transport == way.transport)
    try:
        memory = []
        for _ in range(1 + twice):
            count, slow = await feed(engine, way, port, step, failures)
            assert not slow
            assert count * step > 13_000
            if twice:
                memory.append(await quiet(engine))
        return memory
    finally:
        await engine.stop(0)


@pytest.mark.parametrize("way", [Udp, Tcp, Ws], ids=lambda way: way.transport)
def test_no_malformed_invite_stops_or_holds_the_server(tmp_path, way):
    asyncio.run(fed(tmp_path, way, 7, twice=False))


@pytest.mark.fuzz
@pytest.mark.parametrize("way", [Udp, Tcp, Ws], ids=lambda way: way.transport)
def test_all_of_them_twice_leave_no_more_memory_than_once(tmp_path, way):
    once, again = asyncio.run(fed(tmp_path, way, 1, twice=True))
    assert again < once * 1.05, (once, again)
