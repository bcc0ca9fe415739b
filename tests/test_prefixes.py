"""pipeline.prefixes: the longest network that holds an address."""

import ipaddress
import random

import pytest

from pipeline.prefixes import REMEMBERED, Prefixes, network


def table(**entries):
    return Prefixes((network(text), value) for value, text in entries.items())


def test_the_longest_network_decides():
    nets = table(all="0.0.0.0/0", net="192.0.2.0/24", host="192.0.2.7")
    assert nets.find("192.0.2.7") == "host"
    assert nets.find("192.0.2.8") == "net"
    assert nets.find("198.51.100.1") == "all"
    assert nets.find("2001:db8::1") is None


def test_of_two_equal_networks_the_first_decides():
    assert Prefixes([(network("192.0.2.0/24"), "a"), (network("192.0.2.0/24"), "b")]).find("192.0.2.1") == "a"


def test_an_ipv4_address_mapped_into_ipv6_is_that_address():
    assert table(net="192.0.2.0/24").find("::ffff:192.0.2.1") == "net"


def test_a_zone_does_not_count():
    assert table(link="fe80::/10").find("fe80::1%eth0") == "link"


@pytest.mark.parametrize("text", ["", "phone.example.com", "192.0.2", "192.0.2.1:5060"])
def test_what_is_no_address_is_in_no_network(text):
    assert table(all="0.0.0.0/0").find(text) is None


def test_holds_tells_whether_any_network_has_a_value():
    assert table(a="192.0.2.1").holds("a")
    assert not table(a="192.0.2.1").holds("b")
    assert len(table(a="192.0.2.1", b="192.0.2.2")) == 2


def test_it_agrees_with_a_search_through_all_networks():
    rng = random.Random(4)
    nets = [ipaddress.ip_network((rng.getrandbits(32), rng.randrange(33)), strict=False) for _ in range(300)]
    found = Prefixes((net, net) for net in nets)
    for _ in range(2000):
        address = ipaddress.ip_address(int(rng.choice(nets).network_address) ^ rng.getrandbits(rng.randrange(20)))
        best = max((net for net in nets if address in net), key=lambda net: net.prefixlen, default=None)
        assert found.find(str(address)) == best


def test_what_is_remembered_is_bounded():
    nets = table(all="0.0.0.0/0")
    for number in range(REMEMBERED + 10):
        nets.find(str(ipaddress.ip_address(number)))
    assert len(nets._remembered) <= REMEMBERED


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("example.com", '"example.com" is no address and no network: write "192.0.2.7", "192.0.2.0/24" or "2001:db8::/32"'),
        ("192.0.2.7/24", '"192.0.2.7/24" has bits set behind its prefix: write "192.0.2.0/24", or "192.0.2.7" for the one address'),
        ("192.0.2.0/33", '"192.0.2.0/33" is no address and no network: write "192.0.2.7", "192.0.2.0/24" or "2001:db8::/32"'),
    ],
)
def test_what_is_no_network_is_told(text, message):
    with pytest.raises(ValueError) as error:
        network(text)
    assert str(error.value) == message
