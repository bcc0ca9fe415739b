"""Which record is tried first: RFC 2782 by count, RFC 3263 4.1 by what we speak."""

import random
from collections import Counter

from pipeline.conformance.marks import rfc
from pipeline.dns.order import naptr_in_order, srv_in_order
from pipeline.dns.records import Naptr, Srv


def srv(target, priority=10, weight=0, port=5060):
    return Srv(priority, weight, port, target)


def order(records, seed=0):
    return [record.target for record in srv_in_order(records, random.Random(seed).randrange)]


@rfc("2782")
def test_the_lowest_priority_comes_first_whatever_the_weights():
    assert order([srv("c", 30, 100), srv("a", 10), srv("b", 20, 65535)]) == ["a", "b", "c"]


@rfc("2782")
def test_weights_decide_how_often_each_comes_first():
    below = random.Random(1).randrange
    records = [srv("a", weight=60), srv("b", weight=30), srv("c", weight=10)]
    first = Counter(srv_in_order(records, below)[0].target for _ in range(6000))
    assert abs(first["a"] / 6000 - 0.6) < 0.04
    assert abs(first["b"] / 6000 - 0.3) < 0.04
    assert first["c"] > 300


def test_weights_go_on_counting_among_those_that_are_left():
    below = random.Random(2).randrange
    records = [srv("a", weight=1000), srv("b", weight=30), srv("c", weight=10)]
    second = Counter(found[1].target for _ in range(3000) if (found := srv_in_order(records, below))[0].target == "a")
    assert 2.2 < second["b"] / second["c"] < 4.2


def test_one_without_weight_is_seldom_the_first_and_always_there():
    below = random.Random(3).randrange
    first = Counter(srv_in_order([srv("a", weight=99), srv("zero")], below)[0].target for _ in range(3000))
    assert 0 < first["zero"] < 90
    assert sorted(order([srv("a", weight=99), srv("zero")])) == ["a", "zero"]


@rfc("2782")
def test_a_root_target_says_that_there_is_no_such_service():
    assert order([srv("")]) == []


def naptr(service, order=10, preference=10, flags="s", to="_sip._udp.example.com"):
    return Naptr(order, preference, flags, service, to)


def transports(records, ours, *, secure=False):
    return [transport for transport, _ in naptr_in_order(records, ours, secure=secure)]


ALL = [naptr("SIPS+D2T", 10, 50), naptr("SIP+D2T", 20, 50), naptr("SIP+D2U", 20, 40)]


@rfc("3263", "4.1")
@rfc("3403", "4.1")
def test_rules_come_by_order_then_preference():
    assert transports(ALL, {"UDP", "TCP", "TLS"}) == ["TLS", "UDP", "TCP"]


def test_transports_that_no_listed_plugin_serves_are_left_out():
    assert transports(ALL, {"UDP"}) == ["UDP"]


@rfc("3263", "4.1")
def test_a_sips_uri_takes_only_sips_services():
    assert transports(ALL, {"UDP", "TCP", "TLS"}, secure=True) == ["TLS"]


@rfc("7118", "5.1")
def test_websocket_services_are_known():
    assert transports([naptr("SIPS+D2W"), naptr("SIP+D2W")], {"WS", "WSS"}) == ["WSS", "WS"]


def test_other_services_and_rules_with_an_expression_are_passed_over():
    assert transports([naptr("E2U+sip", flags="u"), naptr("SIP+D2S"), naptr("SIP+D2U", to="")], {"UDP"}) == []
