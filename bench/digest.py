"""What digest and the transaction machines cost per message: `python bench/digest.py`. Best of five, microseconds."""

from __future__ import annotations

import timeit
from typing import TYPE_CHECKING

from pipeline.sip.digest import ALGORITHMS, challenge_value, expected, hash_of, matches, parse_credentials
from pipeline.sip.matching import client_key, merge_key, server_key
from pipeline.sip.message import Request
from pipeline.sip.routing import received_via, reply_to
from pipeline.sip.timers import Timers
from pipeline.sip.transaction_server import InviteServer, NonInviteServer

if TYPE_CHECKING:
    from collections.abc import Callable

NONCE = "66a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3"
USUAL = (
    f'Digest username="alice", realm="example.com", nonce="{NONCE}", uri="sip:example.com", '
    'response="6629fae49393a05397450978507c4ef1", algorithm=MD5, cnonce="0a4f113b", qop=auth, nc=00000001, opaque=""'
)
UNUSUAL = USUAL.replace("qop=auth", 'qop = "auth"')
REQUEST = Request.new(
    "REGISTER",
    "sip:example.com",
    [
        ("Via", "SIP/2.0/UDP 192.0.2.4:5060;branch=z9hG4bK-74bf9-1;rport"),
        ("From", "<sip:alice@example.com>;tag=abc123"),
        ("To", "<sip:alice@example.com>"),
        ("Call-ID", "a84b4c76e66710@pc33"),
        ("CSeq", "1 REGISTER"),
        ("Max-Forwards", "70"),
    ],
)
TIMERS = Timers()


def cost(what: str, work: Callable[[], object], times: int = 50_000) -> None:
    best = min(timeit.repeat(work, number=times, repeat=5)) / times * 1e6
    print(f"{what:40}{best:8.2f} us")


def answered_at_once() -> None:
    machine = NonInviteServer(TIMERS, False)
    machine.respond(200, b"200")
    machine.fire("J")


def answered_later() -> None:
    machine = InviteServer(TIMERS, False)
    machine.start()
    machine.respond(100, b"100")
    machine.respond(302, b"302")
    machine.ack()
    machine.fire("I")


def main() -> None:
    via, source = REQUEST.via, ("203.0.113.9", 4444)
    credentials = parse_credentials(USUAL)
    assert credentials is not None
    cost("parse_credentials, usual", lambda: parse_credentials(USUAL))
    cost("parse_credentials, the careful way", lambda: parse_credentials(UNUSUAL))
    for algorithm in ALGORITHMS:
        ha1 = hash_of(algorithm, "alice", "example.com", "secret")
        known = credentials._replace(algorithm=algorithm)
        cost(f"expected response, {algorithm}", lambda known=known, ha1=ha1: expected(known, ha1, "REGISTER"))
    cost("matches", lambda: matches(credentials.response, credentials.response))
    cost("challenge_value", lambda: challenge_value("example.com", NONCE))
    cost("server_key", lambda: server_key(REQUEST))
    cost("merge_key", lambda: merge_key(REQUEST))
    cost("client_key", lambda: client_key(REQUEST))
    cost("received_via", lambda: received_via(via.text, source, via))
    cost("reply_to", lambda: reply_to(via, source, False))
    cost("server: made, answered, Timer J", answered_at_once)
    cost("INVITE server: start, 100, 302, ACK, I", answered_later)


if __name__ == "__main__":
    main()
