"""Calls on a bad network: whatever was lost, doubled or overtaken, and whoever held, gave up or hung up when, both phones end each call
in the same state, and the server keeps nothing of it.

SIPLINE_CALLS=10000 python -m pytest tests/simulation/test_calls.py -q        the whole of it; the suite runs a few seeds
SIPLINE_SEED=17 ...                                                         that seed alone, its messages in seed17.txt
"""

import os
import pathlib
import random

import pytest

from pipeline.testing.loop import VirtualLoop
from pipeline.testing.network import Network
from pipeline.testing.server import CALLS, Server

PER_SEED = 25
SEEDS = max(1, -(-int(os.environ.get("SIPLINE_CALLS", "300")) // PER_SEED))
ONLY = os.environ.get("SIPLINE_SEED")
PHONES = 6
T4 = 5.0
CLAIM = 180.0  # the queue of INVITEs that nobody may forget is as long
QUIET = 64 * 0.5 + 64  # what began last times out, and its BYE too


def users(media):
    return "".join(f'[user.p{n}]\npassword = "p{n}\'s"\nmedia = "{media}"\n' for n in range(PHONES)) + "[context.default]\nusers = true\n"


class Simulation:
    """The calls of one seed, their phones and their server."""

    def __init__(self, seed, folder):
        self.seed, self.draw = seed, random.Random(seed)
        self.direct = seed % 2 == 0
        self.loop = VirtualLoop()
        self.network = Network(seed, delay=(0.001, 0.05), loop=self.loop, log=ONLY is not None)
        self.server = Server(
            users("" if self.direct else "media_local"),
            folder,
            seed=seed,
            network=self.network,
            loop=self.loop,
            intercept=["identify", "auth"],
            **CALLS,
        )
        self.phones = [self.server.phone(f"p{n}", address=(f"10.0.1.{n + 1}", 5060)) for n in range(PHONES)]
        self.calls = []
        for phone in self.phones:
            phone.online(86400)
            phone.timers = self.draw.choice([0, 0, 90])
            phone.reliable = self.draw.choice(["no", "supported"])
        self.loop.advance(QUIET)
        self.before = self.server.timers()

    def place(self, number):
        """One call and its fate, by chance."""
        draw = self.draw
        one, two = draw.sample(self.phones, 2)
        status = draw.choice([200] * 8 + [486, 603])
        two.answers(
            ring=draw.choice([0.0, draw.uniform(0, 2), None]),
            after=draw.choice([0.0, draw.uniform(0, 6), draw.uniform(0, 6)]),
            status=status,
            early=draw.random() < 0.3,
            reliable=draw.random() < 0.5,
            hang_up_after=draw.choice([None, None, draw.choice([0.0, draw.uniform(0, 40)])]),
        )
        call = one.call(
            two.name, display=f"call {number}", late=draw.random() < 0.2, cancel_after=draw.choice([None, None, None, draw.uniform(0, 6)])
        )
        self.calls.append(call)
        for _ in range(draw.randrange(4)):
            self.loop.call_later(draw.uniform(2, 40), self.disturb, number, draw.random())
        if draw.random() < 0.3:
            self.loop.call_later(draw.uniform(0, 40), call.hangup)

    def disturb(self, number, chance):
        """Hold, resume or renegotiate, from one side or from both at once."""
        call, other = self.calls[number], self.other(number)
        sides = [side for side in (call, other) if side is not None and side.state == "up"]
        if chance < 0.8:
            sides = sides[: 1 if chance < 0.4 else None][-1:]
        for side in sides:
            self.draw.choice(
                [
                    side.hold,
                    side.resume,
                    side.reinvite,
                    lambda side=side: side.hold(by="UPDATE"),
                    lambda side=side: side.reinvite(late=True),
                ]
            )()

    def other(self, number):
        """The callee's side of a call; None: it never rang."""
        found = [call for phone in self.phones for call in phone.calls if not call.caller and call.invite.from_.display == f"call {number}"]
        assert len(found) < 2, f"seed {self.seed}: call {number} rang twice: {found}"
        return found[0] if found else None

    def run(self):
        """Everything, and the checks."""
        network, loop, seed = self.network, self.loop, self.seed
        network.loss = network.duplicate = network.reorder = 0.1
        network.delay = (0.001, self.draw.choice([0.05, 0.3, T4 / 4]))
        for number in range(PER_SEED):
            self.place(number)
            loop.advance(self.draw.choice([0.0, self.draw.uniform(0, 4)]))
        loop.advance(50 + QUIET)
        for number, call in enumerate(self.calls):
            other = self.other(number)
            theirs = other.state if other is not None else "ended"
            assert call.state == theirs, f"seed {seed}, call {number}: {call} but {other}"
            assert call.state in ("up", "ended"), f"seed {seed}, call {number}: {call}, {other}"
            if call.state == "up" and self.direct:  # media_local ends each leg's media in the house, a hold too
                assert call.mirrors(other), f"seed {seed}, call {number}:\n{call.local}\n{other.remote}\n{other.local}\n{call.remote}"
                assert (call.held, other.held) == (other.holding, call.holding), f"seed {seed}, call {number}: {call} {other}"
            if call.state == "up":
                assert call.agreed
                assert other.agreed
                self.draw.choice([call, other]).hangup()
        loop.advance(CLAIM + QUIET)
        for number, call in enumerate(self.calls):
            for side in (call, self.other(number)):
                assert side is None or side.state == "ended", f"seed {seed}, call {number}: {side}"
                assert side is None or not side.faults, f"seed {seed}, call {number}: {side}"
        failed = [event for event in self.server.events if event.name == "step.failed"]
        assert not failed, f"seed {seed}: {failed}"
        assert not self.server.leftovers(), f"seed {seed}: {self.server.leftovers()}"
        more = self.server.timers() - self.before
        assert not more, f"seed {seed}: timers are left: {more}"


@pytest.mark.parametrize("seed", [int(ONLY)] if ONLY is not None else range(SEEDS))
def test_both_phones_end_each_call_alike_and_nothing_is_left(seed, tmp_path):
    simulation = Simulation(seed, tmp_path)
    try:
        simulation.run()
    finally:
        if ONLY is not None:
            pathlib.Path(f"seed{seed}.txt").write_text(
                "\n".join(f"{record}\n{record.data.decode(errors='replace')}" for record in simulation.network.log)
            )
        simulation.server.close()
