"""Presence on a bad network: whatever was lost, doubled or overtaken, whichever watcher or server went down when, every watcher that lives
holds the last state in the end, nobody is told what is older than what he knows, and the server keeps nothing of those that are gone.

SIPLINE_WATCHERS=1000 python -m pytest tests/simulation/test_presence.py -q        the whole of it: ten watchers of each presentity
SIPLINE_SEED=17 ...                                                              that seed alone
"""

import os
import random
import re

import pytest

from pipeline.client import Final
from pipeline.testing.loop import VirtualLoop
from pipeline.testing.network import Network
from pipeline.testing.server import Server
from pipeline.testing.watching import Watch

WATCHERS = int(os.environ.get("SIPLINE_WATCHERS", "60"))
PRESENTITIES = max(1, WATCHERS // 10)
PHONES = max(4, min(WATCHERS // 50, 20))
ONLY = os.environ.get("SIPLINE_SEED")
SEEDS = 3 if WATCHERS <= 100 else 1
EXPIRES = 120
BAD, GOOD = 400.0, 2 * EXPIRES + 130.0  # what nobody refreshes has expired by then, and its last NOTIFY is given up
VERSION = re.compile(rb'version="(\d+)"')
STAGES = {
    "intercept": ["identify"],
    "application": ["registrar", "pubsub", "presence", "dialog", "options"],
    "integration": ["memory", "toml", "sqlite"],
}
TOML = """
[plugin.pubsub]
publish = "all"
per_source = 100000
publications_per_publisher = 100000
[dal]
subscription = ["sqlite"]
publication = ["sqlite"]
"""
PIDF = (
    '<?xml version="1.0"?><presence xmlns="urn:ietf:params:xml:ns:pidf" entity="sip:{who}@example.com">'
    '<tuple id="desk"><status><basic>{basic}</basic></status><note>{note}</note></tuple></presence>'
)


class Watcher:
    """One who watches, as a phone does it: refreshes in time, and begins anew when that fails."""

    def __init__(self, simulation, number):
        self.simulation = simulation
        self.phone = simulation.phones[number % PHONES]
        self.who = f"p{number % PRESENTITIES}"
        self.event = "dialog" if number % 10 == 9 else "presence"
        self.alive = True
        self.watch = None
        self.former = []
        self.at = 0.0
        simulation.loop.call_later(simulation.draw.uniform(0, 60), self.begin)

    def begin(self):
        if self.watch is not None:
            self.watch.forget()
            self.former.append(self.watch)
        self.watch = Watch(self.phone, self.who, event=self.event, expires=EXPIRES)
        self.at = self.simulation.loop.time()
        self.later()

    def later(self):
        self.simulation.loop.call_later(self.simulation.draw.uniform(4, 8), self.look)

    def look(self):
        if not self.alive:
            return
        watch, outcome = self.watch, self.watch.outcome
        if outcome is not None:
            if not isinstance(outcome, Final) or outcome.response.status >= 300 or watch.state == "terminated":
                self.begin()
                return
            if self.simulation.loop.time() - self.at > EXPIRES * 0.6:
                watch.subscribe(EXPIRES)
                self.at = self.simulation.loop.time()
        self.later()

    def crash(self):
        self.alive = False
        if self.watch is None:
            return
        if self.simulation.draw.random() < 0.5:
            self.watch.silent = True
        else:
            self.watch.forget()


class Publisher:
    """One who publishes about himself; what became of a PUBLISH that nobody answered is found out by the next."""

    def __init__(self, simulation, number):
        self.simulation, self.name = simulation, f"p{number}"
        self.phone = simulation.publishers[number % len(simulation.publishers)]
        self.etag, self.attempt, self.note = "", None, ""
        self.at = 0.0
        simulation.loop.call_later(simulation.draw.uniform(0, 30), self.change)

    def change(self):
        """Publish something else, unless it is still being asked."""
        self.take()
        if self.attempt is None or self.attempt.done:
            self.publish(self.simulation.draw.choice(["open", "closed"]), str(self.simulation.draw.randrange(1 << 30)))
        if not self.simulation.calm:
            self.simulation.loop.call_later(self.simulation.draw.uniform(2, 60), self.change)

    def publish(self, basic, note):
        self.take()
        self.note = note
        headers = [("Event", "presence"), ("Expires", str(EXPIRES)), ("Content-Type", "application/pidf+xml")]
        if self.etag:
            headers.append(("SIP-If-Match", self.etag))
        self.attempt = self.phone.request(
            "PUBLISH", f"sip:{self.name}@example.com", headers=headers, body=PIDF.format(who=self.name, basic=basic, note=note).encode()
        )

    def take(self):
        """Learn what became of the last one."""
        attempt = self.attempt
        if attempt is not None and attempt.done:
            self.etag = (attempt.response.get("sip-etag") or "") if attempt.status == 200 else ""


class Simulation:
    """The watchers and publishers of one seed, and their server."""

    def __init__(self, seed, folder):
        self.seed, self.draw = seed, random.Random(seed)
        self.calm = False
        self.loop = VirtualLoop()
        self.network = Network(seed, delay=(0.001, 0.05), loop=self.loop)
        users = "".join(f"[user.p{n}]\nauth = []\n" for n in range(max(PRESENTITIES, PHONES)))
        self.server = Server(users + TOML, folder, seed=seed, network=self.network, loop=self.loop, **STAGES)
        self.phones = [self.server.phone(f"p{n}", address=(f"10.0.1.{n + 1}", 5060)) for n in range(PHONES)]
        self.publishers = [self.server.phone(f"p{n}", address=(f"10.0.2.{n + 1}", 5060)) for n in range(min(8, PRESENTITIES))]

    def run(self):
        """Everything, and the checks."""
        server, loop, network, draw, seed = self.server, self.loop, self.network, self.draw, self.seed
        network.loss = network.duplicate = network.reorder = 0.1
        publishers = [Publisher(self, number) for number in range(PRESENTITIES)]
        watchers = [Watcher(self, number) for number in range(WATCHERS)]
        for watcher in draw.sample(watchers, WATCHERS // 5):
            loop.call_later(draw.uniform(20, BAD), watcher.crash)
        loop.advance(BAD * draw.uniform(0.3, 0.6))
        if draw.random() < 0.5:
            server.stop()
        else:
            server.crash()
        loop.advance(draw.choice([0.0, draw.uniform(0, 20)]))
        server.start()
        loop.advance(BAD * 0.5)
        self.calm = True
        network.loss = network.duplicate = network.reorder = 0.0
        loop.advance(70)
        for publisher in publishers:
            publisher.publish("open", f"last words of {publisher.name}")
        loop.advance(1)
        for _ in range(int(GOOD / (EXPIRES * 0.5)) + 1):
            loop.advance(EXPIRES * 0.5)
            for publisher in publishers:
                publisher.publish("open", f"last words of {publisher.name}")
        loop.advance(5)
        notifier = next(each.plugin for each in server.engine.generation.listings() if each.name == "pubsub").notifier
        living = [watcher for watcher in watchers if watcher.alive]
        for watcher in living:
            assert watcher.watch.state == "active", f"seed {seed}: {watcher.who} {watcher.watch.state}"
            if watcher.event == "presence":
                told = watcher.watch.body.decode()
                assert told.count("<note>") == 1, f"seed {seed}: {told}"
                assert f"last words of {watcher.who}<" in told, f"seed {seed}: {told}"
        known = sorted(each.usage.dialog.call_id for each in notifier.subscriptions.values())
        assert known == sorted(watcher.watch.call_id for watcher in living), f"seed {seed}"
        assert len(notifier.publications) == PRESENTITIES
        for watch in [each for watcher in watchers for each in (*watcher.former, watcher.watch) if each is not None]:
            seen = {message.cseq.number: message for message in watch.notifies}
            numbers = [message.cseq.number for message in watch.notifies]
            assert numbers == sorted(numbers), f"seed {seed}: {numbers}"
            versions = [int(found[1]) for message in seen.values() if (found := VERSION.search(message.body.partition(b"?>")[2]))]
            assert versions == sorted(set(versions)), f"seed {seed}: {versions}"
        failed = [event for event in server.events if event.name in ("step.failed", "storage.failed")]
        assert not failed, f"seed {seed}: {failed}"
        for watcher in living:
            watcher.alive = False
            watcher.watch.unsubscribe()
        loop.advance(EXPIRES + 100)
        assert not notifier.subscriptions
        assert not notifier.topics
        assert len(server.engine.dialogs) == 0


@pytest.mark.parametrize("seed", [int(ONLY)] if ONLY is not None else range(SEEDS))
def test_every_living_watcher_holds_the_last_state(seed, tmp_path):
    simulation = Simulation(seed, tmp_path)
    try:
        simulation.run()
    finally:
        simulation.server.close()
