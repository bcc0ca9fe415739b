"""Pairs and mixes: who leaves, who stays, legs that are swapped while they live."""

import pytest

from pipeline.core import Cause, Ended, Hangup, Party, Refused, Unavailable


@pytest.fixture
def talk(wire):
    """Give answered channels: talk("alice") -> phone."""

    async def script(channel):
        await channel.answer()
        await channel.over()

    wire.scripts["up"] = script

    def talk(name):
        phone = wire.call(name, "up")
        wire.settle()
        return phone

    return talk


def test_two_that_are_up_get_new_offers_and_each_others_name(wire, talk):
    alice, bob = talk("alice"), talk("bob")
    bridge = wire.core.bridge(alice.channel, bob.channel)
    wire.settle()
    assert (
        alice.media == f"offer of relay at {alice.channel.name}".encode() and bob.media == f"offer of relay at {bob.channel.name}".encode()
    )
    assert alice.shown == Party("Bob", "bob") and bob.shown == Party("Alice", "alice")
    assert bridge.other(alice.channel) is bob.channel
    alice.hang_up(Hangup(Cause.BUSY))
    assert bob.ended.cause is Cause.BUSY and bridge.over().value().cause is Cause.BUSY
    wire.clean()


def test_a_pair_that_one_refuses_ends_both(wire, talk):
    alice, bob = talk("alice"), talk("bob")
    bob.refuses = True
    wire.core.bridge(alice.channel, bob.channel)
    wire.settle()
    assert alice.ended.cause is bob.ended.cause is Cause.INCOMPATIBLE
    wire.clean()


def test_a_kept_leg_lives_on_without_media(wire, talk):
    alice, bob = talk("alice"), talk("bob")
    bridge = wire.core.bridge(alice.channel, bob.channel)
    bridge.keep = True
    wire.settle()
    over = bridge.over()
    bob.hang_up()
    assert over.value() == Hangup() and alice.ended is None and alice.channel.media is None and alice.channel.bridge is None
    alice.channel.sound().play("silence")
    wire.settle()
    assert alice.media.startswith(b"offer of sound")
    alice.hang_up()
    wire.clean()


def test_a_leg_that_leaves_ends_the_pair_and_nobody_else(wire, talk):
    alice, bob = talk("alice"), talk("bob")
    bridge = wire.core.bridge(alice.channel, bob.channel)
    wire.settle()
    bridge.leave(alice.channel)
    assert bridge.over().value() is None and alice.ended is bob.ended is None and wire.core.bridges == {}
    wire.core.hangup("all")
    wire.clean()


def test_a_leg_is_swapped_while_both_live(wire, talk):
    alice, bob, carol = talk("alice"), talk("bob"), talk("carol")
    bridge = wire.core.bridge(alice.channel, bob.channel)
    wire.settle()
    first = bridge.relay
    done = bridge.swap(bob.channel, carol.channel)
    wire.settle()
    assert done.value() is bridge and bridge.channels == [alice.channel, carol.channel]
    assert bridge.relay is not first and first not in wire.open
    assert alice.shown == Party("Carol", "carol") and carol.shown == Party("Alice", "alice")
    assert bob.ended is None and bob.channel.bridge is None and bob.channel.media is None
    bob.hang_up()
    assert alice.ended is None
    carol.hang_up()
    assert alice.ended is not None
    wire.clean()


def test_the_leg_that_is_replaced_may_end_meanwhile(wire, talk):
    alice, bob, carol = talk("alice"), talk("bob"), talk("carol")
    bridge = wire.core.bridge(alice.channel, bob.channel)
    wire.settle()
    done = bridge.swap(bob.channel, carol.channel)
    bob.hang_up()
    wire.settle()
    assert done.value() is bridge and alice.ended is None and bridge.other(alice.channel) is carol.channel
    alice.hang_up()
    assert carol.ended is not None
    wire.clean()


@pytest.mark.parametrize("gone", [False, True])
def test_a_swap_that_is_refused_changes_nothing_unless_the_old_leg_is_gone(wire, talk, gone):
    alice, bob, carol = talk("alice"), talk("bob"), talk("carol")
    bridge = wire.core.bridge(alice.channel, bob.channel)
    wire.settle()
    first, carol.refuses = bridge.relay, True
    before = alice.media
    done = bridge.swap(bob.channel, carol.channel)
    if gone:
        bob.hang_up(Hangup(Cause.NORMAL, "bye"))
    wire.settle()
    with pytest.raises(Refused):
        done.value()
    assert carol.ended is None
    if gone:
        assert alice.ended.text == "bye"
    else:
        assert bridge.relay is first and bridge.channels == [alice.channel, bob.channel]
        assert alice.media == before  # she had agreed to another one meanwhile
    wire.core.hangup("all")
    wire.clean()


def test_a_swap_whose_new_leg_is_taken_out_of_another_pair(wire, talk):
    alice, bob, carol, dave = talk("alice"), talk("bob"), talk("carol"), talk("dave")
    one, two = wire.core.bridge(alice.channel, bob.channel), wire.core.bridge(carol.channel, dave.channel)
    wire.settle()
    one.swap(bob.channel, carol.channel)
    wire.settle()
    assert two.ended and dave.ended is None and one.channels == [alice.channel, carol.channel]
    assert carol.channel.media.label.startswith("relay") and carol.channel.media in wire.open
    wire.core.hangup("all")
    wire.clean()


def test_who_stays_ends_during_a_swap(wire, talk):
    alice, bob, carol = talk("alice"), talk("bob"), talk("carol")
    bridge = wire.core.bridge(alice.channel, bob.channel)
    wire.settle()
    done = bridge.swap(bob.channel, carol.channel)
    alice.hang_up()
    wire.settle()
    with pytest.raises((Ended, Refused)):
        done.value()
    assert bob.ended is not None and carol.ended is None
    wire.core.hangup("all")
    wire.clean()


def test_a_pair_with_one_that_has_ended_ends_the_other(wire, talk):
    alice, bob = talk("alice"), talk("bob")
    bob.hang_up(Hangup(Cause.BUSY))
    assert wire.core.bridge(alice.channel, bob.channel).ended and alice.ended.cause is Cause.BUSY
    wire.clean()


def test_without_a_relay_both_end(wire, talk):
    alice, bob = talk("alice"), talk("bob")
    wire.kinds = {"sound"}
    wire.core.bridge(alice.channel, bob.channel)
    assert alice.ended.cause is bob.ended.cause is Cause.CONGESTION
    wire.clean()


def test_a_digit_is_passed_on_in_a_pair(wire, talk):
    alice, bob = talk("alice"), talk("bob")
    wire.core.bridge(alice.channel, bob.channel)
    wire.settle()
    alice.channel.told_digit("7")
    assert bob.channel.media.log[-1] == "7" and alice.channel._digits is None


def test_a_new_name_at_one_end_is_shown_at_the_other(wire, talk):
    alice, bob = talk("alice"), talk("bob")
    wire.core.bridge(alice.channel, bob.channel)
    wire.settle()
    alice.channel.told_connected(Party("Alicia", "alice"))
    assert bob.shown == Party("Alicia", "alice") == alice.channel.caller


def test_a_conference_lives_from_the_first_to_the_last(wire, talk):
    phones = [talk(name) for name in ("alice", "bob", "carol")]
    room = wire.core.conference("room")
    for phone in phones:
        assert wire.core.conference("room") is room
        room.add(phone.channel)
    wire.settle()
    assert room.mixer.seats == {phone.channel for phone in phones} and all(phone.media.startswith(b"offer of seat") for phone in phones)
    phones[0].hang_up()
    assert phones[1].ended is phones[2].ended is None and len(room.channels) == 2
    room.leave(phones[1].channel)
    assert phones[1].ended is None and phones[1].channel.media is None
    phones[2].hang_up()
    assert room.ended and wire.core.conference("room") is not room
    wire.core.conferences.clear()
    wire.core.bridges.clear()
    phones[1].hang_up()
    wire.clean()


def test_a_full_or_refused_conference_is_left_again(wire, talk):
    room = wire.core.conference("room")
    phones = [talk(name) for name in ("alice", "bob", "carol", "dave")]
    done = [room.add(phone.channel) for phone in phones]
    with pytest.raises(Unavailable, match="three seats"):
        done[3].value()
    wire.settle()
    phones[0].refuses = True
    room.leave(phones[0].channel)
    again = room.add(phones[0].channel)
    wire.settle()
    with pytest.raises(Refused):
        again.value()
    assert phones[0].channel.bridge is None and len(room.channels) == 2
    room.end(Hangup(Cause.NORMAL, "closed"))
    assert phones[1].ended.text == "closed" and phones[0].ended is None
    wire.core.hangup("all")
    wire.clean()


def test_a_pair_takes_no_third(wire, talk):
    alice, bob, carol = talk("alice"), talk("bob"), talk("carol")
    bridge = wire.core.bridge(alice.channel, bob.channel)
    with pytest.raises(TypeError, match="a pair has two"):
        bridge.add(carol.channel)


def test_who_is_released_keeps_the_media_that_it_has_got(wire, talk):
    alice, bob = talk("alice"), talk("bob")
    bridge = wire.core.bridge(alice.channel, bob.channel)
    wire.settle()
    sound = alice.channel.sound()  # a side of a relay can play, and is no Sound
    wire.settle()
    assert alice.channel.media is sound and alice.channel.bridge is bridge
    bridge.release(alice.channel)
    assert bridge.ended and alice.channel.media is sound
    assert bob.channel.media is None and bob.ended is None
    alice.hang_up()
    bob.hang_up()
    wire.clean()
