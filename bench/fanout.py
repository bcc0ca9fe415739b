"""A change that ten thousand watch: in what time they are told, and what REGISTERs beside it wait meanwhile.

    python bench/fanout.py                        10,000 watchers, 100 REGISTERs a second beside them
    python bench/fanout.py --watchers 2000 --json

A server of its own on loopback (core 0 where there are two), with subscriptions in sqlite; watchers, publisher and phones in this process's
children. Told are: NOTIFYs a second, seconds until the last watcher knew, and the round trips of REGISTER (median, p99, worst, in
milliseconds) while nothing happened and while the change was told. Exits 1 when p99 is above --limit (100 ms) or a watcher was not told.
"""

import argparse
import json
import multiprocessing
import os
import pathlib
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

PLAN = """
[pipeline]
name = "fanout"
domains = ["127.0.0.1"]
log_level = "warning"
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
plugins = ["registrar", "pubsub", "presence", "options"]
[[stage]]
name = "integration"
plugins = ["toml", "memory", "sqlite"]
[plugin.udp]
bind = ["127.0.0.1:{port}"]
[plugin.pubsub]
watch = "all"
publish = "all"
publish_rate = 0
per_source = 100000
per_pair = 100000
max_expires = 7200
[dal]
contact = ["memory"]
subscription = ["sqlite"]
publication = ["sqlite"]
[user.star]
password = "x"
[user.phone]
password = "x"
"""
KEPT = (b"via:", b"from:", b"to:", b"call-id:", b"cseq:")
PIDF = (
    '<?xml version="1.0"?><presence xmlns="urn:ietf:params:xml:ns:pidf" entity="sip:star@127.0.0.1"><tuple id="a"><status><basic>{}</basic>'
    "</status><note>{}</note></tuple></presence>"
)


def request(method, uri, here, call_id, cseq, *fields, body="", to=""):
    """Write a request of one who listens at `here`."""
    lines = [
        f"{method} {uri} SIP/2.0",
        f"Via: SIP/2.0/UDP 127.0.0.1:{here};branch=z9hG4bK{call_id}{cseq}{method};rport",
        "Max-Forwards: 70",
        f"From: <sip:phone@127.0.0.1>;tag=f{call_id}",
        f"To: <{to or uri}>",
        f"Call-ID: {call_id}",
        f"CSeq: {cseq} {method}",
        f"Contact: <sip:phone@127.0.0.1:{here}>",
        *fields,
        f"Content-Length: {len(body)}",
    ]
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()


def field(data, name):
    """Return the value of a field of a datagram."""
    found = re.search(rb"(?mi)^" + name + rb":\s*([^\r\n]*)", data)
    return found[1] if found else b""


def answer(data):
    """Write the 200 to a NOTIFY."""
    kept = [b"SIP/2.0 200 OK"]
    kept += [line for line in data.partition(b"\r\n\r\n")[0].split(b"\r\n")[1:] if line.lower().startswith(KEPT)]
    return b"\r\n".join([*kept, b"Content-Length: 0", b"", b""])


def endpoint():
    """Return a bound socket with room for a burst."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
    sock.bind(("127.0.0.1", 0))
    return sock, sock.getsockname()[1]


def watch(port, count, pipe):
    """Be `count` watchers: subscribe, answer, and say when the last has been told what is published."""
    sock, here = endpoint()
    server = ("127.0.0.1", port)
    subscribed, told, mark = set(), {}, None
    sent, due = 0, time.monotonic()
    while True:
        now = time.monotonic()
        while sent < count and now >= due:
            fields = ("Event: presence", "Expires: 7200", "Accept: application/pidf+xml")
            sock.sendto(request("SUBSCRIBE", "sip:star@127.0.0.1", here, f"w{sent}", 1, *fields), server)
            sent, due = sent + 1, due + 1 / 500
        if pipe.poll():
            mark = pipe.recv()
            if mark is None:
                return
            told = {}
        readable, _, _ = select.select([sock], [], [], 0.001)
        for _ in range(200):
            if not readable:
                break
            try:
                data = sock.recv(65536, socket.MSG_DONTWAIT)
            except BlockingIOError:
                break
            call_id = field(data, b"Call-ID")
            if data.startswith(b"NOTIFY"):
                sock.sendto(answer(data), server)
                if call_id not in subscribed and len(subscribed) < count:
                    subscribed.add(call_id)
                    if len(subscribed) == count:
                        pipe.send("subscribed")
                if mark is not None and mark in data and call_id not in told:
                    told[call_id] = time.monotonic()
                    if len(told) == count:
                        pipe.send(time.monotonic())


def register(port, rate, pipe):
    """Register again and again; give the round trips that are asked for."""
    sock, here = endpoint()
    trips, asked, number, due = [], {}, 0, time.monotonic()
    while True:
        now = time.monotonic()
        if pipe.poll():
            if pipe.recv() is None:
                return
            waiting = [now - at for at in asked.values() if now - at > 0.2]
            pipe.send(trips + waiting)
            trips = []
        if now >= due:
            number, due = number + 1, due + 1 / rate
            asked[f"r{number}".encode()] = now
            sock.sendto(
                request("REGISTER", "sip:127.0.0.1", here, f"r{number}", 1, "Expires: 600", to="sip:phone@127.0.0.1"), ("127.0.0.1", port)
            )
        readable, _, _ = select.select([sock], [], [], max(0.0, min(due - time.monotonic(), 0.005)))
        if readable:
            data = sock.recv(65536)
            at = asked.pop(field(data, b"Call-ID"), None)
            if at is not None:
                trips.append(time.monotonic() - at)


def summary(trips):
    """Return median, p99 and worst in milliseconds."""
    trips = sorted(trips)
    at = lambda part: round(trips[min(len(trips) - 1, int(len(trips) * part))] * 1000, 1)  # noqa: E731
    return {"count": len(trips), "median_ms": at(0.5), "p99_ms": at(0.99), "worst_ms": at(1.0)}


def publish(port, note, etag):
    """Publish; gives the new entity tag."""
    sock, here = endpoint()
    fields = ["Event: presence", "Expires: 3600", "Content-Type: application/pidf+xml", *([f"SIP-If-Match: {etag}"] if etag else [])]
    sock.sendto(request("PUBLISH", "sip:star@127.0.0.1", here, f"p{note}", 1, *fields, body=PIDF.format("open", note)), ("127.0.0.1", port))
    sock.settimeout(10)
    data = sock.recv(65536)
    if not data.startswith(b"SIP/2.0 200"):
        sys.exit(f"the PUBLISH was answered {data.splitlines()[0].decode()}")
    return field(data, b"SIP-ETag").decode()


def resident(pid):
    """Return the bytes that a process holds."""
    return int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def measure(port, pid, args):
    """Subscribe, publish, and measure."""
    before = resident(pid)
    watchers, phones = multiprocessing.Pipe(), multiprocessing.Pipe()
    children = [
        multiprocessing.Process(target=watch, args=(port, args.watchers, watchers[1]), daemon=True),
        multiprocessing.Process(target=register, args=(port, args.registers, phones[1]), daemon=True),
    ]
    for child in children:
        child.start()
    began = time.monotonic()
    if not watchers[0].poll(60 + args.watchers / 100):
        sys.exit("the watchers could not subscribe")
    watchers[0].recv()
    subscribing = time.monotonic() - began
    time.sleep(args.settle)
    held = resident(pid) - before
    phones[0].send("begin")
    phones[0].recv()
    time.sleep(5)
    phones[0].send("quiet")
    quiet = phones[0].recv()
    watchers[0].send(b"something")
    began = time.monotonic()
    publish(port, "something", "")
    complete = watchers[0].poll(60 + args.watchers / 100)
    seconds = (watchers[0].recv() if complete else time.monotonic()) - began
    phones[0].send("busy")
    busy = phones[0].recv()
    for pipe in (watchers[0], phones[0]):
        pipe.send(None)
    return {
        "watchers": args.watchers,
        "subscribed_in_s": round(subscribing, 1),
        "bytes_each": round(held / args.watchers),
        "told_in_s": round(seconds, 2),
        "all_told": complete,
        "notifies_per_s": round(args.watchers / seconds),
        "register_quiet": summary(quiet),
        "register_busy": summary(busy),
    }


def main():
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--watchers", type=int, default=10_000)
    ask.add_argument("--registers", type=float, default=100.0, help="REGISTERs a second")
    ask.add_argument("--limit", type=float, default=100.0, help="milliseconds that p99 may have")
    ask.add_argument("--settle", type=float, default=2.0, help="seconds before it is measured; 40: what answered SUBSCRIBEs hold is gone")
    ask.add_argument("--json", action="store_true")
    args = ask.parse_args()
    sock, port = endpoint()
    sock.close()
    with tempfile.TemporaryDirectory(prefix="sipline-fanout-") as folder:
        path = pathlib.Path(folder) / "pipeline.toml"
        path.write_text(PLAN.format(port=port))
        pin = ["taskset", "-c", "0"] if shutil.which("taskset") and (os.cpu_count() or 1) > 1 else []
        process = subprocess.Popen(
            [*pin, sys.executable, "-m", "pipeline", "-c", str(path), "run"],
            stderr=subprocess.PIPE,
            text=True,
            cwd=folder,
            start_new_session=True,
        )
        try:
            for line in process.stderr:
                if line.startswith("ready"):
                    break
            else:
                sys.exit(f"sipline did not start, exit status {process.wait()}")
            found = measure(port, process.pid, args)
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
    if args.json:
        print(json.dumps(found))
    else:
        for name, value in found.items():
            print(f"{name:18} {value}")
    return 0 if found["all_told"] and found["register_busy"]["p99_ms"] <= args.limit else 1


if __name__ == "__main__":
    sys.exit(main())
