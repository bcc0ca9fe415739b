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
    assert len(by_tcp.got) == 2  # for that request alone: who accepts a connection takes TCP
    assert [outcome.response.status for outcome in told] == [200, 200]


class Both:
    """A peer at 10.0.0.3 by TCP, which does as it is told, and by UDP, which answers 200."""

    def __init__(self, server, act):
        self.by_tcp, self.by_udp = Peer(server, "10.0.0.3", act).got, []
        self.socket = server.network.host("10.0.0.3").datagram("10.0.0.3", 5060, self._came)

    def _came(self, data, source, _):
        self.by_udp.append(data)
        self.socket.send(answer_octets(parse(data), 200, "", (), to_tag="p"), source)


LONG = b"x" * 1400


@rfc("3428", "8")
@pytest.mark.parametrize("act", [closes, resets])
def test_a_long_message_whose_connection_is_lost_has_failed_and_is_not_called_too_large(server, ask, told, request_, act):
    peer = Both(server, act)
    ask(Target("10.0.0.3", 5060), request_("MESSAGE", body=LONG))
    server.advance(1)
    assert told == [TransportError("the flow to 10.0.0.3 failed")]
    assert len(peer.by_tcp) == 1 and not peer.by_udp


@rfc("3428", "8")
@pytest.mark.parametrize("method", ["MESSAGE", "INVITE"])
def test_a_long_message_goes_by_tcp_again_where_a_connection_was_lost_a_moment_ago(server, ask, told, request_, method):
    acts = [resets, answers(200)]

    def in_turn(stream, data):
        acts.pop(0)(stream, data)

    peer = Both(server, in_turn)
    ask(Target("10.0.0.3", 5060), request_(method, body=LONG))
    server.advance(1)
    told.clear()
    ask(Target("10.0.0.3", 5060), request_("MESSAGE", body=LONG))
    server.advance(1)
    assert [outcome.response.status for outcome in told] == [200]
    assert b"".join(peer.by_tcp).count(b"MESSAGE sip:") == (2 if method == "MESSAGE" else 1)
    assert not any(data.startswith(b"MESSAGE") for data in peer.by_udp)


def test_a_long_message_goes_to_the_next_server_when_the_first_drops_the_connection(server, ask, told, request_):
    server.network.zone.add("_sip._udp.long.example", "SRV", "1 0 5060 10.0.0.3", "2 0 5060 10.0.0.4")
    first, second = Both(server, resets), Peer(server, "10.0.0.4", answers(200))
    ask("sip:bob@long.example;transport=udp", request_("MESSAGE", body=LONG))
    server.advance(1)
    assert [outcome.response.status for outcome in told] == [200]
    assert len(first.by_tcp) == 1 and not first.by_udp and len(second.got) == 1
    ask("sip:bob@long.example;transport=udp", request_("OPTIONS"))
    server.advance(1)
    assert first.by_udp  # by UDP it was never asked, and is not taken for dead


def test_a_message_that_a_datagram_may_carry_goes_by_udp_when_its_connection_is_reset(server, ask, told, request_):
    server.engine.clients.large = 600
    peer = Both(server, resets)
    ask(Target("10.0.0.3", 5060), request_("MESSAGE", body=b"x" * 700))
    server.advance(1)
    assert [outcome.response.status for outcome in told] == [200]
    assert len(peer.by_tcp) == len(peer.by_udp) == 1


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
