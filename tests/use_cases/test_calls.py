"""The use cases of the design that are calls (shared/use-cases.md), each a test of its name; the virtual network carries signalling and sound."""

import gc
import wave
import weakref

import pytest

from pipeline.core import Dialed, Party
from pipeline.testing.descriptions import Media
from pipeline.testing.server import CALLS
from pipeline.testing.voice import LOUD, RATE

A, B, C, PROMPT = 440, 1000, 1633, 620
PLAN = """
[user.alice]
password  = "alice's"
caller_id = "Alice <alice>"
media     = "@MEDIA@"
[user.bob]
password  = "bob's"
caller_id = "Bob <bob>"
media     = "@MEDIA@"
[user.carol]
password  = "carol's"
caller_id = "Carol <carol>"
media     = "@MEDIA@"
[context.default]
users = true
[context.default.extensions]
recording  = [{ playback = "@FOLDER@/prompt.wav" }]
room       = [{ conference = "room" }]
menu       = ["answer", { ivr = "main" }]
[menu.main]
prompt  = ["@FOLDER@/prompt.wav"]
timeout = 10.0
[menu.main.choices]
1 = [{ dial = "bob" }]
2 = ["hangup"]
"""


class House:
    """The server and three phones that are registered."""

    def __init__(self, sip, folder, media=""):
        prompt(folder / "prompt.wav")
        self.server = sip(PLAN.replace("@FOLDER@", str(folder)).replace("@MEDIA@", media), intercept=["identify", "auth"], **CALLS)
        self.core = self.server.engine.core
        self.alice, self.bob, self.carol = (self.server.phone(name).online() for name in ("alice", "bob", "carol"))
        self.phones = self.alice, self.bob, self.carol

    def called(self, phone, number=-1):
        """The call that rings at a phone."""
        before = [call for call in phone.calls if not call.caller]
        self.server.loop.run_until(lambda: any(not call.caller for call in phone.calls), 10)
        found = [call for call in phone.calls if not call.caller]
        assert found, f"nobody calls {phone.name}: {before}"
        return found[number]

    def nothing_left(self):
        """Every call is over, on every side; nobody did anything against the rules."""
        self.server.advance(200)
        for phone in self.phones:
            for call in phone.calls:
                assert call.state == "ended", call
                assert not call.faults, call
        assert self.server.leftovers() == {}
        assert not self.server.told("step.failed")


def prompt(path, seconds=4):
    import array
    import math

    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        samples = array.array("h", (int(LOUD * math.sin(2 * math.pi * PROMPT * n / RATE)) for n in range(seconds * RATE)))
        file.writeframes(samples.tobytes())


def hear(one, other, hertz, his):
    """Both ways: each hears the other's tone and nothing else."""
    one.talk(hertz)
    other.talk(his)
    one.loop.advance(0.5)
    assert one.hears() == {his}
    assert other.hears() == {hertz}


@pytest.fixture
def house(sip, tmp_path):
    return House(sip, tmp_path)


@pytest.fixture(params=["", "media_local"], ids=["direct", "local"])
def either(sip, tmp_path, request):
    """A house whose phones talk to each other directly, and one that carries their sound itself."""
    return House(sip, tmp_path, request.param)


def test_one_way_incoming_call(house):
    call = house.alice.call("recording").until("up")
    house.server.advance(0.5)
    assert call.hears() == {PROMPT}
    call.hangup()
    call.until("ended")
    assert call.why == "hung up"
    house.nothing_left()


def test_one_way_outgoing_call(house):
    house.bob.answers(ring=0.0, after=2.0)
    caller = Party("The house", "600")
    house.core.originate("bob", dialed=Dialed("default", "recording", caller=caller), caller=caller, seconds=30)
    call = house.called(house.bob)
    assert (call.display.name, call.display.number) == ("The house", "600")
    call.until("up")
    house.server.advance(0.5)
    assert call.hears() == {PROMPT}
    call.hangup()
    house.nothing_left()


def test_two_way_call(either):
    either.bob.answers(ring=0.0, after=2.0)
    call = either.alice.call("bob")
    other = either.called(either.bob)
    assert (other.display.name, other.display.number) == ("Alice", "alice")
    call.until("proceeding")
    assert call.statuses == [180]
    call.until("up")
    assert call.display.number == "bob"
    hear(call, other, A, B)
    call.hangup()
    other.until("ended")
    assert (call.why, other.why) == ("hung up", "released")
    either.nothing_left()


def test_originated_two_way_call(either):
    either.core.originate("bob", target2="carol", seconds=30)
    bob = either.called(either.bob)
    bob.until("up")
    carol = either.called(either.carol).until("up")
    either.server.advance(1)
    assert (bob.display.number, carol.display.number) == ("carol", "bob")
    hear(bob, carol, B, C)
    bob.hangup()
    carol.until("ended")
    either.nothing_left()


def test_canceled_call(house):
    house.bob.answers(ring=0.0, after=None)
    call = house.alice.call("bob")
    other = house.called(house.bob)
    house.server.advance(3)
    call.hangup()
    call.until("ended")
    other.until("ended")
    assert (call.status, call.why, other.why) == (487, "cancelled", "abandoned")
    house.nothing_left()


def test_video_call(house):
    for phone in (house.alice, house.bob):
        phone.media = Media(video=("H264",))
    call = house.alice.call("bob").until("up")
    other = house.called(house.bob)
    hear(call, other, A, B)
    for one, two in ((call, other), (other, call)):
        one.voice.send_other("video", b"a picture")
        house.server.advance(0.1)
        assert list(two.voice.extra.values()) == [1]
    call.hangup()
    house.nothing_left()


@pytest.mark.parametrize("by", ["rfc4733", "info", "inband"])
def test_ivr_navigation(house, by):
    if by == "inband":
        house.alice.media = Media(dtmf=False)  # who has telephone-events sends them: only of others are tones listened for
    call = house.alice.call("menu").until("up")
    house.server.advance(1)
    assert call.hears() == {PROMPT}
    call.press("1", by=by)
    other = house.called(house.bob).until("up")
    house.server.advance(1)
    hear(call, other, A, B)
    call.hangup()
    other.until("ended")
    again = house.alice.call("menu").until("up")
    house.server.advance(1)
    again.press("2", by=by)
    again.until("ended")
    assert again.why == "released"
    house.nothing_left()


def test_conference_call(house):
    calls = [phone.call("room").until("up") for phone in house.phones]
    for call, hertz in zip(calls, (A, B, C), strict=True):
        call.talk(hertz)
    house.server.advance(1)
    alice, bob, carol = calls
    assert alice.hears() == {B, C}
    assert bob.hears() == {A, C}
    assert carol.hears() == {A, B}
    alice.hangup()
    house.server.advance(0.5)
    assert bob.hears() == {C}
    assert carol.hears() == {B}
    bob.hangup()
    carol.hangup()
    house.nothing_left()


def test_call_forward(house):
    house.bob.answers(ring=None, after=0.1, status=302, headers=[("Contact", "<sip:carol@example.com>")])
    call = house.alice.call("bob")
    carol = house.called(house.carol).until("up")
    call.until("up")
    assert carol.display.number == "alice"
    assert call.display.number == "carol"
    hear(call, carol, A, C)
    call.hangup()
    house.nothing_left()


def test_fax_passthrough(house):
    house.alice.media = house.bob.media = Media(fax=True)
    call = house.alice.call("bob").until("up")
    other = house.called(house.bob)
    house.server.advance(1)
    hear(call, other, A, B)
    for one, two in ((other, call), (call, other)):
        voice = one.local
        fax = voice.partition(b"m=audio")[0] + f"m=image {one.voice.port + 4} udptl t38\r\na=T38FaxVersion:0\r\n".encode()
        one.reinvite(raised(fax, 1))
        house.server.advance(1)
        assert b"m=image" in two.remote
        assert b"m=image" in one.remote
        assert one.mirrors(two)
        one.voice.send_other("image", b"a page")
        house.server.advance(0.1)
        assert list(two.voice.extra.values())[-1:] == [1]
        one.reinvite(raised(voice, 2))
        house.server.advance(1)
        assert b"m=audio" in two.remote
        two.voice.extra.clear()
    hear(call, other, A, B)
    call.hangup()
    house.nothing_left()


def raised(description, by):
    """The same with a higher version, as RFC 3264 8 asks."""
    lines = description.split(b"\r\n")
    parts = lines[1].split()
    parts[2] = str(int(parts[2]) + by).encode()
    lines[1] = b" ".join(parts)
    return b"\r\n".join(lines)


def test_what_an_ended_call_held_goes_without_the_garbage_collector(house):
    house.bob.answers(ring=0.0, after=1.0)
    call = house.alice.call("bob").until("up")
    driver = house.server.plugin("channel").driver
    held = [weakref.ref(each) for session in driver.sessions.values() for each in (session, session.setup)]
    assert len(held) == 4
    gc.collect()
    gc.disable()
    try:
        call.hangup()
        call.until("ended")
        house.server.events.clear()  # the kit's own memory of what was told
        house.server.advance(40)  # 64*T1, when the last transaction is forgotten
        assert [each() for each in held if each() is not None] == []
    finally:
        gc.enable()
