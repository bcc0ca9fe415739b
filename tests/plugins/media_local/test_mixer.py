"""Mixer: each hears all the others and nobody himself."""

import pytest


def conference(at, phones):
    mixer = None
    for phone in phones:
        channel = at.channel(phone)
        mixer = mixer or at.media("mix", channel)
        channel.media = mixer.terminal(channel)
        phone.hears_where(channel.media.answer(phone.description()))
    return mixer


def test_each_hears_the_others_and_not_himself(desk, tone):
    at = desk()
    phones = [at.phone(2), at.phone(3, codec="alaw", kind=8), at.phone(4)]
    conference(at, phones)
    hertz = (400, 700, 1100)
    for phone, own in zip(phones, hertz, strict=True):
        phone.say(tone(own, 1.0))
    at.advance(1.0)
    for phone, own in zip(phones, hertz, strict=True):
        for other in hertz:
            heard = phone.hears(other, 0.4)
            assert heard < 200 if other == own else heard > 9000
    assert len(at.room.pace) == 1


def test_who_listens_gets_a_packet_every_20_ms_and_silence_when_nobody_speaks(desk):
    at = desk()
    phone = at.phone(2)
    conference(at, [phone, at.phone(3)])
    at.advance(1)
    assert 45 <= len(phone.packets) <= 51
    assert not any(phone.heard())
    steps = {(b[3] - a[3]) & 0xFFFFFFFF for a, b in zip(phone.packets, phone.packets[1:], strict=False)}
    assert steps == {160}


def test_wide_and_narrow_band_meet(desk, tone):
    at = desk('codecs = ["ulaw", "slin16", "slin48"]')
    phones = [at.phone(2), at.phone(3, codec="slin16", kind=98), at.phone(4, codec="slin48", kind=99)]
    conference(at, phones)
    hertz = (400, 700, 1100)
    for phone, own in zip(phones, hertz, strict=True):
        phone.say(tone(own, 1.0, phone.codec.rate))
    at.advance(1.0)
    for phone, own in zip(phones, hertz, strict=True):
        for other in hertz:
            heard = phone.hears(other, 0.4)
            assert heard < 300 if other == own else heard > 8500


def test_who_is_on_hold_is_neither_heard_nor_sent_to(desk, tone):
    at = desk()
    first, second = at.phone(2), at.phone(3)
    mixer = conference(at, [first, second])
    member = next(iter(mixer._members.values()))
    member.answer(first.description("sendonly"))
    first.say(tone(1000, 0.5))
    count = len(first.packets)
    at.advance(0.5)
    assert second.hears(1000, 0.3) < 100
    assert len(first.packets) == count


def test_what_the_conference_is_played_all_hear_and_what_a_member_is_played_only_he(desk, tone):
    at = desk()
    first, second = at.phone(2), at.phone(3)
    mixer = conference(at, [first, second])
    done = mixer.play("tone:900*300")
    at.advance(0.5)
    assert done.done
    assert min(first.hears(900, 0.5), second.hears(900, 0.5)) > 4000
    own = mixer.terminal(at.channels[0]).play("tone:500*400")
    second.say(tone(1500, 0.4))
    at.advance(0.45)
    assert own.done
    assert first.hears(500, 0.3) > 5000
    assert first.hears(1500, 0.3) > 5000
    assert second.hears(500, 0.3) < 100


def test_many_loud_voices_are_cut_where_they_are_too_loud_and_not_before(desk, tone):
    at = desk()
    phones = [at.phone(2 + n) for n in range(6)]
    conference(at, phones)
    for phone in phones[1:]:
        phone.say(tone(1000, 0.5, height=5000))
    at.advance(0.5)
    assert 24000 < phones[0].hears(1000, 0.2) < 26000


def test_digits_are_heard_and_recordings_made_in_a_conference(desk, tone, tmp_path):
    at = desk()
    first, second = at.phone(2), at.phone(3)
    conference(at, [first, second])
    done = at.channels[0].media.record(tmp_path / "a.wav", seconds=0.3)
    first.press("8")
    at.advance(1)
    assert at.digits(at.channels[0]) == ["8"]
    assert done.value() == pytest.approx(0.3, abs=0.03)


def test_who_leaves_is_gone_and_with_the_last_everything(desk, tone):
    at = desk()
    phones = [at.phone(2), at.phone(3), at.phone(4)]
    mixer = conference(at, phones)
    at.channels[0].media.close()
    phones[1].say(tone(1000, 0.5))
    at.advance(0.5)
    assert phones[2].hears(1000, 0.3) > 9000
    for channel in at.channels[1:]:
        mixer.leave(channel)
    at.advance(0.1)
    assert (len(at.room.pace), len(at.room.house), at.room.ports.used) == (0, 0, 0)
    mixer.close()
