"""Dialling: several at once, by priority, who wins, what the caller hears, how it fails."""

import asyncio

import pytest

from pipeline.core import Cause, Hangup, Outcome, Party, State, Wanted


class Caller:
    """Dials several phones; keeps the outcome."""

    def __init__(self, wire, *names, seconds=30.0, order="parallel", answer=False, before=None):
        self.outcome = None

        async def script(channel):
            if answer:
                await channel.answer()
            if before:
                await before(channel)
            attempts = [attempt for name in names for attempt in wire.core.request(name, Wanted(caller=channel, party=channel.caller))]
            self.outcome = await wire.core.dial(channel, attempts, seconds, order=order)
            if self.outcome.bridge is not None:
                await self.outcome.bridge.over()

        wire.scripts["group"] = script
        self.phone = wire.call("alice", "group")
        wire.settle()


@pytest.fixture
def phones(wire):
    return [wire.phone(name, auto=False) for name in ("bob", "carol", "dave")]


def test_the_first_that_answers_wins_and_the_losers_hear_it(wire, phones):
    bob, carol, dave = phones
    call = Caller(wire, "bob", "carol", "dave")
    for phone in phones:
        phone.ring()
    assert call.phone.heard == ["ringing"]
    carol.answer()
    wire.settle()
    assert isinstance(call.outcome, Outcome) and call.outcome.answered is carol.channel
    assert bob.ended == dave.ended == Hangup(Cause.ANSWERED_ELSEWHERE, "Call completed elsewhere")
    assert {channel.endpoint for channel in call.outcome.bridge.channels} == {"alice", "carol"}
    bob.answer()  # it crossed
    assert call.phone.channel.state is State.UP and len(wire.core.bridges) == 1
    call.phone.hang_up()
    wire.clean()


def test_nobody_answers_in_time(wire, phones):
    call = Caller(wire, "bob", "carol", seconds=20.0)
    phones[0].ring()
    wire.advance(19.9)
    assert call.outcome is None
    wire.advance(0.2)
    assert call.outcome.answered is None and call.outcome.hangup.cause is Cause.NO_ANSWER
    assert phones[0].ended.cause is phones[1].ended.cause is Cause.NO_ANSWER
    wire.clean()


def test_the_caller_hangs_up_and_all_attempts_end(wire, phones):
    call = Caller(wire, "bob", "carol")
    call.phone.hang_up(Hangup(Cause.NORMAL, "gave up"))
    assert phones[0].ended == phones[1].ended == Hangup(Cause.NORMAL, "gave up")
    wire.clean()


def test_the_best_failure_is_reported(wire, phones):
    call = Caller(wire, "bob", "carol", "dave")
    for phone, cause in zip(phones, (Cause.CONGESTION, Cause.BUSY, Cause.REJECTED), strict=True):
        phone.refuse(Hangup(cause, technology="wire", code=int(cause)))
    wire.settle()
    assert call.outcome.hangup == Hangup(Cause.BUSY, technology="wire", code=17)
    wire.clean()


def test_a_redirection_comes_with_the_outcome_and_all_its_targets(wire, phones):
    call = Caller(wire, "bob", "carol")
    phones[0].refuse(Hangup(Cause.BUSY))
    phones[1].refuse(Hangup(Cause.NUMBER_CHANGED, targets=("dave", "eve")))
    wire.settle()
    assert call.outcome.targets == ("dave", "eve") and call.outcome.hangup.cause is Cause.NUMBER_CHANGED
    wire.clean()


def test_by_priority_the_next_group_begins_when_the_former_has_failed(wire, phones):
    bob, carol, dave = phones
    bob.priority, carol.priority, dave.priority = 0.5, 1.0, 1.0
    call = Caller(wire, "bob", "carol", "dave", order="priority")
    assert carol.heard == dave.heard == ["call"] and bob.heard == []
    carol.refuse(Hangup(Cause.BUSY))
    assert bob.heard == []
    dave.refuse(Hangup(Cause.REJECTED))
    assert bob.heard == ["call"]
    bob.answer()
    wire.settle()
    assert call.outcome.answered is bob.channel
    call.phone.hang_up()
    wire.clean()


def test_by_priority_each_group_has_an_equal_share_of_the_time(wire, phones):
    for phone, priority in zip(phones, (1.0, 0.7, 0.2), strict=True):
        phone.priority = priority
    call = Caller(wire, "bob", "carol", "dave", seconds=30.0, order="priority")
    wire.advance(10.1)
    assert phones[0].ended.cause is Cause.NO_ANSWER and phones[1].heard == ["call"] and phones[2].heard == []
    wire.advance(20)
    assert call.outcome.hangup.cause is Cause.NO_ANSWER
    wire.clean()


def test_an_attempt_whose_turn_never_comes_is_let_go(wire, phones):
    phones[0].priority = 0.9
    call = Caller(wire, "bob", "carol", order="priority")
    phones[1].answer()
    wire.settle()
    assert phones[0].heard == ["ended"]
    call.phone.hang_up()
    wire.clean()


def test_one_attempt_alone_is_heard_before_it_answers(wire, phones):
    bob = phones[0]
    call = Caller(wire, "bob")
    bob.early()
    alice = call.phone
    assert alice.heard == ["early"] and alice.channel.state is State.EARLY and alice.media.startswith(b"answer of relay")
    bob.answer()
    wire.settle()
    assert alice.heard == ["early", "up"] and alice.channel.bridge is call.outcome.bridge
    alice.hang_up()
    wire.clean()


def test_several_attempts_only_ring(wire, phones):
    call = Caller(wire, "bob", "carol")
    phones[0].early()
    phones[1].early()
    assert call.phone.heard == ["ringing"]
    phones[0].refuse()
    phones[1].refuse()
    wire.clean()


@pytest.mark.parametrize("final", [False, True])
def test_after_early_media_that_failed_the_answer_repeats_them_and_the_next_are_offered(wire, phones, final):
    bob, carol, _ = phones

    async def first(channel):
        attempts = wire.core.request("bob", Wanted(caller=channel))
        assert (await wire.core.dial(channel, attempts, 30.0)).answered is None

    call = Caller(wire, "carol", before=first)
    alice = call.phone
    bob.early()
    if final:
        alice.leg.offered = None  # the technology has answered for good by what was heard early
    bob.refuse(Hangup(Cause.BUSY))
    wire.settle()
    assert carol.heard == ["call"]
    carol.answer()
    assert alice.heard == ["early", "up"] and alice.media == f"answer of relay at {alice.channel.name}".encode()
    wire.settle()
    assert alice.media == f"offer of {alice.channel.media.label}".encode() and carol.media.startswith(b"offer of relay")
    assert alice.channel.media.log[-1] == b"answer of alice"
    alice.hang_up()
    wire.clean()


def test_a_call_that_was_heard_and_failed_can_still_be_answered_by_us(wire, phones):
    async def script(channel):
        attempts = wire.core.request("bob", Wanted(caller=channel))
        assert (await wire.core.dial(channel, attempts, 30.0)).answered is None
        channel.sound().play("silence")
        await channel.answer()
        heard.append(alice.media)
        await channel.over()

    heard = []
    wire.scripts["mailbox"] = script
    alice = wire.call("alice", "mailbox")
    wire.settle()
    phones[0].early()
    phones[0].refuse(Hangup(Cause.BUSY))
    wire.settle()
    assert heard == [b"answer of relay at alice-00000001"]  # what it had heard: that holds until the offer of the sound
    assert alice.channel.state is State.UP and alice.media.startswith(b"offer of sound")
    alice.hang_up()
    wire.clean()


@pytest.mark.parametrize("sound", [True, False])
def test_a_caller_who_is_answered_already_hears_it_ring_and_is_joined(wire, phones, sound):
    call_kinds = {"relay", "sound"} if sound else {"relay"}

    async def before(channel):
        wire.kinds = call_kinds

    call = Caller(wire, "bob", answer=True, before=before)
    bob, alice = phones[0], call.phone
    bob.ring()
    assert alice.heard == ["up"]
    assert alice.channel.media.source == "tone:425*1000/4000"
    bob.answer()
    wire.settle()
    assert alice.media.startswith(b"offer of relay") and bob.media.startswith(b"offer of relay")
    assert alice.channel.media.label.startswith("relay") and alice.shown == Party("Bob", "bob")
    alice.hang_up()
    assert bob.ended == Hangup()
    wire.clean()


def test_a_caller_who_refuses_the_new_media_ends_both(wire, phones):
    call = Caller(wire, "bob", answer=True)
    call.phone.refuses = True
    phones[0].answer()
    wire.settle()
    assert phones[0].ended.cause is call.phone.ended.cause is Cause.INCOMPATIBLE
    wire.clean()


def test_without_media_the_attempt_fails_and_is_not_silent(wire, phones):
    wire.kinds = set()
    call = Caller(wire, "bob")
    assert call.outcome.hangup.cause is Cause.CONGESTION and phones[0].heard == ["ended"]
    wire.clean()


def test_a_driver_that_raises_is_an_attempt_that_failed(wire, phones):
    bob, carol, _ = phones
    bob.tell = None  # what a phone of this wire needs to be called
    call = Caller(wire, "bob", "carol")
    assert call.outcome is None and carol.heard == ["call"]
    carol.answer()
    wire.settle()
    assert call.outcome.answered is carol.channel
    assert {fields["plugin"] for fields in wire.told("step.failed")} == {"wire"}


def test_dialling_nobody_fails_at_once(wire):
    call = Caller(wire)
    assert call.outcome.hangup.cause is Cause.UNALLOCATED
    wire.clean()


def test_a_dial_that_is_cancelled_ends_its_attempts(wire, phones):
    async def script(channel):
        attempts = wire.core.request("bob", Wanted(caller=channel))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(2):
                await wire.core.dial(channel, attempts, 30.0)

    wire.scripts["short"] = script
    wire.call("alice", "short")
    wire.advance(3)
    assert phones[0].ended == Hangup()
    wire.clean()


def test_a_caller_who_cannot_be_answered_ends_the_winner(wire, phones):
    call = Caller(wire, "bob")
    call.phone.channel.leg.answer = lambda: call.phone.hang_up(Hangup(Cause.INCOMPATIBLE))
    phones[0].answer()
    wire.settle()
    assert phones[0].ended.cause is Cause.INCOMPATIBLE
    wire.clean()
