"""What an ill-meaning peer may do within the rules of the wire, and what it may cost: bounded, and nobody else's call is touched."""

import re
from collections import Counter

import pytest

from pipeline.conformance.marks import rfc
from pipeline.sip import digest
from pipeline.sip.message import Response
from pipeline.sip.parser import parse

PEER, ELSEWHERE, VICTIM = ("10.0.0.50", 5060), ("10.0.0.9", 5060), ("10.0.0.51", 5060)
SDP = b"v=0\r\no=- 1 1 IN IP4 10.0.0.50\r\ns=-\r\nc=IN IP4 10.0.0.50\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n"
GUARDED = {"stages": {"intercept": ["identify", "auth"]}}
MALLORY = '[user.mallory]\npassword = "m"\n'
FAR = '[context.far.extensions]\n77 = [{ dial = "sip:far@10.0.0.50" }]\n'


class Peer:
    """A callee that writes its answers by hand."""

    def __init__(self, h, where=PEER):
        self.h, self.got = h, []
        host = h.server.network.host(where[0])
        self.socket = host.datagram(*where, lambda data, *_: self.got.append(parse(data)))

    def named(self, method):
        return [message for message in self.got if message.is_request and message.method == method]

    def answer(self, status, tag="one", request=None, headers=(), *, contact="<sip:one@10.0.0.50>", body=SDP, edit=bytes):
        fields = [("Contact", contact), ("Content-Type", "application/sdp"), *headers]
        response = Response.to(request or self.named("INVITE")[-1], status, "", fields, body, to_tag=tag)
        self.socket.send(edit(response.encode()), ("10.0.0.1", 5060))
        self.h.advance(0.05)

    def agree(self):
        """Answer all that ends something."""
        for message in self.got:
            if message.is_request and message.method in ("BYE", "CANCEL"):
                self.answer(200, request=message)


def called(house, **more):
    """Alice calls bob, who is wherever the Peer is."""
    h = house(**more)
    peer = Peer(h)
    h.bob.register(contacts=["<sip:bob@10.0.0.50>"])
    h.advance(1)
    h.bob.register(0, contacts=[f"<{h.bob.contact}>"])
    h.advance(1)
    call = h.alice.call("bob")
    h.advance(0.2)
    return h, peer, call


def forged(method, call_id, from_, to, *, cseq=100, headers=(), source=ELSEWHERE):
    """A request of a dialog by somebody who knows its tags."""
    lines = [
        f"{method} sip:bob@10.0.0.1 SIP/2.0",
        f"Via: SIP/2.0/UDP {source[0]}:{source[1]};branch=z9hG4bK{method}{cseq};rport",
        "Max-Forwards: 70",
        f"From: {from_}",
        f"To: {to}",
        f"Call-ID: {call_id}",
        f"CSeq: {cseq} {method}",
        f"Contact: <sip:evil@{source[0]}>",
        *(f"{name}: {value}" for name, value in headers),
        "Content-Length: 0",
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


def by_mallory(h, method, *dialog):
    """Try it without credentials, then with mallory's when they are asked for; what she got."""
    h.server.send(forged(method, *dialog))
    got = [reply.status for reply in h.server.replies()]
    challenge = h.server.replies()[-1].all("www-authenticate") if got else []
    if challenge:
        proof = digest.answer(
            digest.choose(challenge, "m"), method, "sip:bob@10.0.0.1", username="mallory", password="m", cnonce="abcdef", body=b""
        )
        h.server.send(forged(method, *dialog, cseq=101, headers=[("Authorization", proof)]))
        got = [reply.status for reply in h.server.replies()]
    h.advance(0.5)
    return got


# -- who may act in a dialog -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["BYE", "INVITE", "UPDATE", "INFO", "OPTIONS"])
def test_another_user_who_knows_the_tags_cannot_act_in_a_call(house, method):
    h = house(toml=MALLORY, **GUARDED)
    call, other = h.up()
    assert by_mallory(h, method, call.invite.call_id, call.invite.get("from"), call.final.get("to")) == [401, 401]
    assert (call.state, other.state) == ("up", "up")


@pytest.mark.parametrize("method", ["BYE", "INVITE"])
def test_nor_in_a_call_with_a_stranger_by_a_password_of_his_own(house, method):
    h = house(toml=MALLORY + FAR, alice='context = "far"', **GUARDED)
    peer = Peer(h)
    call = h.alice.call("77")
    h.advance(0.5)
    peer.answer(200)
    call.until("up")
    invite = peer.named("INVITE")[0]
    assert by_mallory(h, method, invite.call_id, "<sip:mallory@example.com>;tag=one", invite.get("from")) == [481]
    assert call.state == "up"
    peer.socket.send(forged("BYE", invite.call_id, f"{invite.get('to')};tag=one", invite.get("from"), source=PEER), ("10.0.0.1", 5060))
    assert call.until("ended").why == "released"


@rfc("3261", "22.1")
def test_a_cancel_is_taken_only_from_the_host_that_sent_the_invite(house):
    h = house(**GUARDED)
    h.bob.answers(after=None)
    call = h.alice.call("bob")
    h.advance(0.5)
    [transaction] = h.server.engine.transactions.at_work()
    invite = transaction.passage.message
    cancel = invite.encode().partition(b"\r\n\r\n")[0].decode().replace("INVITE sip", "CANCEL sip").replace(" INVITE\r\n", " CANCEL\r\n")
    cancel = re.sub(r"\r\n(Content-|Authorization)[^\r]*", "", cancel)
    h.server.send(f"{cancel}\r\nContent-Length: 0\r\n\r\n".encode())
    assert [reply.status for reply in h.server.replies()] == [481]
    assert call.state == "proceeding"
    call.hangup()
    assert call.until("ended").status == 487


def test_who_repeats_the_invite_of_another_host_is_told_nothing(house):
    h = house(**GUARDED)
    h.bob.answers(after=None)
    call = h.alice.call("bob")
    h.advance(0.5)
    [transaction] = h.server.engine.transactions.at_work()
    h.server.send(transaction.passage.message.encode())
    assert not h.server.replies()
    call.hangup()
    call.until("ended")


def test_names_that_change_faster_than_they_can_be_told_are_told_once(house):
    h, peer, call = called(house, bob="trust_id_inbound = true")
    peer.answer(200)
    call.until("up")
    h.alice.silent = {"UPDATE", "INVITE"}
    [invite] = peer.named("INVITE")
    for number in range(100):
        names = [("P-Asserted-Identity", f"<sip:b{number}@example.com>")]
        update = forged(
            "UPDATE", invite.call_id, f"{invite.get('to')};tag=one", invite.get("from"), cseq=100 + number, headers=names, source=PEER
        )
        peer.socket.send(update.replace(b"sip:evil@", b"sip:one@"), ("10.0.0.1", 5060))
    h.advance(1)
    h.alice.silent = set()
    h.advance(10)
    assert [shown.number for shown in call.displays if shown.source == "pai"][-1] == "b99"
    assert len(call.displays) < 10
    call.hangup()
    h.advance(0.1)
    peer.agree()


# -- what an answer may cost -----------------------------------------------------------------------------------------


def test_a_callee_that_names_a_new_realm_each_time_is_not_asked_for_ever(house):
    _h, peer, call = called(house, bob='outbound_auth = ["bob"]')
    for number in range(20):
        challenge = [("WWW-Authenticate", f'Digest realm="r{number}", nonce="n", algorithm=MD5')]
        peer.answer(401, f"t{number}", headers=challenge)
    call.until("ended")
    assert len({invite.cseq.number for invite in peer.named("INVITE")}) == 5


@pytest.mark.parametrize("when", ["ringing", "over"])
def test_of_a_thousand_who_answer_one_invite_a_few_are_released(house, when):
    h, peer, call = called(house)
    victim = Peer(h, VICTIM)
    if when == "over":
        peer.answer(200)
        call.until("up").hangup()
        h.advance(0.1)
        peer.agree()
    first = peer.named("INVITE")[0]
    for number in range(1000):
        response = Response.to(
            first, 200, "", [("Contact", "<sip:v@10.0.0.51>"), ("Content-Type", "application/sdp")], SDP, to_tag=f"x{number}"
        )
        peer.socket.send(response.encode(), ("10.0.0.1", 5060))
    h.advance(40)
    assert len({message.to.tag for message in victim.got}) <= 32
    assert Counter(message.method for message in victim.got)["ACK"] <= 32


def test_twenty_who_answer_are_all_acknowledged_and_all_but_one_released(house):
    h, peer, call = called(house)
    for number in range(20):
        peer.answer(180, f"t{number}")
    for number in range(20):
        peer.answer(200, f"t{number}")
    assert call.until("up")
    assert {ack.to.tag for ack in peer.named("ACK")} == {f"t{number}" for number in range(20)}
    assert {bye.to.tag for bye in peer.named("BYE")} == {f"t{number}" for number in range(1, 20)}
    call.hangup()
    h.advance(0.1)
    peer.agree()


def test_an_answer_with_another_number_than_its_request_is_no_answer(house):
    h, peer, call = called(house)
    peer.answer(200, edit=lambda data: data.replace(b"CSeq: 1 ", b"CSeq: 2147483647 "))
    assert call.state == "calling" and not peer.named("ACK")
    peer.answer(200)
    call.until("up").hangup()  # by a BYE: its number is one that can be written
    h.advance(0.1)
    peer.agree()


@pytest.mark.parametrize("number", ["x", "99999999999", "-1", "0"])
def test_a_reliable_answer_without_a_number_is_none(house, number):
    h, peer, call = called(house)
    peer.answer(183, headers=[("Require", "100rel"), ("RSeq", number)])
    assert not peer.named("PRACK") and call.state == "calling"
    peer.answer(200)
    call.until("up").hangup()
    h.advance(0.1)
    peer.agree()


@pytest.mark.parametrize(
    "where", ["<tel:+1>", "<sips:x@10.0.0.50>", "*", "<sip:x@224.0.0.1>", "<sip:x@0.0.0.0>", "<sip:600@10.0.0.1>", "<sip:>"]
)
@pytest.mark.parametrize("status", [183, 200])
def test_a_contact_that_leads_nowhere_leaves_a_call_that_ends(house, where, status):
    h, peer, call = called(house)
    victim = Peer(h, VICTIM)
    peer.answer(status, headers=[("Require", "100rel"), ("RSeq", "1")] if status < 200 else (), contact=where)
    if status < 200:
        peer.answer(200)
    call.until("up").hangup()
    h.advance(0.1)
    peer.agree()
    h.advance(40)
    assert call.state == "ended" and not victim.got


def test_a_callee_whose_contacts_are_confined_does_not_redirect_us_elsewhere(house):
    h = house(bob='contact_permit = ["10.0.0.0/28"]\nredirect_method = "uri"', stages={"intercept": ["identify", "security", "auth"]})
    peer = Peer(h)
    h.bob.answers(status=302, headers=[("Contact", "<sip:+1900@10.0.0.50>")])
    assert h.alice.call("bob").until("ended").status == 410  # it has moved, and nobody is told whereto
    assert not peer.got
    h.bob.answers(status=302, headers=[("Contact", "<sip:bob@example.com>")])
    h.alice.call("bob").until("ended")


DENIED = {"toml": f'[plugin.security]\ncontact_deny = ["{VICTIM[0]}"]\n', "stages": {"intercept": ["identify", "security", "auth"]}}


@pytest.mark.parametrize(
    "lists", [DENIED, {"bob": f'contact_deny = ["{VICTIM[0]}"]', "stages": DENIED["stages"]}], ids=["everybody's", "the endpoint's"]
)
@pytest.mark.parametrize(
    ("contact", "route"),
    [
        (f"<sip:v@{VICTIM[0]}>", ""),
        (f"<sip:one@{PEER[0]};maddr={VICTIM[0]}>", ""),
        (f"<sip:one@example.com;maddr={VICTIM[0]}>", ""),
        (f"<sip:one@{PEER[0]}>", f"<sip:{PEER[0]};lr>, <sip:{VICTIM[0]};lr>"),  # of an answer the last is the first (12.1.2)
    ],
    ids=["host", "maddr", "maddr of our domain", "route"],
)
def test_the_contact_of_an_answer_does_not_lead_where_no_contact_may_be(house, lists, contact, route):
    h, peer, call = called(house, **lists)
    victim = Peer(h, VICTIM)
    more = [("Record-Route", route)] if route else []
    peer.answer(183, headers=[("Require", "100rel"), ("RSeq", "1"), *more], contact=contact)
    peer.answer(200, headers=more, contact=contact)
    call.until("up").hangup()
    h.advance(0.1)
    assert {message.method for message in peer.got if message.is_request} >= {"INVITE", "PRACK", "ACK", "BYE"}
    peer.agree()
    assert not victim.got
    assert h.server.told("security.refused")


def test_nor_does_that_of_an_update_s_answer_but_another_one_is_taken(house):
    h, peer, call = called(house, **DENIED)
    peer.answer(200)
    call.until("up")
    victim, moved = Peer(h, VICTIM), Peer(h, ("10.0.0.52", 5060))
    for contact, where in ((f"<sip:v@{VICTIM[0]}>", peer), ("<sip:one@10.0.0.52>", moved)):
        call.hold() if where is peer else call.resume()
        h.advance(0.2)
        peer.answer(200, contact=contact, body=SDP + b"a=recvonly\r\n" if where is peer else SDP)
        h.advance(0.5)
        assert where.named("ACK")[-1].cseq.number == peer.named("INVITE")[-1].cseq.number
    call.hangup()
    h.advance(0.1)
    assert moved.named("BYE")
    moved.agree()
    assert not victim.got


def test_of_a_redirection_those_places_are_left_out_where_no_contact_may_be(house):
    h, peer, call = called(house, bob='redirect_method = "uri"', **DENIED)
    victim, other = Peer(h, VICTIM), Peer(h, ("10.0.0.52", 5060))
    places = f"<sip:v@{VICTIM[0]}>;q=1.0, <sip:o@10.0.0.52>;q=0.5"
    peer.answer(302, contact=places, body=b"", headers=())
    h.advance(0.5)
    other.answer(486, request=other.named("INVITE")[0])
    assert call.until("ended").status == 486
    assert not victim.got


# -- what an offer may cost ------------------------------------------------------------------------------------------


def test_a_format_that_is_offered_ten_thousand_times_is_one_format(house):
    h = house()
    call = h.alice.call("600", sdp=SDP.replace(b"AVP", b"AVP" + b" 0" * 25000)).until("up")
    assert len(call.remote) < 1000
    call.hangup()


@pytest.mark.parametrize("trusted", [False, True])
def test_what_a_caller_claims_to_be_reaches_nobody_unless_he_is_trusted(house, trusted):
    h = house(alice="trust_id_inbound = true" if trusted else "", **GUARDED)
    boss = '"Boss" <sip:boss@example.com>'
    proof = 'Digest username="alice",realm="far",nonce="s3cr3t",uri="sip:x",response="0123456789abcdef0123456789abcdef"'
    claims = [
        ("P-Asserted-Identity", boss),
        ("Remote-Party-ID", f"{boss};party=calling;screen=yes"),
        ("Diversion", f"{boss};reason=unknown"),
    ]
    h.alice.call("bob", headers=[*claims, ("P-Preferred-Identity", boss), ("Proxy-Authorization", proof), ("X-Evil", "s3cr3t")]).until("up")
    invite = h.bob.calls[-1].invite.encode()
    assert (b"oss" in invite) is trusted
    assert b"s3cr3t" not in invite and b"uthorization" not in invite and b"10.0.0.2:" not in invite
