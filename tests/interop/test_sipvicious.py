"""sipvicious (svwar, svcrack) against the usual pipeline with `shield`: it finds nobody and no password; the phone beside it notices nothing.

The scanner and the phone share one address here, as behind one NAT: the hardest case, for then no ban may help.
`python -m pytest tests/interop/test_sipvicious.py -k answers -s` prints how many answers a second svcrack gets with the default options.
"""

import json
import re
import select
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


class Between(threading.Thread):
    """What lies between a scanner and the server: notes when each request went and what came back when; it may give the scanner another name."""

    def __init__(self, port, called):
        super().__init__(daemon=True)
        self.scanner, self.server = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
        self.scanner.bind(("127.0.0.1", 0))
        self.server.connect(("127.0.0.1", port))
        self.port, self.called = self.scanner.getsockname()[1], called
        self.asked, self.answers = [], []
        self.ended = threading.Event()

    def run(self):
        source = None
        while not self.ended.is_set():
            for sock in select.select([self.scanner, self.server], [], [], 0.1)[0]:
                data, peer = sock.recvfrom(65535)
                if sock is self.scanner:
                    source = peer
                    self.asked.append(time.monotonic())
                    self.server.send(data.replace(b"friendly-scanner", self.called))
                else:
                    self.answers.append((time.monotonic(), parse(data)))
                    self.scanner.sendto(data, source)

    def stop(self):
        self.ended.set()
        self.join(5)
        self.scanner.close()
        self.server.close()

    def rate(self, name):
        """Print and return how many answers a second came after the twentieth request."""
        begin = self.asked[19]
        seconds = self.asked[-1] - begin
        assert seconds > 5, f"{name} has asked no longer"
        late = [answer for at, answer in self.answers if at > begin]
        tries = sum(answer.get("cseq").startswith("2 ") for answer in late)
        rate = len(late) / seconds
        print(
            f"\n{name} asked {len(self.asked) / (self.asked[-1] - self.asked[0]):.0f} times a second; of 20 requests in"
            f" {begin - self.asked[0]:.2f} s {len(self.answers) - len(late)} were answered, then for {seconds:.0f} s {rate:.2f} a second:"
            f" {len(late) - tries} challenges, {tries} refused tries"
        )
        return rate


@pytest.fixture
def between():
    begun = []

    def between(port, called):
        begun.append(Between(port, called))
        begun[-1].start()
        return begun[-1]

    yield between
    for each in begun:
        each.stop()


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
    scan(server, [program("svcrack"), "-u", "101", "-r", "100-400", "-p", server.port, "127.0.0.1"], 20)
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


@pytest.fixture
def crack(program, between, tools):
    """Run svcrack against a server with shield as it comes, for 20 s; give what lies between them."""

    def crack(server, called=b"friendly-scanner"):
        way = between(server.port, called)
        own = tools.free_port()  # at 5060 it would take the answers of others to be its own
        scan(server, [program("svcrack"), "-u", "101", "-r", "100-400", "-P", own, "-p", way.port, "127.0.0.1"], 20)
        return way

    return crack


def test_svcrack_has_no_answers_with_the_default_options(server, crack):
    way = crack(server())
    assert way.asked and not way.answers


def test_svcrack_by_another_name_has_after_twenty_requests_one_answer_a_second_and_is_banned(server, crack):
    server = server()
    assert crack(server, b"somebody").rate("svcrack by another name") < 1.15  # 20 s may begin with two tries at once
    assert "127.0.0.1" in server.sipline("ban", "list").stdout


def test_svcrack_by_another_name_beside_a_phone_has_after_twenty_requests_one_answer_a_second(server, phone, crack):
    server = server()
    beside = phone(server.port)
    rate = crack(server, b"somebody").rate("svcrack by another name beside a phone")
    beside.stop()
    assert rate < 1.15
    assert beside.bad == 0 and beside.good > 5, (beside.bad, beside.good)
