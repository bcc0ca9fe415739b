"""One channel: states, digits, media, variables, who is at its far side, and that its end lets go of everything."""

import asyncio

import pytest

from pipeline.core import Cause, Ended, Hangup, Party, Refused, State, Unavailable


@pytest.fixture
def alice(wire):
    """A caller whose script waits for the end."""

    async def script(channel):
        await channel.over()

    wire.scripts["600"] = script
    return wire.call("alice", "600")


def test_states_only_move_forward_and_each_is_heard(wire, alice):
    channel, heard = alice.channel, []
    channel.on(lambda what, channel, value: heard.append((what, value)))
    channel.ring()
    channel.ring()
    channel.progress()
    channel.ring()
    channel.answer()
    channel.progress()
    channel.told_ringing()
    assert alice.heard == ["ringing", "early", "ringing", "up"]
    assert [value for what, value in heard if what == "state"] == [State.RINGING, State.EARLY, State.UP]
    channel.end()
    channel.told_up()
    channel.told_digit("1")
    channel.told_hold(True)
    assert heard[-1] == ("ended", Hangup()) and channel.state is State.ENDED
    wire.clean()


def test_answer_gives_sound_and_is_done_when_up(wire, alice):
    up = alice.channel.answer()
    assert up.value() is alice.channel and alice.channel.answered == wire.engine.clock.time()
    assert alice.channel.sound() is alice.channel.media
    assert alice.channel.answer().value() is alice.channel and alice.heard == ["up"]


def test_answer_without_a_provider_of_sound_fails_and_changes_nothing(wire, alice):
    wire.kinds = set()
    with pytest.raises(Unavailable, match="no listed plugin provides media for this: sound"):
        alice.channel.answer().value()
    assert alice.channel.state is State.NEW and alice.heard == []


def test_who_waits_for_the_answer_of_a_channel_that_ends_hears_why(wire, alice):
    up, over = alice.channel.up(), alice.channel.over()
    alice.hang_up(Hangup(Cause.BUSY))
    with pytest.raises(Ended) as caught:
        up.value()
    assert caught.value.hangup.cause is Cause.BUSY and over.value() == Hangup(Cause.BUSY)
    with pytest.raises(Ended):
        alice.channel.up().value()
    assert alice.channel.over().value() == Hangup(Cause.BUSY)


def test_a_listener_that_raises_is_named_and_disturbs_nobody(wire, alice):
    heard = []
    alice.channel.on(lambda what, channel, value: 1 / 0)
    stop = alice.channel.on(lambda what, channel, value: heard.append(what))
    alice.channel.set("colour", "red")
    stop()
    alice.channel.set("colour", "blue")
    assert heard == ["variable"] and alice.channel.variables == {"colour": "blue"}
    assert wire.told("step.failed")[0]["error"].startswith("ZeroDivisionError")


def test_a_leg_that_raises_at_the_end_leaves_nothing_behind(wire, alice):
    alice.channel.leg.hangup = lambda hangup: 1 / 0
    alice.channel.end()
    wire.settle()
    assert alice.channel.state is State.ENDED and wire.core.channels == {} and wire.told("step.failed")


def test_digits_wait_for_who_asks(wire, alice):
    channel = alice.channel
    channel.answer()
    got = []

    async def listen():
        got.extend([await channel.digit(seconds) for seconds in (1, 1, 1, 5)])
        got.append(await channel.digit(60))

    channel.told_digit("1")
    task = wire.server.loop.create_task(listen())
    wire.settle()
    channel.told_digit("2")
    wire.advance(1.5)
    channel.told_digit("#")
    wire.settle()
    assert got == ["1", "2", "", "#"]
    alice.hang_up()
    wire.run(task)
    assert got[-1] == ""
    for number in range(100):
        channel.told_digit(str(number % 10))
    wire.clean()


def test_digits_that_nobody_fetches_are_bounded(wire, alice):
    for _ in range(1000):
        alice.channel.told_digit("5")
    assert len(alice.channel._digits) == 64


def test_other_media_are_set_before_and_offered_after_the_agreement(wire, alice):
    channel = alice.channel
    first = channel.sound()
    relay = wire.media("relay", (channel, channel))
    channel.put(relay.terminal(channel))
    assert channel.media.label.startswith("relay") and first not in wire.open
    channel.answer()
    second = channel.sound()
    assert channel.sound() is second and channel.media is not second
    wire.settle()
    assert channel.media is second and alice.media == second.offer() and second.log == [b"answer of alice"]
    relay.close()
    alice.hang_up()
    wire.clean()


def test_media_whose_peer_offers_are_answered(wire, alice):
    channel = alice.channel
    channel.answer()
    side = wire.media("relay", (channel, channel))
    terminal = side.terminal(channel)
    terminal.offer = lambda: None
    done = channel.put(terminal)
    wire.settle()
    assert done.value() is channel and terminal.log == [b"offer of alice"] and alice.media == terminal.answer(b"")


def test_refused_media_are_closed_and_the_former_stay(wire, alice):
    channel = alice.channel
    channel.answer()
    before, alice.refuses = channel.media, True
    terminal = wire.media("relay", (channel, channel)).terminal(channel)
    done = channel.put(terminal)
    wire.settle()
    with pytest.raises(Refused):
        done.value()
    assert channel.media is before and terminal not in wire.open and terminal.log == [Hangup(Cause.INCOMPATIBLE)]


def test_changes_of_media_are_made_one_after_the_other_and_end_with_the_channel(wire, alice):
    channel = alice.channel
    channel.answer()
    sides = [wire.media("relay", (channel, channel)) for _ in range(3)]
    done = [channel.put(side.terminal(channel)) for side in sides]
    wire.server.loop.call_soon(alice.hang_up)
    wire.settle()
    assert done[0].value() is channel
    for each in done[1:]:
        with pytest.raises((Ended, Refused)):
            each.value()
    with pytest.raises(Ended):
        channel.put(wire.media("relay", (channel, channel)).terminal(channel)).value()
    assert {type(thing).__name__ for thing in wire.open} == {"Relay"}


def test_hold_is_heard_once_for_each_change(wire, alice):
    for on in (True, True, False):
        alice.channel.told_hold(on)
    assert [fields["on"] for fields in wire.told("channel.hold")] == [True, False]


def test_the_connected_party_travels_with_the_answer_and_after_it_at_once(wire, alice):
    alice.channel.update_connected(Party("Bob", "1"))
    assert alice.shown is None
    alice.channel.answer()
    assert alice.shown == Party("Bob", "1")
    alice.channel.update_connected(Party("Robert", "1"))
    assert alice.shown == Party("Robert", "1")
    assert [str(fields["party"]) for fields in wire.told("channel.connected")] == ["Bob <1>", "Robert <1>"]


def test_a_call_can_be_redirected_until_it_is_answered(wire, alice):
    assert alice.channel.redirect(("carol",)) and alice.heard == ["redirected"]
    other = wire.call("alice", "600")
    other.channel.answer()
    assert not other.channel.redirect(("carol",))


def test_lost_media_end_the_call(wire, alice):
    alice.channel.answer()
    alice.channel.told_media_failed()
    assert alice.ended.cause is Cause.NETWORK_OUT_OF_ORDER
    wire.clean()


def test_a_digit_goes_by_signalling_or_with_the_media(wire, alice):
    assert not alice.channel.send_digit("1")
    alice.channel.answer()
    assert alice.channel.send_digit("2") and alice.channel.media.log[-1] == "2"
    alice.channel.leg.send_digit = lambda digit, milliseconds: True
    assert alice.channel.send_digit("3") and alice.channel.media.log[-1] == "2"


def test_a_script_may_end_its_own_channel_and_still_clean_up(wire):
    done = []

    async def script(channel):
        channel.end(Hangup(Cause.BUSY))
        try:
            await asyncio.sleep(10)
        finally:
            done.append(True)

    wire.scripts["busy"] = script
    alice = wire.call("alice", "busy")
    wire.settle()
    assert alice.ended.cause is Cause.BUSY and done == [True]
    wire.clean()
