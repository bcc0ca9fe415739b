"""What a phone asks within a call besides: INFO, OPTIONS, what nobody knows, what comes out of order. RFC 3261 12.2.2, RFC 6086."""

import pytest

from pipeline.conformance.marks import rfc


def test_an_empty_info_is_a_sign_of_life(house):
    h = house()
    call, _ = h.up()
    assert h.server.wait(call.info()).status == 200


@pytest.mark.parametrize(
    ("body", "kind", "digit"),
    [
        (b"Signal=5\r\nDuration=160\r\n", "application/dtmf-relay", "5"),
        (b"Signal= * \nDuration= 250", "application/dtmf-relay", "*"),
        (b"Signal=11", "application/dtmf-relay", "#"),
        (b"7\r\n", "application/dtmf", "7"),
    ],
)
def test_a_digit_by_info_is_a_digit(house, body, kind, digit):
    h = house()
    call, _ = h.up()
    assert h.server.wait(call.info(body, kind)).status == 200
    [event] = h.server.told("channel.digit")
    assert event.fields["digit"] == digit


@rfc("6086", "4.2.2")
@pytest.mark.parametrize(
    ("headers", "body", "kind", "status"),
    [
        ([("Info-Package", "g.unknown")], b"x", "text/plain", 469),
        ([], b"hello", "text/plain", 415),
        ([], b"Signal=hash", "application/dtmf-relay", 400),
    ],
)
def test_other_infos_are_refused(house, headers, body, kind, status):
    h = house()
    call, _ = h.up()
    attempt = h.server.wait(call.info(body, kind, headers))
    assert attempt.status == status
    if status == 469:
        assert attempt.response.get("recv-info") == ""


def test_a_digit_goes_by_info_to_an_endpoint_that_wants_it_so(house):
    h = house(bob='dtmf_mode = "info"')
    _call, other = h.up()
    [session] = [each for each in h.driver.sessions.values() if each.direction == "out"]
    assert session.channel.send_digit("4", 200)
    h.advance(1)
    [info] = other.requests("INFO")
    assert info.body == b"Signal=4\r\nDuration=200\r\n"


@rfc("3261", "11.2")
def test_options_within_a_call(house):
    h = house()
    call, _ = h.up()
    attempt = h.server.wait(call.request("OPTIONS"))
    assert attempt.status == 200 and "INVITE" in attempt.response.allow


@pytest.mark.parametrize(("method", "status"), [("PUBLISH", 405), ("FROBNICATE", 501)])
def test_a_method_that_is_not_served_within_a_call(house, method, status):
    h = house()
    call, _ = h.up()
    attempt = h.server.wait(call.request(method))
    assert attempt.status == status and "BYE" in attempt.response.allow


@rfc("3261", "12.2.2")
def test_a_request_out_of_order_is_500(house):
    h = house()
    call, _ = h.up()
    h.server.wait(call.request("OPTIONS"))
    assert h.server.wait(call.request("OPTIONS", cseq=1)).status == 500


@rfc("3261", "8.2.2.3")
def test_a_request_that_requires_what_nobody_knows_is_420(house):
    h = house()
    call, _ = h.up()
    attempt = h.server.wait(call.request("INFO", [("Require", "magic")]))
    assert (attempt.status, attempt.response.get("unsupported")) == (420, "magic")


@rfc("3261", "8.2.3", "14.2")
def test_an_unknown_body_in_a_reinvite_is_415(house):
    h = house()
    call, _ = h.up()
    attempt = h.server.wait(call.request("UPDATE", [("Contact", f"<{h.alice.contact}>"), ("Content-Type", "text/plain")], b"hello"))
    assert attempt.status == 415


@rfc("3261", "12.2.2")
def test_a_request_of_an_ended_call_is_481(house):
    h = house()
    call, other = h.up()
    call.bye()
    other.until("ended")
    h.advance(1)
    assert h.server.wait(call.request("INFO")).status == 481


LIMITED = {"stages": {"intercept": ["identify", "security", "auth"]}}


def test_a_method_that_an_endpoint_may_not_use_is_refused_within_its_calls_too_and_they_go_on(house):
    h = house(alice='deny_methods = ["INFO"]', **LIMITED)
    call, other = h.up()
    assert h.server.wait(call.request("INFO")).status == 403
    assert h.server.wait(other.request("INFO")).status != 403
    assert (call.state, other.state) == ("up", "up")


def test_what_belongs_to_an_invite_may_come_with_it(house):
    h = house(alice='allow_methods = ["REGISTER", "INVITE"]', **LIMITED)
    call, _ = h.up()
    call.hangup()
    assert call.until("ended")
    assert not h.server.told("security.refused")
