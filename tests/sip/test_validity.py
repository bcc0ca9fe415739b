"""Mirror of pipeline/sip/validity.py."""

from __future__ import annotations

import pytest

from pipeline.sip import Malformed, Request, Response, check, parse

VALID = {
    "via": "SIP/2.0/UDP h;branch=z9hG4bK1;rport",
    "from": "<sip:a@h>;tag=1",
    "to": "<sip:b@h>",
    "call-id": "1@h",
    "cseq": "1 {method}",
    "max-forwards": "70",
}


def request(method="OPTIONS", uri="sip:b@h", extra=(), **changes):
    fields = VALID | {name.replace("_", "-"): value for name, value in changes.items()}
    return Request.new(method, uri, [*((name, value.format(method=method)) for name, value in fields.items() if value is not None), *extra])


def refused(message):
    with pytest.raises(Malformed) as caught:
        check(message)
    return caught.value


@pytest.mark.parametrize("method", ["OPTIONS", "REGISTER", "INVITE", "ACK", "NEWMETHOD"])
def test_a_plain_request_passes(method):
    check(request(method))
    check(request(method, contact="<sip:a@h>"))


def test_a_request_of_rfc_2543_passes():
    check(request("INVITE", via="SIP/2.0/UDP h", max_forwards=None, **{"from": "<sip:a@h>"}))


def test_another_version_is_505_and_the_spelling_of_ours_does_not_matter():
    message = request()
    message.version = "SIP/7.0"
    error = refused(message)
    assert (error.status, error.reason, error.message) == (505, "Version Not Supported", message)
    message.version = "sip/2.0"
    check(message)


@pytest.mark.parametrize("uri", ["tel:+1201", "soap.beep://192.0.2.103:3002", "nobodyKnowsThisScheme:opaque", "sips:[2001:db8::1]"])
def test_the_scheme_of_the_request_uri_is_the_applications_business(uri):
    check(request(uri=uri))


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (request(uri="sip:b@h?Route=%3Csip:x%3E"), "Bad Request-URI: it may hold no headers"),
        (request(uri="<sip:b@h>"), "Bad Request-URI: it must begin with a scheme such as 'sip:'"),
        (request(uri="sip:2001:db8::10"), "Bad Request-URI: an IPv6 address must stand in brackets"),
        (request(via="SIP/2.0/UDP 192.0.2.15;;,;,,"), "Bad Via: empty parameter"),
        (request(via="SIP/2.0/UDP h;branch=z9hG4bK"), "Bad Via: the branch is only the magic cookie"),
        (request(via="SIP/2.0/UDP h;rport=x"), "Bad Via rport: not a number"),
        (request(via="SIP/2.0/UDP h, nonsense"), "Bad Via: it must be SIP/2.0/TRANSPORT, a blank, host and port"),
        (request(extra=[("via", "nonsense")]), "Bad Via: it must be SIP/2.0/TRANSPORT, a blank, host and port"),
        (request(**{"from": None}), "Missing From"),
        (request(to=None), "Missing To"),
        (request(call_id=None), "Missing Call-ID"),
        (request(cseq=None), "Missing CSeq"),
        (request(to='"Mr. J. User <sip:b@h>'), "Bad To: unterminated quoted string"),
        (request(call_id=""), "Bad Call-ID: it must be one word"),
        (request(call_id="a b"), "Bad Call-ID: it must be one word"),
        (request(call_id="a\0b"), "Bad Call-ID: it must be one word"),
        (request(cseq="1 INVITE"), "Bad CSeq: its method is not that of the request"),
        (request(cseq="2147483648 OPTIONS"), "Bad CSeq: larger than 2147483647"),
        (request(max_forwards="256"), "Bad Max-Forwards: larger than 255"),
        (request(extra=[("to", "<sip:other@h>")]), "Bad To: more than one"),
        (request(extra=[("cseq", "2 OPTIONS")]), "Bad CSeq: more than one"),
        (request(extra=[("call-id", "2")]), "Bad Call-ID: more than one"),
        (request(extra=[("max-forwards", "5")]), "Bad Max-Forwards: more than one"),
        (request("INVITE", contact='"Joe" <sip:joe@h>;;;;'), "Bad Contact: empty parameter"),
        (request("INVITE", contact="*"), "Bad Contact: it must be exactly one address"),
        (request("SUBSCRIBE", contact="<sip:a@h>", extra=[("contact", "<sip:b@h>")]), "Bad Contact: it must be exactly one address"),
    ],
)
def test_what_is_demanded_of_all_is_named_when_it_is_missing_or_bad(message, reason):
    error = refused(message)
    assert (error.reason, error.status, error.message) == (reason, 400, message)


def test_a_request_without_via_cannot_be_answered():
    error = refused(request(via=None))
    assert (error.reason, error.message) == ("Missing Via", None)


@pytest.mark.parametrize("name", ["Server", "Subject", "User-Agent", "X-Odd", "Supported"])
def test_a_repeated_field_that_harms_nobody_passes(name):
    check(request(extra=[(name, "a"), (name, "b")]))


def test_contacts_are_looked_at_only_where_a_dialog_may_begin():
    check(request("REGISTER", contact="sip:a@h?x=y"))


def test_a_response_is_held_to_the_same_and_never_answered():
    answer = Response.to(request(), 200)
    check(answer)
    check(parse(answer.encode()))
    answer.set("cseq", "9292394834772304023312 OPTIONS")
    error = refused(answer)
    assert (error.reason, error.message) == ("Bad CSeq: larger than 2147483647", None)


def test_an_answer_whose_to_has_two_tags_is_taken_with_the_first():
    text = (
        b"SIP/2.0 202 Accepted\r\nVia: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK1\r\nFrom: <sip:a@x>;tag=1\r\n"
        b"To: <sip:b@x>;tag=first;tag=second\r\nCall-ID: c\r\nCSeq: 1 MESSAGE\r\nContent-Length: 0\r\n\r\n"
    )
    answer = parse(text)
    check(answer)
    assert answer.to.tag == "first"
    with pytest.raises(Malformed):
        check(parse(text.replace(b";tag=second", b";x=1;x=2")))
