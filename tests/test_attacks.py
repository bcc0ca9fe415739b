"""What a stranger may send without having proved anything, and what it must not cost: time, memory, datagrams, order."""

import time

import pytest

from pipeline.sip.headers import canonical
from pipeline.sip.message import Response
from pipeline.sip.parser import parse
from pipeline.sip.validity import check

BLANKS = " " * 60_000
HEAD = "Via: SIP/2.0/UDP 10.0.0.9;branch=z9hG4bKx\r\nFrom: <sip:a@b>;tag=1\r\nCall-ID: x\r\nCSeq: 1 OPTIONS\r\n"


@pytest.mark.parametrize(
    "text",
    [
        f"OPTIONS sip:b SIP/2.0\r\n{HEAD}To: <sip:b>\r\nX: a{BLANKS}b\r\n c\r\n\r\n",
        f"OPTIONS sip:b SIP/2.0\r\n{HEAD}To: <sip:b>\r\na{BLANKS}b: c\r\n\r\n",
        f"OPTIONS{BLANKS}\r\n\r\n",
        f"OPTIONS sip:b SIP/2.0\r\n{HEAD}To: <sip:b{';tag=' * 12_000}>\r\n\r\n",
        f'OPTIONS sip:b SIP/2.0\r\n{HEAD}To: "{";tag=" * 12_000}>" <sip:b>\r\n\r\n',
    ],
    ids=["a folded field", "a name", "a start line", "many tags in a URI", "many tags in a name"],
)
def test_no_datagram_costs_more_than_its_length(text):
    begin = time.perf_counter()
    try:
        message = parse(text.encode())
        check(message)
    except ValueError as error:
        message = getattr(error, "message", None)
    if message is not None:
        Response.to(message, 400, to_tag="t").encode()
    assert time.perf_counter() - begin < 0.5


def test_a_folded_field_reads_as_before():
    message = parse(f"OPTIONS sip:b SIP/2.0\r\n{HEAD}To: <sip:b>\r\nSubject: one \t\r\n  two\r\n\t\r\n three\r\n\r\n".encode())
    assert message.get("subject") == "one two three"


def test_a_tag_is_put_where_there_is_none_and_only_there():
    for value, tagged in (("<sip:b;tag=x>", True), ('";tag=x" <sip:b>', True), ("<sip:b> ; TAG = x", False), ("sip:b;tag=x", False)):
        answer = Response.to(parse(f"OPTIONS sip:b SIP/2.0\r\n{HEAD}To: {value}\r\n\r\n".encode()), 200, to_tag="ours")
        assert answer.get("to").endswith(";tag=ours") is tagged


def test_long_names_of_strangers_are_not_remembered():
    canonical("x" * 60_000)
    first = canonical("y" * 60_000)
    assert canonical("y" * 60_000) is not first


def test_a_host_longer_than_dns_allows_is_refused(sip):
    request = f"OPTIONS sip:example.com SIP/2.0\r\n{HEAD}To: <sip:{'a' * 300}>\r\n\r\n"
    server = sip()
    server.send(request.encode(), ("10.0.0.9", 5060))
    (answer,) = server.replies(("10.0.0.9", 5060))
    assert (answer.status, answer.reason) == (400, "Bad To: longer than 270")


@pytest.mark.parametrize("method", ["INVITE", "BYE", "CANCEL"])
def test_a_stranger_is_told_481_once_and_nothing_is_kept_of_it(sip, method):
    server = sip()
    server.send(server.message(method, "bob", headers=[("To", "<sip:bob@example.com>;tag=made-up")]))
    assert [reply.status for reply in server.replies()] == [481]
    assert len(server.engine.transactions) == 0
    server.advance(40)
    assert len(server.replies()) == 1


def test_answers_that_are_kept_are_bounded_in_octets_too(sip):
    server = sip("[plugin.stack]\ncompleted = 100")
    for _ in range(20):
        server.send(server.message("REGISTER", "alice", headers=[("Via", "SIP/2.0/UDP 10.0.0.9;x=" + "a" * 15_000)]))
    assert [reply.status for reply in server.replies()] == [200] * 20
    transactions = server.engine.transactions
    assert 0 < transactions.answers.weights <= 100 * 1024
    server.advance(40)
    assert (len(transactions), transactions.answers.weights) == (0, 0)


def test_a_register_may_not_name_thousands_of_contacts(sip):
    many = [", ".join(f"<sip:a@10.0.0.{n % 200}:{n + 1}>" for n in range(begin, begin + 500)) for begin in range(0, 2000, 500)]
    answer = sip().request("REGISTER", "alice", headers=[("Contact", some) for some in many])
    assert (answer.status, answer.reason) == (403, "Too Many Contacts")


WAITER = """
@plugin
class Twice:
    pendings: list = attrs.field(init=False, factory=list)

    @hookimpl
    def intercept(self, message, passage):
        if not message.is_request or message.method in ("ACK", "CANCEL"):
            return None
        self.pendings.append((message.cseq.number, Pending()))
        return Wait(self.pendings[-1][1], lambda again: Wait(self.more(message), lambda _: None) if again else None)

    def more(self, message):
        self.pendings.append((message.cseq.number, Pending()))
        return self.pendings[-1][1]
"""


def test_who_waits_twice_is_not_overtaken_by_the_next_of_its_call(sip, write, plugin_of):
    server = sip(write("twice", WAITER), intercept=["twice"])
    for cseq in (1, 2):
        server.send(server.message("OPTIONS", headers=[("Call-ID", "one")], cseq=cseq))
    server.replies()
    pendings = plugin_of(server, "twice").pendings
    pendings[0][1].resolve(True)
    assert [number for number, _ in pendings] == [1, 1]
    pendings[1][1].resolve(None)
    assert [number for number, _ in pendings] == [1, 1, 2]


def test_a_retransmission_of_what_is_queued_behind_a_wait_is_served_once(sip, write, plugin_of):
    server = sip(write("twice", WAITER), intercept=["twice"])
    server.send(server.message("OPTIONS", headers=[("Call-ID", "one")], cseq=1))
    invite = server.message("INVITE", "bob", headers=[("Call-ID", "one")], cseq=2)
    server.send(invite)
    server.send(invite)
    server.replies()
    pendings = plugin_of(server, "twice").pendings
    pendings[0][1].resolve(None)
    pendings[1][1].resolve(None)
    assert [number for number, _ in pendings] == [1, 2]
    assert len({id(each) for each in server.engine.transactions.at_work()}) == 1


def test_the_retransmission_of_an_authenticated_options_is_no_replay(sip):
    server = sip(intercept=["identify", "auth"])
    sent = []
    send = server.send
    server.send = lambda data, *more: (sent.append(data), send(data, *more))
    assert server.request("OPTIONS", "bob", password="alice's").status == 480
    send(sent[-1])
    assert [reply.status for reply in server.replies()] == [401, 480, 480]


def test_an_answer_that_an_interceptor_dropped_leaves_no_transaction(sip, write, plugin_of):
    silent = """
@plugin
class Silent:
    @hookimpl
    def intercept_out(self, message, passage):
        return Drop("silence")
"""
    server = sip(write("silent", silent) + write("twice", WAITER), intercept=["silent", "twice"])
    server.send(server.message("OPTIONS"))
    server.replies()
    plugin_of(server, "twice").pendings[0][1].resolve(None)
    assert server.replies() == []
    assert server.engine.transactions.at_work() == []


@pytest.mark.parametrize("name", ["%FF", "%ED%A0%80", "%00", "'%20or%20'1'='1"])
def test_a_name_that_is_no_text_is_nobody_and_no_failure_of_the_store(sip, name):
    dal = '[dal]\nendpoint = ["toml", "sqlite"]\nauth = ["toml", "sqlite"]\naor = ["toml", "sqlite"]\ncontact = ["memory"]\n'
    server = sip(dal, intercept=["identify", "auth"], integration=["memory", "toml", "sqlite"])
    server.send(server.message("INVITE", from_=name, uri=f"sip:{name}@example.com"))
    server.advance(40)
    assert [reply.status for reply in server.replies()] == [401]
