"""The `media_direct` plugin: descriptions passed from one leg to the other."""

from types import SimpleNamespace

import pytest

from pipeline.core import Unacceptable
from pipeline.pending import Pending
from pipeline.sip import sdp

BODY = (
    b"v=0\r\no=- 1 2 IN IP4 10.0.0.2\r\ns=-\r\nc=IN IP4 10.0.0.2\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8 0 101\r\na=rtpmap:101 telephone-event/8000\r\n"
    b"m=video 5000 RTP/SAVPF 96\r\na=rtpmap:96 VP8/90000\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:abc\r\nm=image 6000 udptl t38\r\na=T38FaxVersion:0\r\n"
)
TOML = """
[endpoint.alice]
auth = []
[endpoint.bob]
auth = []
codecs = ["PCMU", "g722"]
"""


class Leg:
    technology = "sip"
    offered = None

    def hangup(self, hangup):
        pass


@pytest.fixture
def relay(sip, plugin_of):
    """Give the relay of a caller who has offered `body` and a callee; endpoints and wishes by name."""

    def relay(body=BODY, caller="", callee="", wants=("", ""), slow=False):
        server = sip(TOML, integration=["memory", "toml", "media_direct"])
        core = server.engine.core
        one, two = core.channel("sip", "in", Leg(), endpoint=caller), core.channel("sip", "out", Leg(), endpoint=callee)
        one.leg.offered = body
        for channel, wish in zip((one, two), wants, strict=True):
            channel.variables["media"] = wish
        if slow:
            get = server.engine.dal.get
            later = []

            def waits(*args):
                pending = Pending()
                later.append((pending, get(*args)))
                return pending

            plugin_of(server, "media_direct")._engine = SimpleNamespace(dal=SimpleNamespace(get=waits))  # a store that answers later
            server.settle = lambda: [pending.resolve(found) for pending, found in later]
        found = plugin_of(server, "media_direct").media("relay", (one, two))
        return (server, one, two, found, *(found.terminal(channel) for channel in (one, two))) if found is not None else None

    return relay


def test_everything_passes_as_it_is(relay):
    _, _, _, _, caller, callee = relay(caller="alice")
    assert callee.offer() == BODY
    callee.accept(b"answer")
    assert caller.answer(BODY) == b"answer"


def test_an_endpoint_is_offered_its_codecs_only(relay):
    _, _, _, _, _, callee = relay(caller="alice", callee="bob")
    found = sdp.parse(callee.offer())
    assert [media.line for media in found.media] == ["audio 4000 RTP/AVP 0 101", "video 5000 RTP/SAVPF 96", "image 6000 udptl t38"]


def test_the_codecs_are_waited_for(relay):
    server, _, _, _, _, callee = relay(callee="bob", slow=True)
    offer = callee.offer()
    assert not offer.done
    server.settle()
    assert sdp.parse(offer.value()).media[0].formats == ("0", "101")


def test_no_codec_in_common_is_unacceptable(relay):
    _, _, _, _, _, callee = relay(BODY.replace(b"8 0 101", b"8 101"), callee="bob")
    with pytest.raises(Unacceptable, match="no codec that both endpoints may use"):
        callee.offer()
    _, _, _, _, _, callee = relay(b"nonsense", callee="bob")
    with pytest.raises(Unacceptable, match="a line must be a letter"):
        callee.offer()


@pytest.mark.parametrize(("wants", "is_ours"), [(("", ""), True), (("media_direct", ""), True), (("", "media_local"), False)])
def test_it_serves_who_wants_no_other(relay, wants, is_ours):
    assert (relay(wants=wants) is not None) is is_ours


def test_it_makes_no_sound(sip, plugin_of):
    server = sip(integration=["memory", "toml", "media_direct"])
    assert plugin_of(server, "media_direct").media("sound", (None,)) is None


def test_it_shows_where_the_media_are(relay):
    _, one, two, found, caller, callee = relay()
    assert found.provider == caller.provider == "media_direct"
    assert caller.show() == {"provider": "media_direct", "with": two.name}
    callee.offer()
    assert caller.show()["streams"] == ["audio 10.0.0.2:4000 sendrecv", "video 10.0.0.2:5000 sendrecv", "image 10.0.0.2:6000 sendrecv"]
    assert callee.show() == {"provider": "media_direct", "with": one.name}
    callee.accept(b"nonsense")
    assert callee.show() == {"provider": "media_direct", "with": one.name}


def test_an_answer_that_differs_in_its_version_only_is_the_same(relay):
    _, _one, _, found, _caller, _callee = relay()
    assert found.same(BODY, BODY.replace(b"- 1 2", b"- 1 3"))
    assert not found.same(BODY, BODY.replace(b"4000", b"4002"))
