"""What a datagram costs on our UDP path: an echo of 500 B in, 400 B out, blasted at from another process.

    .venv/bin/python bench/udp.py [seconds]

CPU microseconds per datagram in and out (time.process_time of the server), without any SIP. Compare with the floor measured
in the same run, first and last: machines differ by two, and one machine drifts by half within minutes.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import socket
import sys
import time

from pipeline.sockets import Sockets

ANSWER = b"SIP/2.0 200 OK\r\n".ljust(400, b"x")


def blast(host, port, stop):
    """Keep 64 datagrams under way."""
    os.sched_setaffinity(0, {os.cpu_count() - 1})
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.connect((host, port))
        sock.settimeout(0.2)
        data = b"REGISTER sip:example.com SIP/2.0\r\n".ljust(500, b"x")
        while not stop.is_set():
            for _ in range(64):
                sock.send(data)
            try:
                for _ in range(64):
                    sock.recv(2048)
            except TimeoutError:
                pass


class Plain(asyncio.DatagramProtocol):
    """asyncio's way, to compare."""

    count = 0

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, source):
        self.count += 1
        self.transport.sendto(ANSWER, source)


def floor(host, seconds):
    """The fewest steps that Python can take: recvfrom, sendto, nothing else."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind((host, 0))
    context = multiprocessing.get_context("spawn")
    stop = context.Event()
    process = context.Process(target=blast, args=(host, sock.getsockname()[1], stop))
    process.start()
    sock.recvfrom(2048)
    count, cpu, end = 0, time.process_time(), time.monotonic() + seconds
    recvfrom, sendto = sock.recvfrom, sock.sendto
    while count & 1023 or time.monotonic() < end:
        _data, source = recvfrom(65535)
        sendto(ANSWER, source)
        count += 1
    cpu = time.process_time() - cpu
    stop.set()
    process.join()
    sock.close()
    print(f"{'a blocking loop (the floor)':34} {cpu / count * 1e6:6.2f} us CPU  {count / seconds:9,.0f}/s")


async def measure(name, host, seconds, *, to=None, plain=False):
    loop = asyncio.get_running_loop()
    count = 0
    sockets = Sockets(loop)
    if plain:
        transport, protocol = await loop.create_datagram_endpoint(Plain, local_addr=(host, 0))
        port = transport.get_extra_info("sockname")[1]
    else:

        def echo(_data, source, local):
            nonlocal count
            count += 1
            send(ANSWER, source, local)

        endpoint = sockets.datagram(host, 0, echo, receive_buffer=4 << 20)
        send, port = endpoint.send, endpoint.local[1]
    context = multiprocessing.get_context("spawn")
    stop = context.Event()
    process = context.Process(target=blast, args=(to or host, port, stop))
    process.start()
    await asyncio.sleep(0.7)
    before = protocol.count if plain else count
    cpu, wall = time.process_time(), time.monotonic()
    await asyncio.sleep(seconds)
    cpu, wall = time.process_time() - cpu, time.monotonic() - wall
    done = (protocol.count if plain else count) - before
    stop.set()
    process.join()
    drops = "" if plain else f"  {endpoint.drops()} dropped"
    print(f"{name:34} {cpu / done * 1e6:6.2f} us CPU  {done / wall:9,.0f}/s{drops}")
    sockets.close()
    if plain:
        transport.close()


async def main(seconds):
    await measure("IPv4, one address", "127.0.0.1", seconds)
    await measure("IPv4, wildcard", "0.0.0.0", seconds, to="127.0.0.1")
    await measure("IPv6, one address", "::1", seconds)
    await measure("IPv6, wildcard", "::", seconds, to="::1")
    await measure("asyncio's DatagramProtocol", "127.0.0.1", seconds, plain=True)


if __name__ == "__main__":
    os.sched_setaffinity(0, {0})
    length = float(sys.argv[1]) if len(sys.argv) > 1 else 2.0
    floor("127.0.0.1", length)
    asyncio.run(main(length))
    floor("127.0.0.1", length)
