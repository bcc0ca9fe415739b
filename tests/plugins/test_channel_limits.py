"""plugins.channel.limits: max_calls of an endpoint, max_channels of all."""

import pytest
from pipeline.plugins.channel.limits import FULL, Limits

from pipeline.core import Cause, Unroutable
from pipeline.dal import Endpoint
from pipeline.destinations.targets import Targets
from pipeline.pending import Pending
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


def driver_of(server):
    return next(each.plugin for each in server.engine.generation.listings() if each.name == "channel").driver


def test_calls_that_come_in_one_moment_do_not_pass_the_limit_with_their_second_legs(small):
    driver = driver_of(small)
    calls = [small.alice.call("bob") for _ in range(6)]
    most = 0
    for _ in range(50):
        small.advance(0.02)
        most = max(most, len(driver.sessions))
    assert most == 2
    assert sorted(call.state for call in calls) == ["ended"] * 5 + ["up"]
    assert {call.status for call in calls if call.state == "ended"} == {503}
    assert not driver.due
    next(call for call in calls if call.state == "up").hangup()
    small.advance(40)
    assert small.alice.call("bob", cancel_after=0.01).until("ended").status in (487, 200)
    small.advance(40)
    assert not (driver.full or driver.due or driver.sessions)


def test_a_call_that_is_answered_without_another_counts_once(sip):
    server = sip(SMALL + '[context.default.extensions]\n1 = ["answer", "echo"]\n9 = ["hangup"]\n[user.alice]\npassword = "a"\n', **CALLS)
    alice, driver = server.phone("alice").online(), driver_of(server)
    assert alice.call("9").until("ended").status != 503
    server.advance(40)
    assert not driver.due
    calls = [alice.call("1").until("up") for _ in range(2)]
    assert alice.call("1").until("ended").status == 503
    for call in calls:
        call.hangup()
    server.advance(40)


def test_calls_that_we_place_are_counted_when_the_store_has_answered(small, monkeypatch):
    driver, find, asked = driver_of(small), Targets.find, []

    def later(*arguments):
        asked.append((Pending(), arguments))
        return asked[-1][0]

    async def over(channel):
        await channel.over()

    monkeypatch.setattr(Targets, "find", later)
    placed = [small.engine.core.originate("bob", script=over) for _ in range(4)]
    small.advance(0.01)
    for pending, arguments in asked:
        pending.resolve(find(*arguments))
    small.advance(0.01)
    assert len(asked) == 4
    assert len(driver.sessions) == 1
    assert sorted(each.done for each in placed) == [False, True, True, True]
    small.advance(1)
    assert not driver.due  # it is answered, and needs no second leg
    small.bob.calls[0].hangup()
    small.advance(60)


@pytest.mark.parametrize("ends", ["answered", "refused", "cancelled"])
def test_a_call_that_we_place_counts_its_second_leg_from_its_beginning(small, ends):
    driver = driver_of(small)
    small.bob.answers(ring=0.1, after=0.5, status=486 if ends == "refused" else 200)
    seconds = 0.3 if ends == "cancelled" else 30.0
    placed = [small.engine.core.originate("bob", target2="alice", seconds=seconds) for _ in range(4)]
    most = 0
    for _ in range(50):
        small.advance(0.02)
        most = max(most, len(driver.sessions))
    assert most == (2 if ends == "answered" else 1)
    assert sum(each.done for each in placed) == 4
    assert not driver.due
    for phone in (small.alice, small.bob):
        for call in phone.calls:
            if call.state == "up":
                call.hangup()
    small.advance(60)
    assert not driver.sessions


def test_a_call_that_we_place_counts_its_second_leg_also_when_it_is_redirected(sip):
    users = "".join(f'[user.{name}]\npassword = "a"\nredirect_method = "uri"\n' for name in ("alice", "bob", "carol"))
    server = sip(SMALL + "[context.default]\nusers = true\n" + users, **CALLS)
    alice, bob, carol = (server.phone(name).online() for name in ("alice", "bob", "carol"))
    driver = driver_of(server)
    alice.answers(ring=0.0, after=0.1, status=302, headers=[("Contact", "<sip:carol@example.com>")])
    carol.answers(ring=0.1, after=2.0)
    server.engine.core.originate("alice", target2="bob")
    server.advance(1)
    assert carol.calls and driver.full
    assert bob.call("alice").until("ended").status == 503
    most = 0
    for _ in range(50):
        server.advance(0.1)
        most = max(most, len(driver.sessions))
    assert most == 2
    assert not driver.due
    carol.calls[0].hangup()
    server.advance(60)
    assert not driver.sessions


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
