"""plugins.options: what the server can do, and how a call would be answered (RFC 3261 11.2)."""

import pytest

from pipeline.conformance.marks import rfc
from pipeline.dal import Mapping

from .test_redirect import Slow

FIELDS = ("allow", "accept", "supported", "accept-encoding", "accept-language")


@rfc("3261", "11.2")
@pytest.mark.parametrize("uri", ["sip:example.com", "sip:10.0.0.1:5060", "sip:EXAMPLE.com."])
def test_the_server_itself_says_what_it_can_do(sip, uri):
    reply = sip().request("OPTIONS", uri=uri)
    assert reply.status == 200
    assert [reply.get(name) for name in FIELDS] == [
        "REGISTER, INVITE, OPTIONS, ACK, CANCEL",
        "application/sdp",
        "path, outbound, gruu",
        "identity",
        "en",
    ]


def test_what_is_not_listed_is_not_offered(sip):
    reply = sip(application=["options"]).request("OPTIONS", uri="sip:example.com")
    assert [reply.get(name) for name in FIELDS[:3]] == ["OPTIONS", "", ""]


@rfc("3261", "11.2")
def test_a_user_is_answered_as_a_call_would_be(sip):
    server = sip()
    assert [server.request("OPTIONS", name).status for name in ("bob", "nobody")] == [480, 404]
    server.request("REGISTER", "bob", from_="bob", headers=[("Contact", "<sip:bob@10.0.0.5>;q=0.5")])
    reply = server.request("OPTIONS", "bob")
    assert (reply.status, reply.all("contact")) == (302, ["<sip:bob@10.0.0.5>;q=0.5;expires=3600"])


def test_its_accept_says_nothing_about_a_call(sip):
    assert sip().request("OPTIONS", "bob", headers=[("Accept", "text/plain")]).status == 480


def test_without_any_plugin_that_takes_calls_a_known_user_is_480_and_others_404(sip):
    server = sip(application=["registrar", "options"])
    assert [server.request("OPTIONS", name).status for name in ("bob", "nobody")] == [480, 404]


@pytest.mark.parametrize(
    ("verdict", "status"), [("Reply(200)", 200), ("Reply(486)", 486), ('Claim("calls", "x", print)', 200), ("None", 480)]
)
def test_whoever_would_take_the_call_decides(sip, write, verdict, status):
    callee = write(
        "callee",
        f"""
    @plugin
    class Callee:
        stage: ClassVar = "application"
        methods: ClassVar = ("INVITE",)
        @hookimpl
        def application(self, message, passage):
            return None
        @hookimpl
        def invite_reply(self, message, passage):
            return {verdict}
    """,
    )
    reply = sip(callee, application=["options", "callee"]).request("OPTIONS", "bob")
    assert reply.status == status
    assert reply.get("allow") == ("OPTIONS, INVITE, ACK, CANCEL" if status == 200 else None)


def test_max_forwards_0_is_served(sip):
    server = sip()
    for uri, status in (("sip:example.com", 200), ("sip:bob@example.com", 480)):
        assert server.request("OPTIONS", uri=uri, headers=[("Max-Forwards", "0")]).status == status


def test_it_keeps_nothing_of_a_ping_and_answers_a_retransmission_alike(sip):
    server = sip()
    ping = server.message("OPTIONS", uri="sip:example.com")
    server.send(ping)
    server.send(ping)
    first, second = server.replies()
    assert first.encode() == second.encode()
    assert len(server.engine.transactions) == 0


def test_a_slow_store_is_waited_for(sip):
    server = sip()
    store, dal = Slow(), server.engine.dal
    dal.use({**dal.mapping, "contact": Mapping(("slow",))}, {**dal.backends, "slow": store})
    server.send(server.message("OPTIONS", "bob"))
    assert server.replies() == []
    store.asked[0].resolve(())
    assert [reply.status for reply in server.replies()] == [480]
