"""Floods, with phones beside them: do the phones keep registering and calling? Prints a verdict per flood; exit status 1 when one is broken.

    python bench/flood.py                                    every flood for 60 s
    python bench/flood.py --only register-one,garbage-many --seconds 10
    python bench/flood.py --rate 0.5                         half of every flood

The server is pipeline.toml of this repository (with `tls` listed, too) on core 0; the flood and the phones are on core 1. What a flood is:
    register-one, register-many   20,000 unauthenticated REGISTERs a second from one address, from 10,000 addresses of 127/8
    register-same                 the same from the address of the phones, as from behind their NAT
    garbage-one, garbage-many     50,000 datagrams of random octets a second from one address, from 10,000
    tcp-one, tcp-many             5,000 TCP connections that are opened and send half a request; opened again when they are closed
    tls-one, tls-many             5,000 TLS connections that send an octet of a ClientHello a second
The phones, half on UDP and half on TCP, register with digest each second, and call each other in pairs; one more connects anew each time.

What must hold: no phone fails; p99 of what they wait for is below 250 ms (the whole REGISTER with its challenge; from INVITE to the 200); and
resident memory is within 10 % of where it was, 40 s after the flood (first_request is 32 s).
"""

import argparse
import asyncio
import contextlib
import os
import pathlib
import re
import resource
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

from phones import Phone

from pipeline.cli.client import Client

HERE = pathlib.Path(__file__).resolve().parent
FLOODS = {
    "register-one": ("register", 20000, 1),
    "register-same": ("register", 20000, 0),
    "register-many": ("register", 20000, 10000),
    "garbage-one": ("garbage", 50000, 1),
    "garbage-many": ("garbage", 50000, 10000),
    "tcp-one": ("tcp", 5000, 1),
    "tcp-many": ("tcp", 5000, 10000),
    "tls-one": ("tls", 5000, 1),
    "tls-many": ("tls", 5000, 10000),
}
P99_MS, MEMORY = 250.0, 0.10
QUIET = 40.0
"""Seconds until the last connection of a flood has been closed and the last answer forgotten."""
WARM = 35.0
"""Seconds that the phones work before: what is kept for 64*T1 is there when memory is looked at the first time."""
PHONES = 20


def free_port():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp, socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tcp:
        udp.bind(("127.0.0.1", 0))
        tcp.bind(("127.0.0.1", udp.getsockname()[1]))
        return udp.getsockname()[1]


def configuration(port, tls_port, folder, phones=PHONES):
    """The pipeline.toml of this repository, on ports of our own, with a certificate and the phones."""
    subprocess.run(
        [*["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=example.com"],
         "-keyout", folder / "key.pem", "-out", folder / "certificate.pem"],
        check=True, capture_output=True,
    )  # fmt: skip
    text = (
        (HERE.parent / "pipeline.toml")
        .read_text()
        .replace("0.0.0.0:5060", f"127.0.0.1:{port}")
        .replace("[pipeline]", '[pipeline]\ndomains = ["example.com"]', 1)
    )
    text = re.sub(r'^plugins = \[([^\]]*"udp", "tcp")', r'plugins = [\1, "tls"', text, count=1, flags=re.MULTILINE)
    text += f'\n[plugin.tls]\nbind = ["127.0.0.1:{tls_port}"]\ncertificates = [{{ cert = "certificate.pem", key = "key.pem" }}]\n'
    return text + "".join(f'[user.p{number}]\npassword = "secret{number}"\n' for number in range(phones + 1))


class Server:
    """A real server of its own process, on core 0."""

    def __init__(self, folder, written=None, phones=PHONES):
        self.port, tls_port = free_port(), free_port()
        self.tls_port = tls_port
        (folder / "pipeline.toml").write_text((written or configuration)(self.port, tls_port, folder, phones))
        command = ["taskset", "-c", "0", sys.executable, "-m", "pipeline", "run"]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=folder, start_new_session=True)
        said = []
        for line in self.process.stderr:
            said.append(line)
            if line.startswith("ready"):
                break
        else:
            sys.exit(f"sipline did not start, exit status {self.process.wait()}: {''.join(said)}")
        self.said = []
        threading.Thread(target=lambda: self.said.extend(self.process.stderr), daemon=True).start()
        self.client = Client.perhaps(folder / ".sipline")

    def stats(self):
        (row,) = self.client.rows("show", what="stats")
        return row

    def resident(self):
        fields = pathlib.Path(f"/proc/{self.process.pid}/statm").read_text().split()
        return int(fields[1]) * resource.getpagesize()

    def stop(self):
        self.client.close()
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return "killed: it did not stop"


async def slow(kind, port, connections, sources, ended):
    """Open connections, say a little on each, and open again what is closed."""
    loop = asyncio.get_running_loop()
    count = {"opened": 0, "refused": 0}
    octets = (
        b"REGISTER sip:example.com SIP/2.0\r\nVia: SIP/2.0/TCP x"
        if kind == "tcp"
        else b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(300)
    )

    async def one(number):
        source = f"127.1.{number % sources >> 8 & 255}.{number % sources & 255}" if sources > 1 else "127.0.0.2"
        while not ended.is_set():
            with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as sock:
                sock.setblocking(False)
                try:
                    sock.bind((source, 0))
                    await loop.sock_connect(sock, ("127.0.0.1", port))
                    count["opened"] += 1
                    if kind == "tcp":
                        await loop.sock_sendall(sock, octets)
                        await loop.sock_recv(sock, 1000)
                    else:
                        for at in range(len(octets)):
                            await loop.sock_sendall(sock, octets[at : at + 1])
                            with contextlib.suppress(TimeoutError):
                                if not await asyncio.wait_for(loop.sock_recv(sock, 1000), 1.0):
                                    break
                except OSError:
                    count["refused"] += 1
            await asyncio.sleep(1.0)

    tasks = []
    for number in range(connections):
        tasks.append(asyncio.create_task(one(number)))
        if number % 100 == 99:
            await asyncio.sleep(0.02)
    await ended.wait()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    print(count["opened"], count["refused"])


def connections(kind, port, many, seconds, sources):
    """The process that holds connections: `flood.py --hold ...`."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)

    async def main():
        ended = asyncio.Event()
        asyncio.get_running_loop().call_later(seconds, ended.set)
        await slow(kind, port, many, sources, ended)

    asyncio.run(main())


def begin(name, server, seconds, share):
    kind, amount, sources = FLOODS[name]
    amount = int(amount * share)
    if kind in ("register", "garbage"):
        words = [server.flood, "127.0.0.1", str(server.port), kind, str(amount), str(seconds), str(sources)]
    else:
        port = server.port if kind == "tcp" else server.tls_port
        words = [sys.executable, __file__, "--hold", kind, str(port), str(amount), str(seconds), str(sources)]
    return subprocess.Popen(["taskset", "-c", "1", *words], stdout=subprocess.PIPE, text=True)


def percentile(values, share):
    return sorted(values)[min(len(values) - 1, int(len(values) * share))] if values else float("nan")


async def beside(server, name, seconds, share):
    """Let the phones work, alone and then beside a flood; give what they measured."""
    phones = [Phone(number, server.port, "UDP" if number < PHONES // 2 else "TCP", PHONES) for number in range(PHONES)]
    newcomer = Phone(PHONES, server.port, "TCP", PHONES)
    for phone in phones:
        await phone.open()
    tasks = [asyncio.create_task(phone.work()) for phone in phones]
    tasks.append(asyncio.create_task(newcomer.come_and_go()))
    await asyncio.sleep(WARM)
    everybody = [*phones, newcomer]
    for phone in everybody:
        phone.forget()
    before = server.resident()
    flood = begin(name, server, seconds, share)
    peak = before
    while flood.poll() is None:
        await asyncio.sleep(0.5)
        peak = max(peak, server.resident())
    figures = {
        "register": [each for phone in phones for each in phone.registered],
        "call": [each for phone in phones for each in phone.called],
        "newcomer": newcomer.registered,
        "failed": [why for phone in everybody for why in phone.failed],
        "repeated": sum(phone.repeated for phone in everybody),
        "before": before,
        "peak": peak,
        "sent": flood.stdout.read().split(),
    }
    for phone in everybody:
        phone.ended = True
    await asyncio.gather(*tasks)
    for phone in everybody:
        phone.close()
    return figures


def verdict(name, figures, after, stats):
    drops, shield = stats["kernel_drops"], stats["plugins"].get("shield")
    looks = "  ".join(f"<={step} ms: {count}" for step, count in stats["loop_lag"]["looks_by_ms"].items() if count)
    failed = figures["failed"]
    memory = (after - figures["before"]) / figures["before"]
    waits = {what: percentile(figures[what], 0.99) * 1000 for what in ("register", "call", "newcomer")}
    fine = not failed and all(wait < P99_MS for wait in waits.values()) and memory <= MEMORY
    sent, refused = (int(word) for word in figures["sent"])
    print(f"{'ok  ' if fine else 'FAIL'} {name:14} {sent} sent, {refused} refused by the kernel; {drops} dropped by the server's")
    for what, wait in waits.items():
        values = [1000 * each for each in figures[what]]
        middle = statistics.median(values) if values else float("nan")
        print(f"       {what:9} {len(values):5}   p50 {middle:6.1f}   p99 {wait:6.1f}   worst {max(values, default=float('nan')):6.1f} ms")
    print(f"       failed    {len(failed):5} {failed[:3] or ''}   requests sent again: {figures['repeated']}")
    print(
        f"       memory    {figures['before'] / 2**20:.1f} MiB before, {figures['peak'] / 2**20:.1f} at most, {after / 2**20:.1f} after ({memory:+.1%})"
    )
    print(f"       loop late {looks}")
    print(f"       shield    {shield}", flush=True)
    return fine


def main():
    if sys.argv[1:2] == ["--hold"]:
        kind, port, many, seconds, sources = sys.argv[2:]
        connections(kind, int(port), int(many), float(seconds), int(sources))
        return
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--seconds", type=float, default=60)
    ask.add_argument("--only", default=",".join(FLOODS))
    ask.add_argument("--rate", type=float, default=1.0, help="share of each flood's rate")
    ask.add_argument("--no-quiet", action="store_true", help="do not wait for the memory to come back")
    args = ask.parse_args()
    if not shutil.which("gcc") or not shutil.which("openssl"):
        sys.exit("nothing measured: gcc or openssl is not installed")
    with contextlib.suppress(AttributeError, OSError):
        os.sched_setaffinity(0, {1})
    bad = []
    for name in args.only.split(","):
        with tempfile.TemporaryDirectory(prefix="sipline-flood-") as place:
            folder = pathlib.Path(place)
            subprocess.run(["gcc", "-O2", "-o", folder / "flood", HERE / "flood.c"], check=True)
            server = Server(folder)
            server.flood = str(folder / "flood")
            try:
                figures = asyncio.run(beside(server, name, args.seconds, args.rate))
                time.sleep(1 if args.no_quiet else QUIET)
                stats = server.stats()
                if not verdict(name, figures, server.resident(), stats):
                    bad.append(name)
            finally:
                status = server.stop()
            if status != 0 or server.said:
                print("       server:", status, "".join(server.said[:3]))
    print("does not hold: " + ", ".join(bad) if bad else "holds")
    sys.exit(bool(bad))


if __name__ == "__main__":
    main()
