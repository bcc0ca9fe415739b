"""Microseconds of CPU of a MESSAGE from A to B (four messages) inside the process: no sockets, no generator. Best of several rounds.

python bench/messages.py [--profile]
"""

import asyncio
import cProfile
import gc
import pathlib
import pstats
import sys
import tempfile
import time

from run import configuration

from pipeline.cli.run import MIDDLE, OLD, YOUNG
from pipeline.config import Document, build
from pipeline.engine import Pipeline
from pipeline.flow import Flow

HERE = pathlib.Path(__file__).resolve().parent
COUNT, USERS, ROUNDS = 2000, 1000, 25


class NullFlow(Flow):
    __slots__ = ("local", "peer", "sent")
    transport = "UDP"
    reliable = False
    listener = "udp"
    id = "udp:127.0.0.1:5080"

    def __init__(self, port):
        self.local, self.peer, self.sent = ("127.0.0.1", 5060), ("127.0.0.1", port), None

    advertised = property(lambda self: self.local)

    def send(self, data):
        self.sent = data


def asked(n, user):
    text = f"Message number {n} for {user}, forty-odd bytes of text.\r\n"
    return (
        f"MESSAGE sip:{user}@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:5080;branch=z9hG4bK-{n}-0;rport\r\nMax-Forwards: 70\r\n"
        f"From: <sip:a{n % USERS:06d}@127.0.0.1>;tag=1f{n}\r\nTo: <sip:{user}@127.0.0.1>\r\nCall-ID: {n}-12345@127.0.0.1\r\nCSeq: 1 MESSAGE\r\n"
        f"User-Agent: lab-load/1.0\r\nContent-Type: text/plain\r\nContent-Length: {len(text)}\r\n\r\n{text}"
    ).encode()


def registered(user):
    return (
        f"REGISTER sip:127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:5090;branch=z9hG4bK-r{user}-0;rport\r\nMax-Forwards: 70\r\n"
        f"From: <sip:{user}@127.0.0.1>;tag=1\r\nTo: <sip:{user}@127.0.0.1>\r\nCall-ID: r{user}\r\nCSeq: 1 REGISTER\r\n"
        f"Contact: <sip:{user}@127.0.0.1:5090>\r\nExpires: 3600\r\nContent-Length: 0\r\n\r\n"
    ).encode()


def answered(data, n):
    lines = data.decode().partition("\r\n\r\n")[0].split("\r\n")
    kept = [line for line in lines if line.startswith(("Via:", "From:", "Call-ID:", "CSeq:"))]
    to = next(line for line in lines if line.startswith("To:"))
    return "\r\n".join(["SIP/2.0 200 OK", *kept, f"{to};tag=t{n}", "Content-Length: 0", "", ""]).encode()


async def main():
    with tempfile.TemporaryDirectory() as folder:
        text = configuration("message", USERS, "memory").replace("127.0.0.1:47160", "127.0.0.1:0")
        engine = Pipeline(build(Document(pathlib.Path(folder) / "pipeline.toml", text)), asyncio.get_running_loop())
        await engine.start()
        caller, callee = NullFlow(5080), NullFlow(5090)
        engine.connect = lambda _: callee
        users = [f"u{i:06d}" for i in range(USERS)]
        for user in users:
            engine.receive(registered(user), callee)
        gc.collect()
        gc.freeze()
        gc.set_threshold(YOUNG, MIDDLE, OLD)  # as the server does
        best, serial = 1e9, 0
        for round_ in range(ROUNDS):
            requests = [asked(serial + i, users[i % USERS]) for i in range(COUNT)]
            spent = 0.0
            profile = cProfile.Profile() if "--profile" in sys.argv and round_ == ROUNDS - 1 else None
            for i, data in enumerate(requests):
                if profile:
                    profile.enable()
                begin = time.process_time_ns()
                engine.receive(data, caller)
                spent += time.process_time_ns() - begin
                if profile:
                    profile.disable()
                answer = answered(callee.sent, serial + i)
                if profile:
                    profile.enable()
                begin = time.process_time_ns()
                engine.receive(answer, callee)
                spent += time.process_time_ns() - begin
                if profile:
                    profile.disable()
                assert caller.sent.startswith(b"SIP/2.0 200"), caller.sent
            serial += COUNT
            if profile:
                pstats.Stats(profile).sort_stats("cumtime" if "--cum" in sys.argv else "tottime").print_stats(45)
            else:
                best = min(best, spent / COUNT / 1000)
            engine.transactions.answers.clear()
            engine.transactions.merges.clear()
        print(f"message    {best:6.1f} us per transaction")
        await engine.stop(0)


asyncio.run(main())
