"""RTP packets and their statistics (RFC 3550 5.1, A.1, A.3, A.8), RTCP (6), the sender's numbers, the latch (RFC 4961)."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pipeline.plugins.media_local import rtcp
from pipeline.plugins.media_local.latch import Latch
from pipeline.plugins.media_local.rtp import HEADER, Received, build, is_rtcp, payload_of
from pipeline.plugins.media_local.sender import Sender


def test_a_packet_carries_what_was_put_into_it():
    data = build(0, 7, 160, 99, b"voice", marker=True)
    assert HEADER.unpack_from(data) == (0x80, 0x80, 7, 160, 99)
    assert payload_of(data) == b"voice"


@given(st.binary(max_size=80))
def test_no_datagram_is_too_strange(data):
    payload = payload_of(data)
    assert payload is None or len(payload) <= len(data) - 12
    heard = rtcp.Heard()
    rtcp.hear(data, 1, heard, 0.0)
    is_rtcp(data)


@given(st.binary(max_size=60))
def test_no_report_is_too_strange(data):
    rtcp.hear(b"\x81\xc8" + data, 1, rtcp.Heard(), 0.0)


def test_losses_duplicates_and_a_wrap_are_counted():
    received = Received(5, 65530, 8000)
    for number in (65530, 65531, 65533, 65532, 65535, 0, 1, 1):
        received.count(number, number * 160, number * 0.02)
    assert received.highest == 65537
    assert (received.expected, received.packets, received.lost, received.late) == (8, 8, 0, 2)
    received.count(11, 0, 0)
    assert received.lost == 9
    assert received.fraction() == (9 << 8) // 18
    assert received.fraction() == 0


def test_a_sender_that_begins_anew_has_lost_nothing():
    received = Received(5, 100, 8000)
    received.count(100, 0, 0)
    received.count(40000, 0, 0.02)
    assert received.lost == 0


def test_even_packets_have_no_jitter_and_uneven_ones_have_theirs():
    even, uneven = Received(1, 0, 8000), Received(1, 0, 8000)
    for number in range(500):
        even.count(number, number * 160, number * 0.02)
        uneven.count(number, number * 160, number * 0.02 + 0.005 * (number % 2))
    assert even.jitter < 0.001
    assert uneven.jitter == pytest.approx(40, abs=0.5)


def test_a_report_says_what_another_can_read():
    received = Received(42, 1, 8000)
    for number in (1, 2, 4):
        received.count(number, number * 160, number * 0.02)
    data = rtcp.report(7, b"me@here", received, rtcp.Heard(), 1000.5, (160, 3, 480), bye=True)
    assert len(data) % 4 == 0
    assert is_rtcp(data)
    theirs = rtcp.Heard()
    assert rtcp.hear(data, 42, theirs, 1000.6)
    assert (theirs.lost, theirs.fraction, theirs.bye, theirs.reports) == (1, 0.25, True, 1)
    assert theirs.sender_report == rtcp.middle(1000.5)


def sender():
    out, clock = [], [0.0]
    one = Sender(lambda: clock[0], random.Random(1))
    one.send = lambda data, to: out.append(HEADER.unpack_from(data))
    one.destination = ("10.0.0.9", 4000)
    return one, out, clock


def test_whoever_fills_the_stream_the_numbers_go_on():
    one, out, clock = sender()
    for _ in range(3):
        one.paced(b"a", 160)
        clock[0] += 0.02
    for number in range(3):
        one.forward("echo", 500 + number, 9000 + 160 * number, b"b", 0, 0)
        clock[0] += 0.02
    one.event(101, one.timestamp(), b"eeee", marker=True)
    clock[0] += 0.02
    one.paced(b"c", 160)
    first = out[0][2]
    assert [(packet[2] - first) & 0xFFFF for packet in out] == list(range(8))
    assert [packet[1] >> 7 for packet in out] == [1, 0, 0, 1, 0, 0, 1, 1]
    stamps = [(packet[3] - out[0][3]) & 0xFFFFFFFF for packet in out]
    assert stamps == sorted(stamps)
    assert stamps[-1] <= 9 * 160


def test_after_a_silence_the_timestamp_is_that_of_the_clock():
    one, out, clock = sender()
    one.paced(b"a", 160)
    clock[0] += 3.0
    one.paced(b"a", 160)
    assert abs(((out[1][3] - out[0][3]) & 0xFFFFFFFF) - 24000) <= 160
    assert out[1][1] >> 7 == 1


def test_nowhere_to_send_means_time_passes():
    one, out, _ = sender()
    one.destination = None
    one.paced(b"a", 160)
    one.forward("x", 1, 1, b"", 0, 0)
    assert not out


SDP, NAT, EVIL = ("10.0.0.9", 4000), ("203.0.113.5", 7), ("203.0.113.66", 6)


def latch():
    one = Latch()
    one.describe(SDP)
    return one


def test_the_described_address_counts_at_once():
    one = latch()
    assert one.admit(SDP, 1, 1, known=None, silent=0)
    assert one.source == SDP


def test_another_needs_a_row_of_packets():
    one = latch()
    assert [one.admit(NAT, 1, number, known=None, silent=0) for number in (1, 5, 6, 7)] == [False, False, False, True]
    assert one.destination == NAT
    assert one.strangers == 3


def test_many_candidates_do_not_grow_without_bound():
    one = latch()
    for port in range(1, 1000):
        one.admit(("203.0.113.66", port), 1, 1, known=None, silent=0)
    assert len(one._candidates) <= 8


def test_the_described_address_takes_over_from_who_came_first():
    one = latch()
    for number in range(3):
        one.admit(EVIL, 66, number, known=None, silent=0)
    assert one.source == EVIL
    assert one.admit(SDP, 1, 1, known=66, silent=0)
    assert not one.admit(EVIL, 66, 4, known=1, silent=0)
