"""Who waits for which response, and our Via: RFC 3261 17.1.3, 18.1.2, RFC 3581."""

import pytest

from pipeline.client import Final
from pipeline.conformance.marks import rfc
from pipeline.flow import Target
from pipeline.sip.message import answer_octets
from pipeline.sip.parser import parse


def test_a_stray_response_is_dropped(server):
    server.send(
        b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKx\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:a@b>;tag=2\r\nCall-ID: x\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
    )
    server.replies()
    assert server.engine.counts["dropped.response"] == 1


def test_our_via_asks_for_the_port_and_carries_our_address(server, phone, ask):
    ask(Target("10.0.0.2", 5060))
    server.advance(1)
    (message,) = phone.received
    assert message.via.host == "10.0.0.1"
    assert message.via.branch.startswith("z9hG4bK")
    assert "rport" in message.via.params


@rfc("3261", "8.1.3.3")
@pytest.mark.parametrize("apart", ["\r\nVia: ", ", "])
def test_an_answer_with_more_than_our_via_is_for_somebody_else(server, ask, told, apart):
    def answer(data, source, _local):
        request = parse(data)
        reply = answer_octets(request, 200, "", (), to_tag="b")
        via = request.get("via").encode()
        socket.send(reply.replace(via, via + apart.encode() + b"SIP/2.0/UDP 10.0.0.99;branch=z9hG4bKbelow"), source)
        if answers:
            socket.send(reply, source)
        answers.append(request)

    answers = []
    socket = server.network.host("10.0.0.77").datagram("10.0.0.77", 5060, answer)
    ask(Target("10.0.0.77", 5060))
    server.advance(0.4)
    assert answers and told == []
    assert server.engine.counts["dropped.response"] == 1
    server.advance(1)
    assert [type(outcome) for outcome in told] == [Final]
