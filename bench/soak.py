"""A long run under load: does it stay up, keep answering, and stop growing? Prints a verdict; exit status 1 when a limit is broken.

    python bench/soak.py                                     ten minutes of REGISTER with digest, 1,000 users, 1,500 rounds (of two) a second
    python bench/soak.py --seconds 60 --rate 500             shorter, slower
    python bench/soak.py --scenario register_noauth --store sqlite
    python bench/soak.py --mixed --seconds 3600              an hour of everything (mixed.py): calls with media, messages, presence

What is measured, from outside and by the control socket every few seconds (which `sipline show stats` also reads):
    failed      calls that SIPp counts as failed, and what was retransmitted
    stall       how late the loop ran (99.9 % of the looks that the server takes every 50 ms), of this run alone
    completed   bytes per completed transaction: how the memory rises with their number until the first are forgotten (Timer J)
    growth      what memory does after that: median of the last fifth less that of the first fifth (only in runs of 90 s and more)
"""

import argparse
import contextlib
import json
import os
import pathlib
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time

import mixed
from run import LOAD, configuration

from pipeline.cli.client import Client

LINGER = 34.0
"""Seconds until completed transactions are forgotten: 64*T1, and some."""
STALL_MS, BYTES_PER_COMPLETED, GROWTH = 50.0, 1024, 0.02
"""The limits: stall p99.9, memory of a completed transaction, growth as a share of the memory."""


class Server:
    """A real server of its own process, on core 0."""

    def __init__(self, folder, scenario, users, store):
        self.folder = pathlib.Path(folder)
        (self.folder / "pipeline.toml").write_text(configuration(scenario, users, store))
        command = ["taskset", "-c", "0", sys.executable, "-m", "pipeline", "run"]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=folder, start_new_session=True)
        for line in self.process.stderr:
            if line.startswith("ready"):
                break
        else:
            sys.exit(f"sipline did not start, exit status {self.process.wait()}")
        threading.Thread(target=self._read, daemon=True).start()
        self.said = []
        self.client = Client.perhaps(self.folder / ".sipline")

    def _read(self):
        for line in self.process.stderr:
            self.said.append(line)

    def stats(self):
        (row,) = self.client.rows("show", what="stats")
        return row

    def stop(self):
        self.client.close()
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return "killed: it did not stop"


def load(pid, scenario, rate, seconds, users):
    command = [sys.executable, str(LOAD / "load.py"), "run", "--pid", str(pid), "--scenario", scenario, "--rate", str(rate)]
    command += ["--duration", str(seconds), "--users", str(users), "--sipp-cpu", "1", "--max-retrans-pct", "100", "--max-p95-ms", "10000"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def sample(server, begin):
    row = server.stats()
    return {
        "at": time.monotonic() - begin,
        "rss": row["memory"].get("resident_kb", row["memory"]["largest_kb"]) * 1024,
        "completed": row["transactions"]["completed"],
        "looks": {float(step): count for step, count in row["loop_lag"]["looks_by_ms"].items()},
        "counts": row["counts"],
        "drops": row["kernel_drops"],
    }


def percentile(before, after, share):
    """The step of the histogram below which this share of the looks lies."""
    found = {step: count - before.get(step, 0) for step, count in after.items()}
    total, seen = sum(found.values()), 0
    for step in sorted(found):
        seen += found[step]
        if seen >= total * share:
            return step, total
    return 0.0, 0


def slope(pairs):
    """Bytes per unit of the first number."""
    if len(pairs) < 3 or len({x for x, _ in pairs}) < 3:
        return None
    return statistics.linear_regression(*zip(*pairs, strict=True)).slope


def per_completed(samples):
    """Bytes of memory that each completed transaction takes, while they only come and none is forgotten."""
    rising = [each for each in samples if 1 <= each["at"] <= LINGER - 10]
    return slope([(each["completed"], each["rss"]) for each in rising])


def growth(samples, seconds):
    """(bytes, share) by which the memory grew after the completed transactions had reached their number; None in a short run."""
    steady = [each["rss"] for each in samples if LINGER + 10 <= each["at"] <= seconds]
    if seconds < 90 or len(steady) < 10:
        return None
    fifth = max(2, len(steady) // 5)
    first, last = statistics.median(steady[:fifth]), statistics.median(steady[-fifth:])
    return last - first, (last - first) / first


def verdict(samples, figures, seconds, status):
    """Print every figure beside its limit; True when all hold."""
    fine = True

    def tell(what, value, holds, limit=""):
        nonlocal fine
        fine = fine and holds
        print(f"{'ok  ' if holds else 'FAIL'} {what:32}{value}{f'   (limit {limit})' if limit else ''}")

    tell("transactions", f"{figures.get('transactions')} at {figures.get('rate_tx_s')}/s, core {figures.get('server_core_load')}", True)
    failed = figures.get("failed", -1)
    tell("failed calls", f"{failed} of {figures.get('calls')}", failed == 0, "0")
    answered = figures.get("ok_calls") == figures.get("calls")
    tell(
        "retransmissions",
        f"{figures.get('retransmits')} ({figures.get('retransmit_pct')} %), kernel drops {samples[-1]['drops']}",
        answered,
    )
    stall, looks = percentile(samples[0]["looks"], samples[-1]["looks"], 0.999)
    worst, _ = percentile(samples[0]["looks"], samples[-1]["looks"], 1.0)
    tell("loop stall p99.9", f"<= {stall:g} ms (worst <= {worst:g} ms, {looks} looks)", stall <= STALL_MS, f"{STALL_MS:g} ms")
    bytes_each = per_completed(samples)
    if bytes_each is None:
        print("     bytes per completed transaction  not measured: none is kept (stateless answers, TCP), or the run was too short")
    else:
        most = max(each["completed"] for each in samples)
        holds = bytes_each <= BYTES_PER_COMPLETED
        tell("bytes per completed transaction", f"{bytes_each:.0f} ({most} kept at most)", holds, BYTES_PER_COMPLETED)
    grown = growth(samples, seconds)
    first, last = samples[0]["rss"] / 2**20, samples[-1]["rss"] / 2**20
    print(
        f"     memory                          {first:.1f} MiB at the start, {last:.1f} MiB at the end, {max(s['rss'] for s in samples) / 2**20:.1f} at most"
    )
    if grown is not None:
        tell("growth once steady", f"{grown[0] / 2**20:+.2f} MiB ({grown[1]:+.2%})", grown[1] <= GROWTH, f"{GROWTH:.0%}")
    refused = {
        name: count for name, count in samples[-1]["counts"].items() if name.startswith(("failed.", "refused.", "unsent", "unavailable"))
    }
    tell("server's own complaints", refused or "none", not refused)
    tell("exit status", status, status == 0, "0")
    return fine


def run_mixed(args):
    """Mixed traffic; does not return."""

    def tell(at, size):
        if sys.stderr.isatty():
            print(f"\r{at:6.0f} s  {size / 2**20:7.1f} MiB", end="", file=sys.stderr, flush=True)

    with contextlib.suppress(AttributeError, OSError):
        os.sched_setaffinity(0, {1})
    fine = mixed.run(args.seconds, args.every or min(5.0, max(1.0, args.seconds / 100)), tell)
    print("stays up" if fine else "does not hold")
    sys.exit(0 if fine else 1)


def main():
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--seconds", type=float, default=600)
    ask.add_argument("--rate", type=float, default=1500, help="calls a second; of register_digest each is two transactions")
    ask.add_argument("--scenario", default="register_digest", choices=["register_digest", "register_noauth", "options", "invite_b2bua"])
    ask.add_argument("--users", type=int, default=1000)
    ask.add_argument("--store", choices=["memory", "sqlite"], default="memory")
    ask.add_argument("--every", type=float, default=0, help="seconds between two looks (default: a hundredth of the run, 1 to 5)")
    ask.add_argument("--jsonl", help="write the samples there too")
    ask.add_argument(
        "--mixed", action="store_true", help="everything that phones do, with media; memory at the end against that after 5 min"
    )
    args = ask.parse_args()
    if args.mixed:
        run_mixed(args)
    if not LOAD.is_dir():
        sys.exit(f"nothing measured: the load generator is not there ({LOAD})")
    if not shutil.which("sipp"):
        sys.exit("nothing measured: SIPp is not installed (Debian: sip-tester)")
    every = args.every or min(5.0, max(1.0, args.seconds / 100))
    with tempfile.TemporaryDirectory(prefix="sipline-soak-") as folder:
        server = Server(folder, args.scenario, args.users, args.store)
        generator = None
        try:
            # Once every user: bindings, caches and the allocator's own pages are there before memory is looked at.
            load(server.process.pid, args.scenario, args.rate, args.users / args.rate + 2, args.users).communicate()
            begin = time.monotonic()
            samples = [sample(server, begin)]
            generator = load(server.process.pid, args.scenario, args.rate, args.seconds, args.users)
            while generator.poll() is None:
                time.sleep(every)
                samples.append(sample(server, begin))
                if sys.stderr.isatty():
                    now = samples[-1]
                    print(
                        f"\r{now['at']:6.0f} s  {now['rss'] / 2**20:7.1f} MiB  {now['completed']:7} completed",
                        end="",
                        file=sys.stderr,
                        flush=True,
                    )
            out, err = generator.communicate()
        finally:
            if generator is not None and generator.poll() is None:
                generator.terminate()
            status = server.stop()
    if sys.stderr.isatty():
        print(file=sys.stderr)
    if args.jsonl:
        pathlib.Path(args.jsonl).write_text("".join(json.dumps(each) + "\n" for each in samples))
    try:
        figures = json.loads(out.strip().splitlines()[-1])
    except (IndexError, ValueError):
        sys.exit(f"the load generator failed: {out}{err}")
    print(f"{args.scenario}, contacts in {args.store}, {args.users} users, {args.rate:g} calls/s for {args.seconds:g} s")
    fine = verdict(samples, figures, args.seconds, status)
    if not fine and figures.get("why"):
        print(json.dumps(figures["why"], indent=1)[:2000])
    for line in server.said[:20]:
        print("server:", line.rstrip())
    print("stays up" if fine else "does not hold")
    sys.exit(0 if fine else 1)


if __name__ == "__main__":
    main()
