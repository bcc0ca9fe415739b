"""Bytes of memory that a binding costs: `python bench/bindings.py [bindings] [memory|sqlite ...]`, 100,000 of them when nothing is said.

Each REGISTER goes through the real registrar into the real store, by a connection, so that no answer is kept. Each store is measured in a
process of its own, by what that process holds of memory before and after.
"""

from __future__ import annotations

import asyncio
import gc
import os
import pathlib
import subprocess
import sys
import tempfile
import time

from pipeline.cli.run import MIDDLE, OLD, YOUNG
from pipeline.config import Document, build
from pipeline.dal.objects import Aor
from pipeline.engine import Pipeline
from pipeline.flow import Flow

PLAN = """
[pipeline]
name = "bench"
domains = ["example.com"]
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
plugins = ["registrar"]
[[stage]]
name = "integration"
plugins = ["toml", "memory", "sqlite"]
[plugin.udp]
bind = ["127.0.0.1:0"]
[dal]
endpoint = ["toml"]
auth = ["toml"]
aor = ["memory"]
contact = ["{store}"]
"""
AT_ONCE = 500
WARM = 1000
"""Bindings that are made before anything is measured: what is made once is made then."""


class Connection(Flow):
    """Where the REGISTERs come from; what is sent back is counted."""

    __slots__ = ("answered", "local", "peer")
    transport = "TCP"
    reliable = True
    listener = "udp"
    id = "flow:bench"

    def __init__(self):
        self.local, self.peer, self.answered = ("192.0.2.1", 5060), ("192.0.2.17", 5062), 0

    advertised = property(lambda self: self.local)

    def send(self, data):
        assert data.startswith(b"SIP/2.0 200"), data
        self.answered += 1


def register(n):
    user = f"user{n:06d}"
    return (
        f"REGISTER sip:example.com SIP/2.0\r\nVia: SIP/2.0/TCP 192.0.2.17:5062;branch=z9hG4bK{n:08x}\r\nMax-Forwards: 70\r\n"
        f"From: <sip:{user}@example.com>;tag={n:08x}\r\nTo: <sip:{user}@example.com>\r\nCall-ID: {n:08x}-9d1b-4c1e@192.0.2.17\r\n"
        f"CSeq: 1 REGISTER\r\nContact: <sip:{user}@192.0.2.{n % 250}:{5062 + n % 50000};transport=tcp>\r\nExpires: 7200\r\n"
        f"User-Agent: Grandstream GXP2170 1.0.11.64\r\nContent-Length: 0\r\n\r\n"
    ).encode()


def resident():
    gc.collect()
    return int(pathlib.Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


async def measure(store, count, folder):
    plan = build(Document(folder / "pipeline.toml", PLAN.format(store=store)))
    engine = Pipeline(plan, asyncio.get_running_loop())
    await engine.start()
    for n in range(count + WARM):
        engine.dal.create(Aor(id=f"user{n:06d}@example.com"))
    gc.set_threshold(YOUNG, MIDDLE, OLD)  # as the server does
    flow = Connection()
    before = begin = 0
    for first in range(0, count + WARM, AT_ONCE):
        if first == WARM:
            before, begin = resident(), time.perf_counter()
        last = min(first + AT_ONCE, count + WARM)
        for n in range(first, last):
            engine.receive(register(n), flow)
        while flow.answered < last:  # noqa: ASYNC110
            await asyncio.sleep(0)
    seconds = time.perf_counter() - begin
    held = resident() - before
    await engine.stop(0)
    return held, seconds


def main(words):
    count = next((int(word) for word in words if word.isdigit()), 100_000)
    for store in [word for word in words if word in ("memory", "sqlite")] or ["memory", "sqlite"]:
        with tempfile.TemporaryDirectory() as folder:
            command = [sys.executable, __file__, "--one", store, str(count), folder]
            subprocess.run(command, check=True)


def one(store, count, folder):
    held, seconds = asyncio.run(measure(store, count, pathlib.Path(folder)))
    print(f"{store:7} {held / count:6.0f} bytes a binding ({count} of them, {seconds:.1f} s)", flush=True)


if __name__ == "__main__":
    if "--one" in sys.argv:
        one(sys.argv[-3], int(sys.argv[-2]), sys.argv[-1])
    else:
        main(sys.argv[1:])
