"""Microseconds of CPU per message inside the process: no sockets, no generator, so small changes can be seen. Best of several rounds.

python bench/inside.py [register|refresh|options|digest ...] [--profile]
"""

import asyncio
import cProfile
import gc
import pathlib
import pstats
import sys
import tempfile
import time

from pipeline.cli.run import MIDDLE, OLD, YOUNG
from pipeline.config import Document, build
from pipeline.engine import Pipeline
from pipeline.flow import Flow
from pipeline.sip import digest

PLAN = """
[pipeline]
name = "bench"
domains = ["127.0.0.1"]
[[stage]]
name = "transport"
plugins = ["udp"]
[[stage]]
name = "protocol"
plugins = ["stack"]
[[stage]]
name = "intercept"
plugins = {intercept}
[[stage]]
name = "application"
plugins = ["registrar", "options"]
[[stage]]
name = "integration"
plugins = ["toml", "memory"]
[plugin.udp]
bind = ["127.0.0.1:0"]
[dal]
contact = ["memory"]
"""
COUNT = 2000


class NullFlow(Flow):
    __slots__ = ("local", "peer", "sent")
    transport = "UDP"
    reliable = False
    listener = "udp"
    id = "udp:127.0.0.1:5080"

    def __init__(self):
        self.local, self.peer, self.sent = ("127.0.0.1", 5060), ("127.0.0.1", 5080), None

    advertised = property(lambda self: self.local)

    def send(self, data):
        self.sent = data


def message(method, n, user, cseq=1, extra="", call=None):
    contact = (
        f"Contact: <sip:{user}@127.0.0.1:5080>\r\nExpires: 3600\r\n"
        if method == "REGISTER"
        else f"Contact: <sip:{user}@127.0.0.1:5080>\r\n"
    )
    return (
        f"{method} sip:127.0.0.1:47160 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:5080;branch=z9hG4bK-{n}-{cseq}-0\r\nMax-Forwards: 70\r\n"
        f"From: <sip:{user}@127.0.0.1>;tag={n}SIPpTag00\r\nTo: <sip:{user}@127.0.0.1>\r\nCall-ID: {call or n}-12345@127.0.0.1\r\nCSeq: {cseq} {method}\r\n"
        f"{contact}User-Agent: bench\r\n{extra}Content-Length: 0\r\n\r\n"
    ).encode()


async def main():
    asked = [word for word in sys.argv[1:] if not word.startswith("-")] or ["register", "refresh", "options", "digest"]
    with tempfile.TemporaryDirectory() as folder:
        for work in asked:
            text = PLAN.format(intercept='["identify", "auth"]' if work == "digest" else "[]")
            text += "".join(f'[user.u{i:06d}]\npassword = "p{i:06d}"\nmax_contacts = 1\n' for i in range(1000))
            plan = build(Document(pathlib.Path(folder) / "pipeline.toml", text))
            engine = Pipeline(plan, asyncio.get_running_loop())
            engine.bus.listen("step", print)
            await engine.start()
            gc.collect()
            gc.freeze()
            gc.set_threshold(YOUNG, MIDDLE, OLD)  # as the server does
            flow = NullFlow()
            serial = 0
            best = 1e9
            for round_ in range(12):
                if work == "digest":
                    messages = []
                    for i in range(COUNT):
                        serial += 1
                        messages.append(message("REGISTER", serial, f"u{i % 1000:06d}"))
                    begin = time.process_time()
                    for i, data in enumerate(messages):
                        engine.receive(data, flow)
                        if round_ == 0 and i == 0:
                            assert flow.sent.startswith(b"SIP/2.0 401"), flow.sent
                    spent = time.process_time() - begin
                    value = flow.sent.decode().split("WWW-Authenticate: ")[1].split("\r\n")[0]
                    answers = []
                    for i in range(COUNT):
                        user = f"u{i % 1000:06d}"
                        engine.receive(messages[i], flow)
                        challenge = digest.parse_challenge(flow.sent.decode().split("WWW-Authenticate: ")[1].split("\r\n")[0])
                        line = digest.answer(
                            challenge, "REGISTER", "sip:127.0.0.1:47160", username=user, password="p" + user[1:], cnonce="abcd"
                        )
                        answers.append(message("REGISTER", serial - COUNT + i + 1, user, 2, f"Authorization: {line}\r\n"))
                    del value
                    if "--profile" in sys.argv and round_ == 11:
                        profile = cProfile.Profile()
                        profile.enable()
                        for data in answers[: COUNT // 2]:
                            engine.receive(data, flow)
                        profile.disable()
                        pstats.Stats(profile).sort_stats("tottime").print_stats(45)
                        answers = answers[COUNT // 2 :]
                    begin = time.process_time()
                    for data in answers:
                        engine.receive(data, flow)
                    if "-v" in sys.argv:
                        print(
                            f"challenged {spent / COUNT * 1e6:.1f} us, authorised {(time.process_time() - begin) / len(answers) * 1e6:.1f} us"
                        )
                    spent += time.process_time() - begin
                    assert flow.sent.startswith(b"SIP/2.0 200"), flow.sent
                else:
                    messages = []
                    for i in range(COUNT):
                        serial += 1
                        method = "OPTIONS" if work == "options" else "REGISTER"
                        user = f"u{i % 1000:06d}"
                        messages.append(
                            message(method, serial, user, serial if work == "refresh" else 1, call=user if work == "refresh" else None)
                        )
                    if "--profile" in sys.argv and round_ == 11:
                        profile = cProfile.Profile()
                        profile.enable()
                        for data in messages:
                            engine.receive(data, flow)
                        profile.disable()
                        pstats.Stats(profile).sort_stats("tottime").print_stats(35)
                    begin = time.process_time()
                    for data in messages:
                        engine.receive(data, flow)
                    spent = time.process_time() - begin
                    assert flow.sent.startswith(b"SIP/2.0 200"), flow.sent
                best = min(best, spent / COUNT * 1e6)
                engine.transactions.answers.clear()
                engine.transactions.merges.clear()
            print(f"{work:10} {best:6.1f} us per transaction")
            await engine.stop(0)


asyncio.run(main())
