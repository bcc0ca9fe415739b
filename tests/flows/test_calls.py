"""A calls B through the server: placed, answered, talked, released. RFC 3261 13, 15; RFC 3665 3."""

import pytest

from pipeline.conformance.marks import rfc


@rfc("3261", "15.1.1", "15.1.2")
@pytest.mark.parametrize("who", ["caller", "callee"])
@pytest.mark.parametrize("transport", ["UDP", "TCP"])
def test_either_side_hangs_up(house, who, transport):
    h = house(more={"transport": transport})
    call, other = h.up()
    assert call.statuses[-2:] == [180, 200]
    assert call.mirrors(other)
    first, second = (call, other) if who == "caller" else (other, call)
    first.hangup()
    second.until("ended")
    first.until("ended")
    assert (first.why, second.why) == ("hung up", "released")


@rfc("3261", "13.2.1")
@rfc("3264", "5")
def test_a_late_offer_is_passed_on_as_one(house):
    h = house()
    call, other = h.up(late=True)
    assert call.mirrors(other)
    assert not other.invite.body
    [ack] = [message for message in other.received if message.is_request and message.method == "ACK"]
    assert ack.body


def test_the_call_has_a_caller_and_a_dialog_of_its_own_on_each_leg(house):
    h = house()
    call, other = h.up()
    assert other.invite.call_id != call.invite.call_id
    assert other.invite.from_.uri.user == "alice"
    assert other.invite.max_forwards == 69
    [contact] = other.invite.contacts
    assert (contact.uri.host, contact.uri.user) == ("10.0.0.1", "alice")
    assert other.invite.supported == ["100rel", "timer"]
    assert "UPDATE" in other.invite.allow


@rfc("3261", "15")
def test_the_bye_of_the_callee_waits_for_the_ack(house):
    h = house()
    h.alice.acks = False
    h.bob.answers()
    call = h.alice.call("bob")
    h.bob.calls or h.advance(1)
    other = h.bob.calls[-1].until("up")
    other.hangup()
    h.advance(3)
    assert call.requests("BYE") == []
    call.acknowledge()
    call.until("ended")
    assert call.why == "released"


@rfc("3261", "13.3.1.4")
def test_an_answer_that_is_never_acknowledged_is_repeated_and_then_released(house):
    h = house()
    h.alice.acks = False
    call = h.alice.call("bob")
    h.advance(1)
    other = h.bob.calls[-1].until("up")
    h.advance(40)
    assert call.repeats == 10  # at 0.5, 1.5, 3.5, 7.5, 11.5 ... 31.5
    assert other.state == "ended" and other.why == "released"
    assert [message.method for message in call.received if message.is_request] == ["BYE"]


def test_an_application_answers_without_a_second_phone(house):
    h = house()
    call = h.alice.call("600").until("up")
    assert call.agreed
    h.advance(1)
    call.hangup()
    call.until("ended")


def test_early_media_of_an_application_go_on_in_the_answer(house):
    h = house()
    call = h.alice.call("601").until("up")
    assert call.statuses[-2:] == [183, 200]
    assert call.early


def test_a_header_of_the_caller_reads_and_own_headers_are_written(house, write):
    h = house()
    _call, _other = h.up(headers=[("X-Ticket", "42")])
    [session] = [each for each in h.driver.sessions.values() if each.direction == "in"]
    assert session.detail("X-Ticket") == "42" and session.detail("x-none") is None


def test_the_winner_of_several_phones_takes_the_call_and_the_losers_are_cancelled(house):
    h = house(phones=("alice", "bob", "carol"))
    h.bob.answers(after=None)
    h.carol.answers(ring=0.1, after=1.0)
    call = h.alice.call("700").until("up")
    lost, won = h.bob.calls[-1], h.carol.calls[-1]
    assert call.mirrors(won)
    lost.until("ended")
    assert lost.why == "abandoned"
    assert all(not response.body for response in call.responses(180))


def test_a_call_counts_against_the_limit_of_its_endpoint(house):
    h = house(bob="max_calls = 1")
    h.up()
    second = h.alice.call("bob").until("ended")
    assert second.status == 486
    assert not h.server.told("call.limited")  # who calls has not too many


def test_a_call_beyond_the_limit_of_the_caller_is_a_security_event(house):
    h = house(alice="max_calls = 1", stages={"intercept": ["identify", "security", "auth"]})
    h.up()
    h.alice.call("bob").until("ended")
    (event,) = [each.fields for each in h.server.told("security.event") if each.fields["event"] == "SessionLimit"]
    assert (event["account"], event["request"], event["remote"]) == ("alice", "INVITE", "IPV4/UDP/10.0.0.2/5060")
