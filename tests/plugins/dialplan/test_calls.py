import pytest
from pipeline.plugins.dialplan.steps.calls import CauseName, dialstatus

from pipeline.core import Cause, Dialed, Hangup

AOR = '[user.bob]\npassword = "x"\n'


def test_every_cause_can_be_given_to_hangup():
    assert set(CauseName.__args__) == {cause.name.lower() for cause in Cause}


def test_users_are_called_by_name(plan):
    wire = plan("[context.default]\nusers = true\n")
    bob = wire.phone("bob@example.com")
    alice = wire.call("alice", "bob")
    wire.settle()
    assert alice.heard == ["ringing", "up"] and bob.heard == ["call"]
    assert (bob.shown.number, alice.channel.variables["dialstatus"]) == ("alice", "ANSWER")
    bob.hang_up()
    wire.settle()
    assert alice.ended.cause is Cause.NORMAL
    wire.clean()


def test_whom_nobody_knows_cannot_be_called(plan):
    wire = plan("[context.default]\nusers = true\n")
    alice = wire.call("alice", "nobody")
    wire.settle()
    assert alice.ended.cause is Cause.UNALLOCATED
    wire.clean()


def test_the_failure_of_the_callee_reaches_the_caller_as_it_was(context):
    wire = context('"100" = [{ dial = "bob" }]')
    bob = wire.phone("bob", auto=False)
    alice = wire.call("alice", "100")
    wire.settle()
    refusal = Hangup(Cause.BUSY, "Not now", "wire", 600)
    bob.refuse(refusal)
    wire.settle()
    assert alice.ended == refusal
    wire.clean()


@pytest.mark.parametrize(
    "cause, status",
    [
        (Cause.BUSY, "BUSY"),
        (Cause.REJECTED, "BUSY"),
        (Cause.NO_ANSWER, "NOANSWER"),
        (Cause.CONGESTION, "CONGESTION"),
        (Cause.ABSENT, "CHANUNAVAIL"),
        (Cause.UNALLOCATED, "CHANUNAVAIL"),
    ],
)
def test_the_steps_behind_a_dial_that_failed_know_why(context, cause, status):
    wire = context(
        f'"100" = [{{ dial = "bob" }}, {{ if = "${{dialstatus}} == {status}", then = [{{ playback = "sorry-${{hangupcause}}" }}] }},'
        ' { hangup = "congestion" }]'
    )
    bob = wire.phone("bob", auto=False)
    alice = wire.call("alice", "100")
    wire.settle()
    bob.refuse(Hangup(cause))
    wire.advance(2)
    assert dialstatus(Hangup(cause)) == status
    assert wire.played == [f"sorry-{int(cause)}"]
    assert alice.ended.cause is Cause.CONGESTION
    wire.clean()


def test_several_targets_ring_and_the_others_hear_who_won(context):
    wire = context('"100" = [{ dial = ["bob", "carol", "nobody"], timeout = 20 }]')
    bob, carol = wire.phone("bob", auto=False), wire.phone("carol", auto=False)
    alice = wire.call("alice", "100")
    wire.settle()
    bob.ring()
    carol.answer()
    wire.settle()
    assert bob.ended.cause is Cause.ANSWERED_ELSEWHERE
    assert alice.heard == ["ringing", "up"]
    alice.hang_up()
    wire.settle()
    assert carol.ended.cause is Cause.NORMAL
    wire.clean()


def test_by_priority_the_next_one_rings_when_the_first_does_not_answer(context):
    wire = context('"100" = [{ dial = ["bob", "carol"], timeout = 20, order = "priority" }]')
    bob, carol = wire.phone("bob", auto=False, priority=0.5), wire.phone("carol", auto=False, priority=1.0)
    wire.call("alice", "100")
    wire.settle()
    assert (bob.heard, carol.heard) == ([], ["call"])
    wire.advance(11)
    assert (bob.heard, carol.heard) == (["call"], ["call", "ended"])
    bob.answer()
    wire.settle()
    bob.hang_up()
    wire.settle()
    wire.clean()


def test_nobody_answers_in_time(context):
    wire = context('"100" = [{ dial = "bob", timeout = 20 }, { playback = "away" }, { hangup = "no_answer", text = "gone" }]')
    bob = wire.phone("bob", auto=False)
    alice = wire.call("alice", "100")
    wire.advance(19)
    assert bob.ended is None
    wire.advance(3)
    assert bob.ended.cause is Cause.NO_ANSWER
    assert alice.ended == Hangup(Cause.NO_ANSWER, "gone")
    assert wire.played == ["away"]
    wire.clean()


def test_a_caller_who_leaves_cancels(context):
    wire = context('"100" = [{ dial = "bob" }, { playback = "never" }]')
    bob = wire.phone("bob", auto=False)
    alice = wire.call("alice", "100")
    wire.settle()
    alice.hang_up()
    wire.settle()
    assert bob.ended is not None and wire.played == []
    assert alice.channel.variables["dialstatus"] == "CANCEL"
    wire.clean()


def test_proceed_lets_the_steps_behind_follow_when_the_callee_hangs_up(context):
    wire = context('"100" = [{ dial = "bob", proceed = true }, { playback = "how-was-it" }]')
    bob = wire.phone("bob")
    alice = wire.call("alice", "100")
    wire.settle()
    bob.hang_up()
    wire.advance(0.5)
    assert wire.played == ["how-was-it"] and alice.ended is None
    wire.advance(1)
    assert alice.ended.cause is Cause.NORMAL
    wire.clean()


def test_the_caller_can_hear_something_else_than_ringing(context):
    wire = context('"100" = [{ dial = "bob", ringback = "music" }]')
    bob = wire.phone("bob", auto=False)
    alice = wire.call("alice", "100")
    wire.settle()
    bob.ring()
    assert alice.heard == ["early"] and set(wire.played) == {"music"}
    bob.answer()
    wire.settle()
    assert alice.channel.media.label.startswith("relay at alice")
    alice.hang_up()
    wire.settle()
    wire.clean()


def test_headers_go_along(context):
    wire = context('"_." = [{ dial = "bob", headers = { X-From = "${caller.number}", X-Dialed = "${extension}" } }]')
    wire.phone("bob")
    wire.call("alice", "1/2\r\nX-Evil: yes")
    wire.settle()
    assert wire.asked[0][1].headers == [("X-From", "alice"), ("X-Dialed", "1/2 X-Evil: yes")]


def test_what_a_caller_dials_cannot_leave_its_place_in_the_address(context):
    wire = context('"_9." = [{ dial = "sip:${extension:1}@trunk" }]')
    wire.call("alice", "9me@evil.example")
    wire.settle()
    assert wire.asked[0][0] == "sip:me%40evil.example@trunk"


def test_a_caller_is_sent_elsewhere(context):
    wire = context('"100" = [{ redirect = "sip:bob@elsewhere" }]')
    alice = wire.call("alice", "100")
    wire.settle()
    assert alice.channel.hangup.targets == ("sip:bob@elsewhere",)
    wire.clean()


def test_after_the_answer_a_call_cannot_be_redirected(context):
    wire = context('"100" = ["answer", { redirect = "sip:bob@elsewhere" }]')
    alice = wire.call("alice", "100")
    wire.settle()
    assert alice.ended.cause is Cause.TEMPORARY_FAILURE
    assert "redirect: the call is answered" in wire.told("step.failed")[0]["error"]


def test_asking_what_a_call_would_get_changes_nothing(context):
    wire = context('"100" = [{ dial = "bob" }]')
    hooks = wire.engine.generation.hooks["integration"]
    assert hooks.route_call(dialed=Dialed("default", "100")) is not None
    assert hooks.route_call(dialed=Dialed("default", "200")) is None
    assert (wire.legs, wire.asked) == ([], [])


def test_a_caller_without_context_is_looked_up_in_the_plugins(plan):
    wire = plan('[plugin.dialplan]\ncontext = "public"\n[context.public.extensions]\n"1" = ["answer"]\n')
    hooks = wire.engine.generation.hooks["integration"]
    assert hooks.route_call(dialed=Dialed("", "1")) is not None
