"""sipvicious (svwar, svcrack) against the usual pipeline with `shield`: it finds nobody and no password; the phone beside it notices nothing.

The scanner and the phone share one address here, as behind one NAT: the hardest case, for then no ban may help.
"""

import json
import re
import socket
import subprocess
import threading
import time

import pytest

from pipeline.sip import digest
from pipeline.sip.parser import parse

USERS = '[user.100]\npassword = "100"\n[user.101]\npassword = "7"\n'
OPEN = "[plugin.shield]\nscanners = []\n"
"""Without signatures, as a scanner that calls itself something else meets us."""


@pytest.fixture
def server(serve, template):
    def server(more=""):
        toml = template("phones.toml").replace('["udp", "tcp"]', '["shield", "udp", "tcp"]')
        return serve(toml.partition("[user.alice]")[0] + "\n" + more + '[user.alice]\npassword = "swordfish"\n' + USERS)

    return server


class Phone(threading.Thread):
    """A phone that registers once a second from one port, and counts."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind(("127.0.0.1", 0))
        self.sock.connect(("127.0.0.1", port))
        self.sock.settimeout(2)
        self.ended = threading.Event()
        self.good, self.bad, self.slowest, self.serial = 0, 0, 0.0, 0
        self.port = port

    def ask(self, authorization=""):
        self.serial += 1
        host, port = self.sock.getsockname()
        self.sock.send(
            (
                f"REGISTER sip:127.0.0.1:{self.port} SIP/2.0\r\nVia: SIP/2.0/UDP {host}:{port};branch=z9hG4bKphone{self.serial};rport\r\n"
                f"Max-Forwards: 70\r\nFrom: <sip:alice@example.com>;tag=1\r\nTo: <sip:alice@example.com>\r\nCall-ID: phone\r\n"
                f"CSeq: {self.serial} REGISTER\r\nContact: <sip:alice@{host}:{port}>\r\nExpires: 60\r\n{authorization}Content-Length: 0\r\n\r\n"
            ).encode()
        )
        return parse(self.sock.recv(65535))

    def register(self):
        begin = time.monotonic()
        try:
            answer = self.ask()
            challenge = digest.choose(answer.all("www-authenticate"), "swordfish")
            uri = f"sip:127.0.0.1:{self.port}"
            value = digest.answer(challenge, "REGISTER", uri, username="alice", password="swordfish", cnonce="c")
            answer = self.ask(f"Authorization: {value}\r\n")
            ok = answer.status == 200
        except (OSError, AttributeError):
            ok = False
        self.good, self.bad = self.good + ok, self.bad + (not ok)
        self.slowest = max(self.slowest, time.monotonic() - begin)
        return ok

    def run(self):
        while not self.ended.wait(0.2):
            self.register()

    def stop(self):
        self.ended.set()
        self.join(5)
        self.sock.close()


@pytest.fixture
def phone():
    phones = []

    def phone(port):
        phones.append(Phone(port))
        assert phones[0].register()
        phones[0].start()
        return phones[0]

    yield phone
    for each in phones:
        each.stop()


def scan(server, words, seconds):
    """Run a scanner for some seconds at most; give what it printed."""
    process = subprocess.Popen(
        list(map(str, words)), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True, cwd=server.folder
    )
    try:
        out, _ = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.terminate()
        try:
            out, _ = process.communicate(timeout=5)
        except subprocess.TimeoutExpired:
            process.kill()
            out, _ = process.communicate()
    return out


def counts(server):
    return json.loads(server.sipline("show", "stats", "--json").stdout)


@pytest.mark.parametrize("method", ["REGISTER", "INVITE", "OPTIONS"])
def test_svwar_finds_no_user(server, phone, program, method):
    server = server(OPEN)
    beside = phone(server.port)
    out = scan(server, [program("svwar"), "--force", "-e", "100-160", "-m", method, "-p", server.port, "127.0.0.1"], 12)
    assert not re.search(r"\|\s*10[01]\s*\|", out), out
    beside.stop()
    assert beside.bad == 0 and beside.good > 5 and beside.slowest < 1.0, (beside.bad, beside.good, beside.slowest)
    assert counts(server)["plugins"]["shield"]["known_peers"] == 1


def test_svcrack_finds_no_password_and_is_held_to_one_try_a_second(server, phone, program):
    server = server(OPEN)
    beside = phone(server.port)
    out = scan(server, [program("svcrack"), "-u", "101", "-r", "100-400", "-p", server.port, "127.0.0.1"], 15)
    assert "7" not in re.findall(r"\|\s*101\s*\|\s*(\d+)\s*\|", out), out
    beside.stop()
    assert beside.bad == 0 and beside.good > 5 and beside.slowest < 1.0, (beside.bad, beside.good, beside.slowest)
    shield = counts(server)["plugins"]["shield"]
    assert shield.get("failure_rate", 0) + shield.get("request_rate", 0) > 0, shield
    assert shield.get("bans", 0) == 0  # a phone is bound there


def test_alone_at_its_address_svcrack_is_banned(server, program):
    server = server(OPEN)
    scan(server, [program("svcrack"), "-u", "101", "-r", "100-400", "-p", server.port, "127.0.0.1"], 15)
    assert "127.0.0.1" in server.sipline("ban", "list").stdout
    assert server.sipline("ban", "remove", "127.0.0.1").stdout == "lifted the ban of 127.0.0.1\n"


@pytest.mark.parametrize("name", ["svwar", "svcrack", "svmap"])
def test_by_its_own_name_it_is_not_even_answered(server, program, name):
    server = server()
    words = {"svwar": ["--force", "-e", "100-120"], "svcrack": ["-u", "101", "-r", "1-20"], "svmap": []}[name]
    scan(server, [program(name), *words, "-p", server.port, "127.0.0.1"], 4)
    stats = counts(server)
    assert stats["plugins"]["shield"]["scanners"] > 0
    assert stats["plugins"]["shield"]["known_peers"] == 0
