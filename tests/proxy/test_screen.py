"""pipeline.proxy.screen: what is not passed on. RFC 3261 16.3, RFC 5393."""

import pytest

from pipeline.conformance.marks import rfc
from pipeline.proxy import mark_of, screen
from pipeline.sip.message import Request

KEY = b"k" * 64


def request(uri="sip:bob@example.com", call_id="c", vias=("SIP/2.0/UDP 10.0.0.9;branch=z9hG4bK1",), **more):
    fields = [("Via", via) for via in vias]
    fields += [("From", "<sip:a@example.com>;tag=1"), ("To", "<sip:bob@example.com>"), ("Call-ID", call_id), ("CSeq", "1 INVITE")]
    return Request.new("INVITE", uri, fields + [(name.replace("_", "-"), value) for name, value in more.items()])


def test_the_usual_request_goes_on():
    assert screen(request(max_forwards="70", max_breadth="60"), "mark") is None


@pytest.mark.parametrize(
    ("fields", "status"), [({"max_forwards": "0"}, 483), ({"max_breadth": "0"}, 440), ({"proxy_require": "foo, path"}, 420)]
)
@rfc("3261", "16.3")
def test_what_may_go_no_further_is_refused(fields, status):
    reply = screen(request(**fields), "mark", ("path",))
    assert reply.status == status
    assert dict(reply.headers) == ({"Unsupported": "foo"} if status == 420 else {})


@rfc("5393", "5.3.3")
def test_a_breadth_of_more_than_we_allow_is_no_reason_to_refuse():
    assert screen(request(max_breadth="256"), "mark") is None


def test_what_is_required_of_proxies_and_known_is_let_by():
    assert screen(request(proxy_require="Path"), "mark", ("path",)) is None


@rfc("3261", "16.3")
@rfc("5393", "4.2")
def test_our_own_mark_in_any_via_is_a_loop():
    vias = ("SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK1", "SIP/2.0/TCP 10.0.0.2;branch=z9hG4bKab.cafe, SIP/2.0/UDP 10.0.0.9;branch=z9hG4bK2")
    assert screen(request(vias=vias), "cafe").status == 482
    assert screen(request(vias=vias), "afe") is None


def test_all_that_decides_where_it_goes_makes_the_mark():
    base = mark_of(request(), KEY)
    assert base == mark_of(request(max_forwards="3"), KEY)
    others = [request("sip:carol@example.com"), request(call_id="d"), request(route="<sip:p;lr>")]
    assert len({base, *(mark_of(other, KEY) for other in others), mark_of(request(), b"other")}) == 5
