"""Digits as events (RFC 4733) and as tones (Q.23, Q.24)."""

import random
import struct
from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pipeline.plugins.media_local import tones
from pipeline.plugins.media_local.codecs import CODECS, audioop
from pipeline.plugins.media_local.dtmf import KEYS, Hearing, sending
from pipeline.plugins.media_local.inband import Ear


def test_an_event_grows_and_its_end_is_said_three_times():
    packets = [(struct.unpack("!BBH", payload), marker) for payload, marker in sending("#", 100, 8000, 160)]
    assert [packet[2] for packet, _ in packets] == [160, 320, 480, 640, 800, 800, 800]
    assert [packet[1] >> 7 for packet, _ in packets] == [0, 0, 0, 0, 1, 1, 1]
    assert [marker for _, marker in packets] == [True] + [False] * 6
    assert {packet[0] for packet, _ in packets} == {11}


@pytest.mark.parametrize("milliseconds", [0, 1, 39, 41, 10_000])
def test_strange_lengths_are_made_sound(milliseconds):
    packets = [struct.unpack("!BBH", payload) for payload, _ in sending("1", milliseconds, 8000, 160)]
    assert 320 <= packets[-1][2] <= 64000
    assert len(packets) < 500


@given(st.sampled_from(KEYS), st.integers(40, 3000), st.data())
def test_whatever_is_lost_twice_or_late_a_digit_is_heard_once(key, milliseconds, data):
    packets = [payload for payload, _ in sending(key, milliseconds, 8000, 160)]
    kept = data.draw(st.lists(st.sampled_from(range(len(packets))), min_size=1))
    hearing = Hearing(8000)
    got = []
    for place in kept:
        got += hearing.take(1000, packets[place])
    got += hearing.passed(1000 + 8 * milliseconds + 4000)
    assert [digit for digit, _ in got] == [key]
    assert hearing.take(1000, packets[-1]) == ()


def test_a_key_held_beyond_the_field_is_one_digit():
    hearing = Hearing(8000)
    got = list(hearing.take(0, struct.pack("!BBH", 5, 10, 0xFFFF)))
    got += hearing.take(0xFFFF, struct.pack("!BBH", 5, 10, 160))
    got += hearing.take(0xFFFF, struct.pack("!BBH", 5, 0x8A, 8000))
    assert got == [("5", (0xFFFF + 8000) * 1000 // 8000)]


def test_events_that_are_no_digits_and_short_packets_are_passed_over():
    hearing = Hearing(8000)
    assert hearing.take(0, struct.pack("!BBH", 36, 0x8A, 800)) == ()
    assert hearing.take(0, b"\1\2\3") == ()


def test_the_next_digit_ends_one_whose_end_was_lost():
    hearing = Hearing(8000)
    hearing.take(1000, struct.pack("!BBH", 1, 10, 800))
    assert hearing.take(3000, struct.pack("!BBH", 2, 10, 160)) == (("1", 100),)


def dial(keys, on=60, off=60, rate=8000, loud=1.0):
    line = bytes(2 * rate // 10)
    for key in keys:
        line += audioop.mul(tones.digit(key, on, rate), 2, loud) + bytes(2 * rate * off // 1000)
    return line + bytes(2 * rate // 10)


@pytest.mark.parametrize("codec", ["ulaw", "alaw"])
@pytest.mark.parametrize(("on", "off"), [(45, 45), (60, 60), (100, 100), (500, 50)])
def test_every_key_is_heard_through_g711(codec, on, off):
    line = dial(tones.PAIRS, on, off)
    line = CODECS[codec].decode(CODECS[codec].encode(line))
    got = Ear().listen(line)
    assert "".join(digit for digit, _ in got) == "".join(tones.PAIRS)
    assert all(abs(milliseconds - on) < 26 for _, milliseconds in got)


@pytest.mark.parametrize("loud", [0.05, 0.2, 1.9])
def test_loud_and_faint_keys_are_heard(loud):
    assert "".join(digit for digit, _ in Ear().listen(dial("159D*0#", loud=loud))) == "159D*0#"


def test_cut_into_frames_it_is_the_same():
    line, ear = dial("147"), Ear()
    assert "".join(digit for place in range(0, len(line), 320) for digit, _ in ear.listen(line[place : place + 320])) == "147"


def test_noise_and_single_tones_are_no_digits(tone):
    chance = random.Random(7)
    noise = array("h", [chance.randint(-8000, 8000) for _ in range(8000 * 30)]).tobytes()
    assert Ear().listen(noise) == []
    for hertz in (697, 941, 1209, 1633, 440, 1000):
        assert Ear().listen(tone(hertz, 1.0)) == []
    assert Ear().listen(tone((350, 440), 1.0)) == []
    assert Ear().listen(tone((697, 770), 1.0)) == []


def test_music_is_no_digit():
    from pipeline.plugins.media_local import player
    from pipeline.plugins.media_local.wav import read

    for name in ("hold", "welcome", "menu", "goodbye"):
        assert Ear().listen(read(player.find(name, ()), 8000)) == []


def test_keys_are_heard_through_a_noisy_line():
    chance = random.Random(9)
    line = dial("0123456789", 80, 80, loud=0.6)
    noise = array("h", [int(chance.gauss(0, 150)) for _ in range(len(line) // 2)]).tobytes()
    assert "".join(digit for digit, _ in Ear().listen(audioop.add(line, noise, 2))) == "0123456789"
