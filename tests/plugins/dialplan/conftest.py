"""A server with a dialplan whose phones are wires in memory (tests/core/wire.py), and whose sounds keep account of what was asked."""

import importlib.util
import pathlib
import sys
import textwrap
import wave

import pytest

from pipeline.pending import Pending

PLUGIN = '''
from pipeline import hookimpl, plugin

@plugin
class Wires:
    """The wires of a test."""
    wire = None

    @hookimpl
    def channel_request(self, target, wanted):
        return type(self).wire.channel_request(target, wanted)

    @hookimpl
    def media(self, need, channels):
        return type(self).wire.media(need, channels)
'''


def load():
    name = "tests_core_wire"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, pathlib.Path(__file__).parents[2] / "core/wire.py")
        module = sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return sys.modules[name]


wires = load()


class Sound(wires.Sound):
    """Plays a second per sound on virtual time, and writes real WAV files."""

    def __init__(self, wire, channel, label="sound"):
        super().__init__(wire, channel, label)
        self.recording = self.path = None
        self.began = 0.0

    def play(self, source, *, repeat=False):
        if str(source) == "missing":
            raise FileNotFoundError(2, "no such sound", source)
        self.quiet()
        self.wire.played.append(str(source))
        playing = super().play(source, repeat=repeat)
        if not repeat:
            self.wire.engine.clock.call_later(1.0, lambda: None if playing.done else playing.resolve())
        return playing

    def echo(self, on):
        self.wire.played.append("echo on" if on else "echo off")

    def record(self, path, *, seconds=0, silence=0):
        self.recording, self.path, self.began = Pending(), path, self.wire.engine.clock.now()
        if seconds:
            self.wire.engine.clock.call_later(seconds, self.end_recording)
        path.touch()
        return self.recording

    def end_recording(self):
        if self.recording is None or self.recording.done:
            return
        length = self.wire.engine.clock.now() - self.began
        with wave.open(str(self.path), "wb") as file:
            file.setparams((1, 2, 8000, 0, "NONE", ""))
            file.writeframes(bytes(int(length * 8000) * 2))
        self.recording.resolve(length)

    def close(self):
        self.quiet()
        self.end_recording()
        super().close()


class Wire(wires.Wire):
    played: list

    def media(self, need, channels):
        if need == "sound":
            return Sound(self, *channels)
        return super().media(need, channels)


class Mixer(wires.Mixer):
    def terminal(self, channel):
        self.seats.add(channel)
        return Sound(self.wire, channel, "seat")


@pytest.fixture
def plan(sip, tmp_path):
    """plan(toml): an engine with that dialplan and wires; `wire.call("alice", "600")` calls, `wire.phone("bob")` can be called."""
    started = []

    def plan(toml, **more):
        (tmp_path / "wires.py").write_text(PLUGIN)
        text = f'{textwrap.dedent(toml)}\n[plugin.wires]\nload = "{tmp_path}/wires.py:Wires"\n'
        integration = more.pop("integration", ["memory", "toml", "dialplan", "wires"])
        server = sip(text, integration=integration, **more)
        wire = Wire(server.engine)
        wire.played = []
        plugin = next(listing.plugin for listing in server.engine.generation.listings() if listing.name == "wires")
        type(plugin).wire = wire
        wire.server = server
        wire.run, wire.advance, wire.settle = server.run, server.advance, server.loop.settle
        wire.told = lambda name: [event.fields for event in server.events if event.name == name]

        def clean():
            server.loop.settle()
            core = server.engine.core
            assert (core.channels, core.bridges, core.calls, core.conferences, core.tasks) == ({}, {}, {}, {}, set())
            assert wire.open == set()
            assert all(leg.channel._heard == () and leg.channel.media is None for leg in wire.legs)
            assert not wire.told("step.failed")

        wire.clean = clean
        started.append(wire)
        return wire

    return plan


@pytest.fixture
def context(plan):
    """context(extensions): a server whose context `default` has them."""

    def context(extensions, more="", **keywords):
        return plan(f"[context.default.extensions]\n{textwrap.dedent(extensions)}\n{textwrap.dedent(more)}", **keywords)

    return context
