"""Mirror of pipeline/sip/host.py."""

from __future__ import annotations

import pytest

from pipeline.sip.grammar import Malformed
from pipeline.sip.host import host_key, hostport


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("example.com", ("example.com", None)),
        ("example.com.:5061", ("example.com.", 5061)),
        ("192.0.2.1:5060", ("192.0.2.1", 5060)),
        ("sip_proxy-1:5080", ("sip_proxy-1", 5080)),
        ("[2001:db8::10]", ("[2001:db8::10]", None)),
        ("[2001:db8::10]:5070", ("[2001:db8::10]", 5070)),
        ("[2001:db8::10:5070]", ("[2001:db8::10:5070]", None)),  # RFC 5118 4.3: all of it is the address
        ("[::ffff:192.0.2.10]:19823", ("[::ffff:192.0.2.10]", 19823)),
        ("[2001:db8:::192.0.2.1]", ("[2001:db8::192.0.2.1]", None)),  # RFC 5118 4.10: the extra colon is ignored
    ],
)
def test_a_host_and_its_port_are_told_apart(text, expected):
    assert hostport(text) == expected


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "no host"),
        (":5060", "no host"),
        ("2001:db8::10", "an IPv6 address must stand in brackets"),
        ("host:port", "the port is not a number"),
        ("host:", "the port is not a number"),
        ("host:65536", "port larger than 65535"),
        ("host:000005060", "port larger than 65535"),
        ("a..b", "empty label in the host name"),
        ("[2001:db8", "'[' without ']'"),
        ("[nonsense]", "not an IPv6 address between the brackets"),
        ("[fe80::1%eth0]", "an IPv6 zone means nothing to a peer"),
        ("a b", "character not allowed in a host"),
        ("-a", "character not allowed in a host"),
        ("münchen.example", "character not allowed in a host"),
    ],
)
def test_a_bad_host_says_what_is_wrong(text, why):
    with pytest.raises(Malformed) as caught:
        hostport(text)
    assert caught.value.why == why


def test_hosts_compare_without_case_final_dot_brackets_or_spelling_of_ipv6():
    assert host_key("AtLanTa.CoM.") == "atlanta.com"
    assert host_key("[2001:0DB8:0:0::10]") == host_key("2001:db8::10")
    assert host_key("[::ffff:192.0.2.10]") != host_key("192.0.2.10")
    assert host_key("[odd") == "[odd"
