"""A request and what becomes of it: final and provisional answers, timeouts, CANCEL after a 1xx (RFC 3261 17.1, 9.1)."""

from pipeline.client import Final, Provisional, Timeout
from pipeline.flow import Target


def test_a_final_answer_is_told_once(server, phone, ask, told):
    ask(Target("10.0.0.2", 5060))
    server.advance(1)
    (outcome,) = told
    assert (type(outcome), outcome.response.status) == (Final, 200)


def test_a_request_that_is_lost_is_sent_again(server, phone, ask, told):
    server.network.loss = 1.0
    ask(Target("10.0.0.2", 5060))
    server.advance(1.0)
    server.network.loss = 0.0
    server.advance(3.0)
    assert isinstance(told[0], Final)


def test_nobody_there_is_a_timeout_after_64_t1(server, ask, told):
    server.network.host("10.0.0.77").datagram("10.0.0.77", 5060, lambda *what: None)
    ask(Target("10.0.0.77", 5060))
    server.advance(31.9)
    assert told == []
    server.advance(0.2)
    assert [type(outcome) for outcome in told] == [Timeout]


def test_provisional_answers_are_told_and_a_refused_invite_is_acknowledged(server, phone, ask, told, request_):
    phone.phone.script["INVITE"] = [180, 486]
    ask(Target("10.0.0.2", 5060), request_("INVITE"))
    server.advance(40)
    assert [(type(outcome), outcome.response.status) for outcome in told] == [(Provisional, 180), (Final, 486)]
    assert phone.engine.counts["transactions.timeout"] == 0  # the ACK has come
    assert len(server.engine.clients) == 0


def test_cancel_waits_for_the_first_1xx_and_brings_487(server, phone, ask, told, request_):
    phone.phone.script["INVITE"] = []
    asking = ask(Target("10.0.0.2", 5060), request_("INVITE"))
    asking.cancel()
    server.advance(5)
    assert [outcome.response.status for outcome in told if isinstance(outcome, Final)] == [487]
    assert server.engine.counts["unsent"] == 0
