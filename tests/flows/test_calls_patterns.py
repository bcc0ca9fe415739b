"""The six ways in which an offer and its answer travel (RFC 6337 2.2), in the INVITE that begins a call and in one that changes it, where the
far side asks (we are UAS) and where we ask (UAC). The far side is written by hand; what it says has to reach the phone behind us.

    1  INVITE / 2xx        2  2xx / ACK        3  INVITE / reliable 1xx        4  reliable 1xx / PRACK        5  PRACK / 2xx        6  UPDATE / 2xx

Of the 24, six have no test, for we do not ask so: an offer in a PRACK of ours (5 as UAC, initial and later), and reliable provisional
answers to a re-INVITE (3, 4 and so 5 as UAS): it is answered as soon as the other side has answered, with a final response.
"""

import importlib.util
import pathlib
import sys

import pytest

from pipeline.conformance.marks import rfc
from pipeline.sip import sdp


def load(name):
    key = f"tests_flows_{name}"
    if key not in sys.modules:
        spec = importlib.util.spec_from_file_location(key, pathlib.Path(__file__).with_name(f"test_{name}.py"))
        sys.modules[key] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[key])
    return sys.modules[key]


forks = load("calls_forks")
CALLER = "10.0.0.60"
ALLOW = [("Allow", "INVITE, ACK, BYE, CANCEL, PRACK, UPDATE")]
RELIABLE = [("Require", "100rel"), ("Supported", "100rel"), *ALLOW]


def described(number, address=CALLER, direction="sendrecv"):
    return (
        f"v=0\r\no=- 1 {number} IN IP4 {address}\r\ns=-\r\nc=IN IP4 {address}\r\nt=0 0\r\nm=audio {number} RTP/AVP 0\r\na={direction}\r\n"
    ).encode()


def port(description):
    return sdp.parse(description).media[0].port


def own(phone):
    """The port of a phone's own media, as its last description had it."""
    exchange = phone.calls[-1].exchange
    return exchange.port or port(exchange.local or exchange.offered)


# -- the far side asks -----------------------------------------------------------------------------------------------


class Asking:
    """A caller written by hand: its requests and their answers."""

    def __init__(self, h):
        self.h, self.tag, self.cseq, self.seen = h, "", 0, 0

    def send(self, method, body=b"", headers=(), *, cseq=None):
        self.cseq += cseq is None
        number = self.cseq if cseq is None else cseq
        to = "<sip:bob@example.com>" + (f";tag={self.tag}" if self.tag else "")
        fields = [
            ("From", "<sip:x@far.example>;tag=theirs"),
            ("To", to),
            ("Call-ID", "far@test"),
            ("Contact", f"<sip:x@{CALLER}>"),
            *headers,
        ]
        if body:
            fields.append(("Content-Type", "application/sdp"))
        self.h.server.send(
            self.h.server.message(method, "bob", source=(CALLER, 5060), headers=fields, body=body, cseq=number), (CALLER, 5060)
        )
        self.h.advance(0.3)
        return self

    def got(self, method, status):
        """The answer to the latest request of that method with that status; its tag is the dialog's from then on."""
        found = [reply for reply in self.h.server.replies((CALLER, 5060)) if (reply.cseq.method, reply.status) == (method, status)]
        assert found, [(reply.cseq.method, reply.status) for reply in self.h.server.replies((CALLER, 5060))]
        self.tag = found[-1].to.tag
        return found[-1]

    def ack(self, body=b""):
        self.send(
            "ACK", body, cseq=max(reply.cseq.number for reply in self.h.server.replies((CALLER, 5060)) if reply.cseq.method == "INVITE")
        )

    def prack(self, response, body=b""):
        self.send("PRACK", body, [("RAck", f"{response.get('rseq')} {response.cseq.number} INVITE")])
        return self.got("PRACK", 200)

    def bye(self):
        self.send("BYE")
        assert self.got("BYE", 200)


@pytest.fixture
def asking(house):
    h = house('[endpoint.stranger]\nauth = []\nrel100 = "peer_supported"\n[plugin.identify]\nanonymous = "stranger"\n')
    return Asking(h)


def bob(asking):
    return asking.h.bob.calls[-1]


@rfc("6337", "3.1")
def test_1_uas_initial_invite_2xx(asking):
    answer = asking.send("INVITE", described(4001)).got("INVITE", 200)
    asking.ack()
    assert port(answer.body) == own(asking.h.bob) and port(bob(asking).remote) == 4001
    asking.bye()


@rfc("6337", "3.1")
def test_2_uas_initial_2xx_ack(asking):
    answer = asking.send("INVITE").got("INVITE", 200)
    assert port(answer.body) == own(asking.h.bob)
    asking.ack(described(4002))
    assert port(bob(asking).remote) == 4002
    asking.bye()


def early(asking, body, **answers):
    asking.h.bob.answers(early=True, after=None, ring_headers=ALLOW, **answers)
    asking.send("INVITE", body, RELIABLE)
    response = asking.got("INVITE", 183)
    assert response.get("rseq") and response.get("require") == "100rel"
    return response


def answered(asking):
    """Bob answers; the 200 has nothing more to say of the media."""
    bob(asking).answer()
    asking.h.advance(0.3)
    assert asking.got("INVITE", 200).body == b""
    asking.ack()
    assert bob(asking).state == "up"


@rfc("6337", "3.1")
def test_3_uas_initial_invite_reliable(asking):
    response = early(asking, described(4003))
    assert port(response.body) == own(asking.h.bob)
    asking.prack(response)
    answered(asking)
    asking.bye()


@rfc("6337", "3.1")
def test_4_uas_initial_reliable_prack(asking):
    response = early(asking, b"", reliable=True)
    assert port(response.body) == own(asking.h.bob)
    asking.prack(response, described(4004))
    assert port(bob(asking).remote) == 4004
    answered(asking)
    asking.bye()


@rfc("6337", "3.1")
def test_5_uas_initial_prack_2xx(asking):
    response = early(asking, described(4005), reliable=True)
    answer = asking.prack(response, described(4055))
    assert port(answer.body) == own(asking.h.bob)
    assert port(bob(asking).remote) == 4055
    answered(asking)
    asking.bye()


@rfc("6337", "3.1")
def test_6_uas_initial_update_2xx(asking):
    response = early(asking, described(4006), reliable=True)
    asking.prack(response)
    answer = asking.send("UPDATE", described(4066)).got("UPDATE", 200)
    assert port(answer.body) == own(asking.h.bob)
    assert port(bob(asking).remote) == 4066
    answered(asking)
    asking.bye()


@pytest.fixture
def up(asking):
    asking.send("INVITE", described(4000)).got("INVITE", 200)
    asking.ack()
    return asking


def test_1_uas_later_invite_2xx(up):
    answer = up.send("INVITE", described(4011)).got("INVITE", 200)
    assert answer.cseq.number == up.cseq
    up.ack()
    assert port(bob(up).remote) == 4011 and port(answer.body) == own(up.h.bob)
    up.bye()


def test_2_uas_later_2xx_ack(up):
    answer = up.send("INVITE").got("INVITE", 200)
    assert answer.cseq.number == up.cseq and port(answer.body) == own(up.h.bob)
    up.ack(described(4012))
    assert port(bob(up).remote) == 4012
    up.bye()


def test_6_uas_later_update_2xx(up):
    answer = up.send("UPDATE", described(4016)).got("UPDATE", 200)
    assert port(bob(up).remote) == 4016 and port(answer.body) == own(up.h.bob)
    up.bye()


def test_a_reinvite_that_wants_reliable_answers_gets_a_final_one(up):
    up.send("INVITE", described(4013), RELIABLE).got("INVITE", 200)
    assert not [reply for reply in up.h.server.replies((CALLER, 5060)) if reply.get("rseq")]
    up.ack()
    up.bye()


# -- we ask ----------------------------------------------------------------------------------------------------------


class Answering:
    """Alice calls a callee written by hand."""

    def __init__(self, house, **more):
        self.h, self.peer, self.call = called(house, **more)

    def last(self, method):
        """The latest request of that method that has come, without its repetitions' doing."""
        return self.peer.named(method)[-1]

    def answer(self, status, body=b"", method="INVITE", headers=()):
        self.peer.answer(status, "one", body, request=self.last(method), headers=[*ALLOW, *headers])
        self.h.advance(0.3)

    def reliable(self, body, rseq=1):
        self.answer(183, body, headers=[("Require", "100rel"), ("RSeq", str(rseq))])

    def over(self):
        self.call.hangup()
        self.h.advance(0.3)
        self.answer(200, method="BYE")


def called(house, **more):
    h = house(alice='rel100 = "peer_supported"')
    proxy = forks.Proxy(h)
    h.bob.register(contacts=["<sip:bob@10.0.0.50>"])
    h.advance(1)
    h.bob.register(0, contacts=[f"<{h.bob.contact}>"])
    h.advance(1)
    call = h.alice.call("bob", **more)
    h.advance(0.3)
    return h, proxy, call


@pytest.fixture
def answering(house):
    return lambda **more: Answering(house, **more)


PEER = "10.0.0.50"


def test_1_uac_initial_invite_2xx(answering):
    far = answering()
    assert port(far.last("INVITE").body) == own(far.h.alice)
    far.answer(200, described(5001, PEER))
    assert far.call.until("up") and port(far.call.remote) == 5001
    assert far.last("ACK").body == b""
    far.over()


def test_2_uac_initial_2xx_ack(answering):
    far = answering(late=True)
    assert far.last("INVITE").body == b""
    far.answer(200, described(5002, PEER))
    assert far.call.until("up") and port(far.call.remote) == 5002
    assert port(far.last("ACK").body) == own(far.h.alice)
    far.over()


def test_3_uac_initial_invite_reliable(answering):
    far = answering()
    far.reliable(described(5003, PEER))
    assert far.last("PRACK").body == b""
    far.answer(200, method="PRACK")
    assert port(far.call.responses(183)[-1].body) == 5003
    far.answer(200)
    assert far.call.until("up") and port(far.call.remote) == 5003
    far.over()


def test_4_uac_initial_reliable_prack(answering):
    far = answering(late=True, reliable="required")
    assert far.last("INVITE").body == b"" and "100rel" in far.last("INVITE").supported
    far.reliable(described(5004, PEER))
    assert port(far.last("PRACK").body) == own(far.h.alice)
    far.answer(200, method="PRACK")
    far.answer(200)
    assert far.call.until("up") and port(far.call.remote) == 5004
    assert far.last("ACK").body == b""
    far.over()


def test_6_uac_initial_update_2xx(answering):
    far = answering(reliable="required")
    far.reliable(described(5006, PEER))
    far.answer(200, method="PRACK")
    far.call.update(described(4444, "10.0.0.2"))
    far.h.advance(0.3)
    assert port(far.last("UPDATE").body) == 4444
    far.answer(200, described(5066, PEER), method="UPDATE")
    assert port(far.call.remote) == 5066
    far.answer(200)
    assert far.call.until("up")
    far.over()


@pytest.fixture
def talking(answering):
    far = answering()
    far.answer(200, described(5000, PEER))
    far.call.until("up")
    far.h.advance(0.3)
    return far


def test_1_uac_later_invite_2xx(talking):
    talking.call.reinvite(described(4441, "10.0.0.2"))
    talking.h.advance(0.3)
    assert port(talking.last("INVITE").body) == 4441
    talking.answer(200, described(5011, PEER))
    assert port(talking.call.remote) == 5011
    assert talking.last("ACK").cseq.number == talking.last("INVITE").cseq.number
    talking.over()


def test_2_uac_later_2xx_ack(talking):
    talking.call.reinvite(late=True)
    talking.h.advance(0.3)
    assert talking.last("INVITE").body == b""
    talking.answer(200, described(5012, PEER))
    assert port(talking.call.remote) == 5012
    assert port(talking.last("ACK").body) == own(talking.h.alice)
    talking.over()


def test_3_uac_later_invite_reliable(talking):
    talking.call.reinvite(described(4443, "10.0.0.2"))
    talking.h.advance(0.3)
    assert "100rel" in talking.last("INVITE").supported
    talking.reliable(described(5013, PEER))
    assert talking.last("PRACK").body == b""
    assert talking.last("PRACK").get("rack") == f"1 {talking.last('INVITE').cseq.number} INVITE"
    talking.answer(200, method="PRACK")
    assert port(talking.call.remote) == 5000  # it may still be refused
    talking.answer(200)
    assert port(talking.call.remote) == 5013
    assert talking.last("ACK").cseq.number == talking.last("INVITE").cseq.number
    talking.over()


def test_3_uac_later_and_then_refused(talking):
    talking.call.reinvite(described(4443, "10.0.0.2"))
    talking.h.advance(0.3)
    talking.reliable(described(5013, PEER))
    talking.answer(200, method="PRACK")
    talking.answer(488)
    assert talking.call.responses(488)
    assert port(talking.call.remote) == 5000 and talking.call.state == "up"
    talking.over()


def test_4_uac_later_reliable_prack(talking):
    talking.call.reinvite(late=True)
    talking.h.advance(0.3)
    talking.reliable(described(5014, PEER))
    assert port(talking.last("PRACK").body) == own(talking.h.alice)
    talking.answer(200, method="PRACK")
    talking.answer(200)
    assert port(talking.call.remote) == 5014
    ack = talking.last("ACK")
    assert (ack.body, ack.cseq.number) == (b"", talking.last("INVITE").cseq.number)
    talking.over()


def test_6_uac_later_update_2xx(talking):
    talking.call.update(described(4446, "10.0.0.2"))
    talking.h.advance(0.3)
    assert port(talking.last("UPDATE").body) == 4446
    talking.answer(200, described(5016, PEER), method="UPDATE")
    assert port(talking.call.remote) == 5016
    talking.over()
