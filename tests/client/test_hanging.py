"""A connection that is lost is a transport error for the requests that hang on it: RFC 3261 17.1.4, 8.1.3.1; RFC 3263 4.3."""

import pytest

from pipeline.client import Final, TransportError
from pipeline.conformance.marks import rfc
from pipeline.flow import Target
from pipeline.sip.message import answer_octets
from pipeline.sip.parser import parse


class Peer:
    """Takes connections, and does with each request what it is told to."""

    def __init__(self, server, address, act, port=5060):
        self.server, self.act, self.got = server, act, []
        server.network.host(address).listen(address, port, self._came)

    def _came(self, stream):
        stream.on_closed = lambda _: None
        stream.on_data = lambda data: self._read(stream, data)

    def _read(self, stream, data):
        self.got.append(data)
        self.act(stream, data)


def answers(*statuses):
    """Answer with these, then keep still."""

    def act(stream, data):
        if data.startswith(b"ACK"):
            return
        for status in statuses:
            stream.write(answer_octets(parse(data), status, "", (), to_tag="p"))

    return act


def closes(stream, _data):
    stream.close()


def resets(stream, _data):
    stream.reset()


@pytest.fixture
def server(sip):
    made = sip(application=[])
    made.network.chunks = False
    return made


@pytest.fixture
def services(server):
    """Two servers of one domain by TCP, the first preferred."""
    server.network.zone.add("_sip._tcp.two.example", "SRV", "1 0 5060 10.0.0.3", "2 0 5060 10.0.0.4")
    return "sip:bob@two.example;transport=tcp"


@rfc("3263", "4.3")
@rfc("3261", "8.1.3.1", "17.1.4")
@pytest.mark.parametrize("method", ["INVITE", "MESSAGE"])
@pytest.mark.parametrize("act", [closes, resets])
def test_the_next_server_is_tried_at_once_when_one_drops_the_connection_and_has_said_nothing(
    server, services, ask, told, request_, method, act
):
    first, second = Peer(server, "10.0.0.3", act), Peer(server, "10.0.0.4", answers(200))
    ask(services, request_(method))
    server.advance(1)
    assert len(first.got) == 1 and len(second.got) == 1
    assert [outcome.response.status for outcome in told] == [200]


def test_every_request_of_a_lost_connection_goes_elsewhere_though_one_owner_makes_a_mistake(server, services, ask, told, request_):
    first, second = Peer(server, "10.0.0.3", lambda *_: None), Peer(server, "10.0.0.4", answers(200))

    def broken(flow):
        if flow.peer[0] == "10.0.0.4":
            raise LookupError("no such field")
        return request_("OPTIONS")

    server.engine.request(broken, services, told)
    ask(services, request_("MESSAGE"))
    server.advance(1)
    assert told == [] and len(server.engine.clients.hanging) == 2
    (flow,) = server.engine.flows.values()
    flow.close("for the test")
    with pytest.raises(LookupError):
        server.advance(1)
    server.advance(1)
    assert sorted(type(outcome).__name__ for outcome in told) == ["Final", "TransportError"]
    assert b"".join(second.got).startswith(b"MESSAGE")
    assert first.got


def test_where_there_is_no_other_server_a_lost_connection_is_told_at_once(server, ask, told, request_):
    Peer(server, "10.0.0.3", resets)
    ask(Target("10.0.0.3", 5060, "TCP"), request_("INVITE"))
    server.advance(1)
    assert told == [TransportError("the flow to 10.0.0.3 failed")]


@rfc("3261", "18.2.2")
def test_an_invite_that_rings_is_waited_for_when_its_connection_is_lost(server, services, ask, told, request_):
    def rings(stream, data):
        answers(180)(stream, data)
        stream.close()

    first, second = Peer(server, "10.0.0.3", rings), Peer(server, "10.0.0.4", answers(200))
    ask(services, request_("INVITE"))
    server.advance(40)
    assert [outcome.response.status for outcome in told] == [180]
    assert not second.got

    async def again():
        stream = await server.network.host("10.0.0.3").connect("10.0.0.1", 5060)
        stream.on_closed, stream.on_data = lambda _: None, lambda _: None
        stream.write(answer_octets(parse(first.got[0]), 200, "", (), to_tag="p"))

    server.run(again())
    server.advance(1)
    assert [outcome.response.status for outcome in told] == [180, 200]


@rfc("3261", "18.1.1")
def test_what_went_by_tcp_for_its_length_goes_by_udp_when_that_connection_is_reset(server, ask, told, request_):
    by_tcp, by_udp = Peer(server, "10.0.0.3", resets), []
    socket = server.network.host("10.0.0.3").datagram("10.0.0.3", 5060, lambda data, source, _: came(data, source))

    def came(data, source):
        by_udp.append(data)
        socket.send(answer_octets(parse(data), 200, "", (), to_tag="p"), source)

    ask(Target("10.0.0.3", 5060), request_("INVITE", body=b"x" * 1400))
    server.advance(1)
    assert len(by_tcp.got) == 1 and by_udp
    assert isinstance(told[0], Final)
    ask(Target("10.0.0.3", 5060), request_("OPTIONS", body=b"x" * 1400))
    server.advance(1)
    assert len(by_tcp.got) == 1  # remembered


def test_a_connection_is_listened_to_once_and_nothing_hangs_on_it_when_all_is_answered(server, ask, told, request_):
    Peer(server, "10.0.0.3", answers(200))
    for method in ("OPTIONS", "MESSAGE", "INVITE", "INFO"):
        ask(Target("10.0.0.3", 5060, "TCP"), request_(method))
        server.advance(1)
    assert len(told) == 4
    (flow,) = server.engine.flows.values()
    assert flow._tell == [server.engine.clients.hanging._closed]
    server.advance(40)
    assert len(server.engine.clients) == len(server.engine.clients.hanging) == 0
    flow.close("for the test")
    server.advance(1)
    assert not server.engine.clients.hanging._by


def test_nobody_is_asked_elsewhere_when_it_is_we_who_stop(server, services, ask, told):
    first, second = Peer(server, "10.0.0.3", lambda *_: None), Peer(server, "10.0.0.4", answers(200))
    ask(services)
    server.advance(1)
    server.run(server.engine.stop(0))
    server.advance(1)
    assert first.got and not second.got and told == []
