"""Sound: play, echo, record, digits, on the virtual network with the sound itself looked at."""

import wave as wavefile

import pytest

from pipeline.core.causes import Cause
from pipeline.core.media import Unacceptable


def test_what_is_said_comes_back_untouched_and_in_the_turn_in_which_it_came(desk, tone):
    at = desk()
    phone = at.phone()
    at.sound(phone).echo(True)
    said = tone(1000, 0.2)
    phone.say(said)
    at.advance(0.5)
    assert phone.heard() == phone.codec.decode(phone.codec.encode(said))
    assert len(at.room.pace) == 0
    first, second = phone.packets[0], phone.packets[1]
    assert (first[1], second[1]) == (1, 0)
    assert second[2] == (first[2] + 1) & 0xFFFF
    assert second[3] == (first[3] + 160) & 0xFFFFFFFF
    assert round(second[6] - first[6], 6) == 0.02


def test_losses_on_the_way_in_are_gaps_in_the_echo_too(desk):
    at = desk()
    phone = at.phone()
    at.sound(phone).echo(True)
    for place in (0, 1, 4, 3, 5):
        phone.send(bytes([place]) * 160, sequence=65533 + place, timestamp=160 * place)
    at.advance(0.1)
    base = phone.packets[0][2]
    assert [((packet[2] - base) & 0xFFFF, packet[5][0]) for packet in phone.packets] == [(0, 0), (1, 1), (4, 4), (3, 3), (5, 5)]


@pytest.mark.parametrize(
    ("codec", "kind"), [("ulaw", 0), ("alaw", 8), ("l16", 97), ("slin16", 98), ("slin44", 11), ("slin44_stereo", 10), ("slin48", 99)]
)
def test_a_tone_is_heard_in_every_codec(desk, codec, kind):
    at = desk('codecs = ["ulaw", "alaw", "l16", "slin16", "slin44", "slin44_stereo", "slin48"]')
    phone = at.phone(codec=codec, kind=kind)
    sound = at.sound(phone)
    done = sound.play("tone:440*500")
    at.advance(0.7)
    assert done.done
    assert 4500 < phone.hears(440, 0.4) < 11000
    assert abs(len(phone.heard()) / 2 / phone.codec.rate - 0.5) < 0.021
    steps = {(b[3] - a[3]) & 0xFFFFFFFF for a, b in zip(phone.packets, phone.packets[1:], strict=False)}
    assert steps == {len(phone.packets[0][5]) // phone.codec.width}
    assert max(len(packet[5]) for packet in phone.packets) <= 1400


def test_a_file_that_comes_with_us_is_played_to_its_end_and_not_beyond(desk):
    at = desk()
    phone = at.phone()
    sound = at.sound(phone)
    ended = []
    sound.play("beep").then(lambda pending: ended.append(at.server.loop.time()))
    at.advance(2)
    assert 0.38 < len(phone.heard()) / 16000 < 0.43
    assert phone.hears(1000, 0.3) > 8000
    assert 0.38 < ended[0] < 0.45
    assert len(at.room.pace) == 0


def test_what_cannot_be_played_fails_and_says_which(desk):
    at = desk()
    sound = at.sound(at.phone())
    for source in ("nothing", "../etc/passwd", "tone:much"):
        with pytest.raises(OSError, match=r"nothing|passwd|much"):
            sound.play(source).value()


def test_a_file_that_is_no_sound_fails_too(desk, tmp_path):
    at = desk(f'sounds = ["{tmp_path}"]')
    (tmp_path / "text.wav").write_text("hello")
    sound = at.sound(at.phone())
    done = sound.play("text")
    at.advance(0.1)
    with pytest.raises(OSError, match="not a WAV file"):
        done.value()


def test_a_new_sound_ends_the_old_one_and_quiet_ends_all(desk):
    at = desk()
    sound = at.sound(at.phone())
    first = sound.play("tone:440")
    second = sound.play("silence")
    assert first.done
    at.advance(1)
    assert not second.done
    sound.quiet()
    assert second.done
    at.advance(0.1)
    assert len(at.room.pace) == 0


def test_what_is_played_before_anything_is_agreed_begins_then(desk):
    at = desk()
    phone = at.phone()
    channel = at.channel(phone)
    sound = at.media("sound", channel)
    done = sound.play("tone:1000*200")
    at.advance(1)
    assert not done.done
    phone.hears_where(sound.answer(phone.description()))
    at.advance(0.3)
    assert done.done
    assert phone.hears(1000) > 5000


def test_the_peers_wish_for_longer_packets_is_met(desk):
    at = desk()
    phone = at.phone(attributes=("ptime:40",))
    at.sound(phone).play("tone:440*400")
    at.advance(1)
    assert {len(packet[5]) for packet in phone.packets} == {320}
    assert len(phone.packets) == 10


def test_a_recording_has_what_was_said_and_its_silence(desk, tone, tmp_path, strength):
    at = desk()
    phone = at.phone()
    sound = at.sound(phone)
    path = tmp_path / "deep" / "message.wav"
    done = sound.record(path)
    phone.say(tone(700, 1.0))
    at.advance(2.0)
    sound.end_recording()
    assert abs(done.value() - 2.0) < 0.05
    with wavefile.open(str(path)) as file:
        assert (file.getnchannels(), file.getframerate(), file.getsampwidth()) == (1, 8000, 2)
        samples = file.readframes(file.getnframes())
    assert len(samples) / 16000 == done.value()
    assert strength(samples[3200:12800], 700) > 9000
    assert not any(samples[-8000:])


def test_a_recording_ends_by_its_limit_or_by_silence(desk, tone, tmp_path):
    at = desk()
    phone = at.phone()
    sound = at.sound(phone)
    limited = sound.record(tmp_path / "a.wav", seconds=0.5)
    at.advance(1)
    assert abs(limited.value() - 0.5) < 0.03
    quiet = sound.record(tmp_path / "b.wav", silence=1.0)
    phone.say(tone(700, 1.0))
    at.advance(5)
    assert 2.0 < quiet.value() < 2.2
    assert len(at.room.pace) == 0


def test_a_recording_that_cannot_be_written_fails(desk, tmp_path):
    at = desk()
    (tmp_path / "file").write_text("")
    done = at.sound(at.phone()).record(tmp_path / "file" / "a.wav")
    with pytest.raises(OSError, match="file"):
        done.value()


def test_a_digit_is_heard_once_with_its_length(desk):
    at = desk()
    phone = at.phone()
    sound = at.sound(phone)
    got = []
    sound.stream.on_digit = lambda digit, milliseconds: got.append((digit, milliseconds))
    phone.press("5", 120)
    phone.press("#", 80)
    at.advance(1)
    assert got == [("5", 120), ("#", 80)]


@pytest.mark.parametrize("drop", [(0,), (1, 2), (4, 5), (4, 5, 6), (0, 1, 2, 3, 4, 5)])
def test_a_digit_of_which_any_packet_came_is_heard_once(desk, drop, tone):
    at = desk()
    phone = at.phone()
    sound = at.sound(phone)
    phone.press("7", 100, drop=drop)
    at.advance(0.05)
    phone.say(tone(300, 0.4))
    at.advance(1)
    assert at.digits(sound.channel) == ["7"]


def test_a_digit_whose_end_is_lost_is_heard_also_when_nothing_follows(desk):
    at = desk()
    phone = at.phone()
    sound = at.sound(phone)
    phone.press("9", 100, drop=(4, 5, 6))
    at.advance(3)
    assert at.digits(sound.channel) == ["9"]


def test_digits_are_sent_as_events_with_marker_duration_and_three_ends(desk):
    at = desk()
    phone = at.phone()
    sound = at.sound(phone)
    sound.send_digit("1", 100)
    sound.send_digit("#", 200)
    sound.send_digit("x", 100)
    at.advance(2)
    assert phone.digits() == [("1", 100, 3, 1), ("#", 200, 3, 1)]
    events = [packet for packet in phone.packets if packet[0] == 101]
    assert [packet[2] for packet in events] == [(events[0][2] + n) & 0xFFFF for n in range(len(events))]
    assert len(at.room.pace) == 0


def test_to_a_peer_without_events_digits_are_tones_and_its_tones_are_digits(desk):
    at = desk()
    phone = at.phone(events=False)
    sound = at.sound(phone)
    sound.send_digit("5", 100)
    at.advance(1)
    assert phone.hears(770) > 2000
    assert phone.hears(1336) > 2000
    other = at.phone(8, events=False)
    listening = at.sound(other)
    other.say(b"".join((bytes(3200), phone.heard(), bytes(3200), phone.heard(), bytes(3200))))
    at.advance(2)
    assert at.digits(listening.channel) == ["5", "5"]


def test_a_peer_that_offers_events_is_not_listened_to_for_tones(desk, tone):
    at = desk()
    phone = at.phone()
    sound = at.sound(phone)
    phone.say(tone((770, 1336), 0.3))
    at.advance(1)
    assert at.digits(sound.channel) == []


def test_on_hold_nothing_is_sent_and_time_passes(desk):
    at = desk()
    phone = at.phone()
    sound = at.sound(phone)
    done = sound.play("tone:440*1000")
    at.advance(0.5)
    count = len(phone.packets)
    sound.answer(phone.description("sendonly"))
    at.advance(0.25)
    assert len(phone.packets) == count
    sound.answer(phone.description("sendrecv"))
    at.advance(0.3)
    assert done.done
    assert len(phone.packets) > count + 5


def test_a_call_from_which_nothing_comes_is_dead_after_the_limit_but_not_on_hold(desk):
    at = desk("rtp_timeout = 10")
    phone = at.phone()
    sound = at.sound(phone)
    phone.send(bytes(160))
    sound.answer(phone.description("inactive"))
    at.advance(60)
    assert sound.channel.hangup is None
    sound.answer(phone.description("sendrecv"))
    at.advance(9)
    assert sound.channel.hangup is None
    at.advance(3)
    assert sound.channel.hangup.cause is Cause.NETWORK_OUT_OF_ORDER
    assert at.room.ports.used == 0


def test_a_phone_that_only_rings_is_not_dead(desk):
    at = desk("rtp_timeout = 10")
    phone = at.phone()
    channel = at.channel(phone, up=False)
    sound = channel.media = at.media("sound", channel)
    phone.hears_where(sound.answer(phone.description()))
    at.advance(100)
    channel.told_up()
    at.advance(9)
    assert channel.hangup is None
    at.advance(3)
    assert channel.hangup is not None


def test_a_channels_own_limit_counts(desk):
    at = desk("rtp_timeout = 10")
    sound = at.sound(at.phone(), rtp_timeout="30")
    at.advance(20)
    assert sound.channel.hangup is None
    at.advance(12)
    assert sound.channel.hangup is not None


def test_an_offer_without_anything_of_ours_is_unacceptable(desk):
    at = desk()
    phone = at.phone()
    sound = at.media("sound", at.channel(phone))
    with pytest.raises(Unacceptable, match="nothing that is offered"):
        sound.answer(phone.description(kinds=[(9, "G722/8000")]))
    with pytest.raises(Unacceptable):
        sound.answer(b"hello")


def test_after_close_nothing_is_left(desk, tmp_path):
    at = desk()
    phone = at.phone(events=False)
    sound = at.sound(phone)
    sound.echo(True)
    playing, recording = sound.play("hold", repeat=True), sound.record(tmp_path / "a.wav")
    at.advance(1)
    sound.close()
    at.advance(0.1)
    assert playing.done
    assert recording.done
    assert (len(at.room.pace), len(at.room.house), at.room.ports.used) == (0, 0, 0)
    before = len(phone.packets)
    at.advance(5)
    assert len(phone.packets) == before


def test_it_shows_what_it_does(desk):
    at = desk()
    phone = at.phone()
    sound = at.sound(phone)
    sound.echo(True)
    phone.send(bytes(160))
    at.advance(0.1)
    shown = sound.show()
    assert shown["codec"] == "ulaw"
    assert shown["peer"] == "10.0.0.9:4000"
    assert (shown["received"], shown["sent"], shown["does"]) == (1, 1, "echoes")
