"""plugins.channel.limits: max_calls of an endpoint, max_channels of all."""

import pytest
from pipeline.plugins.channel.limits import FULL, Limits

from pipeline.core import Cause, Unroutable
from pipeline.dal import Endpoint
from pipeline.testing.server import CALLS

TWO = Endpoint(id="alice", max_calls=2)


def test_a_call_beyond_the_limit_is_busy_and_not_counted():
    limits = Limits()
    assert limits.enter(TWO, "1") is None
    assert limits.enter(TWO, "2") is None
    assert limits.enter(TWO, "3") is FULL
    assert FULL.cause is Cause.BUSY
    limits.leave("alice", "3")
    assert limits.calls("alice") == 2
    limits.leave("alice", "1")
    assert limits.enter(TWO, "3") is None


def test_a_call_at_several_phones_of_one_endpoint_is_one():
    limits = Limits()
    for _ in range(5):
        assert limits.enter(TWO, "1") is None
    assert limits.calls("alice") == 1
    for _ in range(4):
        limits.leave("alice", "1")
    assert limits.calls("alice") == 1
    limits.leave("alice", "1")
    assert (limits.calls("alice"), len(limits)) == (0, 0)


def test_without_a_limit_it_is_counted_all_the_same():
    limits = Limits()
    for number in range(100):
        assert limits.enter(Endpoint(id="trunk"), str(number)) is None
    assert limits.calls("trunk") == 100


def test_who_is_no_endpoint_has_no_limit():
    limits = Limits()
    assert limits.enter(Endpoint(id="", max_calls=1), "1") is None
    assert limits.enter(Endpoint(id="", max_calls=1), "2") is None
    limits.leave("", "1")
    assert len(limits) == 0


SMALL = "[plugin.channel]\nmax_channels = 2\n"


@pytest.fixture
def small(sip):
    """A server that has room for one call between two phones, and that call."""
    server = sip(SMALL + '[context.default]\nusers = true\n[user.alice]\npassword = "a"\n[user.bob]\npassword = "b"\n', **CALLS)
    server.alice, server.bob = (server.phone(name) for name in ("alice", "bob"))
    server.alice.online()
    server.bob.online()
    return server


def test_a_call_beyond_the_channels_of_the_server_is_told_when_to_come_again(small):
    first = small.alice.call("bob").until("up")
    refused = small.bob.call("alice").until("ended").final
    assert refused.status == 503
    assert 5 <= int(refused.get("retry-after")) < 10
    assert small.engine.counts["refused.channels"] == 1
    assert first.state == "up"
    first.hangup()
    first.until("ended")
    small.advance(1)
    small.alice.call("bob").until("up").hangup()
    small.advance(40)


def test_a_call_that_has_begun_gets_its_second_leg_also_at_the_limit(small):
    call = small.alice.call("bob").until("up")
    driver = next(each.plugin for each in small.engine.generation.listings() if each.name == "channel").driver
    assert len(driver.sessions) == 2
    assert driver.full
    call.hangup()
    small.advance(40)
    assert not driver.full


def test_a_call_that_we_would_place_is_refused_too(small):
    call = small.alice.call("bob").until("up")
    pending = small.engine.core.originate("bob", target2="alice")
    small.advance(0.1)
    with pytest.raises(Unroutable) as caught:
        pending.value()
    assert caught.value.hangup.cause is Cause.SWITCH_CONGESTION
    call.hangup()
    small.advance(40)


def test_options_is_told_what_a_call_would_get(small):
    call = small.alice.call("bob").until("up")
    assert small.wait(small.bob.request("OPTIONS", "sip:alice@example.com")).status == 503
    call.hangup()
    small.advance(40)
