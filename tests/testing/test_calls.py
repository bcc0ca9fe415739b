"""pipeline/testing: two scripted phones that call each other directly, with nobody between them."""

import os
import random

import pytest

from pipeline.flow import Target
from pipeline.testing.descriptions import Media
from pipeline.testing.loop import VirtualLoop
from pipeline.testing.network import Network
from pipeline.testing.user_agent import UserAgent


class Pair:
    """Two phones and the wire between them."""

    def __init__(self, folder, seed=0, transport="UDP", **faults):
        self.loop = VirtualLoop()
        self.network = Network(seed, loop=self.loop, log=True, **faults)
        self.alice, self.bob = (
            UserAgent(
                self.loop, self.network.host(f"10.0.0.{number}"), folder, name=name, domain="example.com", server=(f"10.0.0.{5 - number}", 5060),
                address=(f"10.0.0.{number}", 5060), transport=transport, random=random.Random(f"{seed}{name}"),
            )
            for number, name in ((2, "alice"), (3, "bob"))
        )  # fmt: skip
        self.bob.answers(ring=0.0, after=0.5)

    def call(self, **how):
        return self.alice.call(uri="sip:bob@10.0.0.3:5060" + (";transport=tcp" if self.alice.target.transport == "TCP" else ""), **how)

    def leftovers(self):
        return {
            phone.name: (len(phone.engine.dialogs), len(phone.engine.transactions.at_work()), len(phone.engine.clients))
            for phone in (self.alice, self.bob)
            if len(phone.engine.dialogs) + len(phone.engine.transactions.at_work()) + len(phone.engine.clients)
        }

    def close(self):
        for phone in (self.alice, self.bob):
            phone.stop()
        self.loop.run_until_complete(self.loop.shutdown_default_executor())
        self.loop.close()


@pytest.fixture
def pair(tmp_path):
    pairs = []

    def pair(**how):
        pairs.append(Pair(tmp_path, **how))
        return pairs[-1]

    yield pair
    for each in pairs:
        each.close()


def ended(pair, call, other):
    pair.loop.advance(64)
    assert (call.state, other.state) == ("ended", "ended")
    assert not call.faults
    assert not other.faults
    assert not pair.leftovers()


@pytest.mark.parametrize("transport", ["UDP", "TCP"])
@pytest.mark.parametrize("late", [False, True])
def test_a_call_rings_is_answered_and_hung_up_by_the_caller(pair, transport, late):
    wire = pair(transport=transport)
    call = wire.call(late=late).until("proceeding")
    assert call.statuses == [180]
    call.until("up")
    (other,) = wire.bob.calls
    wire.loop.advance(1)
    assert other.state == "up"
    assert other.acks == 1
    assert call.mirrors(other)
    call.hangup()
    call.until("ended")
    assert (call.why, other.why) == ("hung up", "released")
    ended(wire, call, other)


def test_the_callee_hangs_up_and_waits_for_the_ack_first(pair):
    wire = pair()
    wire.alice.acks = False
    call = wire.call()
    wire.loop.advance(1)
    (other,) = wire.bob.calls
    assert other.status == 200
    other.hangup()
    wire.loop.advance(5)
    assert other.state == "up"
    assert not call.requests("BYE")
    call.acknowledge()
    other.until("ended")
    assert (call.why, other.why) == ("released", "hung up")
    ended(wire, call, other)


def test_a_2xx_without_ack_is_repeated_for_64_t1_and_then_released(pair):
    wire = pair()
    wire.alice.acks = False
    call = wire.call()
    wire.loop.advance(2)
    other = wire.bob.calls[0]
    other.until("ended")
    assert other.why == "not acknowledged"
    assert other.repeats == 10
    assert call.why == "released"
    ended(wire, call, other)


def test_the_caller_cancels_while_it_rings(pair):
    wire = pair()
    wire.bob.answers(after=None)
    call = wire.call(cancel_after=3).until("ended")
    other = wire.bob.calls[0]
    assert (call.why, call.status, other.why) == ("cancelled", 487, "abandoned")
    ended(wire, call, other)


def test_a_200_that_crosses_the_cancel_is_acknowledged_and_released(pair):
    wire = pair(delay=(0.1, 0.1))
    wire.bob.answers(after=2.0)
    call = wire.call()
    call.until("proceeding")
    wire.loop.advance(1.95)
    call.cancel()
    call.until("ended")
    other = wire.bob.calls[0]
    assert (call.why, call.status, other.why) == ("cancelled", 200, "released")
    ended(wire, call, other)


@pytest.mark.parametrize("status", [486, 603, 404])
def test_a_call_is_declined(pair, status):
    wire = pair()
    wire.bob.answers(status=status)
    call = wire.call().until("ended")
    assert (call.why, call.status, wire.bob.calls[0].why) == ("refused", status, "declined")
    ended(wire, call, wire.bob.calls[0])


def test_nothing_in_common_is_488(pair):
    wire = pair()
    call = wire.call(media=Media(codecs=("G729",))).until("ended")
    assert call.status == 488
    ended(wire, call, wire.bob.calls[0])


@pytest.mark.parametrize("by", ["INVITE", "UPDATE"])
@pytest.mark.parametrize("zero", [False, True])
def test_hold_and_resume_from_both_sides(pair, by, zero):
    wire = pair()
    call = wire.call().until("up")
    wire.loop.advance(1)
    other = wire.bob.calls[0]
    for one, two in ((call, other), (other, call)):
        one.hold(zero=zero, by=by)
        wire.loop.advance(1)
        assert two.held
        assert one.holding
        assert two.direction == "recvonly"
        one.resume(by=by)
        wire.loop.advance(1)
        assert not two.held
        assert (one.direction, two.direction) == ("sendrecv", "sendrecv")
    assert call.mirrors(other)
    call.hangup()
    ended(wire, call, other)


def test_two_holds_that_cross_get_491_and_are_tried_again(pair):
    wire = pair(delay=(0.1, 0.1))
    call = wire.call().until("up")
    wire.loop.advance(1)
    other = wire.bob.calls[0]
    call.hold()
    other.hold()
    wire.loop.advance(10)
    assert call.responses(491)
    assert call.held
    assert other.held
    assert (call.direction, other.direction) == ("inactive", "inactive")
    call.hangup()
    ended(wire, call, other)


@pytest.mark.parametrize("early", [False, True])
@pytest.mark.parametrize("late", [False, True])
def test_provisionals_are_acknowledged_where_both_want_it(pair, early, late):
    wire = pair()
    wire.bob.answers(after=1.0, reliable=True, early=early)
    call = wire.call(reliable="supported", late=late).until("up")
    wire.loop.advance(1)
    other = wire.bob.calls[0]
    assert len(call.rseqs) == 1
    assert call.rseqs == other.rseqs
    assert call.mirrors(other)
    assert bool(call.final.body) is not early
    call.hangup()
    ended(wire, call, other)


def test_100rel_that_is_required_and_not_supported_is_420(pair):
    wire = pair()
    call = wire.call(reliable="required").until("ended")
    assert call.status == 420


def test_an_update_before_the_answer_changes_the_media(pair):
    wire = pair()
    wire.bob.answers(after=5.0, reliable=True, early=True)
    call = wire.call(reliable="supported")
    wire.loop.advance(1)
    call.hold(by="UPDATE")
    wire.loop.advance(1)
    other = wire.bob.calls[0]
    assert call.state == "proceeding"
    assert other.held
    call.until("up").hangup()
    ended(wire, call, other)


def test_a_session_is_refreshed_at_half_its_time(pair):
    wire = pair()
    wire.bob.timers = wire.alice.timers = 120
    call = wire.call().until("up")
    wire.loop.advance(200)
    other = wire.bob.calls[0]
    assert (call.refresher, call.interval) == ("uac", 120)
    assert len(other.requests("INVITE")) == 4  # one of them made the call
    wire.alice.refreshes = ""
    wire.loop.advance(200)
    assert (call.state, other.why) == ("ended", "hung up")
    ended(wire, call, other)


def test_tones_and_digits_are_heard(pair):
    wire = pair()
    call = wire.call().until("up")
    wire.loop.advance(0.5)
    other = wire.bob.calls[0]
    call.talk(440)
    other.talk(1000)
    assert other.hears() == {440}
    assert call.hears() == {1000}
    call.quiet()
    assert other.hears() == set()
    call.press("5")
    call.press("#", by="info")
    wire.loop.advance(0.5)
    assert sorted(other.digits) == ["#", "5"]
    other.voice.listen()
    call.press("7", by="inband")
    wire.loop.advance(0.2)
    assert other.voice.tones() == {852, 1209}
    call.hangup()
    ended(wire, call, other)


def test_video_flows_beside_audio(pair):
    wire = pair()
    wire.alice.media = wire.bob.media = Media(video=("H264",))
    call = wire.call().until("up")
    wire.loop.advance(1)
    other = wire.bob.calls[0]
    assert call.mirrors(other)
    assert call.local.count(b"m=video") == 1
    call.voice.send_other("video", b"a picture")
    wire.loop.advance(0.1)
    assert list(other.voice.extra.values()) == [1]


def test_what_the_far_end_does_wrong_is_noted(pair):
    wire = pair()
    wire.bob.answers(sdp=b"v=0\r\no=x 1 1 IN IP4 10.0.0.3\r\ns=-\r\nc=IN IP4 10.0.0.3\r\nt=0 0\r\nm=audio 9 RTP/AVP 18\r\n")
    call = wire.call().until("up")
    assert "was answered by ('G729',)" in call.faults[0]


@pytest.mark.parametrize("seed", range(int(os.environ.get("SIPLINE_RUNS", "25"))))
def test_on_a_bad_wire_both_phones_agree_on_the_outcome(pair, seed):
    wire = pair(seed=seed, loss=0.1, duplicate=0.1, reorder=0.1, delay=(0.001, 0.3))
    draw = random.Random(seed)
    how = {
        "after": draw.uniform(0, 2),
        "status": draw.choice([200, 200, 200, 486]),
        "reliable": draw.random() < 0.5,
        "early": draw.random() < 0.5,
    }
    wire.bob.answers(**how)
    wire.bob.reliable = wire.alice.reliable = "supported"
    call = wire.call(late=draw.random() < 0.3, cancel_after=draw.choice([None, None, draw.uniform(0, 3)]))
    wire.loop.run_until(lambda: bool(wire.bob.calls) or call.state == "ended", 40)
    assert wire.bob.calls, f"{call} never reached him"
    other = wire.bob.calls[0]
    for _ in range(4):
        wire.loop.advance(draw.uniform(0, 3))
        for side in draw.choice([(call,), (other,), (call, other)]):
            if side.state == "up":
                draw.choice([side.hold, side.resume, lambda side=side: side.hold(by="UPDATE"), side.reinvite])()
    wire.loop.advance(100)
    assert call.state == other.state, f"seed {seed}: {call} {other}"
    if call.state == "up":
        assert call.mirrors(other), f"seed {seed}: {call.local} {other.remote}"
        draw.choice([call, other]).hangup()
    elif call.why != "cancelled":
        assert how["status"] != 200
    ended(wire, call, other)


def test_a_seed_replays_the_same_trace(tmp_path):
    traces = []
    for attempt in ("a", "b"):
        folder = tmp_path / attempt
        folder.mkdir()
        wire = Pair(folder, seed=7, loss=0.1, duplicate=0.1, reorder=0.1, delay=(0.001, 0.3))
        call = wire.call()
        wire.loop.advance(5)
        call.hangup()
        wire.loop.advance(64)
        traces.append(wire.network.trace())
        wire.close()
    assert traces[0] == traces[1]


def test_a_phone_can_be_called_by_a_target_of_its_own(pair):
    wire = pair()
    call = wire.alice.call("bob", target=Target("10.0.0.3", 5060)).until("up")
    call.hangup()
    ended(wire, call, wire.bob.calls[0])
