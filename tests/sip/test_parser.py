"""Mirror of pipeline/sip/parser.py."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.conformance.marks import rfc
from pipeline.sip import Malformed, Request, Response, check, parse
from pipeline.sip.parser import MAX_ELEMENTS, MAX_FIELD, MAX_FIELDS
from pipeline.sip.uri import MAX_URI

HEAD = b"OPTIONS sip:b@example.com SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: <sip:a@h>;tag=1\r\nTo: <sip:b@h>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\n"


def refused(data, stream=False):
    with pytest.raises(Malformed) as caught:
        parse(data, stream)
    return caught.value


@rfc("3261", "7.1")
def test_a_request_is_split():
    message = parse(HEAD + b"Content-Length: 3\r\n\r\nabc")
    assert (message.method, message.uri_text, message.version, message.body) == ("OPTIONS", "sip:b@example.com", "SIP/2.0", b"abc")
    assert message.raw == message.encode() == HEAD + b"Content-Length: 3\r\n\r\nabc"


@rfc("3261", "7.2")
def test_a_response_is_split_even_with_an_empty_or_a_missing_reason():
    assert (parse(b"SIP/2.0 100 \r\n\r\n").status, parse(b"SIP/2.0 100 \r\n\r\n").reason) == (100, "")
    assert parse(b"SIP/2.0 486\r\n\r\n").reason == ""
    assert parse("SIP/2.0 200 = 2**3 * 5**2 но сто девяносто\r\n\r\n".encode()).reason == "= 2**3 * 5**2 но сто девяносто"
    assert parse(b"SIP/2.0 200 O\xffK\r\n\r\n").encode() == b"SIP/2.0 200 O\xffK\r\n\r\n"


@rfc("3261", "7.5")
def test_crlfs_before_the_start_line_are_skipped():
    assert parse(b"\r\n\r\n" + HEAD + b"\r\n").raw == HEAD + b"\r\n"


@rfc("3261", "18.3")
def test_without_a_length_the_body_of_a_datagram_is_its_rest_and_a_stream_is_refused():
    assert parse(HEAD + b"\r\nrest").body == b"rest"
    error = refused(HEAD + b"\r\n", stream=True)
    assert error.reason == "Missing Content-Length"
    assert error.message.call_id == "1"
    assert refused(b"SIP/2.0 200 OK\r\n\r\n", stream=True).message is None


@rfc("3261", "18.3")
def test_octets_behind_the_body_are_no_part_of_the_message():
    message = parse(HEAD + b"l: 3\r\n\r\nabcINVITE sip:other SIP/2.0")
    assert (message.body, message.raw) == (b"abc", HEAD + b"l: 3\r\n\r\nabc")
    assert parse(HEAD + b"l: 0\r\n\r\nabc").raw == HEAD + b"l: 0\r\n\r\n"
    assert parse(b"SIP/2.0 200 OK\r\nl: 1\r\n\r\nabc").body == b"a"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (HEAD + b"Content-Length: 4\r\n\r\nabc", "Bad Content-Length: larger than the body that came"),
        (HEAD + b"Content-Length: -999\r\n\r\nabc", "Bad Content-Length: not a number"),
        (HEAD + b"Content-Length: five\r\n\r\nabc", "Bad Content-Length: not a number"),
        (HEAD + b"Content-Length: 0\r\nl: 0\r\n\r\n", "Bad Content-Length: more than one"),
        (HEAD + b"l: 3\r\n", "Bad message: no empty line after the header fields"),
        (HEAD + b"nonsense\r\n\r\n", "Bad header field: a line without ':'"),
        (HEAD + b"a b: c\r\n\r\n", "Bad header field: its name is not a token"),
        (HEAD + b": c\r\n\r\n", "Bad header field: its name is not a token"),
        (HEAD + b"Subject: a\nX: b\r\n\r\n", "Bad header section: a line must end with CR LF"),
        (HEAD + b"Subject: a\rX: b\r\n\r\n", "Bad header section: a line must end with CR LF"),
        (HEAD.replace(b"\r\n", b"\n") + b"\n", "Bad message: no empty line after the header fields"),
        (HEAD.replace(b"SIP/2.0\r\nVia", b"SIP/2.0  \r\nVia"), "Bad message: no empty line after the header fields"),
        (
            HEAD.replace(b"SIP/2.0\r\nVia", b"SIP/2.0  \r\nVia") + b"\r\n",
            "Bad request line: it must be METHOD, URI and SIP/2.0 with one blank between",
        ),
        (
            HEAD.replace(b"SIP/2.0\r\nVia", b"SIP/2\r\nVia") + b"\r\n",
            "Bad request line: it must be METHOD, URI and SIP/2.0 with one blank between",
        ),
        (HEAD.replace(b"OPTIONS sip", b"OPT@IONS sip") + b"\r\n", "Bad start line: neither a request nor a response"),
        (HEAD + b"X: y\r\n" * MAX_FIELDS + b"\r\n", "Bad header section: too large"),
    ],
)
def test_what_cannot_be_split_can_still_be_answered(data, reason):
    error = refused(data)
    assert error.reason == reason
    assert error.status == (513 if "too large" in reason else 400)
    assert isinstance(error.message, Request)
    assert Response.to(error.message, error.status, error.reason).via.host == "h"
    assert (error.message.call_id, error.message.get("cseq")) == ("1", "1 OPTIONS")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\r\n\r\n",
        b"\0\0\0\0",
        b"hello\r\n\r\n",
        b"GET / HTTP/1.1\r\nVia: x\r\n\r\n",
        b"SIP/2.0 4294967301 better not break the receiver\r\nVia: SIP/2.0/UDP h\r\n\r\n",
        b"SIP/2.0 99 x\r\n\r\n",
        HEAD.replace(b"SIP/2.0\r\nVia", b"SIP/2.0\r\n Via") + b"\r\n",  # the Via is a fold of the start line
        b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP h\r\nl: 5\r\n\r\n",
        b"OPTIONS sip:b SIP/2.0\r\nnonsense\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 20,
    ],
)
def test_what_is_no_request_or_names_no_sender_is_not_answered(data):
    assert refused(data).message is None


@settings(max_examples=400)
@given(st.binary(max_size=200))
def test_any_octets_at_all_are_parsed_or_malformed(data):
    attempt(data)


@settings(max_examples=400)
@given(st.lists(st.tuples(st.integers(0, len(HEAD) + 1), st.binary(max_size=3)), max_size=5), st.booleans())
def test_a_damaged_message_is_parsed_or_malformed_and_never_crashes(damage, stream):
    data = HEAD + b"\r\n"
    for place, octets in damage:
        data = data[:place] + octets + data[place + 1 :]
    attempt(data, stream)


def attempt(data, stream=False):
    try:
        message = parse(data, stream)
        check(message)
    except Malformed as error:
        assert error.reason.isprintable()
        assert error.reason.isascii()
        if error.message is not None:
            answer = Response.to(error.message, error.status, error.reason, to_tag="t").encode()
            assert parse(answer).status == error.status
            _ = error.message.return_path
            error.message.stamp("192.0.2.1", 5060)
    else:
        assert message.encode() in data
        assert dict.fromkeys(key for key, *_ in message._list()) == dict.fromkeys(message.first)


@rfc("3261", "26.1.5")
@pytest.mark.parametrize("mark", [",", ";"])
def test_a_message_of_too_many_values_or_parameters_is_513_and_can_be_answered(mark):
    head = (
        "OPTIONS sip:b SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.9;branch=z9hG4bKx\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:b>\r\nCall-ID: x\r\n"
        f"CSeq: 1 OPTIONS\r\nX-List: {(mark + 'a') * (MAX_ELEMENTS + 9)}\r\n\r\n"
    )
    with pytest.raises(Malformed, match="too many values") as caught:
        parse(head.encode())
    assert caught.value.status == 513
    assert caught.value.message is not None and caught.value.message.call_id == "x"
    fine = head.replace(mark + "a", "", 200)
    assert parse(fine.encode()).get("x-list") is not None


@rfc("3261", "26.1.5")
@rfc("3261", "21.5.7")
@pytest.mark.parametrize("fold", ["", "\r\n "])
def test_a_field_that_is_too_large_is_513_and_can_be_answered(fold):
    piece = "a" * 100 + fold
    most = MAX_FIELD // (101 if fold else 100) - 1
    fine = HEAD + f"X-Long: {piece * most}b\r\nX-Next: {piece}b\r\n\r\n".encode()
    assert parse(fine).get("x-next") is not None
    assert parse(HEAD + f"Subject: x\r\nX-Long: {'a' * (MAX_FIELD - 8)}\r\n\r\n".encode()).get("x-long") is not None
    error = refused(HEAD + f"X-Long: {piece * (most + 2)}b\r\n\r\n".encode())
    assert (error.reason, error.status) == ("Bad header section: a field is too large", 513)
    assert error.message.call_id == "1"
    assert error.message.get("x-long") is None


def test_a_request_uri_that_is_too_long_is_414_however_long_it_is():
    for size in (MAX_URI + 1, MAX_FIELD, 60_000):
        message = parse(HEAD.replace(b"sip:", b"sip:" + b"a" * size, 1) + b"\r\n")
        with pytest.raises(Malformed) as caught:
            _ = message.uri
        assert caught.value.status == 414
