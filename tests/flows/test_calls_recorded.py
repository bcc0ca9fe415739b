"""A conversation in a file, both sides of it: from a step in front of `dial`, or begun and ended in mid-call. Media through the server."""

import struct
import wave

import pytest

from pipeline.core import Refused, Unavailable
from pipeline.testing.voice import PART, powers

LOCAL = {"alice": 'media = "media_local"'}
STEPS = """
[context.kept]
users = true
[context.kept.extensions]
801 = [{ mixmonitor = "kept" }, { dial = "bob" }]
802 = [{ mixmonitor = "../../evil" }, { dial = "bob" }]
803 = [{ mixmonitor = "room" }, "answer", { conference = "m" }]
804 = [{ mixmonitor = "kept" }, "stopmixmonitor", { dial = "bob" }]
"""


def heard_in(path):
    """The tones that a file has, and its length in seconds."""
    with wave.open(str(path)) as file:
        rate, count = file.getframerate(), file.getnframes()
        samples = struct.unpack(f"<{count}h", file.readframes(count))
    middle = samples[len(samples) // 4 : 3 * len(samples) // 4]
    return {tone for tone, part in powers(middle, rate=rate).items() if part >= PART}, count / rate


def recordings(h):
    return sorted(path.name for path in h.server.engine.core.recordings.glob("*.wav"))


def owner(h):
    (call,) = h.server.engine.core.calls.values()
    return call.owner


def talking(h, number="bob"):
    call = h.alice.call(number).until("up")
    other = h.bob.calls[-1].until("up")
    call.talk(440)
    other.talk(941)
    h.advance(0.5)
    return call, other


def begun(pending):
    assert pending.done
    return pending.value()


def test_it_begins_and_ends_in_mid_call_and_the_call_goes_on(house):
    h = house(**LOCAL)
    call, other = talking(h)
    monitor = begun(h.server.engine.core.record(owner(h), "call"))
    h.advance(2)
    assert monitor.writes
    h.server.engine.core.end_recording(owner(h))
    h.advance(1)
    assert recordings(h) == ["call.wav"]
    tones, seconds = heard_in(monitor.path)
    assert tones == {440, 941}
    assert 1.9 <= seconds <= 2.1
    assert (call.hears(1), other.hears(1)) == ({941}, {440})
    assert [event.fields["seconds"] for event in h.server.told("recording.ended")] == [pytest.approx(seconds)]
    again = begun(h.server.engine.core.record(owner(h), "call"))
    assert again.path.name != "call.wav"  # nothing is overwritten
    call.hangup()
    h.advance(1)
    assert heard_in(again.path)[1] < 1
    assert len(recordings(h)) == 2


def test_the_end_of_the_call_ends_it(house):
    h = house(**LOCAL)
    call, other = talking(h)
    monitor = begun(h.server.engine.core.record(owner(h), "call"))
    h.advance(1)
    other.hangup()
    h.advance(1)
    assert heard_in(monitor.path)[0] == {440, 941}
    assert call.state == "ended"


def test_media_that_flow_between_the_phones_are_brought_here_for_it(house):
    h = house()
    call, other = talking(h)
    (bridge,) = h.server.engine.core.bridges.values()
    assert bridge.relay.provider == "media_direct"
    pending = h.server.engine.core.record(owner(h), "call")
    h.advance(2.5)
    monitor = begun(pending)
    assert bridge.relay.provider == "media_local"
    h.server.engine.core.end_recording(owner(h))
    tones, seconds = heard_in(monitor.path)
    assert tones == {440, 941} and seconds > 2
    assert (call.hears(1), other.hears(1)) == ({941}, {440})


@pytest.mark.parametrize("who", ["alice", "bob"])
def test_a_phone_that_refuses_that_talks_on_unrecorded(house, who):
    h = house()
    call, other = talking(h)
    h.phones[who].refuses["INVITE"] = 488
    pending = h.server.engine.core.record(owner(h), "call")
    h.advance(3)
    with pytest.raises(Refused):
        pending.value()
    h.phones[who].refuses.clear()
    assert h.server.told("recording.failed")
    assert owner(h).monitor is None
    assert (call.hears(1), other.hears(1)) == ({941}, {440})


@pytest.mark.parametrize(("number", "name"), [("801", "kept.wav"), ("802", "_.._evil.wav")])
def test_a_step_in_front_of_dial_has_it_recorded_from_the_answer_on(house, number, name):
    h = house(STEPS, alice='context = "kept"')
    talking(h, number)
    h.advance(1)
    (bridge,) = h.server.engine.core.bridges.values()
    assert bridge.relay.provider == "media_local"
    assert recordings(h) == [name]
    h.alice.calls[-1].hangup()
    h.advance(0.5)
    tones, seconds = heard_in(h.server.engine.core.recordings / name)
    assert tones == {440, 941} and seconds > 1


def test_a_step_ends_it_too(house):
    h = house(STEPS, alice='context = "kept"')
    talking(h, "804")
    assert recordings(h) == []
    (bridge,) = h.server.engine.core.bridges.values()
    assert bridge.relay.provider == "media_direct"


def test_a_conference_is_recorded_as_it_sounds(house):
    h = house(STEPS, phones=("alice", "bob", "carol"), alice='context = "kept"', bob='context = "kept"')
    one, two = h.alice.call("803").until("up"), h.bob.call("803").until("up")
    one.talk(440)
    two.talk(941)
    h.advance(2)
    one.hangup()
    two.hangup()
    h.advance(1)
    assert "room.wav" in recordings(h)
    assert len(recordings(h)) == 2  # both have asked for it
    assert heard_in(h.server.engine.core.recordings / "room.wav")[0] == {440, 941}


def test_without_a_provider_that_can_the_call_goes_on_and_that_is_told(house):
    h = house(stages={"integration": ["memory", "toml", "channel", "dialplan", "media_direct"]})
    call = h.alice.call("bob").until("up")
    h.advance(0.5)
    pending = h.server.engine.core.record(owner(h), "call")
    h.advance(1)
    with pytest.raises(Unavailable):
        pending.value()
    assert h.server.told("recording.failed")
    assert call.state == "up" and recordings(h) == []


def test_of_a_full_disk_nothing_is_taken(house):
    h = house("[plugin.dialplan]\nfree_space = 100000000\n" + STEPS, alice='context = "kept"')
    call, _ = talking(h, "801")
    assert recordings(h) == []
    assert h.server.told("dialplan.full")
    with pytest.raises(OSError, match="No space left"):
        h.server.engine.core.record(owner(h), "call")
    assert call.state == "up"


def test_a_recording_ends_when_the_disk_is_nearly_full_and_the_call_goes_on(house):
    h = house("[plugin.dialplan]\nfree_space = 1\n" + STEPS, alice='context = "kept"')
    call, _ = talking(h, "801")
    h.advance(30)
    (monitor,) = [channel.monitor for channel in h.server.engine.core.channels.values() if channel.monitor is not None]
    assert monitor.writes
    h.server.engine.core.recording_space = 100_000_000  # as if others had filled it
    h.advance(11)
    assert [event.fields["error"] for event in h.server.told("recording.failed")] == [
        f"[Errno 28] No space left on device: '{h.server.engine.core.recordings}'"
    ]
    assert [round(event.fields["seconds"]) > 25 for event in h.server.told("recording.ended")] == [True]
    assert recordings(h) == ["kept.wav"]
    assert call.state == "up" and owner(h).monitor is None
    call.hangup()
