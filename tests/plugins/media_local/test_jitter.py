"""The jitter buffer."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pipeline.plugins.media_local.codecs import CODECS, audioop
from pipeline.plugins.media_local.jitter import DEEP, HELD, SHALLOW, Playout

L16 = CODECS["l16"]


def packet(number, samples=160):
    return L16.encode(int.to_bytes(1000 + number * 8, 2, "little", signed=True) * samples)


def numbers(frames):
    return [None if frame is None else round((int.from_bytes(frame[:2], "little", signed=True) - 1000) / 8) for frame in frames]


def play(arrivals, beats=60):
    """arrivals: (seconds, number); returns the frames of `beats` beats of 20 ms."""
    playout, frames, left = Playout(L16), [], sorted(arrivals)
    for beat in range(beats):
        while left and left[0][0] <= beat * 0.02:
            _, number = left.pop(0)
            playout.put(number & 0xFFFF, number * 160 & 0xFFFFFFFF, packet(number % 100))
        frames.append(playout.frame())
    return playout, frames


def near(got, wanted):
    return len(got) == len(wanted) and all(abs(a - b) <= 2 for a, b in zip(got, wanted, strict=True))


def test_even_packets_come_out_evenly_after_a_little_wait():
    _, frames = play([(0.02 * n, n) for n in range(30)])
    assert frames[: SHALLOW - 1] == [None] * (SHALLOW - 1)
    assert near(numbers(frames)[SHALLOW - 1 : 29 + SHALLOW], list(range(30)))
    assert frames[35:] == [None] * 25


def test_what_comes_out_of_order_is_put_in_order_and_twice_is_once():
    playout, frames = play([(0.02 * n, n) for n in (0, 1, 2, 5, 6, 7)] + [(0.061, 4), (0.062, 3), (0.063, 3), (0.0631, 2)])
    assert near(numbers([frame for frame in frames if frame])[:8], list(range(8)))
    assert playout.lost == 0
    assert playout.late >= 2


def test_a_lost_packet_is_bridged_by_the_last_one_fading():
    playout, frames = play([(0.02 * n, n) for n in range(20) if n not in (7, 12, 13, 14, 15)])
    assert playout.lost == 5
    loud = [audioop.rms(frame or b"", 2) for frame in frames[1:]]
    assert loud[7] == pytest.approx(0.7 * loud[6], abs=2)
    assert near(numbers(frames[9:13]), [8, 9, 10, 11])
    assert loud[11] > loud[12] > loud[13] > loud[14] > loud[15] == 0
    assert near(numbers(frames[17:21]), [16, 17, 18, 19])


def test_it_grows_when_packets_are_late_and_shrinks_in_calm():
    playout = Playout(L16)
    beat, number = 0, 0
    for _ in range(20):
        for _ in range(8):
            playout.put(number, number * 160, packet(0))
            number += 1
            playout.frame()
        for _ in range(6):  # a stall on the way; then all at once
            playout.frame()
        for _ in range(6):
            playout.put(number, number * 160, packet(0))
            number += 1
        beat += 14
    assert SHALLOW < playout.target <= DEEP
    for _ in range(DEEP * 600):
        playout.put(number & 0xFFFF, number * 160, packet(0))
        number += 1
        playout.frame()
    assert playout.target == SHALLOW


def test_it_never_holds_more_than_it_may():
    playout = Playout(L16)
    for number in range(1000):
        playout.put(number, number * 160, packet(0))
    assert len(playout._packets) <= HELD
    assert playout.dropped == 1000 - HELD


def test_a_faster_clock_at_the_far_end_does_not_fill_it_up():
    playout = Playout(L16)
    number = 0
    for beat in range(30000):
        playout.put(number & 0xFFFF, number * 160 & 0xFFFFFFFF, packet(0))
        number += 1
        if beat % 1000 == 0:  # a packet in a thousand too many
            playout.put(number & 0xFFFF, number * 160 & 0xFFFFFFFF, packet(0))
            number += 1
        playout.frame()
        assert len(playout._packets) < 12
    assert playout.lost == 0


def test_a_new_beginning_of_the_sender_is_followed():
    _, frames = play([(0.02 * n, n) for n in range(10)] + [(0.2 + 0.02 * n, 30000 + n) for n in range(10)])
    assert len([frame for frame in frames if frame]) >= 18


def test_numbers_wrap():
    playout, frames = play([(0.02 * n, 65530 + n) for n in range(20)])
    assert len([frame for frame in frames if frame]) == 23
    assert playout.lost == 0


def test_packets_of_any_length_become_even_frames():
    for samples in (80, 240, 320, 480):
        playout = Playout(L16)
        got = b""
        sent = 0
        for beat in range(100):
            while sent * samples <= beat * 160:
                playout.put(sent, sent * samples, packet(sent % 50, samples))
                sent += 1
            frame = playout.frame()
            assert frame is None or len(frame) == 320
            got += frame or b""
        assert playout.lost == 0
        assert len(got) > 90 * 320


@settings(max_examples=200)
@given(st.lists(st.tuples(st.integers(0, 65535), st.integers(0, 2**32 - 1), st.binary(max_size=400)), max_size=80))
def test_nothing_that_comes_breaks_it(packets):
    playout = Playout(L16)
    for sequence, timestamp, payload in packets:
        playout.put(sequence, timestamp, payload)
        frame = playout.frame()
        assert frame is None or len(frame) == 320
        assert len(playout._packets) <= HELD


def test_a_rough_road_loses_little():
    chance = random.Random(4)
    arrivals = [(0.02 * n + chance.uniform(0, 0.03), n) for n in range(500) if chance.random() > 0.02]
    playout, frames = play(arrivals, 560)
    assert len([frame for frame in frames if frame]) > 480
    assert playout.late < 25
