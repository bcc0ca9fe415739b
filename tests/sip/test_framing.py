"""Mirror of pipeline/sip/framing.py."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.conformance.marks import rfc
from pipeline.sip import PING, PONG, Framer, Limits, Malformed, parse

HEAD = b"INFO sip:b@h SIP/2.0\r\nVia: SIP/2.0/TCP h;branch=z9hG4bK1\r\nFrom: <sip:a@h>;tag=1\r\nTo: <sip:b@h>\r\nCall-ID: 1\r\nCSeq: 1 INFO\r\n"
ONE = HEAD + b"Content-Length: 5\r\n\r\nab\r\n\r"
TWO = HEAD + b"l:0\r\n\r\n"
THREE = HEAD + b"CONTENT-LENGTH :\r\n  3\r\nX: y\r\n\r\nabc"


@rfc("3261", "18.3")
def test_messages_are_cut_where_their_length_says():
    framer = Framer()
    assert framer.feed(ONE + TWO + THREE + b"INFO") == [ONE, TWO, THREE]
    assert framer.pending == 4
    assert framer.broken is None


@given(st.lists(st.sampled_from([ONE, TWO, THREE]), max_size=4), st.lists(st.integers(0, 600), max_size=8))
def test_it_does_not_matter_how_the_octets_arrive(messages, cuts):
    data = b"".join(messages)
    places = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    framer = Framer()
    found = [piece for start, end in pairwise(places) for piece in framer.feed(data[start:end])]
    assert found == messages


def test_a_message_comes_out_octet_by_octet():
    framer = Framer()
    assert [piece for octet in ONE for piece in framer.feed(bytes([octet]))] == [ONE]


@rfc("3261", "7.5")
@rfc("5626", "3.5.1")
def test_keepalives_between_messages_are_told():
    framer = Framer()
    assert framer.feed(b"\r\n\r\n" + TWO + b"\r\n") == [PING, TWO, PONG]
    assert framer.feed(b"\r\n\r\n\r\n\r\n") == [PING, PING]
    assert framer.pending == 0


@rfc("5626", "3.5.1")
def test_pongs_that_are_awaited_are_no_halves_of_a_ping():
    framer = Framer()
    for _ in range(2):
        framer.awaited = True
        assert framer.feed(b"\r\n") == [PONG]
    assert framer.feed(b"\r\n\r\n") == [PING]
    assert framer.feed(b"\r\n") == [PONG]
    assert framer.feed(b"\r\n") == [PING]


@rfc("5626", "4.4.1")
def test_while_a_pong_is_awaited_two_crlfs_are_one_too():
    framer = Framer()
    framer.awaited = True
    assert framer.feed(b"\r\n\r\n") == [PING, PONG]
    assert not framer.awaited
    assert framer.feed(b"\r\n") == [PONG]  # the pong itself, if those were a ping
    assert framer.feed(TWO + b"\r\n\r\n") == [TWO, PING]


def test_a_ping_cut_in_two_is_a_pong_and_then_a_ping():
    framer = Framer()
    assert framer.feed(b"\r\n") == [PONG]
    assert framer.feed(b"\r") == []
    assert framer.feed(b"\n") == [PING]
    assert framer.feed(b"\r\n") == [PONG]
    assert framer.feed(TWO) == [TWO]
    assert framer.feed(b"\r\n") == [PONG]


@rfc("3261", "18.3")
@pytest.mark.parametrize(
    ("field", "reason", "status"),
    [
        (b"X: y\r\n", "Missing Content-Length", 400),
        (b"Content-Length: -1\r\n", "Bad Content-Length: not a number", 400),
        (b"Content-Length: \xb2\r\n", "Bad Content-Length: not a number", 400),
        (b"Content-Length: 1\r\nl: 1\r\n", "Bad Content-Length: more than one", 400),
        (b"Content-Length: 65536\r\n", "Bad Content-Length: body too large", 513),
        (b"Content-Length: 99999999999999\r\n", "Bad Content-Length: larger than 4294967295", 400),
    ],
)
def test_a_length_that_cannot_be_followed_breaks_the_stream_and_can_be_answered(field, reason, status):
    framer = Framer()
    with pytest.raises(Malformed) as caught:
        framer.feed(HEAD + field + b"\r\n")
    assert (caught.value.reason, caught.value.status, framer.broken) == (reason, status, caught.value)
    assert caught.value.message.call_id == "1"
    with pytest.raises(Malformed):
        framer.feed(TWO)


def test_a_response_without_length_is_not_answered():
    with pytest.raises(Malformed) as caught:
        Framer().feed(b"SIP/2.0 200 OK\r\nVia: SIP/2.0/TCP h\r\n\r\n")
    assert caught.value.message is None


def test_whole_messages_before_the_break_are_not_lost():
    framer = Framer()
    assert framer.feed(TWO + HEAD + b"\r\n") == [TWO]
    assert framer.broken.reason == "Missing Content-Length"
    with pytest.raises(Malformed, match="Missing Content-Length"):
        framer.feed(b"")


def test_a_head_or_body_beyond_the_limits_breaks_the_stream():
    limits = Limits(head=200, body=10)
    assert Framer(limits).feed(TWO) == [TWO]
    for data in (b"x" * 204, b"x: y\r\n" * 60 + b"\r\n"):
        with pytest.raises(Malformed) as caught:
            Framer(limits).feed(data)
        assert caught.value.status == 513
    with pytest.raises(Malformed, match="body too large"):
        Framer(limits).feed(HEAD + b"l: 11\r\n\r\n")


def test_a_bare_cr_where_a_message_should_begin_breaks_the_stream():
    with pytest.raises(Malformed, match="bare CR"):
        Framer().feed(b"\rX")


def test_a_folded_look_alike_is_no_length():
    with pytest.raises(Malformed, match="Missing Content-Length"):
        Framer().feed(HEAD + b"X: a\r\n Content-Length: 5\r\n\r\nabcde")


@given(st.lists(st.binary(max_size=40) | st.sampled_from([HEAD, b"\r\n", TWO]), max_size=8))
def test_any_octets_at_all_are_cut_or_malformed(pieces):
    framer = Framer()
    try:
        for piece in pieces:
            for found in framer.feed(piece):
                if isinstance(found, bytes):
                    parse(found, stream=True)
    except Malformed:
        pass
