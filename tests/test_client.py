"""`pipeline.request`: targets in turn, digest answers, CANCEL after a 1xx, ACKs, events (architecture section 4)."""

import pytest

from pipeline.client import Final, Provisional, Timeout, TransportError
from pipeline.flow import Target
from pipeline.sip.message import Request

CHALLENGER = """
from pipeline.sip import digest

@plugin
class Challenger:
    methods: ClassVar = ("OPTIONS", "INVITE", "MESSAGE")
    accepts: ClassVar = ("application/sdp", "text/plain")
    algorithm: str = option("MD5", help="algorithm")
    status: int = option(401, help="401 or 407")
    password: str = option("alice's", help="the right one")
    seen: list = attrs.field(init=False, factory=list)

    @hookimpl
    def application(self, message, passage):
        self.seen.append(message)
        name = "authorization" if self.status == 401 else "proxy-authorization"
        value = message.get(name)
        if value is not None:
            given = digest.parse_credentials(value)
            ha1 = digest.hash_of(self.algorithm, given.username, given.realm, self.password)
            if digest.matches(digest.expected(given, ha1, message.method, message.body), given.response):
                return Reply(200)
        header = "WWW-Authenticate" if self.status == 401 else "Proxy-Authenticate"
        return Reply(self.status, headers=[(header, digest.challenge_value("test", "n0nce", self.algorithm))])
"""


class Told(list):
    """What a request's owner was told."""

    def __call__(self, outcome):
        self.append(outcome)


def request(method="OPTIONS", user="bob", body=b""):
    return Request.new(
        method,
        f"sip:{user}@example.com",
        [
            ("Max-Forwards", "70"),
            ("From", "<sip:alice@example.com>;tag=a"),
            ("To", f"<sip:{user}@example.com>"),
            ("Call-ID", f"c-{method}"),
            ("CSeq", f"7 {method}"),
        ],
        body,
    )


@pytest.fixture
def server(sip):
    return sip(application=[])


@pytest.fixture
def phone(server):
    return server.phone("bob", address=("10.0.0.2", 5060))


def ask(server, target, told, message=None):
    return server.engine.request(message or request(), target, told)


def test_a_final_answer_is_told_once(server, phone):
    told = Told()
    ask(server, Target("10.0.0.2", 5060), told)
    server.advance(1)
    (outcome,) = told
    assert (type(outcome), outcome.response.status) == (Final, 200)


def test_our_via_asks_for_the_port_and_carries_our_address(server, phone):
    ask(server, Target("10.0.0.2", 5060), Told())
    server.advance(1)
    (message,) = phone.received
    assert message.via.host == "10.0.0.1"
    assert message.via.branch.startswith("z9hG4bK")
    assert "rport" in message.via.params


def test_a_request_that_is_lost_is_sent_again(server, phone):
    server.network.loss = 1.0
    told = Told()
    ask(server, Target("10.0.0.2", 5060), told)
    server.advance(1.0)
    server.network.loss = 0.0
    server.advance(3.0)
    assert isinstance(told[0], Final)


def test_nobody_there_is_a_timeout_after_64_t1(server):
    told = Told()
    server.network.host("10.0.0.77").datagram("10.0.0.77", 5060, lambda *what: None)
    ask(server, Target("10.0.0.77", 5060), told)
    server.advance(31.9)
    assert told == []
    server.advance(0.2)
    assert [type(outcome) for outcome in told] == [Timeout]


def test_the_next_target_is_tried_after_a_timeout_with_a_new_branch(server, phone):
    silent = []
    server.network.host("10.0.0.77").datagram("10.0.0.77", 5060, lambda data, *where: silent.append(data))
    told = Told()
    ask(server, [Target("10.0.0.77", 5060), Target("10.0.0.2", 5060)], told)
    server.advance(33)
    assert isinstance(told[0], Final)
    (message,) = phone.received
    assert message.via.branch.encode() not in silent[0]


def test_the_next_target_is_tried_after_503_and_after_a_transport_error(server, phone):
    phone.phone.script["OPTIONS"] = [200]
    busy = server.phone("carol", address=("10.0.0.3", 5060))
    busy.phone.script["OPTIONS"] = [503]
    told = Told()
    ask(server, [Target("10.0.0.99", 5060, "TCP"), Target("10.0.0.3", 5060), Target("10.0.0.2", 5060)], told)
    server.advance(20)
    assert [outcome.response.status for outcome in told] == [200]


def test_the_next_flow_is_tried_when_an_edge_proxy_says_that_one_is_gone(server, phone):
    gone = server.phone("carol", address=("10.0.0.3", 5060))
    gone.phone.script["OPTIONS"] = [430]
    told = Told()
    ask(server, [Target("10.0.0.3", 5060), Target("10.0.0.2", 5060)], told)
    server.advance(1)
    assert [outcome.response.status for outcome in told] == [200]


def test_the_last_503_is_told_when_there_is_no_other_target(server, phone):
    phone.phone.script["OPTIONS"] = [503]
    told = Told()
    ask(server, Target("10.0.0.2", 5060), told)
    server.advance(1)
    assert told[0].response.status == 503


def test_a_host_name_is_resolved_and_its_addresses_tried_in_turn(server, phone):
    server.network.names["phones.example"] = ["10.0.0.98", "10.0.0.2"]
    told = Told()
    ask(server, "sip:phones.example;transport=tcp", told)
    server.advance(20)
    assert isinstance(told[0], Final)


def test_a_name_without_address_is_a_transport_error(server):
    told = Told()
    ask(server, "sip:nowhere.example", told)
    server.advance(1)
    assert isinstance(told[0], TransportError)
    assert "nowhere.example" in told[0].reason


def test_a_transport_nobody_lists_is_a_transport_error(server):
    told = Told()
    ask(server, Target("10.0.0.2", 5061, "TLS"), told)
    assert told == [TransportError("no listed transport serves tls:10.0.0.2:5061")]


def test_a_flow_is_a_target_too(server, phone):
    told = Told()
    ask(server, server.engine.connect(Target("10.0.0.2", 5060)), told)
    server.advance(1)
    assert isinstance(told[0], Final)


def test_tcp_uses_one_connection_for_two_requests(server, phone):
    told = Told()
    ask(server, Target("10.0.0.2", 5060, "TCP"), told)
    ask(server, Target("10.0.0.2", 5060, "TCP"), told, request("MESSAGE"))
    server.advance(1)
    assert [outcome.response.status for outcome in told] == [200, 200]
    assert len(server.engine.flows) == 1


@pytest.mark.parametrize("status", [401, 407])
@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256", "SHA-512-256"])
def test_a_challenge_is_answered_with_the_next_cseq(sip, write, plugin_of, status, algorithm):
    server = sip(write("challenger", CHALLENGER, f'status = {status}\nalgorithm = "{algorithm}"'), application=["challenger"])
    alice = server.phone("alice")
    attempt = server.wait(alice.request("MESSAGE", "sip:bob@example.com", headers=[("Content-Type", "text/plain")], body=b"hello"))
    assert attempt.status == 200
    first, second = plugin_of(server, "challenger").seen
    assert second.cseq.number == first.cseq.number + 1
    assert second.call_id == first.call_id
    assert second.from_.tag == first.from_.tag


def test_a_refused_password_is_told_and_not_tried_for_ever(sip, write, plugin_of):
    server = sip(write("challenger", CHALLENGER), application=["challenger"])
    alice = server.phone("alice", password="wrong")
    assert server.wait(alice.request("OPTIONS", "sip:bob@example.com")).status == 401
    assert len(plugin_of(server, "challenger").seen) == 2


def test_without_credentials_the_challenge_is_told(sip, write):
    server = sip(write("challenger", CHALLENGER), application=["challenger"])
    alice = server.phone("alice", password="")
    assert server.wait(alice.request("OPTIONS", "sip:bob@example.com")).status == 401


def test_provisional_answers_are_told_and_a_refused_invite_is_acknowledged(server, phone):
    phone.phone.script["INVITE"] = [180, 486]
    told = Told()
    ask(server, Target("10.0.0.2", 5060), told, request("INVITE"))
    server.advance(40)
    assert [(type(outcome), outcome.response.status) for outcome in told] == [(Provisional, 180), (Final, 486)]
    assert phone.engine.counts["transactions.timeout"] == 0  # the ACK has come
    assert len(server.engine.clients) == 0


def test_cancel_waits_for_the_first_1xx_and_brings_487(server, phone):
    phone.phone.script["INVITE"] = []
    told = Told()
    asking = ask(server, Target("10.0.0.2", 5060), told, request("INVITE"))
    asking.cancel()
    server.advance(5)
    assert [outcome.response.status for outcome in told if isinstance(outcome, Final)] == [487]
    assert server.engine.counts["unsent"] == 0


def test_each_2xx_goes_to_the_owner_and_a_repeated_one_resends_the_stored_ack(server, phone):
    phone.phone.script["INVITE"] = [200]
    acks, told = [], Told()
    ask_ = ask(server, Target("10.0.0.2", 5060), told, request("INVITE"))
    server.advance(0.01)
    answer = told[0].response
    ask_.acknowledge(
        answer,
        Request.new(
            "ACK",
            "sip:bob@10.0.0.2",
            [("From", answer.get("from")), ("To", answer.get("to")), ("Call-ID", answer.call_id), ("CSeq", "7 ACK")],
        ),
    )
    # The phone repeats its 200, as it would had the ACK been lost.
    server.network.filter = lambda data, source, destination: acks.append(data) or True if data.startswith(b"ACK") else True
    phone.phone.passages[0].transaction.respond(200, answer.encode(), phone.phone.passages[0].flow)
    server.advance(0.1)
    assert len(told) == 1
    assert len(acks) == 1


def test_a_stray_response_is_dropped(server):
    server.send(
        b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKx\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:a@b>;tag=2\r\nCall-ID: x\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
    )
    server.replies()
    assert server.engine.counts["dropped.response"] == 1
