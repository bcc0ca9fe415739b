"""The short answer in the place of one that is too large."""

import pytest

from pipeline.sip.short import shortened

HEAD = (
    b"Via: SIP/2.0/UDP a;branch=z9hG4bK1\r\nv: SIP/2.0/UDP b\r\n ;branch=z9hG4bK2\r\nFrom: <sip:a@b>;tag=1\r\nt: <sip:a@b>;tag=2\r\n"
    b"CALL-ID: x\r\nCSeq: 1 REGISTER\r\n"
)


def test_a_final_answer_keeps_what_its_request_is_known_by_and_nothing_else():
    contact = b"Contact: <sip:a@c>\r\n ;x=" + bytes(70_000) + b"\r\n"
    assert shortened(b"SIP/2.0 200 OK\r\n" + contact + HEAD + contact + b"Content-Length: 2\r\n\r\nVia: no\r\n\r\n") == (
        b"SIP/2.0 513 Answer Too Large\r\n" + HEAD + b"Content-Length: 0\r\n\r\n"
    )


@pytest.mark.parametrize("start", [b"SIP/2.0 183 Session Progress\r\n", b"NOTIFY sip:a@b SIP/2.0\r\n", b"\r\n", b""])
def test_requests_and_provisional_answers_have_no_short_form(start):
    assert shortened(start + HEAD + b"Content-Length: 0\r\n\r\n" + bytes(70_000)) is None


def test_what_would_not_be_shorter_is_not_made():
    assert shortened(b"SIP/2.0 200 OK\r\n" + HEAD + b"\r\n") is None
