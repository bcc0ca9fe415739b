"""A challenge is answered as a client: RFC 3261 22.2."""

import pytest

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
