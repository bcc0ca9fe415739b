"""TCP: framing by Content-Length, keepalives, who is closed for idleness and who is not, answers by the same connection (RFC 3261 18, RFC 5626)."""

import pytest

from pipeline.conformance.marks import rfc
from pipeline.flow import Target
from pipeline.sip.parser import parse


class Client:
    """One connection to the server, by hand."""

    def __init__(self, server, address="10.0.0.9"):
        self.server, self.data, self.closed = server, b"", None
        self.stream = server.run(self._open(server, address))
        self.stream.on_closed = lambda reason: setattr(self, "closed", reason)
        self.stream.on_data = self._came

    @staticmethod
    async def _open(server, address):
        return await server.network.host(address).connect("10.0.0.1", 5060)

    def _came(self, data):
        self.data += data

    def send(self, data):
        self.stream.write(data)
        self.server.advance(0.05)
        return self

    def answers(self):
        """The responses so far, framed by their Content-Length."""
        found, rest = [], self.data
        while b"\r\n\r\n" in rest:
            head, _, tail = rest.partition(b"\r\n\r\n")
            if not head:
                rest = tail
                continue
            length = int(head.lower().split(b"\r\ncontent-length:")[1].split(b"\r\n")[0])
            found.append(parse(head + b"\r\n\r\n" + tail[:length]))
            rest = tail[length:]
        return found


@pytest.fixture
def server(sip):
    return sip()


def options(server, n=1, body=b""):
    return server.message("OPTIONS", headers=[("Via", f"SIP/2.0/TCP 10.0.0.9:40000;branch=z9hG4bKtcp{n}")], body=body)


def bound(server, n):
    """A REGISTER after which a binding needs the connection."""
    return register(server, f"<sip:u{n}@abc.invalid;transport=tcp>", n)


def register(server, contact, n=1, expires=3600):
    headers = [
        ("Via", f"SIP/2.0/TCP 10.0.0.9:40000;branch=z9hG4bKreg{n}"),
        ("Contact", contact),
        ("Expires", str(expires)),
        ("Call-ID", "one"),
    ]
    return server.message("REGISTER", headers=headers, cseq=n)


@rfc("3261", "18.2.2")
def test_a_request_is_answered_by_the_connection_it_came_by(server):
    client = Client(server).send(options(server))
    assert [answer.status for answer in client.answers()] == [200]


def test_two_messages_in_one_piece_and_one_in_many_are_all_answered(server):
    client = Client(server).send(options(server, 1) + options(server, 2))
    data = options(server, 3)
    for n in range(len(data)):
        client.stream.write(data[n : n + 1])
    server.advance(0.1)
    assert [answer.status for answer in client.answers()] == [200, 200, 200]


@rfc("5626", "4.4.1")
def test_a_ping_is_answered_with_a_pong(server):
    client = Client(server).send(b"\r\n\r\n")
    assert client.data == b"\r\n"


def wrote(server, port=5060):
    """What the server has written by its listener so far, a write an item."""
    return [record.data for record in server.network.log if record.what == "wrote" and record.source == ("10.0.0.1", port)]


@pytest.fixture
def whole(sip):
    """A server that reads all that was written at once, and tells each write."""
    server = sip()
    server.network.chunks = False
    server.network.log = []
    return server


def turns(server, monkeypatch):
    """What the engine receives from now on, a list for each turn of the loop."""
    heard, receive, once = [[]], server.engine.receive, server.loop._run_once
    monkeypatch.setattr(server.engine, "receive", lambda data, flow: (heard[-1].append(data), receive(data, flow)))
    monkeypatch.setattr(server.loop, "_run_once", lambda: (heard.append([]), once()))
    return heard


@rfc("5626", "4.4.1")
def test_pings_that_come_together_are_answered_together_each_with_a_pong(whole):
    client = Client(whole).send(options(whole, 1))
    whole.network.log.clear()
    client.send(b"\r\n\r\n" * 3 + options(whole, 2) + b"\r\n\r\n")
    assert client.data.count(b"\r\n" * 4) == 1
    assert wrote(whole)[-1] == b"\r\n" * 4


def test_who_sends_more_pings_than_any_keepalive_and_no_request_is_closed(whole):
    client = Client(whole).send(b"\r\n\r\n" * 16384)
    assert client.closed
    assert wrote(whole) == []
    assert "pings in a second" in whole.told("flow.closed")[-1].fields["reason"]


def test_who_has_brought_a_request_gets_ten_pongs_a_second_at_most(whole):
    client = Client(whole).send(options(whole, 1))
    for _ in range(3):
        client.data = b""
        client.send(b"\r\n\r\n" * 16384).send(b"\r\n\r\n" * 7)
        assert client.data == b"\r\n" * 10
        whole.advance(1)
    client.send(options(whole, 2))
    assert client.answers()[0].status == 200
    assert client.closed is None


def test_a_read_of_many_messages_is_answered_in_turns_and_in_order(whole, monkeypatch):
    client = Client(whole).send(options(whole, 1))
    heard = turns(whole, monkeypatch)
    client.send(b"".join(options(whole, n) for n in range(2, 102)) + options(whole, 102)[:-4])
    assert max(map(len, heard)) == 16
    client.send(options(whole, 102)[-4:])
    answers = client.answers()
    assert [answer.via.branch for answer in answers] == [f"z9hG4bKtcp{n}" for n in range(1, 103)]


def test_what_comes_while_a_read_is_worked_off_waits_its_turn(whole, monkeypatch):
    client = Client(whole).send(options(whole, 1))
    heard = turns(whole, monkeypatch)
    for begin in range(2, 102, 20):
        client.stream.write(b"".join(options(whole, n) for n in range(begin, begin + 20)))
    client.stream.end()
    whole.advance(1)
    assert max(map(len, heard)) == 16
    assert [answer.via.branch for answer in client.answers()] == [f"z9hG4bKtcp{n}" for n in range(1, 102)]
    assert client.closed


def test_a_connection_that_closes_between_two_turns_brings_no_more(whole, monkeypatch):
    client = Client(whole).send(options(whole, 1))
    (flow,) = whole.engine.flows.values()
    heard, receive = [], whole.engine.receive

    def close(data, to):
        receive(data, to)
        heard.append(data)
        if len(heard) == 16:
            whole.loop.call_soon(flow.close, "enough")

    monkeypatch.setattr(whole.engine, "receive", close)
    client.send(b"".join(options(whole, n) for n in range(2, 102)))
    assert len(heard) in (16, 32)
    assert client.closed


def test_a_message_behind_many_others_has_its_own_time_to_be_finished(whole):
    server = whole
    client = Client(server).send(options(server, 1)[:50])
    server.advance(20)
    rest = options(server, 1)[50:] + b"".join(options(server, n) for n in range(2, 17))
    client.send(rest + options(server, 17)[:50])
    server.advance(20)
    assert client.closed is None
    server.advance(20)
    assert client.closed


@rfc("3261", "18.3")
def test_without_content_length_the_request_is_400_and_the_connection_closed(server):
    client = Client(server).send(options(server).replace(b"Content-Length: 0\r\n", b""))
    assert [(answer.status, answer.reason) for answer in client.answers()] == [(400, "Missing Content-Length")]
    assert "cannot be followed" in client.closed or client.closed == "closed by the peer"


@rfc("3261", "21.5.7")
def test_a_message_that_is_too_large_is_refused_and_the_connection_closed(sip):
    server = sip('[plugin.tcp]\nbind = ["10.0.0.1:5060"]\nhead_bytes = 2048\nbody_bytes = 100')
    client = Client(server).send(options(server, body=b"x" * 101))
    assert [answer.status for answer in client.answers()] == [513]
    assert client.closed


def test_a_head_that_never_ends_is_cut_off(sip):
    server = sip('[plugin.tcp]\nbind = ["10.0.0.1:5060"]\nhead_bytes = 2048')
    client = Client(server).send(b"OPTIONS sip:example.com SIP/2.0\r\n" + b"X-Long: " + b"x" * 4000)
    assert client.closed


def test_a_connection_that_brings_no_valid_request_is_closed_after_32_seconds(server):
    client = Client(server)
    server.advance(31)
    assert client.closed is None
    server.advance(6)
    assert client.closed


def test_nothing_is_left_of_a_connection_that_has_closed(server, plugin_of):
    """Thousands a second come and go in a flood: what each left for some seconds would be scattered among what lives on."""
    tcp, engine = plugin_of(server, "tcp"), server.engine
    stays = Client(server, "10.0.0.8")
    for _ in range(20):
        Client(server).stream.close()
    server.advance(0.5)
    assert stays.closed is None
    assert [len(each) for each in (tcp._looks, tcp._open.flows, tcp._open.by_peer, engine.flows, engine.sources.by_key)] == [1] * 5


def test_keepalives_do_not_buy_time_for_a_connection_without_a_request(server):
    client = Client(server)
    for _ in range(4):
        client.send(b"\r\n\r\n")
        server.advance(10)
    assert client.closed


def test_a_message_that_is_never_finished_closes_the_connection(server):
    client = Client(server).send(options(server, 1))
    client.send(options(server, 2)[:100])
    server.advance(40)
    assert client.closed


def test_a_sender_that_trickles_is_closed_all_the_same(server):
    client = Client(server).send(options(server, 1))
    for octet in options(server, 2):
        if client.closed:
            break
        client.send(bytes([octet]))
        server.advance(1)
    assert client.closed
    assert len(client.answers()) == 1


def test_a_body_that_is_too_large_is_refused_before_it_has_come(sip):
    server = sip('[plugin.tcp]\nbind = ["10.0.0.1:5060"]\nbody_bytes = 1000')
    message = options(server, 1).replace(b"Content-Length: 0", b"Content-Type: text/plain\r\nContent-Length: 1001")
    client = Client(server).send(message)
    assert client.answers()[0].status == 513
    assert client.closed


def test_a_source_that_opens_too_many_connections_loses_some_and_others_none(sip, plugin_of):
    server = sip('[plugin.tcp]\nbind = ["10.0.0.1:5060"]\nunproved_per_source = 3\nper_source = 5')
    waiting = [Client(server) for _ in range(4)]
    other = Client(server, "10.0.0.8")
    server.advance(0.1)
    assert [bool(client.closed) for client in waiting] == [True, False, False, False]  # the oldest that has brought nothing
    proved = [client.send(bound(server, n)) for n, client in enumerate(waiting[1:])]
    proved += [Client(server).send(bound(server, n)) for n in (4, 5)]
    assert all(client.closed is None and len(client.answers()) == 1 for client in proved)
    assert Client(server).stream.closed  # a binding needs each of the others
    assert other.closed is None
    assert plugin_of(server, "tcp").stats()["refused"] == 1
    proved[0].stream.close("gone")
    server.advance(0.1)
    assert len(Client(server).send(options(server, 7)).answers()) == 1


def test_one_valid_request_buys_a_connection_no_place_for_ever(sip, plugin_of):
    server = sip('[plugin.tcp]\nbind = ["10.0.0.1:5060"]\nunproved_per_source = 3\nper_source = 3')
    phone = Client(server).send(bound(server, 1))
    strangers = [Client(server).send(options(server, n)) for n in (2, 3)]
    neighbour = Client(server).send(bound(server, 4))
    assert neighbour.answers()[0].status == 200
    assert [bool(client.closed) for client in (phone, *strangers)] == [False, True, False]
    assert plugin_of(server, "tcp").stats()["crowded"] == 1
    neighbour.send(register(server, "<sip:u4@abc.invalid;transport=tcp>", 5, 0))  # its binding has gone: nobody needs it
    strangers[1].send(options(server, 6))  # this one has been needed since
    Client(server)
    server.advance(0.1)
    assert [bool(client.closed) for client in (phone, strangers[1], neighbour)] == [False, False, True]


def test_near_the_limit_of_descriptors_what_nobody_needs_makes_room_before_others_are_refused(sip, monkeypatch):
    monkeypatch.setattr("pipeline.stream_transport.allowed", lambda: 8)
    server = sip('[plugin.tcp]\nbind = ["10.0.0.1:5060"]')
    phones = [Client(server, f"10.0.1.{n}").send(bound(server, n)) for n in range(6)]
    stranger = Client(server, "10.0.0.8").send(options(server, 20))
    phones.append(Client(server, "10.0.0.9").send(bound(server, 21)))
    assert stranger.closed
    assert Client(server, "10.0.0.10").stream.closed
    assert not any(phone.closed for phone in phones)
    assert server.told("flow.refused")[-1].fields["reason"] == "too many connections are open"


def test_an_idle_connection_is_closed_and_one_with_keepalives_is_not(sip):
    server = sip('[plugin.tcp]\nbind = ["10.0.0.1:5060"]\nidle = 60')
    idle, kept = Client(server).send(options(server, 1)), Client(server, "10.0.0.8").send(options(server, 2))
    for _ in range(4):
        server.advance(20)
        kept.send(b"\r\n\r\n")
    assert idle.closed
    assert kept.closed is None


def test_a_connection_that_a_binding_needs_stays_open(sip):
    server = sip('[plugin.tcp]\nbind = ["10.0.0.1:5060"]\nidle = 60')
    client = Client(server).send(register(server, "<sip:alice@abc.invalid;transport=tcp>"))
    assert client.answers()[0].status == 200
    server.advance(900)
    assert client.closed is None
    client.send(register(server, "<sip:alice@abc.invalid;transport=tcp>", 2, 0))
    server.advance(120)
    assert client.closed


def test_a_connection_that_is_lost_is_an_event_and_takes_its_binding_along(server):
    client = Client(server).send(register(server, "<sip:alice@abc.invalid;transport=tcp>"))
    assert len(server.contacts("alice")) == 1
    client.stream.close("gone")
    server.advance(1)
    assert [event.fields["reason"] for event in server.told("flow.closed")]
    assert server.contacts("alice") == []
    assert server.engine.flows == {}


@rfc("3261", "18.1.1")
@rfc("5923", "5")
def test_a_connection_that_we_open_is_reused_and_not_on_probation(server):
    phone = server.phone("bob", address=("10.0.0.2", 5060))
    told = []
    from pipeline.sip.message import Request

    message = Request.new(
        "OPTIONS",
        "sip:bob@10.0.0.2",
        [("From", "<sip:a@example.com>;tag=1"), ("To", "<sip:bob@10.0.0.2>"), ("Call-ID", "x"), ("CSeq", "1 OPTIONS")],
    )
    server.engine.request(message, Target("10.0.0.2", 5060, "TCP"), told.append)
    server.advance(100)
    assert told[0].response.status == 200
    assert len(server.engine.flows) == 1
    assert phone.received


def test_every_hold_on_a_connection_is_given_back(server):
    client = Client(server)
    for n in range(1, 4):
        client.send(options(server, n))
    client.send(server.message("INVITE", "bob", headers=[("Via", "SIP/2.0/TCP 10.0.0.9:40000;branch=z9hG4bKinv")]))
    server.advance(40)
    (flow,) = server.engine.flows.values()
    assert flow._holds == 0


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        (
            b"OPTIONS sip:example.com SIP/2.0\r\nCall-ID: x\r\n\r\nwhat follows",
            b"OPTIONS sip:example.com SIP/2.0\r\nCall-ID: x\r\n\r\nwhat follows",
        ),
        (b"\rnonsense", b"\rnonsense"),
        (b"X-Long: " + b"x" * 70_000, (b"X-Long: " + b"x" * 70_000)[:4096]),
    ],
)
def test_the_trace_shows_the_octets_that_could_not_be_framed_and_not_all_of_many(sip, sent, shown):
    from pipeline.trace import Viewer, watch

    kept = []

    class Sink:
        def show(self, record):
            kept.append(record)

        def flush(self):
            pass

        gap = close = lambda self, *_: None

    server = sip()
    server.network.chunks = False
    stop = watch(server.engine, Viewer(Sink(), data=True))
    Client(server).send(sent)
    server.advance(0.2)
    received = [record["data"] for record in kept if record["kind"] == "received"]
    assert received == [shown]
    stop()
