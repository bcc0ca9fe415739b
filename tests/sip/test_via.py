"""Mirror of pipeline/sip/via.py."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.conformance.marks import rfc
from pipeline.sip import via as room
from pipeline.sip.grammar import Malformed
from pipeline.sip.via import Via


@rfc("3261", "20.42")
@pytest.mark.parametrize(
    ("text", "transport", "host", "port", "branch"),
    [
        ("SIP/2.0/UDP 192.0.2.1:5062;branch=z9hG4bK1;rport", "UDP", "192.0.2.1", 5062, "z9hG4bK1"),
        ("SIP/2.0/UDP iftgw.example.com", "UDP", "iftgw.example.com", None, ""),
        ("SIP  /   2.0 /UDP     192.0.2.2;branch=390skdjuw", "UDP", "192.0.2.2", None, "390skdjuw"),
        ("SIP  / 2.0  / TCP     spindle.example.com   ;   branch  =   z9hG4bK9", "TCP", "spindle.example.com", None, "z9hG4bK9"),
        ("SIP/2.0/tls t.example : 5061 ;branch=z9hG4bK2", "TLS", "t.example", 5061, "z9hG4bK2"),
        ("SIP/2.0/UNKNOWN t4.example.com;branch=z9hG4bK3", "UNKNOWN", "t4.example.com", None, "z9hG4bK3"),
        ("SIP/7.0/UDP c.example.com;branch=z9hG4bK4", "UDP", "c.example.com", None, "z9hG4bK4"),
        ("SIP/2.0/UDP [::ffff:192.0.2.10]:19823;branch=z9hG4bK5", "UDP", "[::ffff:192.0.2.10]", 19823, "z9hG4bK5"),
        ("SIP/2.0/TCP h;branch=z9hG4bK-.!%66*_+`'~", "TCP", "h", None, "z9hG4bK-.!%66*_+`'~"),
    ],
)
def test_the_forms_of_a_via(text, transport, host, port, branch):
    via = Via.parse(text)
    assert (via.transport, via.host, via.port, via.branch, str(via)) == (transport, host, port, branch, text)


@rfc("3581", "3")
def test_rport_is_absent_asked_for_or_a_port():
    assert Via.parse("SIP/2.0/UDP h").rport is None
    assert Via.parse("SIP/2.0/UDP h;rport").rport == ""
    assert Via.parse("SIP/2.0/UDP h;rport=5062").rport == 5062
    with pytest.raises(Malformed, match="Bad Via rport"):
        _ = Via.parse("SIP/2.0/UDP h;rport=70000").rport


@rfc("5118", "4.5")
def test_received_is_read_with_and_without_brackets():
    for form in ("2001:db8::9:255", "[2001:db8::9:255]"):
        assert Via.parse(f"SIP/2.0/UDP [2001:db8::9:1];received={form};branch=z9hG4bK1").received == "2001:db8::9:255"


def test_maddr_and_ttl():
    via = Via.parse("SIP/2.0/UDP h;maddr=224.2.0.1;ttl=16")
    assert (via.maddr, via.ttl) == ("224.2.0.1", 16)
    assert (Via.parse("SIP/2.0/UDP h").maddr, Via.parse("SIP/2.0/UDP h").ttl) == ("", None)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "it must be SIP/2.0/TRANSPORT, a blank, host and port"),
        ("SIP/2.0/UDP", "it must be SIP/2.0/TRANSPORT, a blank, host and port"),
        ("HTTP/1.1/TCP h", "the protocol must be SIP"),
        ("SIP/2.0/UDP 192.0.2.15;;,;,,", "empty parameter"),
        ("SIP/2.0/UDP 2001:db8::1", "it must be SIP/2.0/TRANSPORT, a blank, host and port"),
        ("SIP/2.0/UDP h:99999", "port larger than 65535"),
        ("SIP/2.0/UDP h;branch=a;branch=b", "the same parameter twice"),
    ],
)
def test_a_bad_via_says_what_is_wrong(text, why):
    with pytest.raises(Malformed) as caught:
        Via.parse(text)
    assert caught.value.reason == f"Bad Via: {why}"


def test_the_sender_of_a_malformed_via_can_still_be_told():
    assert Via.recover("SIP/2.0/UDP 192.0.2.15;;,;,,").host == "192.0.2.15"
    assert Via.recover("SIP/2.0/UDP h:5062;branch=;x, SIP/2.0/UDP i").port == 5062
    assert Via.recover("nonsense") is None
    assert Via.recover("") is None


@rfc("3261", "18.2.1")
@pytest.mark.parametrize(
    ("text", "source", "expected"),
    [
        ("SIP/2.0/UDP 192.0.2.1;branch=z9", ("192.0.2.1", 5060), "SIP/2.0/UDP 192.0.2.1;branch=z9"),
        ("SIP/2.0/UDP h;branch=z9", ("192.0.2.1", 5060), "SIP/2.0/UDP h;branch=z9;received=192.0.2.1"),
        ("SIP/2.0/UDP 192.0.2.1;branch=z9;rport", ("192.0.2.1", 99), "SIP/2.0/UDP 192.0.2.1;branch=z9;rport=99;received=192.0.2.1"),
        ("SIP/2.0/UDP h;rport;branch=z9", ("192.0.2.1", 99), "SIP/2.0/UDP h;rport=99;branch=z9;received=192.0.2.1"),
        ("SIP/2.0/UDP h;received=10.9.9.9;branch=z9", ("192.0.2.1", 99), "SIP/2.0/UDP h;branch=z9;received=192.0.2.1"),
        ("SIP/2.0/UDP [2001:db8::1];branch=z9", ("2001:db8:0::1", 99), "SIP/2.0/UDP [2001:db8::1];branch=z9"),
        ("SIP/2.0/UDP [2001:db8::1];branch=z9", ("fe80::2%eth0", 99), "SIP/2.0/UDP [2001:db8::1];branch=z9;received=fe80::2"),
    ],
)
def test_the_source_address_is_stamped_in(text, source, expected):
    stamped = Via.parse(text).stamped(*source)
    assert stamped.text == expected
    assert dict(stamped.params) == dict(Via.parse(expected).params)


PIECES = st.sampled_from(
    ["SIP", "/", "2.0", "UDP", " ", "h", ":", "5060", ";", "branch", "=", "z9", "rport", "[::1]", "SIP/2.0/UDP h", "x"]
)


@given(st.lists(PIECES, max_size=10).map(lambda pieces: "SIP/2.0/UDP h" + "".join(pieces)))
def test_the_fast_way_and_the_careful_way_agree(text):
    def outcome(parse):
        try:
            via = parse(text)
        except Malformed:
            return None
        return via.transport, via.host, via.port, dict(via.params)

    assert outcome(Via.parse) == outcome(room._careful)
