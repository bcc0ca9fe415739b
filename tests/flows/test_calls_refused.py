"""What a caller hears when there is no call: refusals passed on unchanged, what is about one leg alone told by its cause. RFC 3261 16.7, 8.1.3."""

import pytest
from pipeline.plugins.media_rtpengine.bencode import decode, encode

from pipeline.conformance.marks import rfc
from pipeline.testing.server import CALLS


@rfc("3261", "16.7")
@pytest.mark.parametrize(
    ("given", "heard"),
    [
        (486, 486),
        (603, 603),
        (480, 480),
        (404, 404),
        (488, 488),
        (600, 600),
        (500, 500),
        (503, 500),
        (401, 403),
        (407, 403),
        (420, 404),
        (410, 410),
    ],
)
def test_a_refusal_reaches_the_caller_as_it_was_but_for_what_is_about_the_leg(house, given, heard):
    h = house()
    h.bob.answers(after=0.1, status=given)
    call = h.alice.call("bob").until("ended")
    assert (call.why, call.status) == ("refused", heard)


def test_the_reason_phrase_is_passed_on(house):
    h = house()
    h.bob.answers(after=0.1, status=486, reason="On the phone")
    assert h.alice.call("bob").until("ended").reason == "On the phone"


@rfc("3261", "21.4.5", "21.4.18")
def test_nobody_of_that_name_is_404_and_known_but_away_is_480(house):
    h = house()
    assert h.alice.call("nobody").until("ended").status == 404
    assert h.alice.call("carol").until("ended").status == 480


def test_a_foreign_domain_is_404(house):
    h = house()
    assert h.alice.call(uri="sip:bob@elsewhere.org").until("ended").status == 404


@rfc("3261", "17.1.1.2")
def test_a_phone_that_does_not_answer_at_all_is_408_after_timer_b(house):
    h = house()
    h.server.network.filter = lambda data, source, destination: destination[0] != "10.0.0.3"
    call = h.alice.call("bob")
    h.advance(31)
    assert call.state == "proceeding" or call.statuses == []
    call.until("ended")
    assert call.status == 408
    h.server.network.filter = None


@rfc("3261", "21.4.26")
def test_incompatible_media_are_488(house):
    h = house()
    h.bob.answers(after=0.1, status=488)
    assert h.alice.call("bob").until("ended").status == 488


@rfc("3261", "13.3.1.3", "20.43")
def test_a_caller_is_told_why_his_offer_is_not_acceptable(house):
    h = house()
    for offer, why in (
        ("m=audio 4000 RTP/AVP 18\r\n", "nothing that is offered can be spoken here"),
        ("m=audio 5060 RTP/AVP 0\r\n", "nothing is sent to 10.0.0.1:5060"),
    ):
        body = f"v=0\r\no=- 1 1 IN IP4 10.0.0.1\r\ns=-\r\nc=IN IP4 10.0.0.1\r\nt=0 0\r\n{offer}".encode()
        refused = h.server.request("INVITE", "600", from_="alice", headers=[("Content-Type", "application/sdp")], body=body)
        assert (refused.status, refused.get("warning")) == (488, f'399 example.com "{why}"')
    h.bob.answers(after=0.1, status=488)
    assert h.alice.call("bob").until("ended").final.get("warning") is None  # it is bob who cannot


RELAYED = """
[context.default]
users = true
[user.alice]
password = "alice's"
[user.bob]
password = "bob's"
media = "media_rtpengine"
[plugin.media_rtpengine]
instances = ["10.0.0.50"]
"""
OTHERWISE = b"v=0\r\no=- 7 2 IN IP4 10.0.0.2\r\ns=-\r\nc=IN IP4 10.0.0.2\r\nt=0 0\r\nm=audio 4444 RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\n"


class Relay:
    """An rtpengine that takes what it is offered, or refuses it and says more than a caller should know."""

    def __init__(self, server):
        self.refuses = False
        self.socket = server.network.host("10.0.0.50").datagram("10.0.0.50", 2223, self.came)

    def came(self, data, source, local):
        cookie, _, text = data.partition(b" ")
        command = decode(text)
        answer = {"result": "pong" if command["command"] == b"ping" else "ok", "sdp": command.get("sdp", b"")}
        if self.refuses and command["command"] == b"offer":
            answer = {"result": "error", "error-reason": "Unsupported codec in bob's SDP at 192.168.7.7"}
        self.socket.send(cookie + b" " + encode(answer), source)


@pytest.fixture
def relayed(sip):
    """Give a server whose calls to bob go through an rtpengine, that, alice and bob."""
    server = sip(RELAYED, **{**CALLS, "intercept": ["identify"], "integration": [*CALLS["integration"], "media_rtpengine"]})
    relay = Relay(server)
    return server, relay, *(server.phone(name).online() for name in ("alice", "bob"))


@rfc("3261", "20.43")
def test_what_a_media_server_says_of_the_other_side_is_not_told_to_the_caller(relayed):
    _, relay, alice, _ = relayed
    relay.refuses = True
    call = alice.call("bob").until("ended")
    assert (call.status, call.final.get("warning")) == (488, '399 example.com "no media in common"')


@rfc("3261", "20.43")
def test_what_a_media_server_or_the_other_side_says_of_a_change_is_not_told(relayed):
    server, relay, alice, bob = relayed
    call = alice.call("bob").until("up")
    other = bob.calls[-1].until("up")
    server.advance(0.2)
    relay.refuses = True
    call.reinvite(OTHERWISE)
    server.advance(3)
    relay.refuses = False
    bob.refuses["INVITE"] = 488
    call.reinvite(OTHERWISE)
    server.advance(3)
    assert [refused.get("warning") for refused in call.responses(488)] == ['399 example.com "the offer cannot be answered"'] * 2
    assert call.state == other.state == "up"


def test_a_redirection_is_passed_on_where_it_is_not_followed(house):
    h = house(bob='redirect_method = "no"')
    h.bob.answers(after=0.1, status=302, headers=[("Contact", "<sip:carol@example.com>;q=0.5, <sip:dave@10.0.0.77>;q=0.9")])
    call = h.alice.call("bob").until("ended")
    assert call.status == 302
    assert [str(contact.uri) for contact in call.final.contacts] == ["sip:dave@10.0.0.77", "sip:carol@example.com"]


@rfc("3261", "8.1.3.4")
def test_a_redirection_is_followed_each_place_once(house):
    h = house(phones=("alice", "bob", "carol"), bob='redirect_method = "uri"')
    contact = h.carol.contact
    h.bob.answers(after=0.1, status=302, headers=[("Contact", f"<{contact}>")])
    call = h.alice.call("bob").until("up")
    assert call.mirrors(h.carol.calls[-1])


def test_a_redirection_that_comes_back_ends(house):
    h = house(bob='redirect_method = "uri"')
    h.bob.answers(after=0.1, status=302, headers=[("Contact", f"<{h.bob.contact}>")])
    call = h.alice.call("bob").until("ended")
    assert call.status == 302
    assert len(h.bob.calls) == 1


@rfc("3261", "16.3")
def test_too_many_hops_are_483(house):
    h = house()
    call = h.alice.call("bob", headers=[("Max-Forwards", "0")]).until("ended")
    assert call.status == 483
    assert not h.bob.calls


@rfc("3261", "16.3", "21.4.20")
def test_a_call_that_comes_back_in_the_same_way_is_482(house):
    h = house()
    h.bob.register(contacts=["<sip:bob@10.0.0.1>"], expires=3600)
    h.advance(1)
    h.bob.register(contacts=[f"<{h.bob.contact}>"], expires=0)
    h.advance(1)
    call = h.alice.call("bob").until("ended")
    assert call.status == 482


@rfc("3261", "8.2.2.3")
def test_a_required_extension_that_nobody_knows_is_420(house):
    h = house()
    call = h.alice.call("bob", headers=[("Require", "foo")]).until("ended")
    assert call.status == 420 and call.final.get("unsupported") == "foo"


def test_the_application_says_how_it_ends(house):
    h = house()
    call = h.alice.call("602").until("ended")
    assert call.statuses[-2:] == [180, 486]


def test_an_invite_that_accepts_no_session_description_is_406(house):
    h = house()
    assert h.alice.call("bob", headers=[("Accept", "text/plain")]).until("ended").status == 406


@rfc("3261", "8.1.1.8")
def test_an_invite_without_a_contact_is_400(house):
    h = house()
    reply = h.server.request("INVITE", "bob", headers=[("Contact", "")])
    assert (reply.status, reply.reason) == (400, "Missing Contact")


@rfc("3261", "12.2.2")
@pytest.mark.parametrize("method", ["BYE", "UPDATE", "INFO", "PRACK"])
def test_what_belongs_inside_a_session_and_names_none_is_481(house, method):
    h = house()
    assert h.server.request(method, "bob").status == 481


def test_options_get_what_an_invite_would_get(house):
    h = house()
    assert h.server.request("OPTIONS", "bob").status == 200
    assert h.server.request("OPTIONS", "600").status == 200
    assert h.server.request("OPTIONS", "carol").status == 480
    assert h.server.request("OPTIONS", uri="sip:bob@elsewhere.org").status == 404
