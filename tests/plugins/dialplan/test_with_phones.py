"""The dialplan with the real channel driver and media_local, called by scripted phones over the virtual network."""

import json

import pytest

from pipeline.testing.server import CALLS

TOML = """
[context.default]
users = true

[context.default.extensions]
600 = ["answer", "echo"]
601 = ["answer", { playback = "tone:1000*3000/0" }, "hangup"]
602 = ["answer", "conference"]
603 = [{ ivr = "main" }]
604 = [{ dial = "bob", timeout = 5 }, { if = "${dialstatus} == BUSY", then = [{ playback = "tone:480*2000/0", early = true }] }, { mailbox = "bob" }]
605 = [{ redirect = "sip:carol@elsewhere.example" }]
606 = [{ dial = ["bob", "carol"], ringback = "tone:620*500/100" }]
607 = [{ dial = "bob", headers = { X-Caller = "${caller.number}", X-Agent = "${header.user-agent}" } }]

[menu.main]
prompt = ["tone:440*5000/0"]
[menu.main.choices]
1 = { dial = "bob" }
2 = [{ playback = "tone:1000*2000/0" }]

[user.alice]
password = "alice's"
[user.bob]
password = "bob's"
[user.carol]
password = "carol's"
"""


@pytest.fixture
def house(sip):
    server = sip(TOML, **CALLS)
    server.phones = {name: server.phone(name).online() for name in ("alice", "bob", "carol")}
    yield server
    for phone in server.phones.values():
        for call in phone.calls:
            if call.state not in ("ending", "ended"):
                call.hangup()
    server.advance(110)
    assert not [event.fields for event in server.told("step.failed")]
    assert server.leftovers() == {}
    assert [call.faults for phone in server.phones.values() for call in phone.calls if call.faults] == []


def test_users_dial_each_other_by_name(house):
    alice, bob = house.phones["alice"], house.phones["bob"]
    bob.answers(after=2.0)
    call = alice.call("bob").until("up")
    assert call.mirrors(bob.calls[-1]) and call.statuses == [180, 200]


def test_users_of_another_domain_are_called_there(sip):
    users = "[pipeline]\ndomains = ['example.com', 'other.org']\n[context.default]\nusers = true\n[user.alice]\nauth = []\n"
    server = sip(users + "[user.'alice@other.org']\nauth = []\n", **CALLS)
    alice = server.phone("alice").online()
    assert alice.call(uri="sip:alice@other.org").until("ended").status == 480  # who has not registered
    assert alice.call(uri="sip:bob@other.org").until("ended").status == 404
    alice.call(uri="sip:alice@example.com").until("up")


def test_nobody_of_that_name_is_404(house):
    call = house.phones["alice"].call("nobody").until("ended")
    assert call.status == 404


def test_echo_sends_back_what_is_said(house):
    call = house.phones["alice"].call("600").until("up")
    call.talk(1000)
    house.advance(0.5)
    assert call.hears() == {1000}


def test_playback_is_heard_and_the_call_ends(house):
    call = house.phones["alice"].call("601").until("up")
    assert call.hears() == {1000}
    call.until("ended")


def test_three_in_a_conference_hear_the_others_and_not_themselves(house):
    calls = [house.phones[name].call("602").until("up") for name in ("alice", "bob", "carol")]
    house.advance(0.5)
    for call, tone in zip(calls, (440, 620, 1000), strict=True):
        call.talk(tone)
    house.advance(0.5)
    assert [call.hears(0.5) for call in calls] == [{620, 1000}, {440, 1000}, {440, 620}]


@pytest.mark.parametrize("by", ["rfc4733", "info"])
def test_a_menu_is_chosen_from_while_its_prompt_is_heard(house, by):
    call = house.phones["alice"].call("603").until("up")
    assert call.hears() == {440}
    call.press("2", by=by)
    house.advance(0.6)
    assert call.hears(0.5) == {1000}


def test_a_choice_calls_somebody(house):
    alice, bob = house.phones["alice"], house.phones["bob"]
    call = alice.call("603").until("up")
    house.advance(1)
    call.press("1")
    house.advance(3)
    other = bob.calls[-1]
    assert other.state == "up"
    other.talk(1000)
    house.advance(0.5)
    assert call.hears(0.5) == {1000}


def test_a_busy_callee_is_explained_and_a_message_taken(house):
    alice, bob = house.phones["alice"], house.phones["bob"]
    bob.answers(status=486)
    call = alice.call("604")
    house.advance(1)
    assert call.statuses[-1] == 183 and call.hears(0.5) == {480}
    house.advance(3)
    assert call.state == "up"
    call.talk(1000)
    house.advance(4)
    call.hangup()
    house.advance(1)
    folder = house.engine.plan.state / "mailboxes" / "bob" / "new"
    (about,) = [json.loads(path.read_text()) for path in folder.glob("*.json")]
    assert about["caller_number"] == "alice" and 6 < about["seconds"] < 7
    assert len(list(folder.glob("*.wav"))) == 1


def test_a_callee_who_does_not_answer_gets_a_message(house):
    alice, bob = house.phones["alice"], house.phones["bob"]
    bob.answers(after=60)
    call = alice.call("604")
    call.until("up")
    assert bob.calls[-1].state == "ended"


def test_a_caller_is_redirected(house):
    call = house.phones["alice"].call("605").until("ended")
    assert call.status == 302 and call.final.get("contact") == "<sip:carol@elsewhere.example>"


def test_who_is_waiting_hears_what_the_dialplan_says(house):
    alice, bob, carol = house.phones.values()
    bob.answers(after=3)
    carol.answers(after=60)
    call = alice.call("606")
    house.advance(1)
    assert call.statuses == [183] and call.hears(0.5) == {620}
    call.until("up")
    bob.calls[-1].talk(1000)
    house.advance(0.5)
    assert call.hears(0.5) == {1000} and carol.calls[-1].state == "ended"


def test_header_fields_are_read_and_set(house):
    alice, bob = house.phones["alice"], house.phones["bob"]
    alice.call("607", headers=[("User-Agent", "Phone/1.0")]).until("up")
    invite = bob.calls[-1].invite
    assert (invite.get("x-caller"), invite.get("x-agent")) == ("alice", "Phone/1.0")
