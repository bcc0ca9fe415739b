"""What the interceptors cost per message: CPU microseconds of each step alone, parsing and answering left out.

    .venv/bin/python bench/auth.py [requests]

Aims: a good MD5 Authorization under 15 us, a challenge under 6.
"""

from __future__ import annotations

import gc
import sys
import tempfile
import time
from pathlib import Path

from pipeline import Response
from pipeline.passage import Packet, Passage, Reply
from pipeline.sip import digest
from pipeline.sip.parser import parse
from pipeline.testing.server import Server

SOURCE = ("10.0.0.9", 5060)
TOML = """
[domain."example.com"]
algorithms = ["MD5", "SHA-256"]
[plugin.security]
deny = ["192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24"]
[plugin.logging]
file = "/dev/null"
[user.alice]
password = "alice's"
"""


class Flow:
    """Where the messages come from; the network is not measured."""

    transport, reliable, local, peer, id = "UDP", False, ("10.0.0.1", 5060), SOURCE, "udp:10.0.0.9:5060"


def measure(name, step, pairs):
    """Run `step` over fresh messages, once each."""
    gc.collect()
    gc.freeze()  # all these messages at once are the bench's, a server has a few
    begin = time.process_time()
    for message, passage in pairs:
        step(message, passage)
    print(f"{name:44} {(time.process_time() - begin) / len(pairs) * 1e6:6.2f} us")


def main(count):
    with tempfile.TemporaryDirectory() as folder:
        server = Server(TOML, Path(folder), intercept=["logging", "security", "identify", "auth"])
        engine = server.engine
        engine.bus._listeners.clear()  # the testing kit listens to everything, a server in production hardly
        engine.bus._heard.clear()
        logging, security, identify, auth = (listing.plugin for listing in engine.plan.stages["intercept"])
        plain = server.message("REGISTER", from_="alice")

        def passages(datas, *, identified=True):
            pairs = []
            for data in datas:
                message = parse(data)
                _ = message.from_, message.to, message.cseq, message.via  # read by the stack already
                passage = Passage(engine, Packet(data, Flow), Flow, 0.0)
                passage.message = message
                if identified:
                    identify.intercept(message, passage)
                pairs.append((message, passage))
            return pairs

        def answered(password, algorithm):
            found = auth.intercept(*passages([plain])[0])
            values = [digest.parse_challenge(value) for _, value in found.headers]
            challenge = next(value for value in values if value.algorithm == algorithm)
            for nc in range(1, count + 1):
                value = digest.answer(
                    challenge, "REGISTER", "sip:example.com", username="alice", password=password, cnonce="0a4f113b", nc=nc
                )
                yield plain.replace(b"\r\nContact", b"\r\nAuthorization: " + value.encode() + b"\r\nContact")

        plains = [plain] * count
        measure("logging in", logging.intercept, passages(plains))
        responses = []
        for message, cause in passages(plains):
            passage = Passage(engine, None, Flow, 0.0)
            passage.cause, passage.outgoing = cause, True
            responses.append((Response.to(message, 200, to_tag="x"), passage))
        measure("logging out", logging.intercept_out, responses)
        measure("security, three networks", security.intercept, passages(plains))
        measure("identify by From", identify.intercept, passages(plains, identified=False))
        measure("auth: a challenge (two algorithms)", auth.intercept, passages(plains))
        for algorithm in ("MD5", "SHA-256"):
            pairs = passages(answered("alice's", algorithm))
            measure(f"auth: a good {algorithm} Authorization", auth.intercept, pairs)
            assert auth.intercept(*pairs[0]).status == 401, "a replay"
            assert pairs[-1][1].identity == "alice"
        pairs = passages(answered("guessed", "MD5"))
        measure("auth: a wrong MD5 Authorization", auth.intercept, pairs)
        assert isinstance(auth.intercept(*pairs[0]), Reply)
        server.close()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20_000)
