"""Who waits for which response, and our Via: RFC 3261 17.1.3, 18.1.2, RFC 3581."""

from pipeline.flow import Target


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
