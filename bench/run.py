"""CPU per transaction of Sipline, beside every peer that is installed, at equal rates in one run. `make bench`.

    make bench                          REGISTER, REGISTER with digest, OPTIONS at 4,000/s and calls at 400/s; each at the maximum, too
    make bench ARGS="--quick"           4,000/s only, 3 s each
    make bench ARGS="--only options --max"
    make bench ARGS="--only invite_b2bua --seconds 600 --rounds 1 --alone --rate 700"     ten minutes of calls; then the memory, when all is quiet
    make bench ARGS="--store sqlite"    contacts in sqlite with durability "commit"

The load generator and the way of measuring are those of ../shared/load (SIPp on one core, the server on the other, CPU read from
/proc); without that folder nothing is measured. Servers are interleaved (A, B, A, B): this compares ratios, not machines.
"""

import argparse
import contextlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
LOAD = HERE.parent.parent / "shared" / "load"
CALLS = ("invite_b2bua", "invite_ring")
WORK = ("register_noauth", "register_digest", "options", "message", "invite_b2bua")
KAMAILIO = {
    "register_noauth": "a_registrar",
    "register_digest": "b_digest",
    "options": "a_registrar",
    "message": "c_proxy",
    "invite_b2bua": "c_proxy",  # 13 messages each way; Kamailio is a stateful proxy here, Sipline a B2BUA
    "invite_ring": "c_proxy",
    "subscribe_presence": "presence",  # bench/kamailio/presence.cfg: publications and subscriptions in memory
}
DBTEXT = pathlib.Path("/usr/share/kamailio/dbtext/kamailio")
"""Empty tables, which Kamailio's presence wants to see also where it keeps everything in memory."""
RATE = {"invite_b2bua": 400.0, "invite_ring": 400.0, "subscribe_presence": 300.0}
"""Calls a second, where 4,000 would be more than anybody asks."""
QUIET = 40
"""Seconds until the last completed transaction is forgotten (Timer J)."""

PLAN = """
[pipeline]
name = "bench"
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
plugins = {intercept}
[[stage]]
name = "application"
plugins = {application}
[[stage]]
name = "integration"
plugins = {integration}
[plugin.udp]
bind = ["127.0.0.1:47160"]
[dal]
contact = {contact}
"""
APPLICATIONS = {
    **dict.fromkeys(CALLS, '["registrar", "channel", "options"]'),
    "message": '["registrar", "messages", "options"]',
    "subscribe_presence": '["registrar", "pubsub", "presence", "options"]',
}
CALLED = ', "channel", "dialplan", "media_direct"'
DIALPLAN = """
[context.default]
users = true
"""
EVENTS = """
[plugin.pubsub]
watch = "all"
publish = "all"
publications_per_resource = 10000
publications_per_publisher = 1000000
publications = 1000000
publish_rate = 0
per_source = 100000
"""
"""Everybody comes from one address here."""
MESSAGES = """
[plugin.messages]
stranger_rate = 0
"""
MORE = {**dict.fromkeys(CALLS, DIALPLAN), "subscribe_presence": EVENTS, "message": MESSAGES}


def configuration(scenario, users, store):
    """The pipeline.toml that a scenario of the load generator wants."""
    text = PLAN.format(
        intercept='["identify", "auth"]' if "digest" in scenario or "auth" in scenario.replace("noauth", "") else "[]",
        application=APPLICATIONS.get(scenario, '["registrar", "options"]'),
        integration=f'["toml", "{store}"{CALLED if scenario in CALLS else ""}]',
        contact='["memory"]' if store == "memory" else '{ backends = ["sqlite"], durability = "commit" }',
    )
    text += "".join(f'[user.u{i:06d}]\npassword = "p{i:06d}"\nmax_contacts = 1\n' for i in range(users))
    return text + MORE.get(scenario, "")


@contextlib.contextmanager
def sipline(scenario, users, store):
    """Run Sipline on core 0; gives its process id."""
    with tempfile.TemporaryDirectory(prefix="sipline-bench-") as folder:
        path = pathlib.Path(folder) / "pipeline.toml"
        path.write_text(configuration(scenario, users, store))
        process = subprocess.Popen(
            ["taskset", "-c", "0", sys.executable, "-m", "pipeline", "-c", str(path), "run"],
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
            yield process.pid
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()


@contextlib.contextmanager
def kamailio(scenario, users):
    """Run Kamailio on core 0; gives its process id."""
    with tempfile.TemporaryDirectory(prefix="kamailio-peer-") as folder:
        ours = HERE / "kamailio" / f"{KAMAILIO[scenario]}.cfg"
        if ours.is_file():
            config = pathlib.Path(folder) / "kamailio.cfg"
            config.write_text(ours.read_text().replace("@RUN@", folder))
            shutil.copytree(DBTEXT, pathlib.Path(folder) / "dbtext")
            command = ["taskset", "-c", "0", "kamailio", "-DD", "-E", "-m", "512", "-M", "16", "-b", "4194304", "-f", str(config)]
            process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        else:
            command = [sys.executable, str(LOAD / "kamailio" / "kamailio.py"), KAMAILIO[scenario], "--users", str(users)]
            process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        try:
            pid = process.pid if ours.is_file() else int(process.stdout.readline())
            time.sleep(1.5)  # it says its pid before it listens, and tells nobody when it does
            yield pid
        finally:
            process.terminate()
            process.wait(10)


def load(mode, pid, scenario, *more):
    """Run the load generator; gives its figures."""
    command = [sys.executable, str(LOAD / "load.py"), mode, "--pid", str(pid), "--scenario", scenario, "--sipp-cpu", "1", *map(str, more)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        return json.loads(done.stdout.strip().splitlines()[-1])
    except (IndexError, ValueError):
        sys.exit(f"{' '.join(command)}: {done.stdout}{done.stderr}")


def micros(figures):
    value = figures.get("median_norm_us_per_tx") or figures.get("norm_us_cpu_per_tx")
    return f"{value:8.1f}" if value else "       -"


def works(text):
    """The names that --only lists; raises what argparse tells."""
    names = text.split(",")
    for name in names:
        if name not in KAMAILIO:
            raise argparse.ArgumentTypeError(f"{name!r} is none of {', '.join(KAMAILIO)}")
    return names


def main():
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument(
        "--only", type=works, default=list(WORK), metavar="NAME,...", help=f"of {', '.join(KAMAILIO)}; default {','.join(WORK)}"
    )
    ask.add_argument("--rate", type=float, default=0, help="transactions (calls) a second; default 4000, of calls 400")
    ask.add_argument("--seconds", type=float, default=5)
    ask.add_argument("--rounds", type=int, default=2)
    ask.add_argument("--quick", action="store_true", help="one round of 3 s, no maximum")
    ask.add_argument("--max", action="store_true", help="the maximum rate too (default unless --quick)")
    ask.add_argument("--store", choices=["memory", "sqlite"], default="memory")
    ask.add_argument("--alone", action="store_true", help="no peers")
    ask.add_argument("--users", type=int, default=1000)
    args = ask.parse_args()
    if not LOAD.is_dir():
        sys.exit(f"nothing measured: the load generator is not there ({LOAD})")
    if not shutil.which("sipp"):
        sys.exit("nothing measured: SIPp is not installed (Debian: sip-tester)")
    if args.quick:
        args.seconds, args.rounds = 3, 1
    peers = {"sipline": lambda work: sipline(work, args.users, args.store)}
    if shutil.which("kamailio") and not args.alone:
        peers["kamailio"] = lambda work: kamailio(work, args.users)
    print(
        f"microseconds of CPU per transaction (scaled to a machine of 5 us per calibration step), contacts in {args.store}; {os.cpu_count()} cores"
    )
    print(f"{'work':18}{'rate':>9}" + "".join(f"{peer:>12}" for peer in peers) + "   ratio")
    for work in args.only:
        fixed = args.rate or RATE.get(work, 4000.0)
        low, high = (100, 5000) if work in RATE else (4000, 60000)
        rates = [("fixed", fixed)] + ([("max", 0)] if args.max or not args.quick else [])
        for kind, rate in rates:
            found = {peer: [] for peer in peers}
            for _ in range(args.rounds if kind == "fixed" else 1):
                for peer, start in peers.items():
                    if peer == "kamailio" and KAMAILIO[work] == "presence" and not DBTEXT.is_dir():
                        continue  # Debian: kamailio-presence-modules
                    with start(work) as pid:
                        if kind == "fixed":
                            found[peer].append(load("run", pid, work, "--rate", rate, "--duration", args.seconds))
                            if args.seconds >= 60:
                                time.sleep(QUIET)
                                found[peer][-1]["rss_kib"] = load("mem", pid, work)["rss_kib"]
                        else:
                            found[peer].append(load("max", pid, work, "--lo", low, "--hi", high, "--probe", 3, "--precision", 0.1))
            best = {peer: min(figures, key=lambda f: f.get("norm_us_cpu_per_tx") or 1e9) for peer, figures in found.items() if figures}
            label = f"{rate:.0f}/s" if kind == "fixed" else "maximum"
            ratio = ""
            if "kamailio" in best and best["kamailio"].get("norm_us_cpu_per_tx") and best["sipline"].get("norm_us_cpu_per_tx"):
                ratio = f"{best['sipline']['norm_us_cpu_per_tx'] / best['kamailio']['norm_us_cpu_per_tx']:8.2f}"
            print(f"{work:18}{label:>9}" + "".join(f"{micros(figures):>12}" for figures in best.values()) + ratio, flush=True)
            for peer, figures in best.items():
                bad = (
                    ""
                    if figures.get("ok")
                    else f"  NOT CLEAN: failed {figures.get('failed')}, retransmissions {figures.get('retransmit_pct')} %"
                )
                reached = f"{figures.get('rate_tx_s', 0):.0f}/s"
                rtt = (figures.get("rtt_ms") or {}).get("1", {})
                print(
                    f"    {peer:10} {reached:>9}  core {figures.get('server_core_load')}  p95 {rtt.get('p95')} ms  rss {figures.get('rss_kib', 0) // 1024} MiB{bad}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
