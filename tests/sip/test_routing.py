"""Where responses and requests go: RFC 3261 18.2, RFC 3581, 12.2.1.1, 16.6, 19.1.2."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.conformance.marks import rfc
from pipeline.sip.grammar import Malformed
from pipeline.sip.message import Request
from pipeline.sip.routing import Target, next_hop, received_via, reply_to, route_within, same_address, same_source, target_of, top_via
from pipeline.sip.uri import Uri
from pipeline.sip.via import Via

SOURCE = ("203.0.113.9", 4444)
UDP = "SIP/2.0/UDP "

REPLIES = [
    # via, reliable -> host, port
    ("192.0.2.4;branch=1", False, ("203.0.113.9", 5060)),
    ("192.0.2.4:5070;branch=1", False, ("203.0.113.9", 5070)),
    ("192.0.2.4:5070;rport;branch=1", False, SOURCE),
    ("192.0.2.4:5070;rport=9;branch=1", False, SOURCE),  # a value of the client's own
    ("192.0.2.4:5070;maddr=224.0.1.75;branch=1", False, ("203.0.113.9", 5070)),
    ("192.0.2.4:5070;maddr=255.255.255.255;rport", False, SOURCE),
    ("192.0.2.4:5070;received=198.51.100.1", False, ("203.0.113.9", 5070)),  # a victim's address
    ("192.0.2.4:5070;rport", True, ("203.0.113.9", 5070)),  # its connection is gone: connect to where it listens
]


@rfc("3261", "18.2.2")
@rfc("3581", "4")
@pytest.mark.parametrize(("via", "reliable", "where"), REPLIES)
def test_a_response_goes_back_to_where_the_request_came_from(via, reliable, where):
    assert reply_to(Via.parse(UDP + via), SOURCE, reliable) == where


def test_the_default_port_of_a_response_is_the_transport_s():
    assert reply_to(Via.parse("SIP/2.0/TLS host"), SOURCE, True) == ("203.0.113.9", 5061)
    assert reply_to(Via.parse("SIP/2.0/TCP host"), SOURCE, True) == ("203.0.113.9", 5060)


RECEIVED = [
    # sent -> written back
    ("203.0.113.9;branch=1", "203.0.113.9;branch=1"),
    ("203.0.113.9:5070;branch=1", "203.0.113.9:5070;branch=1"),
    ("192.0.2.4;branch=1", "192.0.2.4;branch=1;received=203.0.113.9"),
    ("pc33.atlanta.com", "pc33.atlanta.com;received=203.0.113.9"),
    ("203.0.113.9;branch=1;rport", "203.0.113.9;branch=1;received=203.0.113.9;rport=4444"),
    ("192.0.2.4;rport;branch=1", "192.0.2.4;received=203.0.113.9;rport=4444;branch=1"),
    ("192.0.2.4;RPORT;branch=1", "192.0.2.4;branch=1;received=203.0.113.9;rport=4444"),
    ("192.0.2.4;rport=9;branch=1", "192.0.2.4;branch=1;received=203.0.113.9;rport=4444"),
    ("192.0.2.4 ; rport ;branch=1", "192.0.2.4;branch=1;received=203.0.113.9;rport=4444"),
    ("192.0.2.4;received=198.51.100.1;branch=1", "192.0.2.4;branch=1;received=203.0.113.9"),
    ("203.0.113.9;received=198.51.100.1", "203.0.113.9;received=203.0.113.9"),
    ("192.0.2.4;rports=1;rport", "192.0.2.4;rports=1;received=203.0.113.9;rport=4444"),
    ('192.0.2.4;x=";rport";branch=1', '192.0.2.4;x=";rport";branch=1;received=203.0.113.9'),
    ('192.0.2.4;x="a\\";rport";rport', '192.0.2.4;x="a\\";rport";received=203.0.113.9;rport=4444'),
    ("192.0.2.4;branch=1, SIP/2.0/UDP b;rport", "192.0.2.4;branch=1;received=203.0.113.9, SIP/2.0/UDP b;rport"),
    ("192.0.2.4;rport, SIP/2.0/UDP b", "192.0.2.4;received=203.0.113.9;rport=4444, SIP/2.0/UDP b"),
    ("203.0.113.9, SIP/2.0/UDP b;rport", "203.0.113.9, SIP/2.0/UDP b;rport"),
]


@rfc("3261", "18.2.1")
@rfc("3581", "4")
@pytest.mark.parametrize(("sent", "back"), RECEIVED)
def test_the_top_via_goes_back_with_what_was_seen(sent, back):
    text = UDP + sent
    assert received_via(text, SOURCE, Via.parse(top_via(text))) == UDP + back


def test_an_ipv6_source_is_written_without_brackets_and_zone():
    via = Via.parse(UDP + "[2001:db8::9:1];rport")
    assert received_via(via.text, ("2001:db8::9:255", 5060), via) == UDP + "[2001:db8::9:1];received=2001:db8::9:255;rport=5060"
    via = Via.parse(UDP + "host")
    assert received_via(via.text, ("fe80::1%eth0", 5060), via) == UDP + "host;received=fe80::1"
    via = Via.parse(UDP + "[2001:DB8:0::9]")
    assert received_via(via.text, ("2001:db8::9", 5060), via) == via.text


PARAM = st.sampled_from(
    ["branch=z9hG4bK1", "rport", "rport=77", "received=198.51.100.7", 'x=";rport"', "RPORT", "ttl=1", 'y="a,b"', "rportx"]
)


@given(st.sampled_from(["192.0.2.4", "host:5070", "203.0.113.9", "[2001:db8::1]:5060"]), st.lists(PARAM, max_size=4, unique_by=lambda p: p.split("=")[0].lower()),
       st.sampled_from(["", ", SIP/2.0/TCP other;rport", ",SIP/2.0/TCP other;received=1.2.3.4"]))  # fmt: skip
def test_whatever_the_client_wrote_the_via_says_what_was_seen(host, params, others):
    text = ";".join([UDP + host, *params])
    sent = Via.parse(text)
    written = received_via(text + others, SOURCE, sent)
    back = Via.parse(top_via(written))
    asked = any(p.lower().split("=")[0] == "rport" for p in params)
    assert back.rport == (4444 if asked else None)
    claimed = any(p.startswith("received") for p in params)
    assert back.received == ("" if host == "203.0.113.9" and not asked and not claimed else "203.0.113.9")
    assert (back.host, back.port, back.branch) == (sent.host, sent.port, sent.branch)
    assert {n: v for n, v in back.params.items() if n not in ("rport", "received")} == {
        n: v for n, v in sent.params.items() if n not in ("rport", "received")
    }
    assert written.replace(" ", "").endswith(others.replace(" ", ""))


def request(uri="sip:bob@biloxi.com", *routes):
    return Request.new("BYE", uri, [("Route", r) for r in routes])


@rfc("3261", "8.1.2")
def test_a_request_goes_to_its_first_route_else_to_its_request_uri():
    assert next_hop(request()).text == "sip:bob@biloxi.com"
    assert next_hop(request("sip:bob@biloxi.com", "<sip:p1;lr>,<sip:p2;lr>")).text == "sip:p1;lr"


@rfc("3261", "12.2.1.1")
def test_a_loose_route_keeps_the_target_in_the_request_uri():
    uri, routes, hop = route_within("sip:user@remoteua", ["<sip:p1;lr>", "<sip:p2>"])
    assert (uri, routes, hop.text) == ("sip:user@remoteua", ["<sip:p1;lr>", "<sip:p2>"], "sip:p1;lr")


@rfc("3261", "12.2.1.1")
def test_a_strict_route_gets_the_request_in_its_own_name():
    route_set = ["<sip:proxy1>", "<sip:proxy2>", "<sip:proxy3;lr>", "<sip:proxy4>"]  # the example of 12.2.1.1
    uri, routes, hop = route_within("sip:user@remoteua", route_set)
    assert (uri, hop.text) == ("sip:proxy1", "sip:proxy1")
    assert ",".join(routes) == "<sip:proxy2>,<sip:proxy3;lr>,<sip:proxy4>,<sip:user@remoteua>"


@rfc("3261", "19.1.1", "12.2.1.1")
def test_what_is_not_allowed_in_a_request_uri_is_taken_off_a_strict_route():
    uri, _, hop = route_within("sip:u@r", ['"P" <sip:p1:5070;transport=tcp;method=BYE?Subject=x>;y=1'])
    assert uri == "sip:p1:5070;transport=tcp"
    assert hop.text == "sip:p1:5070;transport=tcp;method=BYE?Subject=x"


@pytest.mark.parametrize("route", ['<sip:p1;lr>;x="<sip:p2;lr>"', '"<sip:p2>" <sip:p1;lr>'])
def test_what_is_quoted_in_a_route_is_no_place_to_send_to(route):
    assert route_within("sip:u@r", [route])[2].text == "sip:p1;lr"


def test_without_a_route_set_the_target_is_the_next_hop():
    uri, routes, hop = route_within("sip:u@r:5080", [])
    assert (uri, routes, hop.text) == ("sip:u@r:5080", [], "sip:u@r:5080")


TARGETS = [
    ("sip:bob@192.0.2.1", Target("192.0.2.1", 5060, "UDP")),
    ("sip:192.0.2.1:5080", Target("192.0.2.1", 5080, "UDP")),
    ("sip:bob@biloxi.com", Target("biloxi.com", 5060, "UDP", named=True)),
    ("sip:bob@biloxi.com;transport=TCP", Target("biloxi.com", 5060, "TCP", named=True)),
    ("sip:bob@biloxi.com;transport=tls", Target("biloxi.com", 5061, "TLS", named=True)),
    ("sips:bob@biloxi.com", Target("biloxi.com", 5061, "TLS", sips=True, named=True)),
    ("sips:bob@biloxi.com;transport=tcp", Target("biloxi.com", 5061, "TLS", sips=True, named=True)),
    ("sips:bob@biloxi.com:5070;transport=tcp", Target("biloxi.com", 5070, "TLS", sips=True, named=True)),
    ("sip:bob@biloxi.com;transport=ws", Target("biloxi.com", 80, "WS", named=True)),
    ("sips:bob@biloxi.com;transport=ws", Target("biloxi.com", 443, "WSS", sips=True, named=True)),
    ("sip:bob@biloxi.com;maddr=192.0.2.7", Target("192.0.2.7", 5060, "UDP")),
    ("sip:bob@[2001:db8::1]:5070", Target("2001:db8::1", 5070, "UDP")),
    ("sip:bob@x;maddr=[2001:db8::1]", Target("2001:db8::1", 5060, "UDP")),
]


@pytest.mark.parametrize(("uri", "target"), TARGETS)
def test_a_uri_names_a_target(uri, target):
    assert target_of(Uri.parse(uri)) == target


@pytest.mark.parametrize(
    ("uri", "why"),
    [
        ("tel:+15551234", "a tel URI names nobody to send to"),
        ("sip:bob@x;maddr=224.0.1.75", "nothing is sent to 224.0.1.75"),
        ("sip:bob@255.255.255.255", "nothing is sent to 255.255.255.255"),
        ("sip:bob@0.0.0.0", "nothing is sent to 0.0.0.0"),
        ("sip:bob@[ff02::1]", "nothing is sent to ff02::1"),
        ("sip:bob@[::ffff:224.0.1.75]", "nothing is sent to ::ffff:224.0.1.75"),
    ],
)
def test_a_uri_that_nobody_may_be_reached_by_is_refused(uri, why):
    with pytest.raises(Malformed, match=f"Bad URI: {why}"):
        target_of(Uri.parse(uri))


def test_addresses_compare_whatever_their_spelling():
    assert same_address("2001:db8::1", "[2001:DB8:0:0::1]")
    assert same_address("::ffff:192.0.2.1", "192.0.2.1")
    assert same_address("fe80::1%eth0", "fe80::1")
    assert not same_address("192.0.2.1", "192.0.2.11")
    assert not same_address("host", "2001:db8::1")


def test_the_same_source_is_address_and_port_or_the_address_alone():
    assert same_source(SOURCE, ("::ffff:203.0.113.9", 4444))
    assert not same_source(SOURCE, ("203.0.113.9", 4445))
    assert same_source(SOURCE, ("203.0.113.9", 4445), ports=False)
    assert not same_source(SOURCE, ("203.0.113.8", 4444), ports=False)
