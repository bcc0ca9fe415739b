"""Targets in turn: RFC 3263 4.3, flows, names, streams."""

import pytest

from pipeline.client import Final, Timeout, TransportError
from pipeline.client.seeking import SECONDS, TRIES
from pipeline.conformance.marks import rfc
from pipeline.dns.records import Srv
from pipeline.flow import Target
from pipeline.testing.network import MemoryEndpoint


def test_the_next_target_is_tried_after_a_timeout_with_a_new_branch(server, phone, ask, told):
    silent = []
    server.network.host("10.0.0.77").datagram("10.0.0.77", 5060, lambda data, *where: silent.append(data))
    ask([Target("10.0.0.77", 5060), Target("10.0.0.2", 5060)])
    server.advance(33)
    assert isinstance(told[0], Final)
    (message,) = phone.received
    assert message.via.branch.encode() not in silent[0]


def test_the_next_target_is_tried_after_503_and_after_a_transport_error(server, phone, ask, told):
    phone.phone.script["OPTIONS"] = [200]
    busy = server.phone("carol", address=("10.0.0.3", 5060))
    busy.phone.script["OPTIONS"] = [503]
    ask([Target("10.0.0.99", 5060, "TCP"), Target("10.0.0.3", 5060), Target("10.0.0.2", 5060)])
    server.advance(20)
    assert [outcome.response.status for outcome in told] == [200]


def test_the_next_flow_is_tried_when_an_edge_proxy_says_that_one_is_gone(server, phone, ask, told):
    gone = server.phone("carol", address=("10.0.0.3", 5060))
    gone.phone.script["OPTIONS"] = [430]
    ask([Target("10.0.0.3", 5060), Target("10.0.0.2", 5060)])
    server.advance(1)
    assert [outcome.response.status for outcome in told] == [200]


def test_the_last_503_is_told_when_there_is_no_other_target(server, phone, ask, told):
    phone.phone.script["OPTIONS"] = [503]
    ask(Target("10.0.0.2", 5060))
    server.advance(1)
    assert told[0].response.status == 503


def test_a_host_name_is_resolved_and_its_addresses_tried_in_turn(server, phone, ask, told):
    server.network.names["phones.example"] = ["10.0.0.98", "10.0.0.2"]
    ask("sip:phones.example;transport=tcp")
    server.advance(20)
    assert isinstance(told[0], Final)


def test_a_name_without_address_is_a_transport_error(server, ask, told):
    ask("sip:nowhere.example")
    server.advance(1)
    assert isinstance(told[0], TransportError)
    assert "nowhere.example" in told[0].reason


def test_a_transport_nobody_lists_is_a_transport_error(server, ask, told):
    ask(Target("10.0.0.2", 5061, "TLS"))
    assert told == [TransportError("no listed transport serves tls:10.0.0.2:5061")]


def test_a_flow_is_a_target_too(server, phone, ask, told):
    ask(server.engine.connect(Target("10.0.0.2", 5060)))
    server.advance(1)
    assert isinstance(told[0], Final)


def test_tcp_uses_one_connection_for_two_requests(server, phone, ask, told, request_):
    ask(Target("10.0.0.2", 5060, "TCP"))
    ask(Target("10.0.0.2", 5060, "TCP"), request_("MESSAGE"))
    server.advance(1)
    assert [outcome.response.status for outcome in told] == [200, 200]
    assert len(server.engine.flows) == 1


def test_the_next_target_is_tried_when_the_network_refuses_a_datagram_as_it_leaves_with_others(server, phone, ask, told, monkeypatch):
    """Real sockets send what comes of one look together, and learn then what the kernel does not take (pipeline/datagrams.py)."""
    post, later = MemoryEndpoint.post, []

    def refusing(self, data, destination, local=None, refused=None):
        if destination[0] != "10.0.0.3":
            return post(self, data, destination, local)
        later.append(lambda: refused(OSError(1, "Operation not permitted")))
        return None

    monkeypatch.setattr(MemoryEndpoint, "post", refusing)
    ask([Target("10.0.0.3", 5060), Target("10.0.0.2", 5060)])
    assert not phone.received
    later.pop()()
    server.advance(1)
    assert [outcome.response.status for outcome in told] == [200]


def test_the_ack_of_a_refused_invite_that_the_network_refuses_harms_nobody(server, phone, ask, told, request_, monkeypatch):
    """The INVITE is at the next target by then."""
    busy = server.phone("carol", address=("10.0.0.3", 5060))
    busy.phone.script["INVITE"] = [503]
    phone.phone.script["INVITE"] = [200]
    send = MemoryEndpoint.send

    def refusing(self, data, destination, local=None):
        if data.startswith(b"ACK") and destination[0] == "10.0.0.3":
            return OSError(1, "Operation not permitted")
        return send(self, data, destination, local)

    monkeypatch.setattr(MemoryEndpoint, "send", refusing)
    ask([Target("10.0.0.3", 5060), Target("10.0.0.2", 5060)], request_("INVITE"))
    server.advance(5)
    assert [outcome.response.status for outcome in told] == [200]
    assert server.engine.counts["unsent"]


# -- what DNS says is the choice of others -------------------------------------------------------------------------------


def hostile(server, *targets, kind="_sips._tcp"):
    server.network.zone.add(f"{kind}.evil.example", "SRV", *(f"{n} 0 5061 {target}" for n, target in enumerate(targets)))


def ladder(count):
    """Servers whose names are addresses: each fails at once where its transport is not listed."""
    return [f"10.9.{n // 250}.{n % 250 + 1}" for n in range(count)]


def test_a_thousand_servers_that_fail_at_once_are_one_transport_error(server, ask, told, monkeypatch):
    monkeypatch.setattr("pipeline.dns.asker.RECORDS", 1000)
    monkeypatch.setattr("pipeline.client.seeking.TRIES", 1000)
    server.engine.locator.resolver.records = lambda name, kind: [Srv(n, 0, 5061, host) for n, host in enumerate(ladder(1000))]
    ask("sip:x@evil.example;transport=tls")
    assert told == [TransportError("no listed transport serves tls:10.9.3.250:5061")]


@rfc("3263", "4.3")
def test_what_dns_says_is_tried_at_eight_addresses(server, ask, told):
    hostile(server, *ladder(30), kind="_sip._tcp")
    asked = []
    server.network.filter = lambda data, source, destination: destination[1] == 53 or source[1] == 53 or asked.append(destination[0])
    ask("sip:x@evil.example;transport=tcp")
    server.advance(170)
    assert len(set(asked)) <= TRIES
    assert isinstance(told[0], TransportError)


def test_names_that_dns_does_not_know_are_tries_too(server, ask, told):
    hostile(server, *(f"h{n}.evil.example" for n in range(30)), kind="_sip._tcp")
    ask("sip:x@evil.example;transport=tcp")
    server.advance(10)
    assert "does not exist" in told[0].reason
    assert len([name for name, kind in server.network.zone.asked if kind == "A"]) == TRIES


@rfc("3263", "4.3")
def test_no_further_server_is_tried_after_three_minutes(server, ask, told):
    hostile(server, *(f"h{n}.evil.example" for n in range(8)), kind="_sip._udp")
    for n in range(8):
        server.network.names[f"h{n}.evil.example"] = [f"10.0.1.{n + 1}"]
        server.network.host(f"10.0.1.{n + 1}").datagram(f"10.0.1.{n + 1}", 5060, lambda *_: None)
    ask("sip:x@evil.example;transport=udp")
    server.advance(SECONDS + 33)
    assert told == [Timeout()]


def test_an_address_that_the_owner_gave_is_tried_after_all_that_dns_said(server, phone, ask, told):
    hostile(server, *ladder(30))
    ask(["sip:x@evil.example;transport=tls", Target("10.0.0.2", 5060)])
    server.advance(1)
    assert isinstance(told[0], Final)


def test_dead_servers_are_counted_once_and_tried_all_the_same(server, phone, ask, told):
    hostile(server, "10.0.0.98", "10.0.0.2", kind="_sip._udp")
    for host in ("10.0.0.98", "10.0.0.2"):
        server.engine.locator.health.dead(Target(host, 5061, "UDP", "evil.example"))
    server.network.host("10.0.0.2").datagram("10.0.0.2", 5061, lambda *_: None)
    ask("sip:x@evil.example;transport=udp")
    server.advance(100)
    assert len(told) == 1


def test_the_owner_hears_of_a_request_that_cannot_be_made_when_its_name_is_found(server, ask, told):
    server.network.names["phones.example"] = ["10.0.0.2"]

    def broken(flow):
        raise LookupError("no such field")

    ask("sip:phones.example:5060", broken)
    with pytest.raises(LookupError):
        server.advance(1)
    assert told == [TransportError("it could not be sent: LookupError('no such field')")]
