"""A step and a route, with phones: a TOML string, a running pipeline, call, assert."""

from pathlib import Path

from pipeline.testing.server import CALLS

HERE = Path(__file__).with_name("sip_hunt.py")
TOML = f"""
[plugin.hunt]
load   = "{HERE}:Hunt"
groups = {{ sales = ["alice", "bob"] }}
[context.default]
extensions = {{ "300" = [{{ hunt = "sales", seconds = 5 }}, {{ playback = "tone:440*500/0" }}] }}
"""
STAGES = {**CALLS, "integration": [*CALLS["integration"], "hunt"]}


def test_a_group_is_called_by_its_name_and_the_next_one_begins(sip):
    server = sip(TOML, **STAGES)
    alice, bob = server.phone("alice").online(), server.phone("bob").online()
    assert alice.call("*sales").until("up").mirrors(bob.calls[-1])
    assert bob.call("*sales").until("up").mirrors(alice.calls[-1])


def test_who_does_not_answer_is_passed_over(sip):
    server = sip(TOML, **STAGES)
    alice, bob, carol = server.phone("alice").online(), server.phone("bob").online(), server.phone("carol")
    bob.answers(after=60)
    call = carol.call("300", from_user="alice").until("up")
    assert call.mirrors(alice.calls[-1])
    assert bob.calls[-1].state == "ended"


def test_nobody_is_there_and_the_steps_behind_follow(sip):
    server = sip(TOML, **STAGES)
    call = server.phone("carol").call("300").until("up")
    assert call.hears() == {440}


def test_another_name_is_no_group(sip):
    server = sip(TOML, **STAGES)
    assert server.phone("carol").call("*support").until("ended").status == 404
