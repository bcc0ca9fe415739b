"""A challenge is answered as a client: RFC 3261 22.2, and those of several realms 22.3."""

import pytest

from pipeline.conformance.marks import rfc
from pipeline.flow import Target
from pipeline.sip import digest
from pipeline.sip.dialog import Dialog
from pipeline.sip.message import Response
from pipeline.sip.parser import parse

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


PROXIES = """
from pipeline.sip import digest

@plugin
class Proxies:
    methods: ClassVar = ("OPTIONS", "INVITE")
    accepts: ClassVar = ("application/sdp",)
    ways: list = option(factory=list, help="status and realm of each that asks, in the order of the way")
    together: bool = option(False, help="whether all ask in one answer, as after a fork")
    grumpy: bool = option(False, help="whether the first finds every first nonce stale")
    qop: list = option(factory=lambda: ["auth"], help="qop")
    busy: int = option(0, help="an answer in place of the first 200")
    seen: list = attrs.field(init=False, factory=list)
    used: set = attrs.field(init=False, factory=set)
    nonces: dict = attrs.field(init=False, factory=dict)

    @hookimpl
    def application(self, message, passage):
        self.seen.append(message)
        wanted = [asked for asked in map(str.split, self.ways) if (asks := self.ask(message, *asked))]
        headers = [self.challenge(*asked) for asked in (wanted if self.together else wanted[:1])]
        if headers:
            return Reply(int(wanted[0][0]), headers=headers)
        if self.busy:
            busy, self.busy = self.busy, 0
            self.used.clear()  # the next target is another server
            return Reply(busy)
        return Reply(200)

    def ask(self, message, status, realm):
        field = "authorization" if status == "401" else "proxy-authorization"
        for value in message.all(field):
            given = digest.parse_credentials(value)
            key = (status, realm, given.nonce, given.nc)
            if given.realm != realm or given.nonce != self.nonce(status, realm):
                continue
            ha1 = digest.hash_of("MD5", given.username, realm, "alice's")
            assert digest.matches(digest.expected(given, ha1, message.method, message.body), given.response)
            if self.qop and key in self.used:
                raise AssertionError("a nonce count was used twice")
            self.used.add(key)
            if self.grumpy and realm == "p1" and self.nonces.get((status, realm), 0) == 0:
                self.nonces[status, realm] = 1
                return True
            return False
        return True

    def nonce(self, status, realm):
        return f"{status}-{realm}-{self.nonces.get((status, realm), 0)}"

    def challenge(self, status, realm):
        header = "WWW-Authenticate" if status == "401" else "Proxy-Authenticate"
        stale = bool(self.nonces.get((status, realm)))
        return (header, digest.challenge_value(realm, self.nonce(status, realm), "MD5", self.qop, stale=stale))
"""


@pytest.fixture
def asked(sip, write, plugin_of):
    """Have alice ask with OPTIONS by a way of several that want to know who she is: give the answer's status and what they have seen."""

    def ask(ways, options="", **more):
        listed = ", ".join(f'"{way}"' for way in ways)
        server = sip(write("proxies", PROXIES, f"ways = [{listed}]\n{options}"), application=["proxies"])
        attempt = server.wait(server.phone("alice").request("OPTIONS", "sip:bob@example.com", **more))
        return attempt.status, plugin_of(server, "proxies").seen

    return ask


def realms(message):
    """Give (realm, nonce, count) of a request's credentials, field by field."""
    given = [digest.parse_credentials(value) for name in ("authorization", "proxy-authorization") for value in message.all(name)]
    return [(each.realm, each.nonce, each.nonce_count) for each in given]


@rfc("3261", "22.3")
def test_two_proxies_in_a_row_are_both_answered_and_the_first_sees_its_nonce_with_the_next_count(asked):
    status, seen = asked(["407 p1", "407 p2"])
    assert status == 200
    assert [realms(message) for message in seen] == [
        [],
        [("p1", "407-p1-0", 1)],
        [("p1", "407-p1-0", 2), ("p2", "407-p2-0", 1)],
    ]
    assert [message.cseq.number for message in seen] == [seen[0].cseq.number + step for step in range(3)]


def test_without_qop_credentials_accumulate_too(asked):
    status, seen = asked(["407 p1", "407 p2"], "qop = []")
    assert (status, len(seen)) == (200, 3)


def test_a_proxy_and_the_server_behind_it_may_have_one_realm(asked):
    status, seen = asked(["407 home", "401 home"])
    assert (status, len(seen)) == (200, 3)


def test_all_that_ask_in_one_answer_are_answered_in_the_next_request(asked):
    status, seen = asked(["407 p1", "401 p2", "407 p3"], "together = true")
    assert (status, len(seen)) == (200, 2)
    assert [realm for realm, _, _ in realms(seen[1])] == ["p2", "p1", "p3"]


def test_a_new_nonce_of_one_realm_replaces_its_own_credentials_alone(asked):
    status, seen = asked(["407 p1", "407 p2"], "grumpy = true")
    assert status == 200
    assert realms(seen[-1]) == [("p1", "407-p1-1", 2), ("p2", "407-p2-0", 1)]


def test_who_asks_by_a_new_realm_each_time_is_left_after_the_fourth(asked):
    status, seen = asked([f"407 p{number}" for number in range(1, 7)])
    assert (status, len(seen)) == (407, 5)


def test_what_a_caller_has_answered_to_another_realm_goes_on_as_it_came(asked):
    theirs = 'Digest username="carol", realm="elsewhere", nonce="n", uri="sip:x", response="00"'
    status, seen = asked(["407 p1", "407 p2"], headers=[("Proxy-Authorization", theirs)])
    assert status == 200
    assert seen[-1].all("proxy-authorization")[0] == theirs


def test_the_next_target_may_ask_for_credentials_too(sip, write, plugin_of, request_, told):
    server = sip(write("proxies", PROXIES, 'ways = ["401 p1"]\nbusy = 503'), application=["proxies"])
    server.phone("alice").engine.request(request_(), [Target("10.0.0.1", 5060), Target("10.0.0.1", 5060, "TCP")], told)
    server.advance(5)
    assert [outcome.response.status for outcome in told] == [200]
    seen = plugin_of(server, "proxies").seen
    assert [len(realms(message)) for message in seen] == [0, 1, 0, 1]
    assert [message.cseq.number for message in seen] == [7, 8, 8, 9]  # who is behind both has seen the 8


MARKER = """
@plugin
class Marker:
    @hookimpl
    def intercept_out(self, message, passage):
        if message.is_request and "x-mark" not in message:
            message.prepend("x-mark", "ours", by="marker")

    @hookimpl
    def credentials(self):
        return "alice", {"": "alice's"}
"""


def test_what_an_interceptor_has_put_above_the_via_goes_out_again_and_the_via_does_not(sip, write, request_, told):
    server = sip(write("marker", MARKER), intercept=["marker"], application=[], integration=["memory", "toml", "marker"])
    bob = server.phone("bob")
    bob.phone.script["OPTIONS"] = [(401, "", [("WWW-Authenticate", digest.challenge_value("test", "n0nce"))])]
    server.engine.request(request_(), Target(bob.address[0], 5060), told)
    server.advance(1)
    assert [("authorization" in seen, seen.all("x-mark"), len(seen.vias)) for seen in bob.received] == [
        (False, ["ours"], 1),
        (True, ["ours"], 1),
    ]


@rfc("3261", "22.2", "12.2.1.1")
def test_in_a_dialog_the_number_of_a_repetition_is_above_that_of_every_request_sent_meanwhile(sip, write, told):
    server = sip(write("marker", MARKER), intercept=["marker"], application=[], integration=["memory", "toml", "marker"])
    came = []

    def take(data, source, local):
        came.append((parse(data), source))

    bob = server.network.host("10.0.0.9").datagram("10.0.0.9", 5060, take)

    def answers(at, status, *headers):
        request, source = came[at]
        bob.send(Response.to(request, status, "", headers, to_tag="b").encode(), source)
        server.advance(0.1)

    dialog = Dialog("call@test", "<sip:a@x>;tag=a", "a", "<sip:b@x>;tag=b", "b", "sip:b@10.0.0.9", initiator=True)
    for _ in range(2):
        server.engine.request(dialog.request("INFO"), Target("10.0.0.9", 5060), told, dialog=dialog)
        server.advance(0.1)
    answers(0, 401, ("WWW-Authenticate", digest.challenge_value("test", "n0nce")))
    assert "authorization" in came[-1][0] and dialog.request("INFO").cseq.number == 4
    assert [request.cseq.number for request, _ in came] == [1, 2, 3]
    for at in (1, 2):
        answers(at, 200)
    assert [outcome.response.status for outcome in told] == [200, 200]


@rfc("3261", "22.2", "12.2.1.1")
def test_in_a_dialog_the_next_target_gets_no_number_below_that_of_the_repetition(sip, write, told):
    server = sip(write("marker", MARKER), intercept=["marker"], application=[], integration=["memory", "toml", "marker"])
    came = []

    def at(host, *statuses):
        left = list(statuses)

        def take(data, source, local):
            request = parse(data)
            came.append((host, request.cseq.number, "authorization" in request))
            status = left.pop(0)
            asks = [("WWW-Authenticate", digest.challenge_value("test", "n0nce"))] if status == 401 else []
            socket.send(Response.to(request, status, "", asks, to_tag="b").encode(), source)

        socket = server.network.host(host).datagram(host, 5060, take)

    at("10.0.0.8", 401, 503)
    at("10.0.0.9", 401, 200)
    dialog = Dialog("call@test", "<sip:a@x>;tag=a", "a", "<sip:b@x>;tag=b", "b", "sip:b@x", initiator=True)
    made = dialog.request("INFO")
    server.engine.request(made, [Target("10.0.0.8", 5060), Target("10.0.0.9", 5060)], told, dialog=dialog)
    server.advance(2)
    assert [outcome.response.status for outcome in told] == [200]
    assert came == [("10.0.0.8", 1, False), ("10.0.0.8", 2, True), ("10.0.0.9", 2, False), ("10.0.0.9", 3, True)]
    assert made.cseq.number == 1  # its owner's is as it was
    assert dialog.request("INFO").cseq.number == 4


@rfc("3261", "22.1")
def test_a_cancel_that_is_challenged_is_not_sent_again(sip, write, request_, told):
    server = sip(write("marker", MARKER), intercept=["marker"], application=[], integration=["memory", "toml", "marker"])
    came = []

    def answer(data, source, local):
        request = parse(data)
        came.append(request.method)
        status = {"INVITE": 180, "CANCEL": 401}.get(request.method)
        if status is not None:
            headers = [("WWW-Authenticate", digest.challenge_value("test", "n0nce"))] if status == 401 else []
            bob.send(Response.to(request, status, "", headers, to_tag="b").encode(), source)

    bob = server.network.host("10.0.0.9").datagram("10.0.0.9", 5060, answer)
    asking = server.engine.request(request_("INVITE"), Target("10.0.0.9", 5060), told)
    server.advance(1)
    asking.cancel()
    server.advance(5)
    assert came == ["INVITE", "CANCEL"]
