"""Calls to one phone of several (RFC 5627), and by phones that give such an address as their Contact; calls to sips URIs (RFC 5630)."""

import pytest

from pipeline.conformance.marks import rfc

ONE, TWO = "urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6", "urn:uuid:00000000-0000-1000-8000-000a95a0e128"
SECOND = '\n[user.carol]\npassword = "carol\'s"\n'


@pytest.fixture
def two(house):
    """Alice, and two phones of bob, each with GRUUs: `h.bob` and `h.other`."""
    h = house(phones=("alice",))
    for name, instance in (("bob", ONE), ("other", TWO)):
        phone = h.phones[name] = h.server.phone("bob", address=(f"10.0.1.{len(h.phones)}", 5060))
        phone.instance = instance
        phone.online()
    return h


@rfc("5627", "5.4")
@pytest.mark.parametrize("place", [0, 1])
@rfc("5627", "6.1")
def test_only_the_phone_that_is_meant_rings(two, place):
    two.other.answers(after=1.0)
    call = two.alice.call(uri=two.other.gruus[place]).until("up")
    assert (len(two.bob.calls), len(two.other.calls)) == (0, 1)
    invite = two.other.calls[0].invite
    assert invite.uri_text == two.other.contact  # 6.1: `gr` is not carried on
    two.over(call)


def test_the_address_of_record_rings_both(two):
    two.bob.answers(after=1.0)
    two.other.answers(after=3.0)
    call = two.alice.call("bob").until("up")
    assert (len(two.bob.calls), len(two.other.calls)) == (1, 1)
    two.over(call)


@rfc("5627", "3.1")
@rfc("5627", "3.1.2")
def test_a_temporary_one_shows_the_caller_nothing_of_whose_it_is(two):
    call = two.alice.call(uri=two.other.gruus[1]).until("up")
    answers = [message for message in call.received if not message.is_request]
    assert {200} <= {answer.status for answer in answers}
    assert all(b"bob" not in answer.encode() for answer in answers)
    two.over(call)


@rfc("5627", "5.4")
@rfc("5627", "6.1")
def test_who_is_not_registered_is_480_and_what_is_none_404(two):
    public, temporary = two.other.gruus
    two.server.wait(two.other.unregister())
    assert two.alice.call(uri=public).until("ended").status == 480
    assert two.alice.call(uri=temporary).until("ended").status == 404
    assert two.alice.call(uri="sip:bob@example.com;gr").until("ended").status == 404
    assert two.alice.call(uri=f"sip:nobody@example.com;gr={ONE}").until("ended").status == 404
    assert two.alice.call(uri=temporary.replace("tgruu.", "tgruu.A")).until("ended").status == 404
    two.over()


@pytest.mark.parametrize("place", [0, 1])
def test_options_says_what_a_call_would_get(two, place):
    gruu = two.other.gruus[place]
    assert two.server.wait(two.alice.request("OPTIONS", gruu)).status == 200
    two.server.wait(two.other.unregister())
    assert two.server.wait(two.alice.request("OPTIONS", gruu)).status == (480, 404)[place]


@rfc("5627", "4.4")
def test_a_caller_whose_contact_is_its_gruu_gets_the_bye(two):
    two.alice.instance = "urn:x:alice"
    two.alice.online()
    two.bob.answers(hang_up_after=1.0)
    call = two.alice.call(uri=two.bob.gruus[0]).until("up")
    assert call.invite.contacts[0].uri.text == two.alice.gruus[0]
    call.until("ended")
    bye = next(message for message in two.alice.received if message.method == "BYE")
    assert bye.uri_text == two.alice.gruus[0]
    two.over()


def test_a_callee_whose_contact_is_its_gruu_gets_ack_and_bye(two):
    two.bob.answers(after=3.0)
    call = two.alice.call("bob").until("up")
    two.advance(0.5)
    call.hangup()
    two.advance(1)
    came = [(message.method, message.uri_text) for message in two.other.received]
    assert came[1:] == [("ACK", two.other.gruus[0]), ("BYE", two.other.gruus[0])]
    two.over()


def test_our_own_contacts_are_no_gruus(two):
    call = two.alice.call(uri=two.other.gruus[0]).until("up")
    for message in (two.other.calls[0].invite, call.final):
        uri = message.contacts[0].uri
        assert uri.host == "10.0.0.1"
        assert "gr" not in uri.params
    two.over(call)


def test_a_sips_uri_rings_nobody_who_is_reached_without_tls(house):
    h = house(phones=("alice", "bob"))
    reply = h.server.request("INVITE", uri="sips:bob@example.com", source=("10.0.0.9", 5060))
    assert (reply.status, reply.reason) == (403, "SIPS Needs TLS")


def test_requests_follow_a_gruu_to_where_its_phone_is_now(two):
    call = two.alice.call(uri=two.other.gruus[0]).until("up")
    two.advance(0.5)
    driver = two.driver
    [session] = [each for each in driver.sessions.values() if each.direction == "out"]
    assert [str(way) for way in session.way()[1:]] == [two.other.contact]
    moved = "<sip:bob@10.0.2.9:5070>"
    headers = [("Contact", f'{moved};+sip.instance="<{TWO}>"'), ("Supported", "gruu")]
    two.advance(1)
    assert two.server.request("REGISTER", "bob", from_="bob", headers=headers, source=("10.0.2.9", 5070)).status == 200
    assert str(session.way()[1]) == "sip:bob@10.0.2.9:5070"
    two.over(call)
