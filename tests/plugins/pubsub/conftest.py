"""What the tests of pub/sub share: a server with an event package of their own (probe.py), its phones as watchers."""

from pathlib import Path

import pytest

from pipeline.testing.watching import Watch

PROBE = f'[plugin.probe]\nload = "{Path(__file__).with_name("probe.py")}:Probe"\n'
STAGES = {
    "intercept": ["identify", "auth"],
    "application": ["registrar", "pubsub", "probe", "options"],
}


@pytest.fixture
def start(sip):
    """Start a server: start(toml="", **more)."""

    def start(toml="", **more):
        return sip(PROBE + toml, **{**STAGES, **more})

    return start


@pytest.fixture
def server(start):
    return start()


@pytest.fixture
def watch():
    """Watch something with a phone, and wait for what is answered: watch(phone, "bob", event="probe")."""

    def watch(phone, to="", *, event="probe", seconds=0.5, **more):
        made = Watch(phone, to, event=event, **more)
        phone.loop.run_until(lambda: made.done, 64)
        phone.loop.advance(seconds)
        return made

    return watch


@pytest.fixture
def probe(plugin_of):
    """Give the probe of a server."""
    return lambda server: plugin_of(server, "probe")


@pytest.fixture
def notifier(plugin_of):
    """Give what `pubsub` knows."""
    return lambda server: plugin_of(server, "pubsub").notifier
