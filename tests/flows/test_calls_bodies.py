"""What an INVITE carries: a session description in a multipart body, or one that cannot be read. RFC 5621, RFC 3261 8.2.3 and 13.2.1."""

import pytest

from pipeline.conformance.marks import rfc
from pipeline.testing.server import CALLS

SERVER = """
[user.alice]
auth = []
[context.default.extensions]
answer = ["answer", { wait = 3600 }]
"""
SDP = b"v=0\r\no=- 1 1 IN IP4 10.0.0.9\r\ns=-\r\nc=IN IP4 10.0.0.9\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8\r\n"
NESTED = (
    b"--boundary1\r\nContent-Type: application/pidf+xml\r\n\r\n<presence/>\r\n--boundary1\r\n"
    b"Content-Type: multipart/alternative;\r\n boundary=boundary2\r\n\r\n--boundary2\r\nContent-Type: application/sdp\r\n\r\n"
    + SDP
    + b"\r\n--boundary2\r\nContent-Type: application/newer\r\n\r\nx\r\n--boundary2--\r\n--boundary1--\r\n"
)
HEAD = b"--b\r\nContent-Type: application/sdp\r\n\r\n"
ONE = HEAD + SDP + b"\r\n--b--\r\n"


def invite(sip, kind, body):
    server = sip(SERVER, intercept=["identify"], **CALLS)
    answer = server.request("INVITE", "answer", headers=[("Content-Type", kind)], body=body)
    assert not server.told("step.failed")
    return answer


@rfc("5621", "4.2")
@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ('multipart/mixed;boundary="boundary1"', NESTED),
        ("multipart/alternative;boundary=b", ONE),
        ('multipart/mixed;type="a;boundary=c";boundary=b', ONE),
        ("multipart/mixed;boundary=b", ONE.replace(b"\r\n", b"\n")),
        ("multipart/mixed;boundary=b", ONE.replace(b"Type: ", b"Type:\r\n ")),
        ("multipart/mixed;boundary=b", b"--bb\r\n" + ONE),
    ],
    ids=["nested", "alternative", "quoted parameter", "line feeds", "folded", "no delimiter"],
)
def test_the_offer_in_a_multipart_body_is_answered(sip, kind, body):
    """It was overlooked, and answered with an offer of the server's own: two offers cross, and nobody hears anybody."""
    answer = invite(sip, kind, body)
    assert answer.status == 200
    assert answer.body.partition(b"\r\nm=")[2].splitlines()[0].split()[2:] == [b"RTP/AVP", b"8"]


@rfc("5621", "8.4")
@pytest.mark.parametrize(
    ("kind", "body", "status", "reason"),
    [
        ("multipart/mixed", ONE, 400, "Bad Content-Type: a multipart without a boundary"),
        ("multipart/mixed;boundary=c", ONE, 400, "Bad body: no part between its boundaries"),
        ("multipart/mixed;boundary=b", ONE.replace(b"Type:", b"Type"), 400, "Bad body: a header line of a part that is no field"),
        ("multipart/mixed;boundary=b", ONE.replace(b"/sdp", b"/newer"), 415, "Unsupported Media Type"),
    ],
)
def test_a_body_that_cannot_be_read_is_no_call_without_an_offer(sip, kind, body, status, reason):
    answer = invite(sip, kind, body)
    assert (answer.status, answer.reason) == (status, reason)
    assert ("application/sdp" in (answer.get("accept") or "")) is (status == 415)


@pytest.mark.parametrize(
    ("kind", "body", "status"),
    [
        ("mixed", ONE, 200),
        ("related", ONE, 200),
        ("mixed", ONE.replace(b"--b\r\n", b"--c\r\n"), 400),
        ("mixed", ONE.replace(b"/sdp", b"/newer"), 415),
    ],
)
def test_a_reinvite_is_held_to_the_same(house, kind, body, status):
    h = house()
    call, _ = h.up()
    attempt = call.request("INVITE", [("Contact", "<sip:alice@10.0.0.2>"), ("Content-Type", f"multipart/{kind};boundary=b")], body)
    assert h.server.wait(attempt).status == status


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ((b"o=- 1 1", b"o=u S1 1"), "session and version in o= must be numbers"),
        ((b"o=- 1 1", b"o=- 1 -1"), "session and version in o= must be numbers"),
        ((b"c=IN IP4", b"c=IN IP6"), "the address in c= is none of IP6"),
    ],
)
def test_a_description_whose_origin_or_address_is_none_is_refused_and_told_why(sip, change, why):
    answer = invite(sip, "application/sdp", SDP.replace(*change))
    assert answer.status == 488
    assert why in answer.get("warning")


@rfc("3261", "20.15", "25.1")
@pytest.mark.parametrize(("kind", "status"), [("application / sdp", 200), ("a pplication/sdp", 415), ("application/sd p", 415)])
def test_blanks_stand_around_the_slash_of_a_content_type_only(sip, kind, status):
    assert invite(sip, kind, SDP).status == status
