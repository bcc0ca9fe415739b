"""plugins.overload_control: who has too much to do tells his neighbours, who send less. RFC 7339."""

import random

import pytest
from pipeline.plugins.overload_control.downstream import Downstream
from pipeline.plugins.overload_control.overload_control import FIRST, STEP

from pipeline.client import Final, TransportError
from pipeline.config import Document, build
from pipeline.conformance.marks import rfc
from pipeline.flow import Target
from pipeline.sip.message import Request, Response
from pipeline.sip.parser import parse

STAGE = {"intercept": ["overload_control"]}
SPOKEN = '[plugin.overload_control]\nneighbours = ["10.0.0.7", "10.0.0.9"]\n'


def via(extra='oc;oc-algo="loss"', n=1):
    return ("Via", f"SIP/2.0/UDP 10.0.0.9:5060;branch=z9hG4bKoc{n};rport;{extra}")


def told(reply):
    params = reply.via.params
    return params.get("oc"), params.get("oc-algo"), params.get("oc-validity"), params.get("oc-seq")


# -- as a server


@rfc("7339", "5.1")
def test_who_speaks_it_is_told_that_all_is_well(sip):
    server = sip(SPOKEN, **STAGE)
    loss, scheme, validity, sequence = told(server.request("OPTIONS", uri="sip:example.com", headers=[via()]))
    assert (loss, scheme, validity) == ("0", '"loss"', "0")
    assert float(sequence) > 1_700_000_000


def test_who_does_not_is_told_nothing(sip):
    server = sip(SPOKEN, **STAGE)
    reply = server.request("OPTIONS", uri="sip:example.com")
    assert "oc" not in reply.get("via")
    assert reply.status == 200
    other = server.request("OPTIONS", uri="sip:example.com", headers=[via('oc;oc-algo="rate"', 2)])
    assert told(other)[0] is None


def test_the_rest_of_the_via_is_as_it_came_and_others_are_left_alone(sip):
    server = sip(SPOKEN, **STAGE)
    vias = ("Via", via()[1] + ";x=y, SIP/2.0/TCP far.example.net;branch=z9hG4bKfar;oc=99")
    reply = server.request("OPTIONS", uri="sip:example.com", headers=[vias])
    assert reply.via.params["x"] == "y"
    assert reply.via.branch == "z9hG4bKoc1"
    assert reply.via.received == "10.0.0.9"
    assert reply.vias[1].text == "SIP/2.0/TCP far.example.net;branch=z9hG4bKfar;oc=99"


@rfc("7339", "5.2")
def test_under_overload_it_asks_for_less_and_less_and_for_more_when_that_is_over(sip):
    server = sip(SPOKEN, **STAGE)
    server.engine.overload.reasons.add("test")

    def ask(n):
        server.advance(0.6)
        return int(told(server.request("REGISTER", headers=[via(n=n), ("Contact", "")]))[0])

    losses = [ask(n) for n in range(10, 18)]
    assert losses[0] == FIRST
    assert losses[1] == FIRST * 3 // 2 + STEP
    assert losses == sorted(losses)
    assert losses[-1] == 100
    server.engine.overload.reasons.clear()
    after = [ask(n) for n in range(20, 30)]
    assert after[0] == 50
    assert after[-1] == 0


@pytest.mark.parametrize(
    "value", ["SIP/2.0/UDP 10.0.0.9:5060;;oc;branch=z9hG4bKx", 'SIP/2.0/UDP 10.0.0.9:5060;oc;oc-algo="lo;branch=z9hG4bKx']
)
def test_a_via_that_cannot_be_read_is_400_all_the_same(sip, value):
    assert sip(SPOKEN, **STAGE).request("OPTIONS", uri="sip:example.com", headers=[("Via", value)]).status == 400


# -- as a client


class Peer:
    """A server downstream that says what it wants."""

    def __init__(self, server, address="10.0.0.7"):
        self.server, self.got, self.extra, self.unasked = server, [], "", ""
        self.endpoint = server.network.host(address).datagram(address, 5060, self._came)
        self.target = Target(address, 5060, "UDP")

    def _came(self, data, source, _local):
        message = parse(data)
        if not message.is_request:
            return
        self.got.append(message)
        answer = Response.to(message, 200, to_tag="t").encode().replace(b';oc;oc-algo="loss"', self.extra.encode())
        answer = answer.replace(b";branch", self.unasked.encode() + b";branch", 1)
        self.endpoint.send(answer, source)

    def ask(self, n, *, to="", more=()):
        outcomes = []
        fields = [("From", "<sip:a@b>;tag=1"), ("To", f"<sip:x@y>{to}"), ("Call-ID", f"c{n}"), ("CSeq", f"{n} OPTIONS"), *more]
        self.server.engine.request(Request.new("OPTIONS", "sip:x@10.0.0.7", fields), self.target, outcomes.append)
        self.server.advance(0.01)
        return outcomes[0]

    def sent(self, count, **more):
        before = len(self.got)
        for n in range(count):
            self.ask(n, **more)
        return len(self.got) - before


@pytest.fixture
def peer(sip):
    return Peer(sip(SPOKEN, **STAGE))


@rfc("7339", "4.1", "4.2")
def test_requests_say_that_we_speak_it(peer):
    peer.ask(1)
    assert 'oc;oc-algo="loss"' in peer.got[0].get("via")
    assert peer.got[0].via.params["oc"] is None


@rfc("7339", "5.5")
def test_what_a_server_asks_for_is_left_out(peer):
    peer.extra = ';oc=40;oc-algo="loss";oc-validity=30000;oc-seq=5'
    peer.ask(1)
    sent = peer.sent(400)
    assert 120 < sent < 280  # 40 % of all are half of the 80 % that begin something new
    assert peer.server.engine.counts["spared.overload"] == 400 - sent
    assert isinstance(peer.ask(9), Final | TransportError)


@rfc("7339", "5.10.1")
def test_what_has_begun_goes_on_and_so_do_emergencies(peer):
    peer.extra = ';oc=70;oc-algo="loss";oc-validity=30000;oc-seq=5'
    peer.ask(1)
    assert peer.sent(50, to=";tag=2") == 50
    assert peer.sent(50, more=[("Priority", "emergency")]) == 50
    assert peer.sent(50, more=[("Resource-Priority", "q735.1, esnet.0")]) == 50


@rfc("7339", "5.7")
def test_it_is_over_when_its_time_is_or_when_that_is_said(peer):
    peer.extra = ';oc=100;oc-algo="loss";oc-validity=1000;oc-seq=5'
    peer.ask(1)
    assert peer.sent(20) == 0
    peer.server.advance(1.1)
    peer.extra = ';oc=100;oc-algo="loss";oc-validity=0;oc-seq=6'
    assert peer.sent(20) == 20


@pytest.mark.parametrize(
    "extra",
    [
        ';oc=100;oc-algo="rate";oc-seq=5',
        ';oc=x;oc-algo="loss";oc-seq=5',
        ';oc=-1;oc-algo="loss";oc-seq=5',
        ';oc=100;oc-algo="loss"',
        ';oc=100;oc-algo="loss";oc-seq=x',
        ';oc=100;oc-algo="loss";oc-seq=5;oc-validity=99999999999',
        "",
    ],
)
def test_what_cannot_be_read_asks_for_nothing(peer, extra):
    peer.extra = extra
    peer.ask(1)
    assert peer.sent(20) == 20


def test_a_forged_answer_asks_for_nothing(peer):
    peer.ask(1)
    forged = Response.to(peer.got[0], 200, to_tag="t").encode().replace(b";oc;", b";oc=100;oc-seq=9;oc-validity=9000;")
    peer.server.send(forged, ("10.0.0.66", 5060))
    peer.server.send(forged.replace(b"branch=z9hG4bK", b"branch=z9hG4bKx"), ("10.0.0.7", 5061))
    peer.server.advance(0.1)
    assert peer.sent(20) == 20


def test_neighbours_are_not_told_where_only_tls_is_trusted(sip):
    server = sip(SPOKEN + "secure_only = true", **STAGE)
    assert told(server.request("OPTIONS", uri="sip:example.com", headers=[via()]))[0] is None
    peer = Peer(server)
    peer.unasked = ALL
    assert peer.sent(20) == 20


# -- who is no neighbour (5.2, 11)

ALL = ';oc=100;oc-algo="loss";oc-validity=30000;oc-seq=5'
NOBODY = ["", "[plugin.overload_control]\nneighbours = []\n", '[plugin.overload_control]\nneighbours = ["10.0.1.0/24"]\n']


@pytest.mark.parametrize("more", NOBODY)
@rfc("7339", "5.2", "11")
def test_who_is_no_neighbour_is_not_told_how_much_we_have_to_do(sip, more):
    server = sip(more, **STAGE)
    server.engine.overload.reasons.add("test")
    assert told(server.request("OPTIONS", uri="sip:example.com", headers=[via()])) == (None, '"loss"', None, None)


@pytest.mark.parametrize("more", NOBODY)
@rfc("7339", "11")
def test_who_is_no_neighbour_does_not_stop_what_we_send_and_does_not_learn_that_we_would(sip, more):
    peer = Peer(sip(more, **STAGE))
    peer.unasked = ALL
    assert peer.sent(40) == 40
    assert all("oc" not in request.via.params for request in peer.got)


def test_without_neighbours_the_check_says_that_nothing_is_done(tmp_path):
    plan = """
[[stage]]
name = "transport"
plugins = ["udp"]
[[stage]]
name = "protocol"
plugins = ["stack"]
[[stage]]
name = "intercept"
plugins = ["overload_control"]
[[stage]]
name = "application"
plugins = []
[[stage]]
name = "integration"
plugins = []
"""
    plan = build(Document(tmp_path / "pipeline.toml", plan))
    assert [each.message for each in plan.warnings if "overload" in each.message] == [
        "`neighbours` is empty, so overload control is spoken with nobody"
    ]


# -- the loss-based scheme (7.2)


@pytest.mark.parametrize(("loss", "new", "inside"), [(10, 25, 0), (40, 100, 0), (70, 100, 50), (100, 100, 100)])
@rfc("7339", "7.2")
def test_of_a_mix_of_forty_to_sixty_the_right_share_is_left_out(loss, new, inside):
    time = [0.0]
    down = Downstream(lambda: time[0], random.Random(1).randrange)
    server = ("10.0.0.7", 5060)
    for n in range(100):
        down.spares(server, new=n < 40)
    time[0] = 6.0
    down.told(server, loss, 1, 50)
    for wanted, kind in ((new, True), (inside, False)):
        share = sum(down.spares(server, new=kind) for _ in range(4000)) / 40
        assert abs(share - wanted) < 4, (loss, kind)


@rfc("7339", "5.4")
def test_an_older_answer_changes_nothing_and_memory_is_bounded(monkeypatch):
    down = Downstream(lambda: 0.0, lambda _: 0)
    down.told(("a", 1), 100, 7, 50)
    down.told(("a", 1), 0, 6, 50)
    assert down.spares(("a", 1), new=True)
    down.told(("a", 1), 0, 8, 50)
    assert not down.spares(("a", 1), new=True)
    monkeypatch.setattr("pipeline.plugins.overload_control.downstream.SERVERS", 3)
    for n in range(10):
        down.told(("b", n), 100, 1, 50)
    assert len(down._wishes) == 3
