"""What the channel core costs per call: `python bench/channels.py [calls]`. Two channels, routing, dialling, bridge, end, all events.

The technology and the media are those of tests/core/wire.py, in memory, and their cost is in the figure. Aim: under 120 us a call.
"""

from __future__ import annotations

import importlib.util
import sys
import tempfile
import time
from pathlib import Path

from pipeline.core import Wanted
from pipeline.pending import finished
from pipeline.testing.server import Server

SEVERAL = 50
"""Calls that run side by side."""


def load(name):
    spec = importlib.util.spec_from_file_location(name, Path(__file__).parents[1] / f"tests/core/{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


async def dial(channel):
    core = channel.core
    attempts = await finished(core.request(channel.dialed, Wanted(caller=channel, party=channel.caller)))
    outcome = await core.dial(channel, attempts, 30.0)
    await outcome.bridge.over()


def main(calls):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "wires.py"
        path.write_text(load("conftest").PLUGIN)
        server = Server(f'[plugin.wires]\nload = "{path}:Wires"\n', Path(folder), integration=["memory", "toml", "wires"])
        server.engine.bus._listeners.clear()
        server.engine.bus._heard.clear()
        wire = load("wire").Wire(server.engine)
        plugin = next(listing.plugin for listing in server.engine.generation.listings() if listing.name == "wires")
        type(plugin).wire = wire
        wire.scripts["bob"] = dial
        wire.phone("bob")
        best = float("inf")
        for _ in range(5):
            begin = time.process_time()
            for _ in range(calls // SEVERAL):
                callers = [wire.call("alice", "bob") for _ in range(SEVERAL)]
                server.loop.settle()
                assert len(server.engine.core.bridges) == SEVERAL
                for caller in callers:
                    caller.hang_up()
                server.loop.settle()
                wire.legs.clear()
                wire.asked.clear()
            best = min(best, time.process_time() - begin)
        assert not wire.open
        assert not server.engine.core.channels
        assert not server.engine.core.tasks
        print(f"{best / (calls // SEVERAL * SEVERAL) * 1e6:.1f} us a call")
        server.close()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2000)
