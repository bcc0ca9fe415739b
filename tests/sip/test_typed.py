"""Mirror of pipeline/sip/typed.py."""

from __future__ import annotations

import pytest

from pipeline.sip import STAR, Malformed, Request


def message(*headers, method="REGISTER"):
    return Request.new(method, "sip:example.com", headers)


def test_the_typed_fields_of_a_request():
    found = message(
        ("via", "SIP/2.0/UDP one;branch=z9hG4bK1, SIP/2.0/UDP two"),
        ("via", "SIP/2.0/TCP three"),
        ("from", '"A" <sip:a@example.com>;tag=1'),
        ("to", "<sip:a@example.com>"),
        ("call-id", "x@y"),
        ("cseq", "0009  INVITE"),
        ("max-forwards", "0068"),
        ("expires", "3600"),
        ("content-type", "Application / SDP ;charset=utf-8"),
        ("require", "path, outbound"),
        ("require", "gruu"),
        ("proxy-require", "x"),
        ("supported", ""),
        ("allow", "INVITE,ACK"),
        ("contact", "<sip:a@one>;q=0.5, <sip:a@two>"),
        ("contact", "sip:a@three"),
        ("route", "<sip:r1;lr>,<sip:r2;lr>"),
        ("record-route", "<sip:rr;lr>"),
        ("path", "<sip:p;lr>"),
    )
    assert [via.host for via in found.vias] == ["one", "two", "three"]
    assert found.via.host == "one"
    assert (found.from_.tag, found.to.tag, found.call_id, found.cseq) == ("1", "", "x@y", (9, "INVITE"))
    assert (found.max_forwards, found.expires, found.content_length, found.content_type) == (68, 3600, 0, "application/sdp")
    assert (found.require, found.proxy_require, found.supported, found.allow) == (
        ["path", "outbound", "gruu"],
        ["x"],
        [],
        ["INVITE", "ACK"],
    )
    assert [contact.uri.host for contact in found.contacts] == ["one", "two", "three"]
    assert [len(found.routes), len(found.record_routes), len(found.paths)] == [2, 1, 1]


def test_what_is_read_twice_is_parsed_once():
    found = message(("via", "SIP/2.0/UDP one"), ("to", "sip:a@b"), ("from", "sip:a@b"), ("cseq", "1 X"), ("contact", "sip:a@b"))
    assert found.via is found.via
    assert found.vias is found.vias
    assert found.to is found.to
    assert found.from_ is found.from_
    assert found.cseq is found.cseq
    assert found.contacts is found.contacts


@pytest.mark.parametrize(
    ("name", "reason"),
    [("via", "Missing Via"), ("from_", "Missing From"), ("to", "Missing To"), ("call_id", "Missing Call-ID"), ("cseq", "Missing CSeq")],
)
def test_a_mandatory_field_that_is_missing_is_named(name, reason):
    with pytest.raises(Malformed, match=reason):
        getattr(message(), name)


def test_optional_fields_that_are_missing_are_none_or_empty():
    found = message()
    assert (found.max_forwards, found.expires, found.content_type) == (None, None, "")
    assert found.contacts == found.routes == found.require == found.vias == []


def test_a_lone_star_is_the_star_and_nothing_else_is():
    assert message(("contact", "*")).contacts is STAR
    assert repr(STAR) == "STAR"
    assert message().contacts is not STAR
    for values in (["*", "<sip:a@b>"], ["*", "*"]):
        with pytest.raises(Malformed, match="Bad Contact"):
            _ = message(*(("contact", value) for value in values)).contacts


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("max-forwards", "256", "Bad Max-Forwards: larger than 255"),
        ("max-forwards", "-1", "Bad Max-Forwards: not a number"),
        ("expires", "1" + "0" * 100, "Bad Expires: larger than 4294967295"),
        ("content-length", "five", "Bad Content-Length: not a number"),
        ("cseq", "36893488147419103232 REGISTER", "Bad CSeq: larger than 2147483647"),
        ("cseq", "REGISTER", "Bad CSeq: it must be a number and a method"),
        ("cseq", "1 A B", "Bad CSeq: it must be a number and a method"),
        ("cseq", "1", "Bad CSeq: it must be a number and a method"),
        ("route", "sip:a@b?x=y", "Bad Route: a URI with '?' or ',' must stand in <>"),
    ],
)
def test_a_bad_value_is_malformed_when_it_is_read(name, value, reason):
    found = message((name, value))
    attribute = {"route": "routes"}.get(name, name.replace("-", "_"))
    with pytest.raises(Malformed) as caught:
        getattr(found, attribute)
    assert caught.value.reason == reason


def test_cseq_methods_may_be_any_token():
    assert message(("cseq", "1 RE%47IST%45R")).cseq.method == "RE%47IST%45R"
