"""The `media_rtpengine` plugin on the virtual network: commands, repetitions, failover, and what becomes of failures.

The rtpengine here speaks ng and rewrites ports; the real one is driven by tests/interop/test_rtpengine.py.
"""

import re

import pytest
from pipeline.plugins.media_rtpengine.bencode import decode, encode

from pipeline.config import Document, build
from pipeline.core import Hangup, Refused, Unacceptable, Unavailable
from pipeline.pending import Pending
from pipeline.sip import sdp
from pipeline.testing.loop import VirtualLoop
from pipeline.testing.network import Network
from pipeline.testing.server import CALLS

OFFER = b"v=0\r\no=- 1 2 IN IP4 10.0.0.2\r\ns=-\r\nc=IN IP4 10.0.0.2\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8\r\n"
TOML = """
[plugin.media_rtpengine]
instances = ["10.0.0.50:2223", "other.example.net"]
[endpoint.web]
auth = []
media_encryption = "dtls"
use_avpf = true
ice_support = true
rtcp_mux = true
[endpoint.safe]
auth = []
media_encryption = "sdes"
[endpoint.kept]
auth = []
record_call = true
media_address = "198.51.100.7"
"""


class Engine:
    """One rtpengine of a test: remembers what it was asked, answers each cookie once and then the same again."""

    def __init__(self, server, address):
        self.asked, self.answers, self.deaf, self.says = [], {}, False, None
        self.socket = server.network.host(address).datagram(address, 2223, self.came)

    def came(self, data, source, local):
        if self.deaf:
            return
        cookie, _, text = data.partition(b" ")
        if cookie not in self.answers:
            command = decode(text)
            self.asked.append(command)
            self.answers[cookie] = (
                cookie + b" " + (self.says if isinstance(self.says, bytes) else encode(self.says or self.answer(command)))
            )
        self.socket.send(self.answers[cookie], source)

    def answer(self, command):
        if command["command"] == b"ping":
            return {"result": "pong"}
        answer = {"result": "ok"}
        if "sdp" in command:
            answer["sdp"] = command["sdp"].replace(b"IP4 10.0.0.", b"IP4 10.9.9.")
        return answer

    def commands(self):
        return [command["command"].decode() for command in self.asked if command["command"] != b"ping"]


class Leg:
    technology = "sip"

    def __init__(self):
        self.offered, self.changes, self.completed = None, [], []

    def change_media(self, offer):
        pending = Pending()
        self.changes.append((offer, pending))
        return pending

    def complete(self, answer):
        self.completed.append(answer)

    def hangup(self, hangup):
        pass


@pytest.fixture
def house(sip, plugin_of):
    """Give a server with two rtpengines and the way to a relay of two channels."""

    class House:
        def __init__(self, toml=TOML):
            loop = VirtualLoop()
            network = Network(0, loop=loop)
            network.names["other.example.net"] = ["10.0.0.51"]
            self.server = server = sip(toml, integration=["memory", "toml", "media_rtpengine"], loop=loop, network=network)
            self.engines = [Engine(server, "10.0.0.50"), Engine(server, "10.0.0.51")]
            self.plugin = plugin_of(server, "media_rtpengine")
            server.advance(0.1)

        def relay(self, caller="", callee="", want="media_rtpengine", offered=OFFER):
            core = self.server.engine.core
            one, two = core.channel("sip", "in", Leg(), endpoint=caller), core.channel("sip", "out", Leg(), endpoint=callee)
            one.leg.offered = offered
            two.variables["media"] = want
            relay = self.plugin.media("relay", (one, two))
            return (relay, *(relay.terminal(channel) for channel in (one, two))) if relay is not None else None

        def call(self, **more):
            relay, caller, callee = self.relay(**more)
            offer = self.given(callee.offer())
            self.given(callee.accept(OFFER.replace(b"4000", b"6000")))
            answer = self.given(caller.answer(OFFER))
            caller.channel.leg.offered = None
            caller.channel.agreed = callee.channel.agreed = True
            return relay, caller, callee, offer, answer

        def given(self, pending, seconds=0.1):
            self.server.advance(seconds)
            return pending.value() if isinstance(pending, Pending) else pending

        @property
        def asked(self):
            return [command for engine in self.engines for command in engine.asked if command["command"] != b"ping"]

    return House


def test_a_call_is_offered_answered_and_deleted_on_one_instance(house):
    house = house()
    relay, caller, callee, offer, answer = house.call()
    assert b"c=IN IP4 10.9.9.2" in offer
    assert b"c=IN IP4 10.9.9.2" in answer
    assert b"m=audio 6000" in answer
    assert caller.show()["instance"] in ("10.0.0.50:2223", "other.example.net")
    assert house.plugin.stats()["calls"] == 1
    relay.close()
    house.server.advance(0.1)
    assert sorted(engine.commands() for engine in house.engines) == [[], ["offer", "answer", "delete"]]
    asked = house.asked
    assert len({command["call-id"] for command in asked}) == 1
    assert (asked[0]["from-tag"], asked[1]["from-tag"], asked[1]["to-tag"]) == (
        caller.channel.id.encode(),
        caller.channel.id.encode(),
        callee.channel.id.encode(),
    )
    assert "to-tag" not in asked[0]
    stats = house.plugin.stats()
    assert (stats["calls"], stats["instances_down"], stats["errors"]) == (0, 0, 0)


@pytest.mark.parametrize(
    ("callee", "protocol", "ice", "mux", "keys"),
    [
        ("", b"RTP/AVP", b"remove", [b"demux"], {"DTLS": b"off"}),
        ("safe", b"RTP/SAVP", b"remove", [b"demux"], {"DTLS": b"off"}),
        ("web", b"UDP/TLS/RTP/SAVPF", b"force", [b"offer"], {"SDES": [b"off"]}),
    ],
)
def test_an_endpoint_is_offered_what_its_options_say(house, callee, protocol, ice, mux, keys):
    house = house()
    house.call(callee=callee)
    offer = house.asked[0]
    assert (offer["transport-protocol"], offer["ICE"], offer["rtcp-mux"]) == (protocol, ice, mux)
    assert {key: offer[key] for key in ("DTLS", "SDES") if key in offer} == {"SDES": [b"pad"], **keys}


@pytest.mark.parametrize(("names", "asked"), [({"callee": "kept"}, 0), ({"caller": "kept"}, 1)])
def test_recording_and_an_address_of_its_own_are_asked_for_whoever_calls(house, names, asked):
    house = house()
    house.call(**names)
    found = [(command.get("record-call"), command.get("media-address")) for command in house.asked[:2]]
    assert found[asked] == (b"yes", b"198.51.100.7")
    assert found[1 - asked] == (None, None)


def test_calls_are_spread_over_the_instances(house):
    house = house()
    for _ in range(4):
        house.call()
    assert [engine.commands().count("offer") for engine in house.engines] == [2, 2]


def test_a_lost_command_is_repeated_with_its_cookie_and_done_once(house):
    house = house()
    _, _, callee = house.relay()
    for engine in house.engines:
        engine.deaf = True
    offer = callee.offer()
    house.server.advance(0.2)
    for engine in house.engines:
        engine.deaf = False
    assert b"10.9.9.2" in house.given(offer, 0.6)
    assert len(house.asked) == 1


def test_an_instance_that_is_gone_is_left_for_the_next_and_taken_back_when_it_answers(house):
    house = house()
    first = house.engines[0]
    first.deaf = True
    for _ in range(2):
        _, _, callee = house.relay()
        assert b"10.9.9.2" in house.given(callee.offer(), 2.0)
    assert first.commands() == []
    assert [event.fields["instance"] for event in house.server.told("rtpengine.down")] == ["10.0.0.50:2223"]
    assert house.plugin.stats()["instances_down"] == 1
    first.deaf = False
    house.server.advance(12)
    assert house.server.told("rtpengine.up")
    for _ in range(2):
        house.call()
    assert "offer" in first.commands()


@pytest.mark.parametrize("reason", ["Failed to parse SDP", "Unrecognized command"])
def test_a_ping_that_is_answered_with_an_error_breaks_nothing_and_makes_nobody_up(house, reason):
    house = house()
    engine = house.engines[0]
    engine.deaf = True
    house.server.advance(30)
    engine.deaf, engine.says = False, {"result": "error", "error-reason": reason}
    house.server.advance(30)
    assert house.plugin.stats()["instances_down"] == 1
    assert not house.server.told("rtpengine.up")
    engine.says = None
    house.server.advance(30)
    assert house.plugin.stats()["instances_down"] == 0
    assert house.server.told("rtpengine.up")


def test_without_any_instance_the_call_is_unavailable_and_not_silent(house):
    house = house()
    _, _, callee = house.relay()
    for engine in house.engines:
        engine.deaf = True
    offer = callee.offer()
    with pytest.raises(Unavailable, match="no answer"):
        house.given(offer, 4.0)
    house.server.advance(12)
    with pytest.raises(Unavailable, match=re.escape("no rtpengine is there: 10.0.0.50:2223: no answer; other.example.net: no answer")):
        house.relay()


@pytest.mark.parametrize(
    ("says", "error"),
    [
        ({"result": "error", "error-reason": "Failed to parse SDP"}, Unacceptable),
        ({"result": "error", "error-reason": "Ran out of ports"}, Unavailable),
        ({"result": "load limit", "message": "Parallel session limit reached"}, Unavailable),
        ({"result": "ok"}, Unavailable),
        (b"nonsense", Unavailable),
        (b"i1e", Unavailable),
    ],
)
def test_what_it_refuses_is_refused_as_what_it_is(house, says, error):
    house = house()
    for engine in house.engines:
        engine.says = says
    _, _, callee = house.relay()
    offer = callee.offer()
    with pytest.raises(error):
        house.given(offer)


def test_a_change_goes_through_it_and_a_refused_one_is_taken_back_there(house):
    house = house()
    _, caller, callee, _, _ = house.call()
    answer = callee.answer(OFFER.replace(b"4000", b"7000"))
    house.server.advance(0.1)
    ((offer, pending),) = caller.channel.leg.changes
    assert b"7000" in offer
    pending.resolve(OFFER.replace(b"4000", b"7002"))
    assert b"7002" in house.given(answer)
    changed = house.asked[-2]
    assert (changed["from-tag"], changed["to-tag"]) == (callee.channel.id.encode(), caller.channel.id.encode())

    answer = caller.answer(OFFER.replace(b"4000", b"8000"))
    house.server.advance(0.1)
    callee.channel.leg.changes[0][1].fail(Refused(Hangup(code=488, technology="sip")))
    with pytest.raises(Refused):
        house.given(answer)
    assert [sdp.parse(command["sdp"]).media[0].port for command in house.asked] == [4000, 6000, 7000, 7002, 8000, 7000, 7002]


def test_a_preview_is_rewritten_too(house):
    house = house()
    _, caller, callee = house.relay()
    house.given(callee.offer())
    assert callee.early(OFFER.replace(b"4000", b"5000"))
    assert b"5000" in house.given(caller.answer(OFFER))
    house.given(callee.accept(OFFER.replace(b"4000", b"6000")))
    # RFC 3261 13.2.1: the first description that a caller gets is the answer; what contradicts it is a new offer, rewritten as well.
    assert b"5000" in house.given(caller.answer(OFFER))
    ((offer, _),) = caller.channel.leg.changes
    assert b"m=audio 6000" in offer and b"c=IN IP4 10.9.9.2" in offer
    assert [engine.commands() for engine in house.engines if engine.commands()] == [["offer", "answer", "answer"]]


def test_a_final_answer_like_the_preview_is_no_further_offer(house):
    house = house()
    _, caller, callee = house.relay()
    house.given(callee.offer())
    assert callee.early(OFFER.replace(b"4000", b"5000"))
    house.given(caller.answer(OFFER))
    house.given(callee.accept(OFFER.replace(b"4000", b"5000")))
    assert b"5000" in house.given(caller.answer(OFFER))
    assert caller.channel.leg.changes == []


def test_a_preview_that_it_refused_is_not_held_against_the_answer(house):
    house = house()
    _, caller, callee = house.relay()
    house.given(callee.offer())
    for engine in house.engines:
        engine.says = {"result": "error", "error-reason": "Failed to parse SDP"}
    callee.early(OFFER.replace(b"4000", b"5000"))
    with pytest.raises(Unacceptable):
        house.given(caller.answer(OFFER))
    for engine in house.engines:
        engine.says = None
    house.given(callee.accept(OFFER.replace(b"4000", b"6000")))
    assert b"6000" in house.given(caller.answer(OFFER))
    assert caller.channel.leg.changes == []


def test_a_call_that_ends_while_its_first_command_is_under_way_is_deleted(house):
    house = house()
    relay, _, callee = house.relay()
    callee.offer()
    relay.close()
    house.server.advance(0.5)
    assert [command["command"] for command in house.asked] == [b"offer", b"delete"]


def test_it_serves_only_who_wants_it(house):
    house = house()
    assert house.relay(want="") is None
    assert house.plugin.media("sound", (None,)) is None


def test_strangers_and_late_answers_are_not_heard(house):
    house = house()
    _, _, callee = house.relay()
    for engine in house.engines:
        engine.deaf = True
    callee.offer()
    ours = next(iter({instance.socket.local for instance in house.plugin.ng.instances}))
    cookie = next(iter(house.plugin.ng._open))
    stranger = house.server.network.host("10.0.0.66").datagram("10.0.0.66", 2223, lambda *_: None)
    for data in (cookie.encode() + b" d6:result2:ok3:sdp3:bade", b"x d6:result2:oke", b"\xff"):
        stranger.send(data, ours)
    house.server.advance(0.1)
    assert house.server.engine.counts["rtpengine.stray"] == 3
    assert cookie in house.plugin.ng._open


def test_who_waits_when_the_server_stops_is_told(house):
    house = house()
    _, _, callee = house.relay()
    for engine in house.engines:
        engine.deaf = True
    offer = callee.offer()
    house.server.advance(0.1)
    house.server.engine.draining = True
    house.plugin.stop()
    with pytest.raises(Unavailable, match="the server stops"):
        offer.value()


def test_after_a_reload_the_former_instance_serves_its_calls_to_their_end_and_closes(house, plugin_of):
    house = house()
    relay, caller, callee, _, _ = house.call()
    former = house.plugin
    text = house.server.text.replace("[plugin.media_rtpengine]", "[plugin.media_rtpengine]\ntries = 4")
    assert "tries = 4" in text
    house.server.run(house.server.engine.reload(build(Document(house.server.folder / "pipeline.toml", text))))
    house.server.advance(30)
    assert plugin_of(house.server, "media_rtpengine") is not former
    answer = callee.answer(OFFER.replace(b"4000", b"7000"))
    house.server.advance(0.1)
    caller.channel.leg.changes[0][1].resolve(OFFER.replace(b"4000", b"7002"))
    assert b"7002" in house.given(answer)
    relay.close()
    house.server.advance(30)
    assert house.asked[-1]["command"] == b"delete"
    assert former.ng._closed and not former.ng._sockets


@pytest.mark.parametrize("instances", ["[]", '["10.0.0.1:0"]', '[":1"]', '["h:x"]'])
def test_where_it_is_must_be_an_address(sip, instances):
    with pytest.raises(Exception, match="instances"):
        sip(f"[plugin.media_rtpengine]\ninstances = {instances}", integration=["memory", "toml", "media_rtpengine"])


PHONES = """
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


@pytest.fixture
def phones(sip):
    """Give a server, its rtpengine, alice and bob, who is reached through it."""
    integration = [*CALLS["integration"], "media_rtpengine"]
    server = sip(PHONES, **{**CALLS, "intercept": ["identify"], "integration": integration})
    engine = Engine(server, "10.0.0.50")
    alice, bob = (server.phone(name).online() for name in ("alice", "bob"))
    return server, engine, alice, bob


@pytest.mark.parametrize("late", [False, True], ids=["early offer", "late offer"])
def test_two_phones_talk_through_it(phones, late):
    server, engine, alice, bob = phones
    call = alice.call("bob", late=late).until("up")
    other = bob.calls[-1].until("up")
    server.advance(0.2)
    assert sdp.parse(call.exchange.remote).address.startswith("10.9.9.")
    assert sdp.parse(other.exchange.remote).address.startswith("10.9.9.")
    call.hold()
    server.advance(1)
    assert sdp.parse(other.exchange.remote).media[0].direction == "sendonly"
    call.hangup()
    server.advance(110)
    assert engine.commands() == ["offer", "answer", "offer", "answer", "delete"]
    assert server.leftovers() == {"media ports": 1}  # the one that ng commands leave from


def test_without_it_the_call_is_refused_with_503(phones):
    _server, engine, alice, bob = phones
    engine.deaf = True
    call = alice.call("bob").until("ended")
    assert call.status == 503
    assert bob.calls == []


@pytest.mark.parametrize(
    ("says", "status", "cause"),
    [
        ({"result": "error", "error-reason": "Failed to parse SDP"}, 488, 88),
        ({"result": "error", "error-reason": "Ran out of ports"}, 503, 34),
    ],
)
def test_an_answer_that_it_refuses_ends_the_call_for_what_it_is(phones, says, status, cause):
    server, engine, alice, bob = phones
    bob.answers(ring=1.0)
    call = alice.call("bob").until(lambda: engine.commands() == ["offer"])
    engine.says = says
    call.until("ended")
    engine.says = None
    assert call.status == status and f"Q.850;cause={cause}" in call.final.get("reason")
    assert (call.final.get("warning") or "").endswith('"no media in common"') is (status == 488)
    bob.calls[-1].until("ended")
    server.advance(110)
    assert server.leftovers() == {"media ports": 1}


def test_a_description_that_fits_no_datagram_is_refused_and_takes_no_instance_down(house):
    house = house()
    _, _, callee = house.relay(offered=OFFER + b"a=x:" + bytes(65400 - len(OFFER)) + b"\r\n")
    with pytest.raises(Unacceptable, match="is too long for rtpengine"):
        house.given(callee.offer(), 5)
    assert house.plugin.stats()["instances_down"] == 0 and house.asked == []
