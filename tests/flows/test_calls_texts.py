"""MESSAGE within a call: it goes to the other side, and his answer comes back. RFC 3428 6."""

import pytest


def say(call, text=b"hello", kind="text/plain", headers=()):
    return call.request("MESSAGE", [("Content-Type", kind), *headers], text)


def test_a_message_within_a_call_goes_to_the_other_side_and_back(house):
    h = house()
    call, other = h.up()
    assert h.server.wait(say(call, headers=[("Subject", "a"), ("Route", "<sip:10.0.0.99;lr>")])).status == 200
    (message,) = other.requests("MESSAGE")
    assert (message.body, message.content_type, message.get("subject")) == (b"hello", "text/plain", "a")
    assert "route" not in message
    assert h.server.wait(say(other, b"and you", "text/html")).status == 200
    assert [message.body for message in call.requests("MESSAGE")] == [b"and you"]
    h.over()


@pytest.mark.parametrize(("status", "answer"), [(202, 202), (415, 415), (486, 486), (407, 403), (603, 603)])
def test_the_final_answer_is_that_of_the_other_side(house, status, answer):
    h = house()
    call, _ = h.up()
    h.bob.refuses["MESSAGE"] = status
    assert h.server.wait(say(call)).status == answer
    h.over()


def test_the_next_is_sent_when_the_last_was_answered(house):
    h = house()
    call, other = h.up()
    h.server.network.loss = 0.3
    attempts = [say(call, str(number).encode()) for number in range(8)]
    for attempt in attempts:
        h.server.wait(attempt)
    taken = [attempt.status for attempt in attempts]
    h.server.network.loss = 0.0
    arrived = [int(message.body) for message in other.requests("MESSAGE")]
    assert arrived == sorted(arrived)
    assert len(arrived) >= taken.count(200)
    h.advance(40)
    h.over()


def test_without_another_side_nobody_reads_it(house):
    h = house()
    call = h.alice.call("600").until("up")
    assert h.server.wait(say(call)).status == 480
    h.over()


def test_the_other_side_that_knows_nothing_of_the_call_ends_it(house):
    h = house()
    call, _ = h.up()
    h.bob.refuses["MESSAGE"] = 481
    assert h.server.wait(say(call)).status == 480
    h.advance(1)
    assert call.state == "ended"
    h.over()


def test_too_much_for_a_datagram_is_refused_and_goes_by_a_stream(house):
    h = house()
    call, _ = h.up()
    attempt = say(call, b"x" * 1500)
    assert h.server.wait(attempt).status == 513  # bob is called by UDP
    assert h.server.wait(say(call, b"x" * 500)).status == 200
    h.over()


def test_in_a_conference_everybody_reads_it(house):
    room = 'context = "room"'
    plan = '[context.room.extensions]\n800 = ["answer", { conference = "room" }]\n'
    h = house(plan, phones=("alice", "bob", "carol"), alice=room, bob=room, carol=room)
    calls = {name: h.phones[name].call("800").until("up") for name in ("alice", "bob", "carol")}
    h.advance(2)
    assert h.server.wait(say(calls["alice"], b"hello all")).status == 202
    h.advance(1)
    got = {name: [message.body for message in call.requests("MESSAGE")] for name, call in calls.items()}
    assert got == {"alice": [], "bob": [b"hello all"], "carol": [b"hello all"]}
    h.over()
