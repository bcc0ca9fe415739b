"""What a voice stream costs, and how late its packets are: 200 streams of G.711, 20 ms each, from and to another process.

    .venv/bin/python bench/media.py [echo|play|relay|transcode|mix] [--calls 200] [--seconds 20] [--core 0]

echo       each call gets its own packets back: lateness is from sending one to having it again
play       each call is played a file: lateness is how far a packet is from its place in an even row of 20 ms
relay      the calls are joined in pairs, one codec; lateness is from one peer's sending to the other's having
transcode  the same, mu-law on one side and A-law on the other
mix        conferences of four

The server is a whole pipeline with `media_local`, pinned to one core; the generator has the other. Prints p50, p99, p99.9 and the worst
lateness in milliseconds, packets lost, and CPU: of one core, and microseconds per packet in and out. The aim: 200 echo calls, p99 below 40 ms.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import multiprocessing
import os
import selectors
import socket
import struct
import tempfile
import time
from pathlib import Path

from pipeline.cli.run import MIDDLE, OLD, YOUNG
from pipeline.config import Document, build
from pipeline.engine import Pipeline

HOST = "127.0.0.1"
FRAME = 0.02
STAMP = struct.Struct("!d")
TOML = f"""
[pipeline]
domains = ["example.com"]
[[stage]]
name = "transport"
plugins = ["udp"]
[[stage]]
name = "protocol"
plugins = ["stack"]
[[stage]]
name = "intercept"
plugins = []
[[stage]]
name = "application"
plugins = []
[[stage]]
name = "integration"
plugins = ["memory", "toml", "media_local"]
[plugin.udp]
bind = ["{HOST}:0"]
[plugin.media_local]
rtp_timeout = 0
"""


def description(port, payload):
    return f"v=0\r\no=- 1 1 IN IP4 {HOST}\r\ns=-\r\nc=IN IP4 {HOST}\r\nt=0 0\r\nm=audio {port} RTP/AVP {payload} 101\r\na=rtpmap:101 telephone-event/8000\r\n".encode()


# -- the generator: phones ---------------------------------------------------------------------------------------------


def phones(calls, seconds, pipe, core, mode):
    """Send from `calls` sockets, spread over each 20 ms; note when each packet comes back."""
    pin(core)
    gc.disable()  # what it notes has no cycles
    socks = []
    for _ in range(calls):
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 18)
        sock.bind((HOST, 0))
        sock.setblocking(False)
        socks.append(sock)
    pipe.send([sock.getsockname()[1] for sock in socks])
    to = pipe.recv()
    selector = selectors.DefaultSelector()
    for number, sock in enumerate(socks):
        sock.connect((HOST, to[number]))
        selector.register(sock, selectors.EVENT_READ, number)
    head = struct.Struct("!BBHII")
    payloads = [8 if mode == "transcode" and number % 2 else 0 for number in range(calls)]
    late, rows, seen, sent, came = [], {}, {}, 0, 0
    start = time.monotonic() + 0.2
    silent = mode == "play"
    # A codec in between leaves no time stamp alone, so the sequence number tells: forwarded ones keep their distances.
    sent_at = [{} for _ in range(calls)]
    offset = [None] * calls
    sequence = 0
    end = start + seconds
    slot = 0
    while True:
        due = start + slot * FRAME / calls
        now = time.monotonic()
        while due <= now and not (silent and sequence > 5):
            number = slot % calls
            sequence = slot // calls
            if due < end:
                payload = b"\xff" * 160 if mode == "transcode" else STAMP.pack(now) + b"\xff" * 152
                sent_at[number][sequence & 0xFFFF] = now
                socks[number].send(head.pack(0x80, payloads[number], sequence & 0xFFFF, sequence * 160 & 0xFFFFFFFF, number + 1) + payload)
                sent += 1
            slot += 1
            due = start + slot * FRAME / calls
            now = time.monotonic()
        if now > end + 0.5:
            break
        for key, _ in selector.select(0 if silent else max(0.0, min(due - now, 0.005)) if not silent else 0.005):
            while True:
                try:
                    data = key.fileobj.recv(2048)
                except BlockingIOError:
                    break
                now = time.monotonic()
                if len(data) < 172 or 192 <= data[1] <= 223:
                    continue
                number = key.data
                came += 1
                if mode in ("echo", "relay"):
                    late.append(now - STAMP.unpack_from(data, 12)[0])
                elif mode == "transcode":
                    other = number ^ 1
                    got = struct.unpack_from("!H", data, 2)[0]
                    if offset[number] is None:
                        offset[number] = got - max(sent_at[other])
                    at = sent_at[other].get((got - offset[number]) & 0xFFFF)
                    if at is not None:
                        late.append(now - at)
                else:
                    count = seen[number] = seen.get(number, -1) + 1
                    if now > start + 1:  # all have begun
                        rows.setdefault(number, []).append(now - count * FRAME)
    for row in rows.values():  # the earliest packet shows where the row stands
        early = min(row)
        late += [one - early for one in row]
    pipe.send((sent, came, late))


# -- the server --------------------------------------------------------------------------------------------------------


class Leg:
    """A leg that only has media."""

    technology = "bench"
    offered = None

    def hangup(self, hangup):
        pass

    def send_digit(self, digit, milliseconds):
        return False

    def show(self):
        return {}


async def serve(mode, ports, seconds, pipe):
    engine = Pipeline(build(Document(Path(tempfile.mkdtemp()) / "pipeline.toml", TOML)), asyncio.get_running_loop())
    await engine.start()
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, MIDDLE, OLD)  # as `sipline run` does
    channels = [engine.core.channel("bench", "in", Leg()) for _ in ports]
    terminals = []
    if mode in ("echo", "play"):
        terminals = [engine.core.media("sound", (channel,)) for channel in channels]
    elif mode == "mix":
        for group in range(0, len(channels), 4):
            mixer = engine.core.media("mix", (channels[group],))
            terminals += [mixer.terminal(channel) for channel in channels[group : group + 4]]
    else:
        for pair in range(0, len(channels) - 1, 2):
            relay = engine.core.media("relay", tuple(channels[pair : pair + 2]))
            terminals += [relay.terminal(channel) for channel in channels[pair : pair + 2]]
    to = []
    for number, (terminal, port) in enumerate(zip(terminals, ports, strict=True)):
        answer = terminal.answer(description(port, 8 if mode == "transcode" and number % 2 else 0))
        to.append(int(next(line for line in answer.splitlines() if line.startswith(b"m=audio")).split()[1]))
        if mode == "echo":
            terminal.echo(True)
        elif mode == "play":
            terminal.play("hold", repeat=True)
    pipe.send(to)
    await asyncio.sleep(0.5)
    cpu, begun = time.process_time(), time.monotonic()
    await asyncio.sleep(seconds - 1)
    cpu, lasted = time.process_time() - cpu, time.monotonic() - begun
    await asyncio.sleep(1.5)
    unsent = sum(terminal.show()["unsent"] for terminal in terminals)
    for terminal in terminals:
        terminal.close()
    return cpu / lasted, unsent


def pin(core):
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[core % len(cores)]})


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("mode", nargs="?", default="echo", choices=("echo", "play", "relay", "transcode", "mix"))
    parser.add_argument("--calls", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--core", type=int, default=0, help="the server's; the generator has the next")
    options = parser.parse_args()
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=phones, args=(options.calls, options.seconds, theirs, options.core + 1, options.mode))
    process.start()
    ports = ours.recv()
    pin(options.core)
    share, unsent = asyncio.run(serve(options.mode, ports, options.seconds, ours))
    sent, came, late = ours.recv()
    process.join()
    late.sort()

    def at(part):
        return 1000 * late[min(len(late) - 1, int(part * len(late)))] if late else float("nan")

    each = share * 1e6 / (came / options.seconds) if came else float("nan")
    print(
        f"{options.mode}: {options.calls} streams of G.711, {options.seconds:g} s: {sent} packets sent, {came} came back, {unsent} refused by the kernel"
    )
    print(f"  late  p50 {at(0.5):.2f}  p99 {at(0.99):.2f}  p99.9 {at(0.999):.2f}  worst {at(1.0):.2f} ms")
    print(f"  cpu   {100 * share:.1f} % of one core, {each:.1f} us a packet")


if __name__ == "__main__":
    main()
