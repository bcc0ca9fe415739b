"""A server on the real loop with the stores in memory and no listener, and its control socket."""

import asyncio
import json
import textwrap

import pytest

from pipeline.config import Document, build
from pipeline.control.place import Lock
from pipeline.control.server import Control
from pipeline.engine import Pipeline
from pipeline.flow import Flow

TOML = textwrap.dedent("""\
    [pipeline]
    name = "test"
    domains = ["example.com", "example.org"]
    [[stage]]
    name = "transport"
    plugins = ["udp"]
    [[stage]]
    name = "protocol"
    plugins = ["stack"]
    [[stage]]
    name = "intercept"
    plugins = []
    [[stage]]
    name = "application"
    plugins = []
    [[stage]]
    name = "integration"
    plugins = ["toml", "memory"]
    [plugin.udp]
    bind = ["127.0.0.1:0"]
    [dal]
    endpoint = ["toml", "memory"]
    auth = ["toml", "memory"]
    aor = ["toml", "memory"]
    contact = ["memory"]
    [user.alice]
    password = "not-to-be-shown"
    """)


class Peer(Flow):
    transport, reliable, local, peer, advertised, listener = (
        "UDP",
        False,
        ("127.0.0.1", 5060),
        ("127.0.0.9", 5060),
        ("127.0.0.1", 5060),
        "udp",
    )
    id = "udp:127.0.0.9:5060"

    def send(self, data):
        pass


OPTIONS = (
    b"OPTIONS sip:example.com SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.9;branch=z9hG4bK1\r\nFrom: <sip:alice@example.com>;tag=1\r\n"
    b"To: <sip:example.com>\r\nCall-ID: a\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
)


class Running:
    """What a test talks to."""

    def __init__(self, engine, control, folder):
        self.engine, self.control, self.folder = engine, control, folder

    async def connect(self):
        return await asyncio.open_unix_connection(self.folder / "control.sock")

    async def ask(self, **question):
        """Ask one question; give every answer to it."""
        reader, writer = await self.connect()
        writer.write(json.dumps(question).encode() + b"\n")
        answers = []
        while True:
            answers.append(json.loads(await reader.readline()))
            if answers[-1].keys() & {"end", "error"}:
                break
        writer.close()
        await writer.wait_closed()
        return answers

    async def rows(self, **question):
        answers = await self.ask(**question)
        assert answers.pop() == {"end": True}
        return [answer["row"] for answer in answers]


@pytest.fixture
def running(tmp_path):
    """Run a coroutine function of a test with a Running server: running(test)."""

    def run(test, toml=TOML):
        async def main():
            plan = build(Document(tmp_path / "pipeline.toml", toml))
            lock = Lock(plan.state)
            engine = Pipeline(plan, asyncio.get_running_loop())
            control = Control(engine, lock)
            try:
                await engine.start()
                await control.start()
                await asyncio.wait_for(test(Running(engine, control, plan.state)), 20)
            finally:
                await control.close()
                await engine.stop(0)
                lock.close()

        asyncio.run(main())

    run.toml, run.options, run.peer = TOML, OPTIONS, Peer
    return run
