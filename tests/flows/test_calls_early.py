"""Before the answer: what is heard, reliably or not, offered early or late. RFC 3261 13.2.1, RFC 3262, RFC 6337 3."""

import pytest

from pipeline.conformance.marks import rfc


def test_early_media_of_the_callee_reach_the_caller(house):
    h = house()
    h.bob.answers(early=True, after=2.0)
    call = h.alice.call("bob").until("up")
    assert call.statuses[-2:] == [183, 200]
    assert call.early
    assert call.mirrors(h.bob.calls[-1])


@rfc("3262", "4")
@pytest.mark.parametrize(("late", "reliable"), [(False, 1), (True, 0)])
def test_a_reliable_answer_of_the_callee_is_acknowledged_by_us(house, late, reliable):
    """But a late offer in one is not asked for, where the caller cannot answer it before the call is up."""
    h = house()
    h.bob.answers(early=True, reliable=True, after=2.0)
    call = h.alice.call("bob", late=late).until("up")
    other = h.bob.calls[-1].until("up")
    assert len(other.rseqs) == reliable
    h.advance(1)
    assert call.mirrors(other)


@rfc("3262", "3")
@pytest.mark.parametrize("wants", ["supported", "required"])
@pytest.mark.parametrize("early", [False, True])
def test_reliable_answers_to_a_caller_that_wants_them(house, wants, early):
    h = house(alice='rel100 = "peer_supported"')
    h.bob.answers(early=early, after=2.0)
    call = h.alice.call("bob", reliable=wants).until("up")
    assert len(call.rseqs) == 1
    h.advance(1)
    assert call.mirrors(h.bob.calls[-1])


def test_100rel_is_each_legs_own(house):
    h = house(alice='rel100 = "peer_supported"')
    h.bob.answers(early=True, reliable=True, after=2.0)
    call = h.alice.call("bob", reliable="required").until("up")
    other = h.bob.calls[-1]
    assert len(call.rseqs) == len(other.rseqs) == 1
    assert call.rseqs != other.rseqs


def test_a_late_offer_travels_in_reliable_answers_when_both_have_them(house):
    h = house()
    h.bob.answers(early=True, reliable=True, after=2.0)
    call = h.alice.call("bob", reliable="required", late=True).until("up")
    h.advance(1)
    assert call.mirrors(h.bob.calls[-1])


@rfc("3262", "3")
def test_a_reliable_answer_that_is_never_acknowledged_ends_the_call(house):
    h = house()
    h.server.network.filter = lambda data, source, destination: not data.startswith(b"PRACK")
    h.bob.answers(after=None)
    call = h.alice.call("bob", reliable="required")
    call.until("ended", 80)
    assert call.status == 504
    h.server.network.filter = None


@rfc("3262", "3")
def test_100rel_no_refuses_who_requires_it_and_required_who_does_not_know_it(house):
    h = house(alice='rel100 = "no"', bob='rel100 = "required"')
    call = h.alice.call("bob", reliable="required").until("ended")
    assert call.status == 420
    call = h.bob.call("alice").until("ended")
    assert call.status == 421


@rfc("3262", "3")
def test_a_wrong_prack_is_481(house):
    h = house()
    h.bob.answers(after=None)
    call = h.alice.call("bob", reliable="required").until("proceeding")
    attempt = call.request("PRACK", [("RAck", "1 1 INVITE")])
    h.server.wait(attempt)
    assert attempt.status == 481


@rfc("3261", "13.3.1.1")
def test_ringing_is_repeated_before_proxies_give_up(house):
    h = house()
    h.bob.answers(after=None)
    rings = []
    h.server.network.filter = lambda data, source, destination: (
        (data.startswith(b"SIP/2.0 180") and destination[0] == "10.0.0.2" and rings.append(data)) or True
    )
    call = h.alice.call("bob").until("proceeding")
    h.advance(65)
    assert len(rings) == 2 and rings[0] == rings[1]
    call.hangup()


def test_an_offer_in_a_prack_that_cannot_be_taken_is_answered_with_nothing(house):
    """A refusal would leave the response unacknowledged that the PRACK is for (RFC 3262 3)."""
    h = house(alice='rel100 = "peer_supported"')
    sent = []
    h.server.network.filter = lambda data, source, destination: not (data.startswith(b"PRACK") and not sent)
    call = h.alice.call("601", reliable="required").until("proceeding")
    sent.append(1)
    [rel] = call.responses(183)
    body = b"v=0\r\no=- 7 2 IN IP4 10.0.0.2\r\ns=-\r\nc=IN IP4 10.0.0.2\r\nt=0 0\r\nm=audio 4444 RTP/AVP 18\r\n"
    fields = [("RAck", f"{rel.get('rseq')} {rel.cseq.number} INVITE"), ("Content-Type", "application/sdp")]
    attempt = call.request("PRACK", fields, body)
    h.server.wait(attempt)
    assert attempt.status == 200 and b"m=audio 0 " in attempt.response.body
    h.advance(5)
