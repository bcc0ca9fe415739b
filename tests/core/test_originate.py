"""Calls that the house places: to a script, to an extension, to a second party."""

import pytest

from pipeline.core import Cause, Dialed, Ended, Hangup, Party, State, Unroutable


async def stay(channel):
    await channel.over()


def test_a_call_is_placed_and_a_script_runs_when_it_is_answered(wire):
    bob = wire.phone("bob")
    placed = wire.core.originate("bob", script=stay, caller=Party("House", "0"), variables={"why": "alarm"})
    wire.settle()
    channel = placed.value()
    assert channel is bob.channel and channel.state is State.UP and channel.variables == {"why": "alarm"}
    assert bob.shown == Party("House", "0") and bob.media.startswith(b"offer of sound")
    bob.hang_up()
    wire.clean()


def test_two_parties_are_called_one_after_the_other_and_joined_each_sees_the_other(wire):
    bob = wire.phone("bob", party=Party("Bob B.", "22"))
    carol = wire.phone("carol", auto=False)
    placed = wire.core.originate("bob", target2="carol")
    wire.settle()
    assert not placed.done and bob.shown == Party(number="carol") and carol.shown == Party("Bob B.", "22")
    carol.ring()
    assert bob.channel.media.source == "tone:425*1000/4000"
    carol.answer()
    wire.settle()
    assert placed.value() is bob.channel and bob.shown == Party("Carol", "carol")
    assert bob.media.startswith(b"offer of relay") and carol.media.startswith(b"offer of relay")
    assert bob.channel.call is carol.channel.call and bob.channel.call.owner is bob.channel
    carol.hang_up()
    assert bob.ended == Hangup()
    wire.clean()


def test_who_is_called_first_may_have_several_phones(wire):
    one, two = wire.phone("bob", auto=False), wire.phone("bob2", auto=False)
    wire.phones["bob"] = [one, two]
    placed = wire.core.originate("bob", script=stay)
    one.refuse(Hangup(Cause.BUSY))
    assert two.ended is None
    two.answer()
    assert placed.value() is two.channel and two.channel.call.owner is two.channel
    two.hang_up()
    wire.clean()


def test_an_extension_is_routed_as_if_the_first_had_dialled_it(wire):
    bob = wire.phone("bob")
    wire.scripts["600"] = stay
    placed = wire.core.originate("bob", dialed=Dialed("default", "600"))
    wire.settle()
    assert placed.value() is bob.channel and bob.shown == Party(number="600") and bob.channel._task is not None
    wire.core.hangup("all")
    wire.clean()


@pytest.mark.parametrize("second", [False, True])
def test_who_does_not_answer_fails_it(wire, second):
    bob, carol = wire.phone("bob", auto=second), wire.phone("carol", auto=False)
    placed = wire.core.originate("bob", target2="carol", seconds=20.0)
    wire.settle()
    (carol if second else bob).refuse(Hangup(Cause.BUSY))
    wire.settle()
    with pytest.raises(Ended) as caught:
        placed.value()
    assert caught.value.hangup.cause is Cause.BUSY
    if second:
        assert bob.ended.cause is Cause.BUSY
    wire.clean()


def test_the_first_hangs_up_while_the_second_rings(wire):
    bob, carol = wire.phone("bob"), wire.phone("carol", auto=False)
    placed = wire.core.originate("bob", target2="carol")
    wire.settle()
    bob.hang_up()
    wire.settle()
    assert carol.ended == Hangup()
    with pytest.raises(Ended):
        placed.value()
    wire.clean()


def test_a_target_that_cannot_be_called_fails_it(wire):
    wire.phones["bob"] = None
    carol = wire.phone("carol")
    with pytest.raises(Unroutable):
        wire.core.originate("bob", script=stay).value()
    placed = wire.core.originate("carol", target2="bob")
    wire.settle()
    with pytest.raises(Unroutable) as caught:
        placed.value()
    assert caught.value.target == "bob" and carol.heard == []
    with pytest.raises(ValueError, match="one thing to be done"):
        wire.core.originate("carol")
    wire.clean()


def test_a_phone_that_nobody_picks_up_is_given_up(wire):
    bob = wire.phone("bob", auto=False)
    placed = wire.core.originate("bob", script=stay, seconds=10.0)
    wire.advance(11)
    assert bob.ended.cause is Cause.NO_ANSWER
    with pytest.raises(Ended):
        placed.value()
    wire.clean()
