"""The stack's own options and what it refuses before anybody else sees it; transactions are tested in tests/stages."""

import pytest

from pipeline.config import Problems


def test_t2_below_t1_is_refused_with_the_place(sip):
    with pytest.raises(Problems, match="t2 must not be less than t1"):
        sip("[plugin.stack]\nt1 = 1.0\nt2 = 0.5")


def test_a_refusal_carries_received_and_rport(sip):
    server = sip()
    answer = server.request("OPTIONS", headers=[("Via", "SIP/2.0/UDP 192.168.0.7:9999;branch=z9hG4bKx;rport"), ("CSeq", "1 INVITE")])
    assert answer.status == 400
    assert answer.get("via") == "SIP/2.0/UDP 192.168.0.7:9999;branch=z9hG4bKx;rport=5060;received=10.0.0.9"


@pytest.mark.parametrize(
    "message",
    [
        b"SIP/2.0 200 OK\r\n\r\n",
        b"SIP/2.0 99999 Odd\r\nVia: SIP/2.0/UDP 10.0.0.9\r\n\r\n",
        b"ACK sip:example.com SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.9\r\n\r\n",
    ],
)
def test_broken_responses_and_acks_are_dropped(sip, message):
    server = sip()
    server.send(message)
    assert server.replies() == []


def test_what_has_no_via_to_answer_to_is_dropped(sip):
    server = sip()
    server.send(
        b"OPTIONS sip:example.com SIP/2.0\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:b@c>\r\nCall-ID: x\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
    )
    assert server.replies() == []
