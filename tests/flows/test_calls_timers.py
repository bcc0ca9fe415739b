"""Session timers, each leg's own. RFC 4028."""

import pytest

from pipeline.conformance.marks import rfc


def sessions(h, direction):
    return [each for each in h.driver.sessions.values() if each.direction == direction]


@rfc("4028", "6", "9")
def test_too_short_an_interval_is_422_with_what_is_enough(house):
    h = house(alice="timers_min_se = 300")
    call = h.alice.call("bob", timers=120).until("ended")
    assert call.status == 422 and call.final.get("min-se") == "300"


def test_a_callee_that_wants_longer_gets_it(house):
    h = house(bob="timers_sess_expires = 100")
    h.bob.timers = True
    h.bob.answers(
        ring=None, after=None, then=lambda call: call.decline(422, "", [("Min-SE", "500")]) if len(h.bob.calls) == 1 else call.answer()
    )
    call = h.alice.call("bob").until("up")
    assert len(h.bob.calls) == 2
    assert h.bob.calls[-1].invite.get("session-expires") == "500"
    assert h.bob.calls[-1].invite.get("min-se") == "500"
    assert call.state == "up"


@rfc("4028", "10")
@pytest.mark.parametrize("method", ["INVITE", "UPDATE"])
def test_a_caller_that_refreshes_keeps_the_call(house, method):
    h = house()
    h.alice.refreshes = method
    call, other = h.up(timers=90)
    assert (call.interval, call.refresher) == (90, "uac")
    h.advance(400)
    assert call.state == other.state == "up"


@rfc("4028", "10")
def test_a_caller_that_does_not_refresh_is_released(house):
    h = house()
    h.alice.refreshes = ""
    call, other = h.up(timers=90)
    h.advance(100)
    assert call.state == other.state == "ended"
    assert call.why == other.why == "released"


@rfc("4028", "10")
@pytest.mark.parametrize("updates", [True, False])
def test_we_refresh_where_it_fell_to_us(house, updates):
    h = house(bob='timers = "always"\ntimers_sess_expires = 100')
    h.bob.updates = updates
    call, other = h.up()
    h.advance(400)
    assert call.state == other.state == "up"
    assert len(other.requests("UPDATE" if updates else "INVITE")) >= 7
    assert call.mirrors(other)


def test_a_refresh_that_is_not_answered_ends_the_call(house):
    h = house(bob='timers = "always"\ntimers_sess_expires = 100')
    call, _other = h.up()
    h.bob.silent |= {"UPDATE", "INVITE"}
    h.advance(100)
    assert call.state == "ended"


def test_timers_no_has_none(house):
    h = house(alice='timers = "no"', bob='timers = "no"')
    _call, other = h.up(timers=120)
    assert other.invite.get("session-expires") is None
    assert "timer" not in other.invite.supported
    assert all(session.alarm is None for session in h.driver.sessions.values())
