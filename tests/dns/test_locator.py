"""From a URI to addresses: RFC 3263 4.1 and 4.2, on a running pipeline whose transports are UDP and TCP."""

import itertools

import pytest

from pipeline.client import Final, Timeout, TransportError
from pipeline.conformance.marks import rfc
from pipeline.flow import Target
from pipeline.sip.message import Request
from pipeline.sip.uri import Uri


@pytest.fixture
def server(sip):
    return sip(application=[])


@pytest.fixture
def zone(server):
    return server.network.zone


def located(server, uri):
    """Take every step, depth first, as a request would: the targets in the order in which they would be tried."""
    found, left = [], [Uri.parse(uri)]
    while left:
        step = left.pop(0)
        if isinstance(step, Target) and step.host.replace(".", "").isdigit():
            found.append(f"{step.transport} {step.host}:{step.port}")
            continue
        more = server.engine.locator.expand(step)
        if hasattr(more, "done"):
            server.loop.run_until(lambda more=more: more.done, 30)
            more = more.value()
        left[:0] = more
    return found


@rfc("3263", "4.1")
def test_an_address_needs_no_name_server(server, zone):
    assert located(server, "sip:192.0.2.7") == ["UDP 192.0.2.7:5060"]
    assert located(server, "sip:192.0.2.7:5070;transport=tcp") == ["TCP 192.0.2.7:5070"]
    assert zone.asked == []


@rfc("3263", "4.1", "4.2")
def test_naptr_says_the_transport_and_srv_the_hosts(server, zone):
    zone.add(
        "example.net",
        "NAPTR",
        '10 50 "s" "SIPS+D2T" "" _sips._tcp.example.net',
        '20 50 "s" "SIP+D2T" "" _sip._tcp.example.net',
        '30 50 "s" "SIP+D2U" "" _sip._udp.example.net',
    )
    zone.add("_sip._tcp.example.net", "SRV", "20 0 5080 b.example.net", "10 0 5070 a.example.net")
    zone.add("_sip._udp.example.net", "SRV", "10 0 5060 a.example.net")
    server.network.names.update({"a.example.net": ["192.0.2.1"], "b.example.net": ["192.0.2.2"]})
    assert located(server, "sip:bob@example.net") == ["TCP 192.0.2.1:5070", "TCP 192.0.2.2:5080", "UDP 192.0.2.1:5060"]
    assert ("_sips._tcp.example.net", "SRV") not in zone.asked  # nobody here serves TLS


@rfc("3263", "4.2")
def test_a_service_that_naptr_names_and_srv_does_not_know_is_the_host_itself_at_the_default_port(server, zone):
    zone.add("example.net", "NAPTR", '10 50 "s" "SIP+D2T" "" _sip._tcp.example.net', '20 50 "s" "SIP+D2U" "" _sip._udp.example.net')
    server.network.names["example.net"] = ["192.0.2.3"]
    assert located(server, "sip:bob@example.net") == ["TCP 192.0.2.3:5060"]
    zone.add("_sip._udp.example.com", "SRV", "10 0 5070 a.example.com")
    zone.add("example.com", "NAPTR", '10 50 "s" "SIP+D2T" "" _sip._tcp.example.com', '20 50 "s" "SIP+D2U" "" _sip._udp.example.com')
    server.network.names.update({"example.com": ["192.0.2.4"], "a.example.com": ["192.0.2.5"]})
    assert located(server, "sip:bob@example.com") == ["UDP 192.0.2.5:5070"]  # one of its services is there


def test_of_the_services_of_a_domain_eight_are_asked_for(server, zone):
    zone.add("example.net", "NAPTR", *(f'{n} 50 "s" "SIP+D2T" "" _sip._tcp.h{n}.example.net' for n in range(10, 30)))
    server.network.names["example.net"] = ["192.0.2.3"]
    assert located(server, "sip:bob@example.net") == ["TCP 192.0.2.3:5060"]
    assert [kind for _, kind in zone.asked] == ["NAPTR", *["SRV"] * 8, "A"]


def test_a_service_whose_srv_no_name_server_could_tell_leaves_the_others(server, zone):
    zone.add("example.net", "NAPTR", '10 50 "s" "SIP+D2T" "" _sip._tcp.example.net', '20 50 "s" "SIP+D2U" "" _sip._udp.example.net')
    zone.add("_sip._udp.example.net", "SRV", "10 0 5070 a.example.net")
    server.network.names["a.example.net"] = ["192.0.2.5"]
    answer = zone.answer

    def fails(data, *, stream):
        zone.fails = "SERVFAIL" if b"\x04_tcp" in data else ""
        return answer(data, stream=stream)

    zone.answer = fails
    assert located(server, "sip:bob@example.net") == ["UDP 192.0.2.5:5070"]


def test_an_a_rule_leads_to_the_host_itself(server, zone):
    zone.add("example.net", "NAPTR", '10 50 "a" "SIP+D2T" "" gw.example.net')
    server.network.names["gw.example.net"] = ["192.0.2.5"]
    assert located(server, "sip:example.net") == ["TCP 192.0.2.5:5060"]


@rfc("3263", "4.1")
def test_without_naptr_srv_of_each_transport_is_asked_for(server, zone):
    zone.add("_sip._tcp.example.net", "SRV", "10 0 5070 a.example.net")
    server.network.names["a.example.net"] = ["192.0.2.1"]
    assert located(server, "sip:example.net") == ["TCP 192.0.2.1:5070"]


@rfc("3263", "4.1", "4.2")
def test_without_any_record_it_is_the_host_itself_by_udp(server):
    server.network.names["example.net"] = ["192.0.2.3", "192.0.2.4"]
    assert sorted(located(server, "sip:example.net")) == ["UDP 192.0.2.3:5060", "UDP 192.0.2.4:5060"]  # name servers shuffle


@rfc("3263", "4.1")
def test_a_transport_that_is_named_spares_naptr(server, zone):
    zone.add("_sip._tcp.example.net", "SRV", "10 0 5070 a.example.net")
    server.network.names["a.example.net"] = ["192.0.2.1"]
    assert located(server, "sip:example.net;transport=tcp") == ["TCP 192.0.2.1:5070"]
    assert ("example.net", "NAPTR") not in zone.asked


@rfc("3263", "4.2")
def test_a_port_spares_naptr_and_srv(server, zone):
    server.network.names["example.net"] = ["192.0.2.3"]
    assert located(server, "sip:example.net:5090") == ["UDP 192.0.2.3:5090"]
    assert {kind for _, kind in zone.asked} == {"A"}  # nobody here listens on IPv6


def test_a_service_that_is_decidedly_not_there_has_no_way_around(server, zone):
    zone.add("_sip._udp.example.net", "SRV", "0 0 0 .")
    server.network.names["example.net"] = ["192.0.2.3"]
    assert located(server, "sip:example.net") == []


def test_a_name_server_that_knows_no_naptr_is_no_obstacle(server, zone):
    server.network.names["example.net"] = ["192.0.2.3"]
    answer = zone.answer

    def refuses(data, *, stream):
        zone.fails = "NOTIMP" if b"\x00\x23\x00\x01" in data else ""
        return answer(data, stream=stream)

    zone.answer = refuses
    assert located(server, "sip:example.net") == ["UDP 192.0.2.3:5060"]


# -- failover: RFC 3263 4.3 --------------------------------------------------------------------------------------------


SERIAL = itertools.count()


class Told(list):
    def __call__(self, outcome):
        self.append(outcome)


def ask(server, uri="sip:bob@example.net", method="OPTIONS", body=b""):
    told = Told()
    fields = [
        ("Max-Forwards", "70"),
        ("From", "<sip:a@example.com>;tag=a"),
        ("To", f"<{uri}>"),
        ("Call-ID", f"c{next(SERIAL)}"),
        ("CSeq", f"7 {method}"),
    ]
    fields += [("Contact", "<sip:a@10.0.0.1>"), ("Content-Type", "text/plain")] if body else []
    told.asking = server.engine.request(Request.new(method, uri, fields, body), None, told)
    return told


@pytest.fixture
def two(server, zone):
    """Two servers of a domain, and nobody at the third address; a is preferred."""
    a, b = server.phone("a", address=("10.0.0.11", 5060)), server.phone("b", address=("10.0.0.12", 5060))
    zone.add("_sip._udp.example.net", "SRV", "10 0 5060 a.example.net", "20 0 5060 b.example.net")
    server.network.names.update({"a.example.net": ["10.0.0.11"], "b.example.net": ["10.0.0.12"]})
    return a, b


@rfc("3263", "4.3")
def test_the_second_server_is_not_even_looked_up_while_the_first_answers(server, zone, two):
    told = ask(server)
    server.advance(1)
    assert isinstance(told[0], Final)
    assert len(two[0].received) == 1
    assert ("b.example.net", "A") not in zone.asked


@rfc("3263", "4.3")
def test_a_silent_server_is_left_for_the_next_and_spared_for_a_while(server, two):
    a, b = two
    server.network.filter = lambda data, source, destination: destination[0] != "10.0.0.11"
    told = ask(server)
    server.advance(31)
    assert not told
    server.advance(2)
    assert isinstance(told[0], Final)
    told = ask(server)
    server.advance(1)
    assert isinstance(told[0], Final)  # at once
    assert len(b.received) == 2
    server.network.filter = None
    server.advance(61)
    ask(server)
    server.advance(1)
    assert len(a.received) == 1


@rfc("3261", "18.4")
@rfc("3263", "4.3")
def test_where_the_network_says_nobody_is_the_next_is_tried_at_once(server, two):
    a, b = two
    a.stop()
    a.host.close()
    told = ask(server)
    server.advance(0.4)
    assert not told
    server.advance(0.2)  # T1: most answer sooner and are never asked about
    assert isinstance(told[0], Final)
    assert len(b.received) == 1
    told = ask(server)
    server.advance(0.1)
    assert isinstance(told[0], Final)


def test_who_is_the_last_is_waited_for(server, two):
    for phone in two:
        phone.stop()
        phone.host.close()
    told = ask(server)
    server.advance(1)
    assert not told
    server.advance(40)
    assert isinstance(told[0], Timeout)


def test_dead_servers_are_tried_all_the_same_when_there_is_no_other(server, two):
    server.network.filter = lambda data, source, destination: destination[0] not in ("10.0.0.11", "10.0.0.12")
    told = ask(server)
    server.advance(70)
    assert isinstance(told[0], Timeout)
    server.network.filter = None
    told = ask(server)
    server.advance(1)
    assert isinstance(told[0], Final)
    assert len(two[0].received) == 1


@rfc("3263", "4.3")
@rfc("3261", "21.5.4")
def test_503_goes_to_the_next_and_retry_after_keeps_us_away(server, two):
    a, _b = two
    a.phone.script["OPTIONS"] = [503]
    told = ask(server)
    server.advance(1)
    assert [outcome.response.status for outcome in told] == [200]
    ask(server)
    server.advance(1)
    assert len(a.received) == 2  # it did not ask to be left alone


def test_who_asked_to_be_left_alone_gets_nothing_for_that_time(server, two):
    a, b = two
    locator = server.engine.locator
    locator.health.refused(Target("10.0.0.11", 5060, "UDP", "example.net"), 30)
    ask(server)
    server.advance(1)
    assert (len(a.received), len(b.received)) == (0, 1)
    locator.health.refused(Target("10.0.0.12", 5060, "UDP", "example.net"), 30)
    told = ask(server)
    server.advance(1)
    assert isinstance(told[0], TransportError)
    assert "left alone" in told[0].reason
    server.advance(30)
    told = ask(server)
    server.advance(1)
    assert isinstance(told[0], Final)


@rfc("3263", "4.3")
def test_a_refused_connection_goes_to_the_next(server, zone, two):
    zone.add("_sip._tcp.example.net", "SRV", "10 0 5999 a.example.net", "20 0 5060 b.example.net")
    told = ask(server, "sip:bob@example.net;transport=tcp")
    server.advance(1)
    assert isinstance(told[0], Final)
    assert len(two[1].received) == 1


def test_a_cancelled_request_tries_nobody_else(server, two):
    told = ask(server, method="INVITE")
    server.network.filter = lambda data, source, destination: False
    told.asking.cancel()
    server.advance(70)
    assert len(two[1].received) == 0
    assert isinstance(told[-1], Timeout)


def test_no_name_server_is_a_transport_error_in_the_end(server, zone):
    zone.fails = "silent"
    told = ask(server)
    server.advance(20)
    (outcome,) = told
    assert isinstance(outcome, TransportError)
    assert "no name server answered" in outcome.reason


# -- what is too long for a datagram: RFC 3261 18.1.1 --------------------------------------------------------------------

LONG = b"x" * 1400


@pytest.fixture
def phone(server):
    return server.phone("bob", address=("10.0.0.11", 5060))


@rfc("3261", "18.1.1")
@pytest.mark.parametrize("method", ["MESSAGE", "INVITE"])
def test_a_long_request_goes_by_tcp_with_a_via_that_says_so(server, phone, method):
    ask(server, "sip:bob@10.0.0.11", method, LONG)
    server.advance(1)
    (message, *_) = phone.received
    assert message.via.transport == "TCP"


def test_a_short_request_stays_on_udp(server, phone):
    ask(server, "sip:bob@10.0.0.11", "MESSAGE", b"x" * 700)
    server.advance(1)
    assert phone.received[0].via.transport == "UDP"


@rfc("3261", "18.1.1")
def test_the_peer_that_takes_no_tcp_gets_it_by_udp_and_is_remembered(server, phone):
    attempts = []
    server.network.filter = lambda data, source, destination: data != b"" or attempts.append(destination)  # silence for SYNs
    told = ask(server, "sip:bob@10.0.0.11", "INFO", LONG)
    server.advance(3)
    assert isinstance(told[0], Final)
    assert phone.received[0].via.transport == "UDP"
    begin = server.clock.now()
    ask(server, "sip:bob@10.0.0.11", "INFO", LONG)
    server.advance(0.1)
    assert len(phone.received) == 2
    assert server.clock.now() - begin < 1
    assert len(attempts) == 1


def test_a_refused_connection_means_udp_at_once(server):
    got = []
    server.network.host("10.0.0.33").datagram("10.0.0.33", 5060, lambda data, *_: got.append(data))
    ask(server, "sip:bob@10.0.0.33", "INFO", LONG)
    server.advance(0.1)
    assert got
    assert b"SIP/2.0/UDP" in got[0]


def test_a_connection_that_breaks_before_an_answer_means_udp(server, phone):
    got = []
    host = server.network.host("10.0.0.33")
    host.datagram("10.0.0.33", 5060, lambda data, *_: got.append(data))
    host.listen("10.0.0.33", 5060, lambda stream: setattr(stream, "on_data", lambda data: stream.reset("no SIP here")))
    told = ask(server, "sip:bob@10.0.0.33", "INFO", LONG)
    server.advance(40)
    assert got and isinstance(told[0], Timeout)


def test_the_limit_is_an_option_and_can_be_off(sip):
    server = sip("[plugin.stack]\ntcp_above = 0\n", application=[])
    phone = server.phone("bob", address=("10.0.0.11", 5060))
    ask(server, "sip:bob@10.0.0.11", "INFO", LONG)
    server.advance(1)
    assert phone.received[0].via.transport == "UDP"


def test_where_only_this_way_leads_a_long_request_stays_on_udp(server, phone):
    told = Told()
    fields = [
        ("From", "<sip:a@example.com>;tag=a"),
        ("To", "<sip:b@example.com>"),
        ("Call-ID", "c"),
        ("CSeq", "7 INFO"),
        ("Content-Type", "text/plain"),
    ]
    server.engine.request(Request.new("INFO", "sip:b@10.0.0.11", fields, LONG), Target("10.0.0.11", 5060, only=True), told)
    server.advance(1)
    assert phone.received[0].via.transport == "UDP"


def test_a_long_message_goes_by_no_datagram_at_all(server):
    server.network.host("10.0.0.33").datagram("10.0.0.33", 5060, lambda *_: pytest.fail("RFC 3428 8"))
    told = ask(server, "sip:bob@10.0.0.33", "MESSAGE", LONG)
    server.advance(5)
    assert isinstance(told[0], TransportError)


# -- options ---------------------------------------------------------------------------------------------------------


def test_name_servers_are_an_option(sip):
    from pipeline.testing.names import NameServer

    server = sip('[plugin.stack]\ndns_servers = ["10.0.0.99:5353"]\n', application=[])
    own = NameServer({"example.net": ["10.0.0.11"]})
    own.serve(server.network.host("10.0.0.99"), "10.0.0.99", 5353)
    phone = server.phone("bob", address=("10.0.0.11", 5060))
    told = ask(server)
    server.advance(1)
    assert isinstance(told[0], Final)
    assert len(phone.received) == 1
    assert server.network.zone.asked == []
