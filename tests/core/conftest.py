"""An engine on virtual time whose only technology is a wire in memory (wire.py), as a plugin of the integration stage."""

import importlib.util
import pathlib
import sys

import pytest

PLUGIN = '''
from pipeline import hookimpl, plugin
import attrs

@plugin
class Wires:
    """The wires of a test."""
    wire = None

    @hookimpl
    def channel_request(self, target, wanted):
        return type(self).wire.channel_request(target, wanted)

    @hookimpl
    def route_call(self, dialed):
        return type(self).wire.route_call(dialed)

    @hookimpl
    def media(self, need, channels):
        return type(self).wire.media(need, channels)
'''


def load():
    name = "tests_core_wire"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, pathlib.Path(__file__).with_name("wire.py"))
        module = sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return sys.modules[name]


@pytest.fixture
def wire(sip, tmp_path):
    """Start an engine with wires: wire.server, wire.engine, wire.core; `wire.clean()` asserts that nothing is left."""
    (tmp_path / "wires.py").write_text(PLUGIN)
    server = sip(f'[plugin.wires]\nload = "{tmp_path}/wires.py:Wires"\n[dal]\ncdr = ["memory"]\n', integration=["memory", "toml", "wires"])
    wire = load().Wire(server.engine)
    plugin = next(listing.plugin for listing in server.engine.generation.listings() if listing.name == "wires")
    type(plugin).wire = wire
    wire.server = server
    wire.run, wire.advance, wire.settle = server.run, server.advance, server.loop.settle

    def clean():
        server.loop.settle()
        core = server.engine.core
        assert (core.channels, core.bridges, core.calls, core.conferences, core.tasks) == ({}, {}, {}, {}, set())
        assert wire.open == set()
        assert all(leg.channel._heard == () and leg.channel._task is None and leg.channel.media is None for leg in wire.legs)
        assert not [event.fields["error"] for event in server.events if event.name == "step.failed"]

    wire.clean = clean
    wire.told = lambda name: [event.fields for event in server.events if event.name == name]
    return wire
