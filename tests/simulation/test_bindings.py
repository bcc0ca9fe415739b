"""Phones on a bad network end with exactly the bindings that they believe in, whatever was lost, doubled or overtaken.

SIPLINE_RUNS=1000 python -m pytest tests/simulation -q        the whole of it; the suite runs a few seeds
"""

import os
import random

import pytest

from pipeline.testing.loop import VirtualLoop
from pipeline.testing.network import Network
from pipeline.testing.server import Server

RUNS = int(os.environ.get("SIPLINE_RUNS", "25"))
PHONES = 5
USERS = "".join(f'[user.p{n}]\npassword = "p{n}\'s"\n' for n in range(PHONES))
T4 = 5.0


def run(seed, folder, intercept):
    loop = VirtualLoop()
    network = Network(seed, loss=0.1, duplicate=0.1, reorder=0.1, delay=(0.001, T4), loop=loop)
    server = Server(USERS, folder, seed=seed, network=network, loop=loop, intercept=intercept)
    try:
        choose = random.Random(seed)
        phones = [server.phone(f"p{n}", address=(f"10.0.1.{n + 1}", 5060)) for n in range(PHONES)]
        for _ in range(4):
            attempts = []
            for phone in phones:
                what = choose.choice(["register", "refresh", "unregister", "nothing"])
                if what in ("register", "refresh"):
                    attempts.append(phone.register(choose.choice([600, 3600]), retry=True))
                elif what == "unregister":
                    attempts.append(phone.unregister(retry=True))
                loop.advance(choose.uniform(0, 8))
            assert loop.run_until(lambda attempts=attempts: all(attempt.done for attempt in attempts), 600), f"seed {seed}: no final answer"
        loop.advance(64)  # quiet: what still travels arrives
        for phone in phones:
            bound = sorted(contact.uri for contact in server.contacts(phone.name))
            believed = [phone.contact] if phone.believes else []
            assert bound == believed, f"seed {seed}: {phone.name} believes in {believed}, the server has {bound}"
        assert not [event for event in server.events if event.name == "step.failed"], f"seed {seed}: a step failed"
    finally:
        server.close()


@pytest.mark.parametrize("seed", range(RUNS))
def test_every_phone_has_the_bindings_it_believes_in(seed, tmp_path):
    run(seed, tmp_path, ["identify", "auth"])
