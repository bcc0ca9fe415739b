"""ACK and CANCEL as RFC 3261 17.1.1.3 and 9.1 build them."""

from pipeline.conformance.marks import rfc
from pipeline.sip.hop_by_hop import ack_for, cancel_for
from pipeline.sip.matching import server_key, server_key_for_cancel
from pipeline.sip.message import Request, Response

INVITE = Request.new(
    "INVITE",
    "sip:bob@biloxi.com;x=1",
    [
        ("Via", "SIP/2.0/UDP pc33.atlanta.com;branch=z9hG4bKkjshdyff, SIP/2.0/UDP second"),
        ("Via", "SIP/2.0/UDP third"),
        ("Max-Forwards", "70"),
        ("Route", "<sip:p1;lr>, <sip:p2;lr>"),
        ("Route", "<sip:p3;lr>"),
        ("To", "Bob <sip:bob@biloxi.com>"),
        ("From", "Alice <sip:alice@atlanta.com>;tag=88sja8x"),
        ("Call-ID", "987asjd97y7atg"),
        ("CSeq", "986759 INVITE"),
        ("Contact", "<sip:alice@pc33.atlanta.com>"),
        ("Require", "100rel"),
        ("Proxy-Require", "privacy"),
        ("Authorization", 'Digest username="alice"'),
        ("Content-Type", "application/sdp"),
    ],
    b"v=0\r\n",
)
RESPONSE = Response.to(INVITE, 404, to_tag="99sa0xk")


@rfc("3261", "17.1.1.3")
def test_an_ack_has_the_to_of_the_response_and_the_rest_of_the_invite():
    assert ack_for(INVITE, RESPONSE).encode() == (
        b"ACK sip:bob@biloxi.com;x=1 SIP/2.0\r\n"
        b"Via: SIP/2.0/UDP pc33.atlanta.com;branch=z9hG4bKkjshdyff\r\n"
        b"Max-Forwards: 70\r\n"
        b"Route: <sip:p1;lr>, <sip:p2;lr>\r\n"
        b"Route: <sip:p3;lr>\r\n"
        b"From: Alice <sip:alice@atlanta.com>;tag=88sja8x\r\n"
        b"To: Bob <sip:bob@biloxi.com>;tag=99sa0xk\r\n"
        b"Call-ID: 987asjd97y7atg\r\n"
        b"CSeq: 986759 ACK\r\n"
        b'Authorization: Digest username="alice"\r\n'
        b"Content-Length: 0\r\n\r\n"
    )


@rfc("3261", "9.1")
def test_a_cancel_is_the_invite_without_require_credentials_and_body():
    assert cancel_for(INVITE).encode() == (
        b"CANCEL sip:bob@biloxi.com;x=1 SIP/2.0\r\n"
        b"Via: SIP/2.0/UDP pc33.atlanta.com;branch=z9hG4bKkjshdyff\r\n"
        b"Max-Forwards: 70\r\n"
        b"Route: <sip:p1;lr>, <sip:p2;lr>\r\n"
        b"Route: <sip:p3;lr>\r\n"
        b"From: Alice <sip:alice@atlanta.com>;tag=88sja8x\r\n"
        b"To: Bob <sip:bob@biloxi.com>\r\n"
        b"Call-ID: 987asjd97y7atg\r\n"
        b"CSeq: 986759 CANCEL\r\n"
        b"Content-Length: 0\r\n\r\n"
    )


def test_both_find_the_transaction_of_the_invite():
    assert server_key(ack_for(INVITE, RESPONSE)) == server_key(INVITE)
    assert server_key_for_cancel(cancel_for(INVITE)) == server_key(INVITE)
