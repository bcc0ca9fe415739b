"""Mirror of pipeline/sip/message.py."""

from __future__ import annotations

import pytest

from pipeline.conformance.marks import rfc
from pipeline.sip import Malformed, Request, Response, Uri, parse

INVITE = (
    b"INVITE sip:bob@example.com SIP/2.0\r\n"
    b"Via: SIP/2.0/UDP one.example;branch=z9hG4bK1;rport\r\n"
    b"v: SIP/2.0/UDP two.example;branch=z9hG4bK2,\r\n SIP/2.0/UDP three.example\r\n"
    b"Record-Route: <sip:p1.example;lr>\r\nRecord-Route: <sip:p2.example;lr>\r\n"
    b'From: "A" <sip:a@example.com>;tag=1\r\n'
    b"To: <sip:bob@example.com>\r\n"
    b"Call-ID: x@one.example\r\nCSeq: 0009 INVITE\r\nTimestamp: 54\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
)


def test_a_request_made_here_parses_to_itself():
    request = Request.new(
        "OPTIONS", Uri.parse("sip:b@example.com"), [("call-id", "1"), ("X-Odd", "a"), ("x-small", "b"), ("v", "SIP/2.0/UDP h")], b"abc"
    )
    assert request.encode() == (
        b"OPTIONS sip:b@example.com SIP/2.0\r\nCall-ID: 1\r\nX-Odd: a\r\nX-Small: b\r\nVia: SIP/2.0/UDP h\r\nContent-Length: 3\r\n\r\nabc"
    )
    again = parse(request.encode())
    assert (again.method, again.uri, again.body, again.items()) == ("OPTIONS", request.uri, b"abc", request.items())
    assert again.is_request


def test_a_length_that_was_given_is_not_given_twice():
    assert Request.new("INFO", "sip:b", [("Content-Length", "0")]).encode().count(b"Content-Length") == 1


def test_a_response_made_here_parses_to_itself():
    response = Response.new(299, "", [("via", "SIP/2.0/UDP h")])
    assert response.encode() == b"SIP/2.0 299 OK\r\nVia: SIP/2.0/UDP h\r\nContent-Length: 0\r\n\r\n"
    again = parse(response.encode())
    assert (again.status, again.reason, again.is_request) == (299, "OK", False)


@rfc("3261", "8.2.6.2")
def test_an_answer_echoes_what_was_received():
    answer = Response.to(parse(INVITE), 180, headers=[("contact", "<sip:us>")], to_tag="t1")
    assert answer.encode().decode().split("\r\n") == [
        "SIP/2.0 180 Ringing",
        "Via: SIP/2.0/UDP one.example;branch=z9hG4bK1;rport",
        "Via: SIP/2.0/UDP two.example;branch=z9hG4bK2, SIP/2.0/UDP three.example",
        'From: "A" <sip:a@example.com>;tag=1',
        "To: <sip:bob@example.com>;tag=t1",
        "Call-ID: x@one.example",
        "CSeq: 0009 INVITE",
        "Record-Route: <sip:p1.example;lr>",
        "Record-Route: <sip:p2.example;lr>",
        "Contact: <sip:us>",
        "Content-Length: 0",
        "",
        "",
    ]
    assert (answer.to.tag, answer.from_.tag, answer.cseq) == ("t1", "1", (9, "INVITE"))


@rfc("3261", "8.2.6.1")
def test_a_100_carries_the_timestamp_and_no_record_route():
    answer = Response.to(parse(INVITE), 100)
    assert answer.get("timestamp") == "54"
    assert answer.get("record-route") is None
    assert answer.to.tag == ""


@rfc("3261", "12.1.1")
@pytest.mark.parametrize(("status", "method", "copied"), [(200, "INVITE", True), (404, "INVITE", False), (200, "OPTIONS", False)])
def test_record_route_is_copied_where_a_dialog_begins(status, method, copied):
    request = parse(INVITE.replace(b"INVITE", method.encode()))
    assert ("record-route" in Response.to(request, status)) is copied


@rfc("3261", "8.2.6.2")
@pytest.mark.parametrize("to", ["<sip:b@example.com>;tag=old", "sip:b@example.com; TAG = old", '"x;tag=1" <sip:b>;a;tag=old'])
def test_a_to_tag_that_is_there_stays(to):
    answer = Response.to(Request.new("BYE", "sip:b", [("to", to)]), 200, to_tag="new")
    assert answer.get("to") == to


@pytest.mark.parametrize("to", ["<sip:b@example.com;tag=uri>", '"a;tag=1" <sip:b>'])
def test_a_tag_elsewhere_than_in_the_parameters_is_none(to):
    answer = Response.to(Request.new("BYE", "sip:b", [("to", to)]), 200, to_tag="new")
    assert answer.get("to") == f"{to};tag=new"


def test_a_partial_request_is_answered_with_what_is_there():
    with pytest.raises(Malformed) as caught:
        parse(b"INVITE  sip:b SIP/2.0\r\nv: SIP/2.0/UDP h;branch=z9hG4bK1\r\nnonsense\r\nCSeq: 1 INVITE\r\n\r\n").uri  # noqa: B018
    partial = caught.value.message or parse(b"INVITE  sip:b SIP/2.0\r\nv: SIP/2.0/UDP h;branch=z9hG4bK1\r\nCSeq: 1 INVITE\r\n\r\n")
    assert Response.to(partial, 400, caught.value.reason, to_tag="t").encode() == (
        f"SIP/2.0 400 {caught.value.reason}\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n".encode()
    )


@pytest.mark.parametrize("value", ["a\r\nX: b", "a\nb", "\r"])
def test_no_line_break_gets_into_a_message(value):
    request = parse(INVITE)
    for make in (
        lambda: Response.to(request, 200, headers=[("subject", value)]),
        lambda: Response.to(request, 200, value),
        lambda: Response.new(200, "OK", [("subject", value)]),
        lambda: Request.new("INFO", "sip:b", [("subject", value)]),
        lambda: request.set_uri(f"sip:{value}"),
    ):
        with pytest.raises(ValueError, match="line breaks"):
            make()


def test_another_request_uri_is_an_edit():
    request = parse(INVITE)
    request.set_uri(Uri.parse("sip:new@example.com"), by="redirect")
    assert request.encode() == INVITE.replace(b"sip:bob@example.com", b"sip:new@example.com", 1)
    assert request.edits == [("redirect", "set", "request-uri")]
    assert request.uri.user == "new"
    assert repr(request) == "<INVITE sip:new@example.com SIP/2.0>"


def test_a_bad_request_uri_is_named_when_it_is_read():
    with pytest.raises(Malformed, match="Bad Request-URI: it must begin with a scheme"):
        _ = parse(INVITE.replace(b"sip:bob", b"<sip:bob")).uri


@pytest.mark.parametrize("read", [True, False])
def test_the_source_is_stamped_into_the_top_via_and_echoed(read):
    request = parse(INVITE)
    if read:
        request.items()
    request.stamp("192.0.2.7", 4711)
    stamped = "SIP/2.0/UDP one.example;branch=z9hG4bK1;rport=4711;received=192.0.2.7"
    assert request.get("via") == request.all("via")[0] == request.via.text == stamped
    assert Response.to(request, 200).all("via")[0] == stamped
    assert request.raw == INVITE
    assert request.encode() == INVITE.replace(b"Via: SIP/2.0/UDP one.example;branch=z9hG4bK1;rport", f"Via: {stamped}".encode())
    assert request.edits is None
    assert [via.host for via in request.vias] == ["one.example", "two.example", "three.example"]


def test_a_stamp_keeps_the_vias_behind_it_in_the_same_field():
    request = Request.new("INFO", "sip:b", [("via", "SIP/2.0/UDP h;rport , SIP/2.0/UDP i")])
    request.stamp("192.0.2.7", 4711)
    assert request.get("via") == "SIP/2.0/UDP h;rport=4711;received=192.0.2.7 , SIP/2.0/UDP i"


def test_nothing_is_stamped_where_nothing_need_be_or_can_be():
    for via in ("SIP/2.0/UDP 192.0.2.7;branch=z9", "nonsense"):
        request = Request.new("INFO", "sip:b", [("via", via)])
        request.stamp("192.0.2.7", 4711)
        assert request.get("via") == via


@pytest.mark.parametrize(("via", "host"), [("SIP/2.0/UDP h;;,;", "h"), ("SIP/2.0/UDP h;rport=99999", "h"), ("SIP/2.0/UDP h;rport", "h")])
def test_the_way_back_is_found_in_a_malformed_via_too(via, host):
    found = Request.new("INFO", "sip:b", [("via", via)]).return_path
    assert found.host == host
    assert found.rport in (None, "")
    assert Request.new("INFO", "sip:b", []).return_path is None
