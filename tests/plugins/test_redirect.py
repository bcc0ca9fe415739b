"""plugins.redirect: an INVITE is told where the callee is (RFC 3261 8.3)."""

import pytest
from pipeline.plugins.memory.tables import Tables

from pipeline import Pending
from pipeline.conformance.marks import rfc
from pipeline.dal import Mapping, Unavailable

SDP = b"v=0\r\no=- 1 1 IN IP4 10.0.0.9\r\ns=-\r\nc=IN IP4 10.0.0.9\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n"


def bind(server, contacts, **more):
    assert server.request("REGISTER", "bob", from_="bob", headers=[("Contact", contacts)], **more).status == 200


@rfc("3261", "8.3", "21.3.3")
def test_a_bound_callee_is_a_302_with_his_contacts(sip):
    server = sip()
    bind(server, "<sip:bob@10.0.0.5:5070>;expires=120")
    server.advance(20)
    reply = server.request("INVITE", "bob")
    assert reply.status == 302
    assert reply.all("contact") == ["<sip:bob@10.0.0.5:5070>;q=1;expires=100"]


@rfc("3261", "20.10")
def test_contacts_come_by_preference_and_then_by_age(sip):
    server = sip()
    bind(
        server, "<sip:bob@10.0.0.1>;q=0.2, <sip:bob@10.0.0.2>, <sip:bob@10.0.0.3>;q=0.75, <sip:bob@10.0.0.4>;q=1.0, <sip:bob@10.0.0.5>;q=0"
    )
    got = [contact.uri.host[-1] + " " + contact.params["q"] for contact in server.request("INVITE", "bob").contacts]
    assert got == ["2 1", "4 1", "3 0.75", "1 0.2", "5 0"]


def test_what_a_phone_says_about_itself_is_not_told_to_callers(sip):
    server = sip()
    bind(server, '<sip:bob@10.0.0.5;x=1?Subject=hi>;+sip.instance="<urn:uuid:1>";video')
    assert server.request("INVITE", "bob").all("contact") == ["<sip:bob@10.0.0.5;x=1?Subject=hi>;q=1;expires=3600"]


def test_known_but_unbound_is_480_and_unknown_is_404(sip):
    server = sip()
    assert server.request("INVITE", "bob").status == 480
    assert server.request("INVITE", "nobody").status == 404


@pytest.mark.parametrize("uri", ["sip:bob@elsewhere.org", "sip:example.com", "sip:10.0.0.1", "sip:bobby@example.com"])
def test_a_uri_that_is_no_address_of_record_of_ours_is_404(sip, uri):
    assert sip().request("INVITE", uri=uri).status == 404


def test_a_tel_uri_is_416(sip):
    assert sip().request("INVITE", uri="tel:+15551234").status == 416


def test_an_expired_binding_is_none(sip):
    server = sip()
    bind(server, "<sip:bob@10.0.0.5>;expires=60")
    server.advance(60.2)
    assert server.request("INVITE", "bob").status == 480


@rfc("3261", "8.3")
def test_nobody_is_redirected_to_the_uri_he_called(sip):
    server = sip()
    bind(server, "<sip:bob@EXAMPLE.com>")
    assert server.request("INVITE", "bob").status == 404
    bind(server, "<sip:bob@10.0.0.5>", cseq=2)
    assert server.request("INVITE", "bob").all("contact") == ["<sip:bob@10.0.0.5>;q=1;expires=3600"]


def test_an_offer_is_not_looked_into(sip):
    server = sip()
    bind(server, "<sip:bob@10.0.0.5>")
    for body in (SDP, b"no session description at all"):
        assert server.request("INVITE", "bob", headers=[("Content-Type", "application/sdp")], body=body).status == 302


def test_a_body_that_it_cannot_use_is_415(sip):
    reply = sip().request("INVITE", "bob", headers=[("Content-Type", "text/plain")], body=b"hello")
    assert (reply.status, reply.get("accept")) == (415, "application/sdp")


@rfc("3261", "21.4.7")
@pytest.mark.parametrize("accept", ["text/nobodyKnowsThis", "application/pidf+xml, text/*"])
def test_an_accept_that_excludes_every_session_description_is_406(sip, accept):
    server = sip()
    bind(server, "<sip:bob@10.0.0.5>")
    reply = server.request("INVITE", "bob", headers=[("Accept", accept)])
    assert (reply.status, reply.get("accept")) == (406, "application/sdp")
    assert reply.get("warning").startswith("399 example.com ")


@pytest.mark.parametrize("accept", ["application/sdp", "text/plain, Application/SDP;level=1", "application/*", "*/*;q=0.1"])
def test_an_accept_that_includes_one_is_fine(sip, accept):
    server = sip()
    bind(server, "<sip:bob@10.0.0.5>")
    assert server.request("INVITE", "bob", headers=[("Accept", accept)]).status == 302


def test_ack_and_cancel_belong_to_the_invite_that_was_answered(sip):
    server = sip()
    bind(server, "<sip:bob@10.0.0.5>")
    invite = server.message("INVITE", "bob")
    server.send(invite)
    [moved] = [reply for reply in server.replies() if reply.status == 302]
    cancel = invite.replace(b"INVITE sip", b"CANCEL sip").replace(b"1 INVITE", b"1 CANCEL")
    server.send(cancel)
    assert [reply.status for reply in server.replies() if reply.cseq.method == "CANCEL"] == [200]
    server.send(
        invite.replace(b"INVITE sip", b"ACK sip")
        .replace(b"1 INVITE", b"1 ACK")
        .replace(b"<sip:bob@example.com>", f"{moved.get('to')}".encode())
    )
    before = len(server.replies())
    server.advance(40)
    assert len(server.replies()) == before  # the 302 is not sent again


class Slow(Tables):
    """A store whose answers come later, or not at all."""

    name = "slow"

    def __init__(self):
        super().__init__()
        self.asked = []

    def owned(self, kind, owner, /):
        self.asked.append(Pending())
        return self.asked[-1]


def test_a_slow_store_is_waited_for_and_a_failing_one_is_503(sip):
    server = sip()
    store, dal = Slow(), server.engine.dal
    dal.use({**dal.mapping, "contact": Mapping(("slow",))}, {**dal.backends, "slow": store})
    for _ in range(2):
        server.send(server.message("INVITE", "bob"))
    assert [reply.status for reply in server.replies() if reply.status > 100] == []
    store.asked[0].resolve(())
    store.asked[1].fail(Unavailable("gone"))
    assert [reply.status for reply in server.replies() if reply.status > 100] == [480, 503]


def test_of_a_gruu_only_that_phone_is_told(sip):
    server = sip()
    headers = [
        ("Contact", '<sip:bob@10.0.0.5>;+sip.instance="<urn:x:1>", <sip:bob@10.0.0.6>;+sip.instance="<urn:x:2>"'),
        ("Supported", "gruu"),
    ]
    server.request("REGISTER", "bob", from_="bob", headers=headers)
    reply = server.request("INVITE", uri="sip:bob@example.com;gr=urn:x:2")
    assert reply.status == 302
    assert [each.uri.text for each in reply.contacts] == ["sip:bob@10.0.0.6"]
    assert server.request("INVITE", uri="sip:bob@example.com;gr=urn:x:3").status == 480
    assert server.request("INVITE", uri="sip:bob@example.com;gr").status == 404
