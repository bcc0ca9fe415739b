import pytest

from pipeline.core import Cause


def test_answer_ringing_wait_and_hangup(context):
    wire = context('"1" = ["ringing", { wait = 3 }, "answer", { hangup = "rejected", text = "No" }]')
    alice = wire.call("alice", "1")
    wire.advance(2.9)
    assert alice.heard == ["ringing"]
    wire.advance(0.2)
    assert alice.heard == ["ringing", "up", "ended"]
    assert (alice.ended.cause, alice.ended.text) == (Cause.REJECTED, "No")
    wire.clean()


def test_playback_answers_and_ends_with_the_call(context):
    wire = context('"1" = [{ playback = ["one", "busy", "missing", "two"] }]')
    alice = wire.call("alice", "1")
    wire.advance(4)
    assert wire.played == ["one", "tone:425*480/480", "two"]
    assert (alice.heard, alice.ended.cause) == (["up", "ended"], Cause.NORMAL)
    assert [told["source"] for told in wire.told("channel.sound")] == ["missing"]
    wire.clean()


def test_early_playback_is_heard_before_the_answer(context):
    wire = context('"1" = [{ playback = "closed", early = true }, { hangup = "busy" }]')
    alice = wire.call("alice", "1")
    wire.advance(2)
    assert (alice.heard, alice.ended.cause) == (["early", "ended"], Cause.BUSY)
    wire.clean()


def test_a_digit_stops_what_is_played(context):
    wire = context('"1" = [{ playback = ["one", "two"], stop = "#" }, { playback = "three" }]')
    alice = wire.call("alice", "1")
    wire.advance(0.5)
    alice.channel.told_digit("5")
    alice.channel.told_digit("#")
    wire.settle()
    assert wire.played == ["one", "three"]
    alice.hang_up()
    wire.settle()
    wire.clean()


def test_echo_lasts_until_the_pound_key(context):
    wire = context('"600" = ["answer", "echo", { playback = "bye" }]')
    alice = wire.call("alice", "600")
    wire.advance(60)
    alice.channel.told_digit("1")
    wire.settle()
    assert wire.played == ["echo on"]
    alice.channel.told_digit("#")
    wire.settle()
    assert wire.played == ["echo on", "echo off", "bye"]
    alice.hang_up()
    wire.settle()
    wire.clean()


def test_digits_are_sent_one_after_the_other(context):
    wire = context('"1" = ["answer", "progress", { playback = "x" }, { senddigits = "12w#" }]')
    alice = wire.call("alice", "1")
    wire.advance(1.05)
    sound = alice.channel.media
    wire.advance(2)
    assert sound.log[-3:] == ["1", "2", "#"]
    wire.clean()


def test_without_a_provider_of_sound_the_call_is_refused(context):
    wire = context('"1" = [{ playback = "x" }]')
    wire.kinds.discard("sound")
    wire.media = lambda need, channels: None
    alice = wire.call("alice", "1")
    wire.settle()
    assert alice.ended.cause is Cause.CONGESTION
    wire.clean()


@pytest.mark.parametrize("steps", ["[{ wait = '${caller.name}' }]", "[{ senddigits = 'x${caller.name}' }]"])
def test_a_value_of_no_use_ends_the_call_and_says_where(context, steps):
    wire = context(f'"1" = {steps}')
    alice = wire.call("alice", "1")
    wire.settle()
    assert alice.ended.cause is Cause.TEMPORARY_FAILURE
    assert "extension '1' of context 'default'" in str(wire.told("step.failed")[0]["exception"])
