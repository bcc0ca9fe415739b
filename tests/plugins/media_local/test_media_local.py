"""The plugin: its options, descriptions and their versions, what it serves."""

import pytest

from pipeline.config.problems import Problems
from pipeline.starting import NotStarted


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ('ports = "40"', "no range of ports"),
        ('ports = "20000-10000"', "the lower first"),
        ('ports = "80-90"', "1024 to 65535"),
        ('codecs = ["opus"]', "cannot be spoken here"),
        ("codecs = []", "cannot be spoken here"),
        ("rtp_timeout = -1", "rtp_timeout"),
    ],
)
def test_options_that_cannot_be_are_told_at_once(sip, options, text):
    with pytest.raises(Problems, match=text):
        sip(f"[plugin.media_local]\n{options}\n", integration=["memory", "toml", "media_local"])


def test_hold_music_that_is_not_there_is_told_at_the_start(sip):
    with pytest.raises(NotStarted, match="nothing"):
        sip('[plugin.media_local]\nhold_music = "nothing"\n', integration=["memory", "toml", "media_local"])


def version(description):
    return int(next(line for line in description.decode().split("\r\n") if line.startswith("o=")).split()[2])


def session(description):
    return next(line for line in description.decode().split("\r\n") if line.startswith("o=")).split()[1]


def test_the_version_rises_when_something_changes_and_only_then(desk):
    at = desk()
    phone = at.phone()
    sound = at.media("sound", at.channel(phone))
    first = sound.answer(phone.description())
    assert sound.answer(phone.description()) == first
    at.advance(0.01)
    held = sound.answer(phone.description("sendonly"))
    assert version(held) > version(first)
    assert b"a=recvonly" in held
    assert sound.answer(phone.description("sendonly")) == held


def test_the_next_terminal_of_a_channel_goes_on_with_its_session(desk):
    at = desk()
    phone = at.phone()
    channel = at.channel(phone)
    first = at.media("sound", channel).offer()
    at.advance(0.01)
    second = at.media("sound", channel).offer()
    assert session(first) == session(second)
    assert version(second) > version(first)
    assert session(at.media("sound", at.channel(phone)).offer()) != session(first)


def test_an_offer_that_is_refused_leaves_what_was_agreed(desk):
    at = desk()
    phone = at.phone()
    sound = at.sound(phone)
    sound.echo(True)
    sound.offer()
    sound.reject(None)
    phone.send(bytes(160))
    at.advance(0.1)
    assert len(phone.packets) == 1


def test_what_is_advertised_is_what_peers_are_told(desk):
    at = desk('advertise = "198.51.100.1"')
    phone = at.phone()
    answer = at.media("sound", at.channel(phone)).answer(phone.description())
    assert b"c=IN IP4 198.51.100.1" in answer


def test_other_media_are_refused_in_their_place(desk):
    at = desk()
    phone = at.phone()
    offer = phone.description().replace(b"m=audio", b"m=video 5000 RTP/AVP 99\r\na=rtpmap:99 H264/90000\r\nm=audio")
    lines = at.media("sound", at.channel(phone)).answer(offer).decode().split("\r\n")
    media = [line for line in lines if line.startswith("m=")]
    assert media[0] == "m=video 0 RTP/AVP 99"
    assert media[1].startswith("m=audio ")


def test_a_channels_codecs_go_before_the_plugins(desk):
    at = desk()
    offer = at.media("sound", at.channel(codecs="alaw, opus")).offer()
    assert b"RTP/AVP 8 101\r\n" in offer


def test_early_media_are_heard_and_the_answer_may_come_from_another(desk, tone):
    at = desk()
    first, second = at.phone(2), at.phone(3)
    channel = at.channel(up=False)
    sound = channel.media = at.media("sound", channel)
    offer = sound.offer()
    first.hears_where(offer)
    second.hears_where(offer)
    assert sound.early(first.description())
    assert not sound.early(first.description("inactive"))
    assert not sound.early(b"nonsense")
    sound.accept(second.description())
    sound.echo(True)
    second.say(tone(1000, 0.2))
    at.advance(0.5)
    assert second.hears(1000) > 9000


def test_counters_are_in_the_statistics(desk, plugin_of):
    at = desk()
    sound = at.sound(at.phone())
    sound.play("silence")
    assert plugin_of(at.server, "media_local").stats() == {"streams": 1, "paced": 1, "beats_missed": 0}


def test_two_servers_with_one_seed_say_the_same(desk, tmp_path):
    heard = []
    for _ in range(2):
        at = desk()
        phone = at.phone()
        at.sound(phone).play("tone:440*200")
        at.advance(0.5)
        heard.append([packet[:6] for packet in phone.packets])
    assert heard[0] == heard[1]


def test_an_offer_is_of_the_family_in_which_the_peer_is_called(desk):
    at = desk()
    channel = at.channel()
    channel.leg.peer_host = "fd00::9"
    assert b"c=IN IP6 fd00::1" in at.media("sound", channel).offer()
    channel.leg.peer_host = "phone.example.com"
    assert b"c=IN IP4 10.0.0.1" in at.media("sound", channel).offer()
