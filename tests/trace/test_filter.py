"""Which messages a filter lets through."""

import pytest

from pipeline.passage import Passage, Reply
from pipeline.sip.message import Response
from pipeline.sip.parser import parse
from pipeline.trace.filter import Filter
from pipeline.trace.record import CAME

REGISTER = (
    b"REGISTER sip:example.com SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.7;branch=z9hG4bK1\r\nFrom: <sip:Alice@example.com>;tag=1\r\n"
    b"To: <sip:alice@example.com>\r\nCall-ID: abc@phone\r\nCSeq: 1 REGISTER\r\nMax-Forwards: 70\r\n"
    b'Authorization: Digest username="ally", realm="x"\r\nContent-Length: 0\r\n\r\n'
)


class Way:
    transport, reliable, local, peer = "UDP", False, ("10.0.0.1", 5060), ("192.0.2.7", 5062)


def sees(message=None, data=REGISTER, passage=None, flow=Way, **kinds):
    message = parse(data) if message is None and data is REGISTER else message
    return Filter.of(kinds).matches((CAME, 0.0, 0.0, passage, data, flow), message)


@pytest.mark.parametrize(
    "kinds",
    [
        {},
        {"method": ["register"]},
        {"method": ["INVITE", "REGISTER"]},
        {"user": ["alice"]},
        {"user": ["ALICE@example.com"]},
        {"user": ["ally"]},
        {"address": ["192.0.2.0/24"]},
        {"address": ["192.0.2.7"]},
        {"address": ["192.0.2.7:5062"]},
        {"address": ["10.0.0.1"]},
        {"call_id": ["abc"]},
        {"method": ["REGISTER"], "user": ["alice"], "address": ["192.0.2.7"]},
    ],
)
def test_what_fits_is_shown(kinds):
    assert sees(**kinds)


@pytest.mark.parametrize(
    "kinds",
    [
        {"method": ["INVITE"]},
        {"user": ["bob"]},
        {"address": ["192.0.2.8", "2001:db8::/32"]},
        {"address": ["192.0.2.7:5060"]},
        {"call_id": ["bc"]},
        {"status": ["401"]},
        {"method": ["REGISTER"], "user": ["bob"]},
    ],
)
def test_what_does_not_fit_is_not_shown(kinds):
    assert not sees(**kinds)


def test_answers_are_found_by_status_and_by_the_method_of_their_request():
    answer = Response.to(parse(REGISTER), 401)
    assert sees(answer, status=["401"]) and sees(answer, status=["4xx"]) and sees(answer, status=["4"])
    assert not sees(answer, status=["403"])
    assert sees(answer, method=["REGISTER"]) and not sees(answer, method=["INVITE"])


def test_a_status_also_finds_the_request_that_was_answered_so():
    passage = Passage(None, None, Way, 0.0)
    passage.decided = ("intercept", "auth", Reply(401))
    assert sees(passage=passage, status=["401"])
    assert not sees(passage=passage, status=["403"])


def test_what_could_not_be_parsed_is_found_by_its_bytes():
    assert sees(data=b"REGISTER broken alice", method=["REGISTER"], user=["alice"])
    assert not sees(data=b"REGISTER broken", user=["alice"])


def test_ipv6_and_scopes_are_compared_by_value():
    flow = type("F", (), {"local": ("::1", 5060), "peer": ("fe80::1%2", 5060)})
    assert sees(flow=flow, address=["fe80::/10"]) and sees(flow=flow, address=["[::1]:5060"])


@pytest.mark.parametrize(
    ("kinds", "text"),
    [
        ({"address": ["nowhere"]}, "'nowhere' is no address"),
        ({"status": ["OK"]}, "'OK' is no status: write 401 or 4xx"),
        ({"status": ["999"]}, "no status"),
    ],
)
def test_a_filter_that_means_nothing_is_refused(kinds, text):
    with pytest.raises(ValueError, match=text):
        Filter.of(kinds)


def test_a_filter_survives_the_control_socket():
    given = {"method": ["REGISTER"], "status": ["4xx"]}
    assert Filter.of(given).as_dict() == given
