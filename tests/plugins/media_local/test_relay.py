"""Relay: packets as they are where the codec is one, put into the other where not; digits, hold music, joining."""

import pytest

from pipeline.core.causes import Hangup
from pipeline.core.media import Refused, Unavailable


def pair(at, first, second, offered=True, **variables):
    """Two phones whose channels are joined as a dial does it: the second is offered, answers, then the first is answered."""
    a, b = at.channel(first, **variables), at.channel(second)
    if offered:
        a.leg.offered = first.description()
    relay = at.media("relay", a, b)
    callee = b.media = relay.terminal(b)
    second.hears_where(callee.offer())
    callee.accept(second.description())
    caller = a.media = relay.terminal(a)
    first.hears_where(caller.answer(first.description()))
    at.server.engine.core.bridge(a, b, relay)
    return relay, a, b


def test_one_codec_passes_untouched_with_its_gaps(desk):
    at = desk()
    first, second = at.phone(2), at.phone(3, codec="ulaw")
    pair(at, first, second)
    for place in (0, 1, 3, 2, 6):
        first.send(bytes([place]) * 160, sequence=65534 + place, timestamp=place * 160)
    at.advance(0.1)
    base, stamp = second.packets[0][2:4]
    got = [((p[2] - base) & 0xFFFF, (p[3] - stamp) & 0xFFFFFFFF, p[5][0]) for p in second.packets]
    assert got == [(n, n * 160, n) for n in (0, 1, 3, 2, 6)]
    assert second.packets[0][4] != first.ssrc


def test_mu_law_and_a_law_hear_each_other(desk, tone):
    at = desk()
    first, second = at.phone(2), at.phone(3, codec="alaw", kind=8)
    pair(at, first, second)
    first.say(tone(1000, 0.5))
    second.say(tone(600, 0.5))
    at.advance(1)
    assert second.hears(1000) > 9000
    assert first.hears(600) > 9000
    assert {packet[0] for packet in second.packets} == {8}


@pytest.mark.parametrize(("codec", "kind"), [("slin16", 98), ("slin48", 99)])
def test_another_rate_is_converted_both_ways(desk, tone, codec, kind):
    at = desk('codecs = ["ulaw", "alaw", "slin16", "slin48"]')
    first, second = at.phone(2), at.phone(3, codec=codec, kind=kind)
    pair(at, first, second)
    first.say(tone(1000, 0.5))
    second.say(tone(600, 0.5, second.codec.rate))
    at.advance(1)
    assert second.hears(1000, 0.3) > 9000
    assert first.hears(600, 0.3) > 9000
    assert max(len(packet[5]) for packet in second.packets) <= 1400


def test_lost_and_late_packets_of_a_converted_stream_do_not_shift_the_rest(desk, tone):
    at = desk('codecs = ["ulaw", "slin16"]')
    first, second = at.phone(2), at.phone(3, codec="slin16", kind=98)
    pair(at, first, second)
    payload = first.codec.encode(tone(1000, 0.02))
    for place in (0, 1, 4, 3, 4, 5):
        first.send(payload, sequence=100 + place, timestamp=1000 + 160 * place)
    at.advance(0.1)
    base, stamp = second.packets[0][2:4]
    assert [((p[2] - base) & 0xFFFF, (p[3] - stamp) & 0xFFFFFFFF) for p in second.packets] == [(n, 320 * n) for n in (0, 1, 4, 5)]


def test_the_callee_is_offered_first_what_the_caller_speaks(desk):
    at = desk()
    first, second = at.phone(2, codec="alaw", kind=8), at.phone(3)
    a, b = at.channel(first), at.channel(second)
    a.leg.offered = first.description()
    relay = at.media("relay", a, b)
    assert b"RTP/AVP 8 0 96 101" in relay.terminal(b).offer()


def test_the_caller_is_answered_with_what_the_callee_has_taken(desk):
    at = desk()
    first, second = at.phone(2), at.phone(3, codec="alaw", kind=8)
    a, b = at.channel(first), at.channel(second)
    a.leg.offered = first.description(kinds=[(0, "PCMU/8000"), (8, "PCMA/8000")])
    relay = at.media("relay", a, b)
    second.hears_where(relay.terminal(b).offer())
    relay.terminal(b).accept(second.description())
    assert b"RTP/AVP 8 101" in relay.terminal(a).answer(a.leg.offered)


def test_a_digit_goes_to_the_other_side_as_an_event(desk):
    at = desk()
    first, second = at.phone(2), at.phone(3)
    _, a, _ = pair(at, first, second)
    first.press("4", 100)
    at.advance(1)
    assert at.digits(a) == ["4"]
    assert second.digits() == [("4", 100, 3, 1)]


def test_a_tone_from_a_phone_without_events_becomes_one(desk, tone):
    at = desk()
    first, second = at.phone(2, events=False), at.phone(3)
    _, a, _ = pair(at, first, second)
    first.say(tone((852, 1477), 0.1) + bytes(3200))
    at.advance(1)
    assert at.digits(a) == ["9"]
    assert [digit[0] for digit in second.digits()] == ["9"]


def test_who_is_put_on_hold_hears_music_until_the_other_is_back(desk, tone):
    at = desk('hold_music = "tone:440"')
    first, second = at.phone(2), at.phone(3)
    _, a, _ = pair(at, first, second)
    a.media.answer(first.description("sendonly"))
    first.say(tone(1000, 0.5))
    at.advance(0.5)
    assert second.hears(440, 0.3) > 5000
    assert second.hears(1000, 0.3) < 100
    a.media.answer(first.description("sendrecv"))
    at.advance(0.1)
    first.say(tone(1000, 0.5))
    at.advance(0.6)
    assert second.hears(1000, 0.3) > 9000
    assert len(at.room.pace) == 0


def test_hold_music_none_leaves_it_to_the_peer(desk, tone):
    at = desk('hold_music = ""')
    first, second = at.phone(2), at.phone(3)
    _, a, _ = pair(at, first, second)
    a.media.answer(first.description("sendonly"))
    first.say(tone(1000, 0.5))
    at.advance(0.6)
    assert second.hears(1000, 0.3) > 9000


def test_what_the_callee_sends_before_the_answer_is_heard(desk, tone):
    at = desk()
    first, second = at.phone(2), at.phone(3)
    a, b = at.channel(first, up=False), at.channel(second, up=False)
    a.leg.offered = first.description()
    relay = at.media("relay", a, b)
    second.hears_where(relay.terminal(b).offer())
    assert relay.terminal(b).early(second.description())
    first.hears_where(relay.terminal(a).answer(a.leg.offered))
    second.say(tone(425, 0.3))
    at.advance(0.5)
    assert first.hears(425) > 9000


def test_two_that_are_up_are_joined_by_offers_to_both(desk, tone):
    at = desk()
    first, second = at.phone(2), at.phone(3)
    a, b = at.channel(first), at.channel(second)
    relay = at.media("relay", a, b)
    assert relay.join().done
    first.say(tone(1000, 0.3))
    at.advance(0.5)
    assert second.hears(1000) > 9000


def test_joining_fails_when_one_refuses(desk):
    at = desk()
    first, second = at.phone(2), at.phone(3)
    a, b = at.channel(first), at.channel(second)
    b.leg.refuses = Refused(Hangup(text="no"))
    relay = at.media("relay", a, b)
    with pytest.raises(Refused, match="no"):
        relay.join().value()
    relay.close()
    assert at.room.ports.used == 0


@pytest.mark.parametrize(
    ("listed", "first", "second", "served"),
    [
        ([], "", "", True),
        (["media_direct"], "", "", False),
        (["media_direct"], "media_local", "", True),
        (["media_direct"], "media_local", "media_direct", True),
        (["media_direct"], "media_direct", "media_direct", False),
        ([], "media_rtpengine", "media_local", False),
    ],
)
def test_who_is_relayed_is_a_matter_of_wishes(desk, listed, first, second, served):
    at = desk(integration=["memory", "toml", "media_local", *listed])
    channels = at.channel(media=first), at.channel(media=second)
    try:
        provider = at.media("relay", *channels).provider
    except Unavailable:
        provider = ""
    assert (provider == "media_local") is served
