"""Giving up, and what crosses it. RFC 3261 9, 13.3.1, 15; RFC 5407 3.1; RFC 3326."""

from pipeline.conformance.marks import rfc
from pipeline.sip.parser import parse


@rfc("3261", "9.1", "9.2")
def test_a_caller_that_gives_up_gets_487_and_the_callee_a_cancel(house):
    h = house()
    h.bob.answers(after=None)
    call = h.alice.call("bob").until("proceeding")
    h.advance(2)
    call.hangup()
    call.until("ended")
    other = h.bob.calls[-1].until("ended")
    assert (call.why, call.status, other.why) == ("cancelled", 487, "abandoned")


@rfc("3261", "9.1")
def test_a_cancel_waits_for_the_first_1xx_of_the_callee(house):
    h = house()
    h.bob.answers(ring=None, after=None)
    h.server.network.filter = lambda data, source, destination: not (source[0] == "10.0.0.3" and data.startswith(b"SIP/2.0 1"))
    call = h.alice.call("bob")
    h.advance(0.5)
    sent = []
    h.server.network.filter = lambda data, source, destination: (
        sent.append(data) or not (source[0] == "10.0.0.3" and data.startswith(b"SIP/2.0 1"))
    )
    call.hangup()
    h.advance(2)
    assert not any(data.startswith(b"CANCEL sip:bob@10.0.0.3") for data in sent)
    h.server.network.filter = None
    h.bob.calls[-1].ring()
    h.bob.calls[-1].until("ended")
    assert h.bob.calls[-1].why == "abandoned"


@rfc("3261", "9.1", "13.2.2.4")
def test_a_200_that_crosses_the_cancel_is_acknowledged_and_released(house):
    h = house()
    h.bob.answers(ring=0.0, after=None)
    call = h.alice.call("bob").until("proceeding")
    h.advance(1)
    other = h.bob.calls[-1]
    h.server.network.delay = (0.05, 0.05)
    call.hangup()
    other.answer()
    other.until("ended")
    call.until("ended")
    assert (other.why, other.acks) == ("released", 1)
    assert call.why == "cancelled"


def test_a_cancel_after_the_final_answer_changes_nothing(house):
    h = house()
    sent = []
    h.server.network.filter = lambda data, source, destination: (data.startswith(b"INVITE") and sent.append(data)) or True
    call, other = h.up()
    head = sent[0].partition(b"\r\n\r\n")[0].replace(b"INVITE sip", b"CANCEL sip").replace(b" INVITE", b" CANCEL")
    kept = [line for line in head.split(b"\r\n") if not line.startswith((b"Content-", b"Contact", b"Allow", b"Supported"))]
    h.alice.send_raw(b"\r\n".join([*kept, b"Content-Length: 0", b"", b""]))
    h.advance(1)
    assert call.state == other.state == "up"


@rfc("3261", "15.1.2")
def test_a_bye_before_the_final_answer_ends_the_invite_with_487(house):
    h = house()
    h.bob.answers(after=None)
    call = h.alice.call("bob").until("proceeding")
    h.advance(1)
    call.bye()
    h.advance(1)
    assert h.bob.calls[-1].until("ended").why == "abandoned"
    assert 487 in call.statuses


def test_a_bye_before_the_ack_releases_both(house):
    h = house()
    h.alice.acks = False
    call = h.alice.call("bob")
    h.advance(1)
    assert call.status == 200
    call.bye()
    other = h.bob.calls[-1].until("ended")
    assert other.why == "released"
    h.advance(40)
    assert call.repeats < 3


@rfc("3326", "2")
def test_the_losers_hear_that_the_call_was_completed_elsewhere(house):
    h = house(phones=("alice", "bob", "carol"))
    h.bob.answers(after=None)
    h.carol.answers(ring=0.1, after=1.0)
    cancels = []
    h.server.network.filter = lambda data, source, destination: (data.startswith(b"CANCEL") and cancels.append(data)) or True
    h.alice.call("700").until("up")
    h.bob.calls[-1].until("ended")
    assert parse(cancels[0]).get("reason") == 'SIP;cause=200;text="Call completed elsewhere"'


def test_the_reason_of_a_bye_is_that_of_the_other_legs(house):
    h = house()
    call, other = h.up()
    call.bye([("Reason", 'Q.850;cause=31;text="lunch"')])
    other.until("ended")
    [bye] = other.requests("BYE")
    assert bye.get("reason") == 'Q.850;cause=31;text="lunch"'


def test_both_hang_up_at_once(house):
    h = house()
    call, other = h.up()
    call.bye()
    other.bye()
    call.until("ended")
    other.until("ended")


def test_a_late_offer_that_the_caller_never_answers_is_acknowledged_and_released(house):
    h = house()
    h.alice.acks = False
    call = h.alice.call("bob", late=True)
    h.advance(1)
    other = h.bob.calls[-1].until("up")
    assert not other.requests("ACK")
    other.until("ended", 80)
    ack, bye = [message for message in other.received if message.is_request and message.method in ("ACK", "BYE")][:2]
    assert (ack.method, bye.method) == ("ACK", "BYE")
    assert b"m=audio 0 " in ack.body
    call.acks or call.until("ended")
