"""Digits within a call, by each `dtmf_mode`: what one side presses reaches the other in the way that it takes. RFC 4733, RFC 2976."""

import pytest

from pipeline.conformance.marks import rfc

LOCAL = 'media = "media_local"\n'


def pressed(house, digit="5", by="rfc4733", **modes):
    """Two phones through media_local; alice presses a digit."""
    h = house(**{name: LOCAL + f'dtmf_mode = "{modes.get(name, "auto")}"' for name in ("alice", "bob")})
    call, other = h.up()
    call.talk(440)  # as a phone that is never silent: the end of a tone is heard in what follows it
    h.advance(0.5)
    call.press(digit, by=by)
    h.advance(1.5)
    return h, call, other


@pytest.mark.parametrize("by", ["rfc4733", "info", "inband"])
@pytest.mark.parametrize("to", ["rfc4733", "info", "auto"])
def test_a_digit_reaches_the_other_side_in_the_way_that_it_takes(house, by, to):
    _, _, other = pressed(house, by=by, alice=by, bob=to)
    assert other.digits == "5"
    assert bool(other.requests("INFO")) is (to == "info")


def test_a_digit_reaches_who_wants_tones_as_tones(house):
    h = house(alice=LOCAL + 'dtmf_mode = "info"', bob=LOCAL + 'dtmf_mode = "inband"')
    call, other = h.up()
    other.voice.listen()
    call.press("5", by="info")
    h.advance(0.2)
    assert other.voice.tones() == {770, 1336}
    assert b"telephone-event" not in call.remote + other.remote


@pytest.mark.parametrize("by", ["rfc4733", "info"])
def test_nothing_is_sent_to_who_wants_no_digits(house, by):
    _, call, other = pressed(house, by=by, bob="none")
    assert other.digits == ""
    assert not other.requests("INFO")
    assert b"telephone-event" not in other.remote
    assert b"telephone-event" in call.remote


def test_no_tones_go_to_who_wants_events_and_has_agreed_to_none(house):
    h = house(alice=LOCAL, bob=LOCAL + 'dtmf_mode = "rfc4733"')
    h.bob.media = h.bob.media.__class__(dtmf=False)
    call, other = h.up()
    other.voice.listen()
    call.press("5")
    h.advance(0.2)
    assert other.voice.tones() == set()


@rfc("6086", "4.2.1")
def test_a_digit_by_info_passes_where_the_media_do_not_pass_through_us(house):
    h = house()
    call, other = h.up()
    call.press("7", by="info")
    other.press("8", by="info")
    h.advance(1)
    assert (other.digits, call.digits) == ("7", "8")


@pytest.mark.parametrize(("option", "held", "dies"), [("rtp_timeout = 4.0", False, 5), ("rtp_timeout_hold = 6.0", True, 7)])
def test_an_endpoints_own_timeout_ends_a_call_without_media(house, option, held, dies):
    h = house(alice=LOCAL + option, bob=LOCAL + "rtp_timeout = 0.0")
    call, other = h.up()
    call.talk(697)
    h.advance(1)
    if held:
        call.hold("inactive")
        h.advance(0.5)
    call.quiet()
    h.advance(dies - 2)
    assert call.state == "up"
    h.advance(3)
    assert call.state == other.state == "ended"


def test_a_call_on_hold_lives_on_without_a_timeout_for_it(house):
    h = house(alice=LOCAL + "rtp_timeout = 4.0", bob=LOCAL + "rtp_timeout = 0.0")
    call, _ = h.up()
    call.hold("inactive")
    h.advance(30)
    assert call.state == "up"


def test_an_endpoint_is_told_its_own_media_address(house):
    h = house(alice=LOCAL + 'media_address = "198.51.100.7"', bob=LOCAL + 'media_address = "2001:db8::7"')
    call, other = h.up()
    assert b"c=IN IP4 198.51.100.7\r\n" in call.remote
    assert b"c=IN IP4 10.0.0.1\r\n" in other.remote  # it is called by IPv4
