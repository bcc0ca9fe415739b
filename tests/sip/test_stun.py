"""STUN Binding on the SIP port: RFC 8489's own vectors (RFC 5769), and what is no question."""

from hypothesis import given
from hypothesis import strategies as st

from pipeline.conformance.marks import rfc
from pipeline.sip.stun import binding_answer, is_stun

ID = b"\xb7\xe7\xa7\x01\xbc\x34\xd6\x86\xfa\x87\xdf\xae"
COOKIE = b"\x21\x12\xa4\x42"


def request(attributes=b"", kind=1):
    return kind.to_bytes(2, "big") + len(attributes).to_bytes(2, "big") + COOKIE + ID + attributes


@rfc("5769", "2.2")
@rfc("8489", "14.2")
def test_an_ipv4_source_is_told_as_rfc_5769_has_it():
    answer = binding_answer(request(), "192.0.2.1", 32853)
    assert answer == b"\x01\x01\x00\x0c" + COOKIE + ID + b"\x00\x20\x00\x08\x00\x01\xa1\x47\xe1\x12\xa6\x43"


def test_an_ipv6_source_is_told_as_rfc_5769_has_it():
    answer = binding_answer(request(), "2001:db8:1234:5678:11:2233:4455:6677", 32853)
    assert answer[-20:] == b"\x00\x02\xa1\x47\x01\x13\xa9\xfa\xa5\xd3\xf1\x79\xbc\x25\xf4\xb5\xbe\xd2\xb9\xd9"


def test_a_fingerprint_is_answered_with_one_and_a_wrong_one_with_silence():
    import zlib

    body = (1).to_bytes(2, "big") + (8).to_bytes(2, "big") + COOKIE + ID
    right = (zlib.crc32(body) ^ 0x5354554E).to_bytes(4, "big")
    answer = binding_answer(body + b"\x80\x28\x00\x04" + right, "192.0.2.1", 1)
    assert answer[-8:-4] == b"\x80\x28\x00\x04"
    assert answer[-4:] == (zlib.crc32(answer[:-8]) ^ 0x5354554E).to_bytes(4, "big")
    assert binding_answer(body + b"\x80\x28\x00\x04" + b"nope", "192.0.2.1", 1) is None


def test_what_must_be_understood_and_is_not_gets_420():
    answer = binding_answer(request(b"\x00\x03\x00\x04\0\0\0\6"), "192.0.2.1", 1)  # CHANGE-REQUEST
    assert answer[:2] == b"\x01\x11"
    assert b"\x00\x09" in answer
    assert answer.endswith(b"\x00\x0a\x00\x02\x00\x03\x00\x00")


def test_what_may_be_ignored_is_ignored():
    assert binding_answer(request(b"\x80\x22\x00\x04test"), "192.0.2.1", 1)[:2] == b"\x01\x01"


def test_more_attributes_than_rfc_8489_knows_are_no_question():
    ignored = b"\x80\x22\x00\x00"
    assert binding_answer(request(16 * ignored), "192.0.2.1", 1)[:2] == b"\x01\x01"
    assert binding_answer(request(17 * ignored), "192.0.2.1", 1) is None
    assert binding_answer(request(16_371 * ignored), "192.0.2.1", 1) is None


def test_an_indication_an_answer_and_sip_get_nothing():
    for data in (
        request(kind=0x11),
        request(kind=0x101),
        b"",
        b"\0\0\0\0",
        b"OPTIONS sip:a SIP/2.0\r\n\r\n",
        request()[:-1],
        request(b"\0\6\0\x20ab"),
    ):
        assert binding_answer(data, "192.0.2.1", 1) is None
    assert not is_stun(b"\0\0\0\0")


@given(st.binary(max_size=80))
def test_nothing_makes_it_raise_or_answer_at_length(attributes):
    data = request(attributes)
    answer = binding_answer(data, "192.0.2.1", 5060)
    assert answer is None or len(answer) <= len(data) + 40
