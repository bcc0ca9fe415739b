"""kill -9 at a random moment under load: no binding whose 200 was received is missing after the restart, and none that was taken away is back.

Five crashes in the suite; SIPLINE_CRASHES=50 for more, SIPLINE_SEED for another course of things. By hand, all fifty:

    python tests/interop/test_crash.py 50 [SEED]
"""

import contextlib
import os
import random
import re
import selectors
import socket
import sqlite3
import sys
import time

import pytest

PHONES = 300
CRASHES = int(os.environ.get("SIPLINE_CRASHES", "5"))
SEED = int(os.environ.get("SIPLINE_SEED", "4711"))
AT_ONCE = 100
ANSWER = re.compile(rb"SIP/2\.0 (\d{3}).*?^Call-ID: *(\d+)@crash\r$.*?^CSeq: *(\d+) ", re.DOTALL | re.MULTILINE | re.IGNORECASE)


class Phone:
    """What one phone knows: what was answered, and what it has asked for and not heard of."""

    def __init__(self, number):
        self.number, self.cseq, self.bound, self.acknowledged, self.asked = number, 0, False, 0, None

    @property
    def uri(self):
        return f"sip:p{self.number}@192.0.2.{self.number % 250}:5060"

    def ask(self, rng, me):
        self.cseq += 1
        self.asked = rng.random() < 0.8  # bind or refresh, else take away
        aor = f"sip:p{self.number}@example.com"
        return (
            f"REGISTER sip:example.com SIP/2.0\r\nVia: SIP/2.0/UDP {me};branch=z9hG4bK{self.number}x{self.cseq};rport\r\nMax-Forwards: 70\r\n"
            f"From: <{aor}>;tag={self.number}\r\nTo: <{aor}>\r\nCall-ID: {self.number}@crash\r\nCSeq: {self.cseq} REGISTER\r\n"
            f"Contact: <{self.uri}>\r\nExpires: {3600 if self.asked else 0}\r\nContent-Length: 0\r\n\r\n"
        ).encode()

    def answered(self, status, cseq):
        if cseq == self.cseq and self.asked is not None and status == 200:
            self.bound, self.acknowledged, self.asked = self.asked, cseq, None


def load(server, phones, rng, moment):
    """Register for all one can, kill the server at `moment`, then hear what was sent before. Returns how many answers came."""
    heard, killed = 0, False
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock, selectors.DefaultSelector() as selector:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        sock.bind(("127.0.0.1", 0))
        sock.setblocking(False)
        selector.register(sock, selectors.EVENT_READ)
        me, to = f"127.0.0.1:{sock.getsockname()[1]}", ("127.0.0.1", server.port)
        idle, waiting = list(phones), {}
        rng.shuffle(idle)
        kill_at = time.monotonic() + moment
        while True:
            if not killed and time.monotonic() >= kill_at:
                server.kill()
                killed = True
            while not killed and idle and len(waiting) < AT_ONCE:
                phone = idle.pop()
                waiting[phone.number] = phone
                with contextlib.suppress(BlockingIOError):
                    sock.sendto(phone.ask(rng, me), to)
            ready = selector.select(0.1 if killed else max(0.0, min(0.05, kill_at - time.monotonic())))
            if not ready and killed:
                return heard
            with contextlib.suppress(BlockingIOError, ConnectionRefusedError):
                while True:
                    found = ANSWER.match(sock.recv(65536))
                    status, number, cseq = int(found[1]), int(found[2]), int(found[3])
                    assert status == 200, found[0]
                    heard += 1
                    phone = waiting.pop(number, None)
                    if phone is not None:
                        phone.answered(status, cseq)
                        idle.insert(0, phone)


def stored(server):
    """The bindings in the database: Contact URI -> CSeq."""
    (path,) = server.folder.rglob("sipline.db")
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        return dict(db.execute("select uri, cseq from contact"))


def crash(server, phones, rng):
    heard = load(server, phones, rng, rng.uniform(0.05, 1.0))
    server.start()
    shown = {contact["uri"] for contact in server.contacts()}
    kept = stored(server)
    assert shown == set(kept)
    for phone in phones:
        where = f"phone {phone.number}: bound {phone.bound} by CSeq {phone.acknowledged}, asked {phone.asked} with {phone.cseq}; stored {kept.get(phone.uri)}"
        if phone.asked is None:  # everything was answered
            assert (phone.uri in kept) is phone.bound, where
        elif phone.asked and phone.bound:  # a refresh was under way
            assert phone.uri in kept, where
        elif not phone.asked and not phone.bound:
            assert phone.uri not in kept, where
        assert phone.uri not in kept or kept[phone.uri] >= (phone.acknowledged if phone.bound else 0), where
        phone.bound, phone.asked = phone.uri in kept, None  # in doubt: as it is
    return heard


@pytest.fixture
def server(serve, template):
    users = "".join(f"[aor.p{number}]\n" for number in range(PHONES))
    text = template("phones.toml").replace('["identify", "auth"]', "[]")
    return serve(text[: text.index("[user.alice]")] + users)


@pytest.mark.slow
def test_no_binding_whose_200_was_received_is_missing_after_kill_9(server, capsys):
    rng = random.Random(SEED)
    phones = [Phone(number) for number in range(PHONES)]
    heard = [crash(server, phones, rng) for _ in range(CRASHES)]
    with capsys.disabled():
        print(f"\n{CRASHES} crashes (seed {SEED}): {sum(heard)} REGISTERs were answered, none was lost")
    assert sum(heard) > 100 * CRASHES
    assert "Traceback" not in server.log


if __name__ == "__main__":
    os.environ["SIPLINE_CRASHES"] = sys.argv[1] if len(sys.argv) > 1 else "50"
    os.environ["SIPLINE_SEED"] = sys.argv[2] if len(sys.argv) > 2 else str(random.SystemRandom().randrange(1 << 30))
    raise SystemExit(pytest.main(["-q", __file__]))
