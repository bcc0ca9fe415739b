"""plugins.channel.bodies: the session description of a message."""

import pytest
from pipeline.plugins.channel.bodies import PARTS, description_of, is_beyond_us

from pipeline.sip.message import Request

SDP = b"v=0\r\no=- 1 1 IN IP4 10.0.0.9\r\n"


def message(kind, body):
    return Request.new("INVITE", "sip:x@y", [("Content-Type", kind)] if kind else [], body)


@pytest.mark.parametrize("kind", ["application/sdp", "Application/SDP; level=1"])
def test_a_body_of_that_kind(kind):
    assert description_of(message(kind, SDP)) == SDP


@pytest.mark.parametrize("kind", ['multipart/mixed;boundary="b1"', "multipart/mixed; boundary=b1"])
def test_a_part_of_that_kind(kind):
    body = b"--b1\r\nContent-Type: application/isup\r\n\r\n\0\1\r\n--b1\r\nC: application/sdp\r\n\r\n" + SDP + b"\r\n--b1--\r\n"
    assert description_of(message(kind, body)) == SDP


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("", b""),
        ("text/plain", SDP),
        ("multipart/mixed", SDP),
        ("multipart/mixed;boundary=b", b"--b\r\nContent-Type: text/plain\r\n\r\nhi\r\n--b--"),
        ("multipart/mixed;boundary=b", b"--b--\r\nContent-Type: application/sdp\r\n\r\nx"),
    ],
)
def test_none(kind, body):
    assert description_of(message(kind, body)) == b""


@pytest.mark.parametrize(
    ("disposition", "kind", "beyond"),
    [
        ("handling=required", "application/isup", True),
        ("handling=optional", "application/isup", False),
        ("handling=required", "application/sdp", False),
    ],
)
def test_a_part_that_must_be_understood(disposition, kind, beyond):
    part = f"--b\r\nContent-Type: {kind};version=x\r\nContent-Disposition: signal; {disposition}\r\n\r\nxx\r\n--b--".encode()
    assert is_beyond_us(message("multipart/mixed;boundary=b", part), {"application/sdp"}) is beyond


@pytest.mark.parametrize("before", [0, PARTS - 1, PARTS, PARTS + 5])
def test_so_many_parts_are_looked_at_and_what_has_more_is_beyond_us(before):
    other = b"--b\r\nContent-Type: text/plain\r\n\r\nhi\r\n"
    offer = message("multipart/mixed;boundary=b", other * before + b"--b\r\nContent-Type: application/sdp\r\n\r\n" + SDP + b"\r\n--b--\r\n")
    assert description_of(offer) == (SDP if before < PARTS else b"")
    assert is_beyond_us(offer, {"application/sdp"}) is (before >= PARTS)


def test_a_multipart_in_a_part_is_not_looked_into():
    inner = b"--i\r\nContent-Type: application/sdp\r\n\r\n" + SDP + b"\r\n--i--"
    body = b"--b\r\nContent-Type: multipart/mixed;boundary=i\r\n\r\n" + inner + b"\r\n--b--\r\n"
    assert description_of(message("multipart/mixed;boundary=b", body)) == b""
