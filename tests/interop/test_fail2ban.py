"""The fail2ban filter that comes with us, run by the real fail2ban-regex on lines that the server wrote."""

import re
import shutil
import subprocess

import pytest

from tests.interop.conftest import ROOT, missing

FILTER = ROOT / "examples/fail2ban/filter.d/sipline.conf"
FORGED = 'Digest username="alice", realm="example.com", nonce="00", uri="sip:example.com", response="00", qop=auth, nc=00000001, cnonce="x"'


def regex(log):
    if shutil.which("fail2ban-regex") is None:
        missing("fail2ban-regex is not installed: apt-get install fail2ban")
    run = subprocess.run(
        ["fail2ban-regex", "--print-all-matched", str(log), str(FILTER)], capture_output=True, text=True, check=True, timeout=60
    )
    found = re.search(r"Lines: (\d+) lines, \d+ ignored, (\d+) matched, (\d+) missed", run.stdout)
    assert found, run.stdout
    return run.stdout, int(found[2]), int(found[3])


@pytest.fixture
def log(sip, tmp_path):
    server = sip('[plugin.security]\nlog_file = "security.log"\n', intercept=["identify", "security", "auth"])
    server.request("REGISTER", from_="alice", password="wrong", source=("198.51.100.9", 5060))
    server.request("REGISTER", from_="nobody", password="wrong", source=("198.51.100.10", 5060))
    server.send(server.message("REGISTER", source=("192.0.2.1", 5060), headers=[("Authorization", FORGED)]), ("192.0.2.1", 5060))
    server.send(
        server.message(
            "REGISTER",
            source=("192.0.2.1", 5060),
            headers=[("Call-ID", 'x",RemoteAddress="IPV4/UDP/192.0.2.99/5060",Proved="yes'), ("Authorization", FORGED)],
        ),
        ("192.0.2.1", 5060),
    )
    server.replies(("192.0.2.1", 5060))
    return tmp_path / "security.log"


def test_the_filter_finds_who_proved_his_address_and_nobody_else(log):
    said, matched, missed = regex(log)
    assert (matched, missed) == (2, 2), said
    hosts = set(re.findall(r"RemoteAddress=\"IPV4/UDP/([\d.]+)/", said.split("Matched line(s):")[1].split("`-")[0]))
    assert hosts == {"198.51.100.9", "198.51.100.10"}


def test_the_filter_reads_the_server_s_own_log_too(log, tmp_path):
    own = tmp_path / "server.log"
    own.write_text("".join(f"2026-11-23 13:40:11,123 WARNING {text.partition(' ')[2]}\n" for text in log.read_text().splitlines()))
    said, matched, missed = regex(own)
    assert (matched, missed) == (2, 2), said


def banned(log, mode):
    """Whom fail2ban would ban, in its own words."""
    command = ["fail2ban-regex", "-o", "<ip>", str(log), f"{FILTER}[mode={mode}]"]
    run = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    return run.stdout.split()


def test_of_ipv6_a_guess_counts_for_its_address_and_a_ban_for_the_network(sip, tmp_path):
    if shutil.which("fail2ban-regex") is None:
        missing("fail2ban-regex is not installed: apt-get install fail2ban")
    toml = '[plugin.security]\nlog_file = "security.log"\n[plugin.udp]\nbind = ["10.0.0.1:5060", "[fd00::1]:5060"]\n'
    server = sip(toml, intercept=["identify", "security", "auth"])
    server.request("REGISTER", from_="alice", password="wrong", source=("2001:db8::9", 5060))
    for source in ("2001:db8::/64", "198.51.100.7"):
        server.engine.tell("shield.banned", source=source, seconds=3600.0, reason="failed logins", score=10.0)
    log = tmp_path / "security.log"
    assert banned(log, "failures") == ["2001:db8::9"]
    assert banned(log, "banned") == ["2001:db8::/64", "198.51.100.7"]
    assert banned(log, "all") == ["2001:db8::9", "2001:db8::/64", "198.51.100.7"]
