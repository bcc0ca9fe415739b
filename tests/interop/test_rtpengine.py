"""The real rtpengine (Debian's, in user space) and our ng commands: what it makes of descriptions, and whether packets pass.

Calls of phones through it: calls/test_rtpengine_call.py.
"""

import asyncio
import socket

import pytest

from pipeline.config import Document, build
from pipeline.core import Hangup, Refused, Unacceptable
from pipeline.engine import Pipeline
from pipeline.pending import Pending, finished
from pipeline.sip import sdp

TOML = """
[pipeline]
name = "test"
domains = ["example.com"]
state = "{folder}/state"
[[stage]]
name = "transport"
plugins = ["udp"]
[[stage]]
name = "protocol"
plugins = ["stack"]
[[stage]]
name = "intercept"
plugins = []
[[stage]]
name = "application"
plugins = ["options"]
[[stage]]
name = "integration"
plugins = ["memory", "toml", "media_rtpengine"]
[plugin.udp]
bind = ["127.0.0.1:0"]
[plugin.media_rtpengine]
instances = ["127.0.0.1:{port}"]
[endpoint.safe]
auth = []
media_encryption = "sdes"
[endpoint.web]
auth = []
media_encryption = "dtls"
use_avpf = true
ice_support = true
rtcp_mux = true
"""
SUITE = "AES_CM_128_HMAC_SHA1_80"


class Leg:
    """A far side that answers what is put to it."""

    technology = "sip"

    def __init__(self):
        self.offered, self.put, self.answers = None, [], []

    def change_media(self, offer):
        self.put.append(offer)
        answer = self.answers.pop(0)
        return Pending.failed(answer) if isinstance(answer, Exception) else Pending.of(answer)

    def complete(self, answer):
        self.put.append(answer)

    def hangup(self, hangup):
        pass


class Phone:
    """An RTP socket of one side."""

    open = []

    def __init__(self):
        self.open.append(self)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.settimeout(3)
        self.port = self.socket.getsockname()[1]

    def describe(self, protocol="RTP/AVP", more="", port=None):
        return (
            f"v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio {port or self.port} {protocol} 0 101\r\n"
            f"a=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\n{more}"
        ).encode()

    def fax(self):
        return (
            f"v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=image {self.port} udptl t38\r\n"
            "a=T38FaxVersion:0\r\na=T38FaxUdpEC:t38UDPRedundancy\r\n"
        ).encode()

    def send(self, description, number=1):
        media = sdp.parse(description).media[0]
        packet = bytes([0x80, 0, 0, number]) + bytes(8) + bytes(range(160))
        self.socket.sendto(packet, (media.address, media.port))
        return packet


def running(ng_port, tmp_path, test):
    """Run `await test(relay_of, engine)` beside a real pipeline."""

    async def run():
        path = tmp_path / "pipeline.toml"
        text = TOML.format(folder=tmp_path, port=ng_port)
        path.write_text(text)
        engine = Pipeline(build(Document(path, text)), asyncio.get_running_loop())
        await engine.start()
        plugin = next(listing.plugin for listing in engine.generation.listings() if listing.name == "media_rtpengine")

        def relay_of(caller="", callee="", offered=None):
            one, two = engine.core.channel("sip", "in", Leg(), endpoint=caller), engine.core.channel("sip", "out", Leg(), endpoint=callee)
            one.leg.offered, two.variables["media"] = offered, "media_rtpengine"
            relay = plugin.media("relay", (one, two))
            return relay, relay.terminal(one), relay.terminal(two)

        try:
            await test(relay_of, plugin)
        finally:
            await engine.stop(0)

    try:
        asyncio.run(asyncio.wait_for(run(), 30))
    finally:
        while Phone.open:
            Phone.open.pop().socket.close()


async def heard(phone):
    return (await asyncio.to_thread(phone.socket.recvfrom, 2000))[0]


def test_a_call_goes_through_it_both_ways_and_leaves_nothing(ng_port, tmp_path):
    async def test(relay_of, plugin):
        alice, bob = Phone(), Phone()
        relay, caller, callee = relay_of(offered=alice.describe())
        offer = await finished(callee.offer())
        await finished(callee.accept(bob.describe()))
        answer = await finished(caller.answer(alice.describe()))
        assert sdp.parse(offer).media[0].port not in (0, alice.port)
        assert alice.send(answer) == await heard(bob)
        assert bob.send(offer) == await heard(alice)
        instance = plugin.ng.instances[0]
        known = await plugin.ng.ask(instance, {"command": "list"})
        assert len(known["calls"]) == 1
        relay.close()
        for _ in range(100):
            known = await plugin.ng.ask(instance, {"command": "list"})
            if not known["calls"]:
                break
            await asyncio.sleep(0.05)
        assert known["calls"] == []
        assert plugin.stats()["errors"] == 0

    running(ng_port, tmp_path, test)


def test_srtp_on_one_leg_and_plain_rtp_on_the_other(ng_port, tmp_path):
    async def test(relay_of, plugin):
        alice, bob = Phone(), Phone()
        relay, caller, callee = relay_of(callee="safe", offered=alice.describe())
        offer = sdp.parse(await finished(callee.offer()))
        assert offer.media[0].protocol == "RTP/SAVP"
        tag = next(key.tag for key in offer.media[0].cryptos if key.suite == SUITE)
        key = f"a=crypto:{tag} {SUITE} inline:WnD7c1ksDGs+dIefCEo8omPg4uO8DYIinNGL5yxQ\r\n"
        await finished(callee.accept(bob.describe("RTP/SAVP", key)))
        answer = await finished(caller.answer(alice.describe()))
        assert (sdp.parse(answer).media[0].protocol, sdp.parse(answer).media[0].cryptos) == ("RTP/AVP", ())
        sent = alice.send(answer)
        got = await heard(bob)
        assert got[:12] == sent[:12]
        assert got[12:172] != sent[12:]
        assert len(got) == len(sent) + 10  # RFC 3711: the authentication tag
        relay.close()

    running(ng_port, tmp_path, test)


def test_a_browser_is_offered_dtls_and_ice(ng_port, tmp_path):
    async def test(relay_of, plugin):
        alice = Phone()
        relay, _, callee = relay_of(callee="web", offered=alice.describe())
        (audio,) = sdp.parse(await finished(callee.offer())).media
        assert audio.protocol == "UDP/TLS/RTP/SAVPF"
        assert audio.fingerprint is not None
        assert audio.ice is not None
        assert audio.candidates
        assert audio.attribute("rtcp-mux") is not None
        assert audio.cryptos == ()
        relay.close()

    running(ng_port, tmp_path, test)


def test_a_change_and_a_refused_change(ng_port, tmp_path):
    async def test(relay_of, plugin):
        alice, bob, moved = Phone(), Phone(), Phone()
        relay, caller, callee = relay_of(offered=alice.describe())
        await finished(callee.offer())
        await finished(callee.accept(bob.describe()))
        await finished(caller.answer(alice.describe()))
        caller.channel.leg.offered = None
        caller.channel.agreed = callee.channel.agreed = True
        callee.channel.leg.answers = [bob.describe(), Refused(Hangup(code=488, technology="sip"))]
        answer = await finished(caller.answer(moved.describe(more="a=sendrecv\r\n")))
        assert moved.send(answer, 2)[12:] == (await heard(bob))[12:]
        with pytest.raises(Refused):
            await finished(caller.answer(alice.describe(more="a=ptime:30\r\n")))
        await asyncio.sleep(0.3)
        assert moved.send(answer, 3)[12:] == (await heard(bob))[12:]
        sent = bob.send(callee.channel.leg.put[0], 4)
        assert (await heard(moved))[12:] == sent[12:]
        relay.close()

    running(ng_port, tmp_path, test)


def test_fax_and_video_pass_through(ng_port, tmp_path):
    async def test(relay_of, plugin):
        alice = Phone()
        more = "m=video 5004 RTP/AVP 96\r\na=rtpmap:96 VP8/90000\r\nm=image 5006 udptl t38\r\na=T38FaxVersion:0\r\n"
        relay, _, callee = relay_of(offered=alice.describe(more=more))
        found = sdp.parse(await finished(callee.offer()))
        assert [(media.kind, media.protocol, bool(media.port)) for media in found.media] == [
            ("audio", "RTP/AVP", True),
            ("video", "RTP/AVP", True),
            ("image", "udptl", True),
        ]
        assert found.media[2].attribute("T38FaxVersion") == "0"
        relay.close()

    running(ng_port, tmp_path, test)


@pytest.mark.parametrize("who", ["caller", "callee"])
def test_a_change_to_fax_and_back_to_sound(ng_port, tmp_path, who):
    async def test(relay_of, plugin):
        alice, bob, fax, machine = Phone(), Phone(), Phone(), Phone()
        relay, caller, callee = relay_of(offered=alice.describe())
        await finished(callee.offer())
        await finished(callee.accept(bob.describe()))
        await finished(caller.answer(alice.describe()))
        caller.channel.leg.offered = None
        caller.channel.agreed = callee.channel.agreed = True
        one, two, mine, his = (caller, callee, alice, bob) if who == "caller" else (callee, caller, bob, alice)
        two.channel.leg.answers = [machine.fax(), his.describe()]
        answer = await finished(one.answer(fax.fax()))
        offer = two.channel.leg.put[0]
        assert [(media.kind, media.attribute("T38FaxUdpEC")) for media in sdp.parse(offer).media] == [("image", "t38UDPRedundancy")]
        for sender, description, hearer in ((fax, answer, machine), (machine, offer, fax)):
            where = sdp.parse(description).media[0]
            sender.socket.sendto(b"a page", (where.address, where.port))
            assert await heard(hearer) == b"a page"
        answer = await finished(one.answer(mine.describe(more="a=sendrecv\r\n")))
        sent = mine.send(answer, 7)
        assert (await heard(his))[12:] == sent[12:]
        sent = his.send(two.channel.leg.put[1], 8)
        assert (await heard(mine))[12:] == sent[12:]
        relay.close()

    running(ng_port, tmp_path, test)


def test_what_is_no_description_is_unacceptable(ng_port, tmp_path):
    async def test(relay_of, plugin):
        _, _, callee = relay_of(offered=b"v=0\r\nnonsense")
        with pytest.raises(Unacceptable):
            await finished(callee.offer())

    running(ng_port, tmp_path, test)
