"""The way of a call through the core: routed, run, dialled, bridged, ended, and nothing left."""

import asyncio

import pytest

from pipeline.core import Cause, Ended, Hangup, Party, State, Unavailable, Unroutable, Wanted
from pipeline.pending import Pending, finished


def dial(target, seconds=30.0, **more):
    async def script(channel):
        core = channel.core
        attempts = await finished(core.request(target, Wanted(caller=channel, party=channel.caller)))
        outcome = await core.dial(channel, attempts, seconds, **more)
        if outcome.bridge is None:
            channel.end(outcome.hangup)
        else:
            await outcome.bridge.over()

    return script


def test_two_channels_are_up_bridged_and_shown_each_other(wire):
    bob = wire.phone("bob")
    wire.scripts["bob"] = dial("bob")
    alice = wire.call("alice", "bob")
    wire.settle()
    assert alice.heard == ["ringing", "up"] and alice.channel.state is bob.channel.state is State.UP
    (bridge,) = wire.core.bridges.values()
    assert bridge.channels == [alice.channel, bob.channel] and bridge.kind == "pair"
    assert bob.shown == Party("Alice", "alice") and alice.shown == Party("Bob", "bob")
    assert bob.media == f"offer of relay at {bob.channel.name}".encode()
    assert alice.media == f"answer of relay at {alice.channel.name}".encode()
    assert alice.channel.call is bob.channel.call
    bob.hang_up()
    assert alice.ended == Hangup() and alice.channel.hangup.cause is Cause.NORMAL
    wire.clean()


def test_the_hangup_of_one_leg_is_that_of_the_other(wire):
    bob = wire.phone("bob")
    wire.scripts["bob"] = dial("bob")
    alice = wire.call("alice", "bob")
    wire.settle()
    alice.hang_up(Hangup(Cause.TEMPORARY_FAILURE, "cable", "wire", 7))
    assert bob.ended == Hangup(Cause.TEMPORARY_FAILURE, "cable", "wire", 7)
    wire.clean()


def test_every_step_of_a_call_is_told_in_order(wire):
    wire.phone("bob")
    wire.scripts["bob"] = dial("bob")
    alice = wire.call("alice", "bob")
    wire.settle()
    alice.hang_up()
    wire.settle()
    names = [event.name for event in wire.server.events if event.name.startswith(("channel", "bridge", "call"))]
    assert names == [
        "call.begun", "channel.created", "channel.created", "channel.state", "channel.state",
        "channel.connected", "channel.state", "channel.state", "channel.state", "bridge.created",
        "bridge.entered", "bridge.entered", "channel.state", "channel.hangup", "bridge.left",
        "channel.state", "channel.hangup", "bridge.left", "bridge.ended", "call.ended",
    ]  # fmt: skip
    states = [(event["channel"].endpoint, str(event["old"]), str(event["new"])) for event in wire.told("channel.state")]
    assert states[:5] == [
        ("bob", "new", "dialing"), ("bob", "dialing", "ringing"), ("alice", "new", "ringing"), ("bob", "ringing", "up"), ("alice", "ringing", "up"),
    ]  # fmt: skip
    assert wire.told("channel.hangup")[0]["cause"] is Cause.NORMAL


def test_a_call_that_nobody_routes_ends_as_unallocated(wire):
    alice = wire.call("alice", "nobody")
    assert alice.ended.cause is Cause.UNALLOCATED
    wire.clean()


def test_a_script_that_returns_ends_its_channel(wire):
    async def script(channel):
        await channel.answer()

    wire.scripts["600"] = script
    alice = wire.call("alice", "600")
    wire.settle()
    assert alice.heard == ["up", "ended"] and alice.ended == Hangup()
    wire.clean()


def test_a_route_may_come_later_and_finds_the_caller_gone(wire):
    pending = wire.scripts["600"] = Pending()
    alice = wire.call("alice", "600")
    alice.hang_up()

    async def script(channel):
        raise AssertionError

    pending.resolve(script)
    wire.clean()


@pytest.mark.parametrize(
    "error, cause",
    [
        (Unroutable(Hangup(Cause.ABSENT)), Cause.ABSENT),
        (Unavailable("no ports"), Cause.CONGESTION),
        (Ended(Hangup(Cause.BUSY)), Cause.BUSY),
        (ZeroDivisionError("oh"), Cause.TEMPORARY_FAILURE),
    ],
)
def test_what_a_script_or_a_route_raises_ends_the_call_with_its_cause(wire, error, cause):
    async def script(channel):
        raise error

    wire.scripts.update({"1": script, "2": error})
    one, two = wire.call("alice", "1"), wire.call("alice", "2")
    wire.settle()
    assert one.ended.cause is two.ended.cause is cause
    failed = wire.told("step.failed")
    assert len(failed) == (2 if cause is Cause.TEMPORARY_FAILURE else 0)
    for fields in failed:
        assert (
            fields["exception"].__traceback__ is not None
            and fields["error"] == "ZeroDivisionError('oh')"
            and fields["stage"] == "integration"
        )


def test_the_end_of_the_channel_cancels_its_script_whose_finally_runs(wire):
    done = []

    async def script(channel):
        try:
            await channel.answer()
            await asyncio.sleep(1000)
        finally:
            await asyncio.sleep(0)
            done.append(channel.hangup.cause)

    wire.scripts["600"] = script
    alice = wire.call("alice", "600")
    wire.settle()
    alice.hang_up()
    wire.settle()
    assert done == [Cause.NORMAL]
    wire.clean()


def test_nothing_is_left_after_many_calls(wire):
    wire.phone("bob")
    wire.phone("carol", auto=False)
    wire.scripts.update({"bob": dial("bob"), "carol": dial("carol", 5.0)})
    for number in range(200):
        alice = wire.call("alice", "carol" if number % 3 else "bob")
        wire.settle()
        if number % 2:
            alice.hang_up()
    wire.advance(10)
    assert {event["channel"].endpoint for event in wire.told("channel.created")} == {"alice", "bob", "carol"}
    wire.core.hangup("all")
    wire.clean()


def test_a_target_that_nobody_knows_or_that_is_away_is_unroutable(wire):
    wire.phones["bob"] = None
    for target, cause in (("bob", Cause.ABSENT), ("zoe", Cause.UNALLOCATED)):
        with pytest.raises(Unroutable) as caught:
            wire.core.request(target, Wanted())
        assert caught.value.hangup.cause is cause


def test_channels_that_come_when_their_caller_has_gone_end_at_once(wire):
    wire.phone("bob", auto=False)
    given = wire.channel_request
    pending = Pending()
    wire.channel_request = lambda target, wanted: pending
    wire.scripts["bob"] = dial("bob")
    alice = wire.call("alice", "bob")
    wire.settle()
    alice.hang_up()
    wire.settle()
    pending.resolve(given("bob", Wanted()))
    wire.clean()


def test_a_channel_is_found_by_id_name_endpoint_or_the_beginning_of_one(wire):
    wire.phone("bob")
    wire.scripts["bob"] = dial("bob")
    alice = wire.call("alice", "bob").channel
    wire.settle()
    (bridge,) = wire.core.bridges.values()
    for ident in (alice.id, alice.id[:6], alice.name, "alice", "alice-0"):
        assert wire.core.find(ident) == [alice]
    assert len(wire.core.find(alice.call.id)) == len(wire.core.find(bridge.id[:7])) == 2
    with pytest.raises(LookupError, match="there is no channel, call or bridge 'zoe'"):
        wire.core.find("zoe")
    with pytest.raises(LookupError, match="whose channel"):
        wire.core.find("")
    assert wire.core.hangup("alice") == [alice]
    wire.clean()


def test_stop_lets_calls_go_on_for_a_while_and_then_ends_them(wire):
    cleaned = []

    async def script(channel):
        await channel.answer()
        try:
            await channel.over()
        finally:
            await asyncio.sleep(0.5)
            cleaned.append(True)

    wire.scripts["600"] = script
    alice = wire.call("alice", "600")
    wire.settle()
    begin = wire.server.loop.time()
    wire.run(wire.engine.stop(3.0))
    assert alice.ended == Hangup() and cleaned == [True] and wire.server.loop.time() - begin == pytest.approx(3.5, abs=0.1)
    wire.clean()


# -- transfers -----------------------------------------------------------------------------------------------------------


def test_another_script_takes_the_place_of_one_that_runs(wire):
    said = []

    async def first(channel):
        await channel.answer()
        try:
            await channel.over()
        except asyncio.CancelledError:
            said.append("cancelled")
            raise

    async def second(channel):
        said.append("second")
        await channel.over()

    wire.scripts["up"] = first
    alice = wire.call("alice", "up")
    wire.settle()
    wire.core.run(alice.channel, second)
    wire.settle()
    assert said == ["cancelled", "second"] and alice.channel.state is State.UP
    alice.hang_up()
    wire.settle()
    wire.clean()


def test_a_script_that_is_followed_ends_no_channel(wire):
    found = []

    class Route:
        async def script(self, channel):
            channel.end(Hangup(Cause.BUSY))

        async def follow(self, channel):
            return Hangup(Cause.BUSY)

    async def unroutable(channel):
        raise Unroutable(Hangup(Cause.NO_ROUTE))

    async def fine(channel):
        return None

    async def script(channel):
        await channel.answer()
        found.extend([await wire.core.follow(channel, each) for each in (Route().script, unroutable, fine)])
        await channel.over()

    wire.scripts["up"] = script
    alice = wire.call("alice", "up")
    wire.settle()
    assert [each.cause if each else None for each in found] == [Cause.BUSY, Cause.NO_ROUTE, None]
    assert alice.channel.state is State.UP
    alice.hang_up()
    wire.clean()


def test_a_channel_moves_to_a_call_of_its_own_and_back(wire):
    bob = wire.phone("bob")
    wire.scripts["bob"] = dial("bob")
    alice = wire.call("alice", "bob")
    wire.settle()
    former = alice.channel.call
    former.variables["x"] = "1"
    own = former.apart()
    own.take(alice.channel)
    assert alice.channel.call is own and own.owner is alice.channel and own.variables == {"x": "1"}
    assert former.channels == [bob.channel] and set(wire.core.calls) == {former.id, own.id}
    former.take(alice.channel)
    assert former.channels == [bob.channel, alice.channel] and set(wire.core.calls) == {former.id}
    alice.hang_up()
    wire.clean()
