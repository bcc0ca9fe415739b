"""The corpora of others (/work/shared/fuzz, or SIPLINE_FUZZ_SEEDS), each file by UDP, TCP and WebSocket: the server goes on answering."""

import asyncio
import os
import socket
from pathlib import Path

import pytest

from pipeline.clock import Clock
from pipeline.config import Document, build
from pipeline.engine import Pipeline
from pipeline.testing.server import STAGES, toml_of
from tests.fuzz.test_malformed import Tcp, Timed, Udp, Ws, configuration, feed

FOLDERS = [Path(folder) for folder in os.environ.get("SIPLINE_FUZZ_SEEDS", "/work/shared/fuzz:/work/shared/torture").split(":")]
FILES = sorted(path for folder in FOLDERS if folder.is_dir() for path in folder.rglob("*") if path.is_file())
OPTIONS = (
    "OPTIONS sip:example.com SIP/2.0\r\nVia: SIP/2.0/{} 127.0.0.1:{};branch=z9hG4bK{};rport\r\nFrom: <sip:a@example.com>;tag=1\r\n"
    "To: <sip:example.com>\r\nCall-ID: {}\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
)


@pytest.mark.skipif(not FILES, reason=f"none of {', '.join(map(str, FOLDERS))} is there")
@pytest.mark.parametrize("intercept", [[], ["identify", "security", "auth"]], ids=["open", "guarded"])
def test_every_file_leaves_the_server_answering(tmp_path, intercept):
    """No file makes a step fail, holds the loop for long, or ends the server. `shield` is not listed: all shall be parsed."""
    toml = '[plugin.udp]\nbind = ["127.0.0.1:0"]\n[plugin.tcp]\nbind = ["127.0.0.1:0"]\n'
    text = toml_of(toml, {**STAGES, "intercept": intercept})

    async def main():
        loop = asyncio.get_running_loop()
        engine = Pipeline(build(Document(tmp_path / "pipeline.toml", text)), loop, clock=Clock(loop))
        failures = []
        engine.bus.listen("step.failed", failures.append)
        await engine.start()
        ports = {transport: local[1] for _, transport, local in engine.listeners}
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        udp.setblocking(False)
        await loop.sock_connect(udp, ("127.0.0.1", ports["UDP"]))
        me = udp.getsockname()[1]
        try:
            for number, path in enumerate(FILES):
                data = path.read_bytes()
                begin = engine.clock.now()
                await loop.sock_sendall(udp, data[:65000])
                reader, writer = await asyncio.open_connection("127.0.0.1", ports["TCP"])
                writer.write(data)
                await asyncio.sleep(0)
                mark = f"mark{number}"
                await loop.sock_sendall(udp, OPTIONS.format("UDP", me, mark, mark).encode())
                while mark.encode() not in await asyncio.wait_for(loop.sock_recv(udp, 65535), 5):
                    pass
                writer.close()
                assert engine.clock.now() - begin < 1.0, path
                assert not failures, (path, failures[0].fields)
            reader, writer = await asyncio.open_connection("127.0.0.1", ports["TCP"])
            writer.write(OPTIONS.format("TCP", 1, "last", "last").encode())
            assert b"SIP/2.0 " in await asyncio.wait_for(reader.read(1000), 5)
            writer.close()
        finally:
            udp.close()
            await engine.stop(0)

    asyncio.run(main())


@pytest.mark.skipif(not FILES, reason=f"none of {', '.join(map(str, FOLDERS))} is there")
@pytest.mark.parametrize("way", [Udp, Tcp, Ws], ids=lambda way: way.transport)
def test_every_file_leaves_a_server_of_every_usual_plugin_answering(tmp_path, way):
    """What the default pipeline.toml lists, and `websocket`; no file costs more than 10 ms."""

    def files(*_):
        return ((str(path), path.read_bytes()[:60000]) for path in FILES)

    async def main():
        loop = asyncio.get_running_loop()
        engine = Timed(build(Document(tmp_path / "pipeline.toml", configuration())), loop, clock=Clock(loop))
        failures = []
        engine.bus.listen("step.failed", failures.append)
        await engine.start()
        port = next(local[1] for _, transport, local in engine.listeners if transport == way.transport)
        try:
            count, slow = await feed(engine, way, port, 1, failures, files)
            assert count == len(FILES) and not slow
        finally:
            await engine.stop(0)

    asyncio.run(main())
