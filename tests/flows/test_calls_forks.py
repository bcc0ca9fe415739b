"""An INVITE of ours that several answer: the first 2xx wins, the others are acknowledged and released. RFC 3261 12.1.2, 13.2.2.4, 19.3."""

from pipeline.conformance.marks import rfc
from pipeline.sip.message import Response
from pipeline.sip.parser import parse

PROXY = ("10.0.0.50", 5060)
SDP = b"v=0\r\no=- %d 1 IN IP4 10.0.0.%d\r\ns=-\r\nc=IN IP4 10.0.0.%d\r\nt=0 0\r\nm=audio 4%d RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n"


class Proxy:
    """A place that answers one INVITE by hand, in the name of several phones."""

    def __init__(self, h):
        self.h = h
        self.got = []
        self.socket = h.server.network.host(PROXY[0]).datagram(PROXY[0], PROXY[1], lambda data, *_: self.got.append(parse(data)))

    @property
    def invite(self):
        return next(message for message in self.got if message.is_request and message.method == "INVITE")

    def named(self, method):
        return [message for message in self.got if message.is_request and message.method == method]

    def answer(self, status, tag, body=b"", request=None, headers=()):
        fields = [("Contact", f"<sip:{tag}@10.0.0.50>"), *headers]
        if body:
            fields.append(("Content-Type", "application/sdp"))
        response = Response.to(request or self.invite, status, "", fields, body, to_tag=tag)
        self.socket.send(response.encode(), ("10.0.0.1", 5060))
        self.h.advance(0.05)


def called(house, dialled="bob", **more):
    h = house(**more)
    proxy = Proxy(h)
    h.bob.register(contacts=["<sip:bob@10.0.0.50>"])
    h.advance(1)
    h.bob.register(0, contacts=[f"<{h.bob.contact}>"])
    h.advance(1)
    call = h.alice.call(dialled)
    h.advance(0.2)
    return h, proxy, call


def sdp(number):
    return SDP % (number, number, number, number)


@rfc("3261", "13.2.2.4")
def test_the_first_2xx_wins_and_the_others_are_released(house):
    h, proxy, call = called(house)
    proxy.answer(180, "one")
    proxy.answer(180, "two")
    proxy.answer(200, "two", sdp(222))
    proxy.answer(200, "one", sdp(111))
    assert call.until("up").remote.count(b"4222")
    acks = {ack.to.tag: ack for ack in proxy.named("ACK")}
    assert set(acks) == {"one", "two"}
    [bye] = proxy.named("BYE")
    assert bye.to.tag == "one" and bye.uri_text == "sip:one@10.0.0.50"
    proxy.answer(200, "one", request=bye)
    proxy.answer(200, "two", sdp(222))  # its ACK was lost
    assert [ack.to.tag for ack in proxy.named("ACK")].count("two") == 2
    call.hangup()
    h.advance(0.1)
    proxy.answer(200, "two", request=proxy.named("BYE")[-1])


def test_a_branch_that_answers_long_after_is_released_too(house):
    h, proxy, call = called(house)
    proxy.answer(200, "one", sdp(111))
    call.until("up").hangup()
    h.advance(0.1)
    proxy.answer(200, "one", request=proxy.named("BYE")[-1])
    h.advance(5)
    proxy.answer(200, "late", sdp(222))
    bye = proxy.named("BYE")[-1]
    assert bye.to.tag == "late"
    proxy.answer(200, "late", request=bye)


def test_each_branch_has_its_own_early_answer(house):
    h, proxy, call = called(house)
    proxy.answer(183, "one", sdp(111))
    assert call.early
    proxy.answer(183, "two", sdp(222), headers=[("Require", "100rel"), ("RSeq", "7")])
    [prack] = proxy.named("PRACK")
    assert prack.to.tag == "two" and prack.get("rack") == f"7 {proxy.invite.cseq.number} INVITE"
    proxy.answer(200, "two", request=prack)
    proxy.answer(200, "one", sdp(111))
    assert b"4111" in call.until("up").remote
    call.hangup()
    h.advance(0.1)
    proxy.answer(200, "one", request=proxy.named("BYE")[-1])


def test_an_answer_without_a_session_description_is_released(house):
    _h, proxy, call = called(house)
    proxy.answer(200, "one")
    [bye] = proxy.named("BYE")
    assert [ack.to.tag for ack in proxy.named("ACK")] == ["one"]
    proxy.answer(200, "one", request=bye)
    assert call.until("ended").status == 500


def test_an_answer_that_is_no_session_description_ends_the_call(house):
    _h, proxy, call = called(house)
    proxy.answer(200, "one", b"hello")
    call.until("ended")
    proxy.answer(200, "one", request=proxy.named("BYE")[-1])
    assert call.status == 488


@rfc("3261", "12.1.2")
def test_the_route_set_of_the_2xx_is_followed_in_reverse(house):
    h, proxy, call = called(house)
    proxy.answer(200, "one", sdp(111), headers=[("Record-Route", "<sip:far.example;lr>, <sip:10.0.0.50:5060;lr>")])
    call.until("up").hangup()
    h.advance(0.1)
    [bye] = proxy.named("BYE")
    assert [str(route) for route in bye.routes] == ["<sip:10.0.0.50:5060;lr>", "<sip:far.example;lr>"]
    assert [str(route) for route in proxy.named("ACK")[0].routes] == ["<sip:10.0.0.50:5060;lr>", "<sip:far.example;lr>"]
    assert bye.uri_text == "sip:one@10.0.0.50"
    proxy.answer(200, "one", request=bye)


@rfc("3261", "22.2")
def test_a_challenge_to_the_invite_and_to_the_bye_is_answered(house):
    h, proxy, call = called(house, bob='outbound_auth = ["bob"]')
    challenge = [("Proxy-Authenticate", 'Digest realm="trunk", nonce="1", algorithm=MD5')]
    proxy.answer(407, "x", headers=challenge)
    again = proxy.named("INVITE")[-1]
    assert 'username="bob"' in again.get("proxy-authorization") and again.cseq.number == proxy.invite.cseq.number + 1
    proxy.answer(200, "one", sdp(111), request=again)
    call.until("up")
    ack = proxy.named("ACK")[-1]
    assert ack.cseq.number == again.cseq.number and ack.get("proxy-authorization") == again.get("proxy-authorization")
    call.hangup()
    h.advance(0.1)
    bye = proxy.named("BYE")[-1]
    assert bye.cseq.number == again.cseq.number + 1
    proxy.answer(407, "one", headers=[("Proxy-Authenticate", 'Digest realm="trunk", nonce="2", algorithm=MD5')], request=bye)
    bye = proxy.named("BYE")[-1]
    assert 'nonce="2"' in bye.get("proxy-authorization")
    proxy.answer(200, "one", request=bye)


@rfc("3261", "22.2", "12.2.1.1")
def test_requests_of_a_dialog_have_rising_numbers_while_one_is_sent_again_for_a_challenge(house):
    h, proxy, call = called(house, bob='outbound_auth = ["bob"]')
    proxy.answer(200, "one", sdp(111))
    call.until("up")
    call.hold()
    h.advance(0.1)
    changed = proxy.named("INVITE")[-1]
    proxy.answer(407, "one", headers=[("Proxy-Authenticate", 'Digest realm="trunk", nonce="1", algorithm=MD5')], request=changed)
    again = proxy.named("INVITE")[-1]
    assert again.cseq.number == changed.cseq.number + 1  # and there is no answer yet
    call.hangup()
    h.advance(0.1)
    bye = proxy.named("BYE")[-1]
    assert bye.cseq.number == again.cseq.number + 1
    proxy.answer(407, "one", headers=[("Proxy-Authenticate", 'Digest realm="trunk", nonce="2", algorithm=MD5')], request=bye)
    assert proxy.named("BYE")[-1].cseq.number == bye.cseq.number + 1
    proxy.answer(200, "one", request=proxy.named("BYE")[-1])
    proxy.answer(487, "one", request=again)


def test_a_caller_who_heard_one_branch_is_answered_so_and_then_offered_the_one_that_won(house):
    """The first description that a caller gets is the answer (RFC 3261 13.2.1)."""
    h, proxy, call = called(house)
    proxy.answer(183, "one", sdp(111))
    early = call.early
    proxy.answer(200, "two", sdp(222))
    final = next(response for response in call.until("up").received if not response.is_request and response.status == 200)
    assert final.body == early
    h.advance(1)
    assert b"4222" in call.remote and len([message for message in call.requests("INVITE") if message.to.tag]) == 1
    assert len(proxy.named("INVITE")) == 1
    call.hangup()
    h.advance(0.1)
    proxy.answer(200, "two", request=proxy.named("BYE")[-1])


APART = {"phones": ("alice", "bob", "carol"), "alice": "early_dialogs = true"}


@rfc("3261", "12.1")
def test_each_phone_that_rings_may_have_an_early_dialog_of_its_own(house):
    h = house(**APART)
    h.bob.answers(early=True, after=None)
    h.carol.answers(early=True, after=1.0)
    call = h.alice.call("700").until("up")
    early = {response.to.tag: response.body for response in call.responses(183)}
    assert len(early) == 2 and len(set(early.values())) == 2
    final = next(response for response in call.received if not response.is_request and response.status == 200)
    assert final.body == early[final.to.tag]
    assert call.mirrors(h.carol.calls[-1])
    h.advance(1)
    call.hold()
    h.advance(1)
    assert h.carol.calls[-1].held
    assert h.bob.calls[-1].why == "abandoned"


def test_of_those_who_only_ring_no_dialog_is_made(house):
    h = house(**APART)
    h.alice.one_branch = False
    h.bob.answers(early=True, after=None)
    h.carol.answers(after=1.0)
    call = h.alice.call("700").until("up")
    final = next(response for response in call.received if not response.is_request and response.status == 200)
    assert final.to.tag not in {response.to.tag for response in call.responses(183)}
    assert call.mirrors(h.carol.calls[-1])


def test_a_caller_gives_up_while_several_are_heard(house):
    h = house(**APART)
    h.bob.answers(early=True, after=None)
    h.carol.answers(early=True, after=None)
    call = h.alice.call("700").until("proceeding")
    h.advance(1)
    call.hangup()
    assert call.until("ended").status == 487


def test_with_reliable_answers_several_are_one(house):
    h = house(**{**APART, "alice": 'early_dialogs = true\nrel100 = "peer_supported"'})
    h.bob.answers(early=True, after=None)
    h.carol.answers(early=True, after=1.0)
    call = h.alice.call("700", reliable="required").until("up")
    assert not call.responses(183) and len({response.to.tag for response in call.responses(180)}) == 1


CHALLENGE = [("Proxy-Authenticate", 'Digest realm="far.example", nonce="1", algorithm=MD5')]


def test_a_challenge_reaches_the_caller_where_that_is_allowed_and_his_answer_the_callee(house):
    h, proxy, call = called(house, bob="pass_challenges = true")
    proxy.answer(407, "x", headers=CHALLENGE)
    h.advance(0.2)
    again = proxy.named("INVITE")[-1]
    assert again.call_id != proxy.invite.call_id
    assert 'username="alice", realm="far.example"' in again.get("proxy-authorization") and "authorization" not in again
    proxy.answer(200, "one", sdp(111), request=again)
    call.until("up").hangup()
    h.advance(0.1)
    proxy.answer(200, "one", request=proxy.named("BYE")[-1])


def test_elsewhere_a_challenge_is_a_refusal_and_no_proof_is_handed_on(house):
    h, proxy, call = called(house)
    proxy.answer(407, "x", headers=CHALLENGE)
    assert call.until("ended").status == 403
    proof = 'Digest username="a", realm="far.example", nonce="1", uri="sip:bob@example.com", response="0123456789abcdef0123456789abcdef"'
    again = h.alice.call("bob", headers=[("Proxy-Authorization", proof)])
    h.advance(0.2)
    invite = proxy.named("INVITE")[-1]
    assert "proxy-authorization" not in invite
    proxy.answer(403, "x", request=invite)
    again.until("ended")
