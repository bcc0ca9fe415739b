"""Transfers on a bad network: whoever was referred where and hung up when, nothing is left at the end, and nobody was told an untruth.

SIPLINE_TRANSFERS=2000 python -m pytest tests/simulation/test_transfers.py -q    the whole of it; the suite runs a few seeds
SIPLINE_SEED=17 ...                                                              that seed alone
"""

import os
import random

import pytest

from pipeline.testing.loop import VirtualLoop
from pipeline.testing.network import Network
from pipeline.testing.server import CALLS, Server

PER_SEED = 12
SEEDS = max(1, -(-int(os.environ.get("SIPLINE_TRANSFERS", "120")) // PER_SEED))
ONLY = os.environ.get("SIPLINE_SEED")
PHONES = 6
QUIET = 64 * 0.5 + 64 + 180  # and the subscriptions that REFER has made
STAGES = {**CALLS, "intercept": ["identify", "auth"], "application": ["registrar", "channel", "pubsub", "refer", "dialog", "options"]}
EXTENSIONS = """
[context.default]
users = true
[context.default.extensions]
echo = ["answer", "echo"]
room = [{ conference = "room" }]
some = [{ dial = "p0", timeout = 2 }, { dial = "p1", timeout = 2 }, { hangup = "busy" }]
"""


class Simulation:
    """The calls of one seed, and what is done with them."""

    def __init__(self, seed, folder):
        self.seed, self.draw = seed, random.Random(seed)
        self.loop = VirtualLoop()
        self.network = Network(seed, delay=(0.001, 0.05), loop=self.loop)
        media = "" if seed % 2 == 0 else "media_local"
        toml = "".join(f'[user.p{n}]\npassword = "p{n}\'s"\nmedia = "{media}"\n' for n in range(PHONES)) + EXTENSIONS
        self.server = Server(toml, folder, seed=seed, network=self.network, loop=self.loop, **STAGES)
        self.phones = [self.server.phone(f"p{n}", address=(f"10.0.1.{n + 1}", 5060)) for n in range(PHONES)]
        for phone in self.phones:
            phone.online(86400)
        self.loop.advance(QUIET)
        self.before = self.server.timers()
        self.referred = []

    def place(self):
        """One call, a transfer or two within it, and its end."""
        draw = self.draw
        one, two = draw.sample(self.phones, 2)
        for phone in self.phones:
            phone.answers(
                ring=draw.choice([0.0, draw.uniform(0, 1), None]),
                after=draw.choice([0.0, draw.uniform(0, 4), 60.0]),
                status=draw.choice([200] * 6 + [486, 603, 480]),
            )
        two.answers(ring=0.0, after=draw.uniform(0, 2))
        call = one.call(two.name)
        for _ in range(draw.choice([1, 1, 2])):
            self.loop.call_later(draw.uniform(3, 20), self.refer, call, two)
        self.loop.call_later(draw.uniform(5, 60), self.hang_up, call, two)

    def refer(self, call, two):
        """Whoever of the two is in a call refers the other."""
        draw = self.draw
        sides = [side for side in (call, *two.calls[-1:]) if side.state == "up"]
        if not sides:
            return
        side = draw.choice(sides)
        target = draw.choice(["p0", "p1", "p2", "p3", "p4", "p5", "nobody", "echo", "room", "some"])
        attempt = side.request("REFER", [("Refer-To", f"<sip:{target}@example.com>"), ("Contact", f"<{side.phone.contact}>")])
        self.referred.append((side, attempt, target))
        if draw.random() < 0.4:
            self.loop.call_later(draw.uniform(0, 2), self.end, side)

    def hang_up(self, call, two):
        """One of them has had enough."""
        for side in (call, *two.calls[-1:]):
            if self.draw.random() < 0.7:
                self.end(side)

    def end(self, side):
        """Hang up, whatever state it is in."""
        if side.state in ("up", "calling", "proceeding"):
            side.hangup()

    def run(self):
        """Everything, and the checks."""
        network, loop, seed = self.network, self.loop, self.seed
        network.loss = network.duplicate = network.reorder = 0.08
        for _ in range(PER_SEED):
            self.place()
            loop.advance(self.draw.uniform(0, 10))
        loop.advance(120)
        network.loss = network.duplicate = network.reorder = 0.0
        for phone in self.phones:
            for call in phone.calls:
                if call.state == "up":
                    call.hangup()
        loop.advance(QUIET)
        failed = [event.fields["error"] for event in self.server.told("step.failed")]
        assert not failed, f"seed {seed}: {failed[:3]}"
        for phone in self.phones:
            for call in phone.calls:
                assert call.state == "ended", f"seed {seed}: {call}"
        assert self.server.leftovers() == {}, f"seed {seed}: {self.server.leftovers()}"
        assert not self.server.engine.core.tasks, f"seed {seed}"
        self.truth()

    def truth(self):
        """Of each REFER that was accepted the statuses rise, and 200 was told only when somebody was there."""
        for side, attempt, target in self.referred:
            told = {}
            for message in side.phone.received:
                if message.is_request and message.method == "NOTIFY" and message.call_id == side.call_id:
                    told.setdefault(message.get("event"), {})[message.cseq.number] = int(message.body.split()[1])
            for event, statuses in told.items():
                found = [statuses[number] for number in sorted(statuses)]
                finals = [status for status in found if status >= 200]
                assert len(finals) <= 1, f"seed {self.seed}: {event} {found}"
                assert found == sorted(found), f"seed {self.seed}: {event} {found}"
            if target == "nobody" and attempt.responses and attempt.responses[-1].status == 202:
                said = told.get(f"refer;id={attempt.responses[-1].cseq.number}", {})
                assert 200 not in said.values(), f"seed {self.seed}: {said}"


@pytest.mark.slow
@pytest.mark.parametrize("seed", [int(ONLY)] if ONLY else range(SEEDS))
def test_whatever_is_referred_nothing_is_left(seed, tmp_path):
    simulation = Simulation(seed, tmp_path)
    try:
        simulation.run()
    finally:
        simulation.server.close()
