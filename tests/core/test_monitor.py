"""Recordings of channels: which bridge's media they take, where they are written, and when they end."""

import pytest

from pipeline.core import Ended, Unavailable


@pytest.fixture
def talk(wire):
    """Give answered channels: talk("alice") -> phone."""

    async def script(channel):
        await channel.answer()
        await channel.over()

    wire.scripts["up"] = script

    def talk(name):
        phone = wire.call(name, "up")
        wire.settle()
        return phone

    return talk


@pytest.fixture
def recording(wire):
    """A wire whose media can be recorded."""
    wire.kinds = {*wire.kinds, "recording"}
    return wire


def told(wire, name):
    return [event.fields["path"].rpartition("/")[2] for event in wire.server.told(name)]


def test_it_waits_for_the_bridge_and_ends_with_the_channel(recording, talk):
    wire = recording
    alice, bob = talk("alice"), talk("bob")
    monitor = wire.core.record(alice.channel, "a").value()
    assert not monitor.writes
    wire.core.bridge(alice.channel, bob.channel)
    wire.settle()
    assert monitor.writes and told(wire, "recording.begun") == ["a.wav"]
    alice.hang_up()
    wire.settle()
    assert told(wire, "recording.ended") == ["a.wav"]
    wire.clean()


def test_media_that_cannot_be_recorded_are_replaced_by_such_that_can(recording, talk):
    wire = recording
    alice, bob = talk("alice"), talk("bob")
    bridge = wire.core.bridge(alice.channel, bob.channel)
    wire.settle()
    before = bridge.relay
    pending = wire.core.record(alice.channel, "a")
    wire.settle()
    assert pending.value().writes
    assert bridge.relay is not before and before not in wire.open
    wire.core.hangup("all")
    wire.clean()


def test_it_follows_its_channel_to_another_bridge_into_another_file(recording, talk):
    wire = recording
    alice, bob, carol = talk("alice"), talk("bob"), talk("carol")
    wire.core.record(alice.channel, "a")
    bridge = wire.core.bridge(alice.channel, bob.channel)
    wire.settle()
    bridge.swap(bob.channel, carol.channel)
    wire.settle()
    assert told(wire, "recording.begun") == ["a.wav", "a-2.wav"]
    assert told(wire, "recording.ended") == ["a.wav"]
    wire.core.hangup("all")
    assert told(wire, "recording.ended") == ["a.wav", "a-2.wav"]
    wire.clean()


def test_its_next_file_is_nobody_elses_either(recording, talk):
    wire = recording
    alice, bob, carol = talk("alice"), talk("bob"), talk("carol")
    wire.core.record(alice.channel, "a")
    (wire.core.recordings / "a-2.wav").write_bytes(b"what another call has said")
    bridge = wire.core.bridge(alice.channel, bob.channel)
    wire.settle()
    bridge.swap(bob.channel, carol.channel)
    wire.settle()
    assert told(wire, "recording.begun") == ["a.wav", "a-3.wav"]
    wire.core.hangup("all")
    wire.clean()


def test_it_does_not_stay_with_who_stays(recording, talk):
    wire = recording
    alice, bob, carol = talk("alice"), talk("bob"), talk("carol")
    wire.core.record(bob.channel, "b")
    bridge = wire.core.bridge(alice.channel, bob.channel)
    wire.settle()
    bridge.swap(bob.channel, carol.channel)
    wire.settle()
    assert told(wire, "recording.ended") == ["b.wav"]
    wire.core.hangup("all")
    wire.clean()


def test_where_nobody_can_record_the_call_goes_on(wire, talk):
    alice, bob = talk("alice"), talk("bob")
    wire.core.bridge(alice.channel, bob.channel)
    wire.settle()
    pending = wire.core.record(alice.channel, "a")
    wire.settle()
    with pytest.raises(Unavailable):
        pending.value()
    assert alice.channel.monitor is None and alice.ended is None
    assert wire.server.told("recording.failed")
    wire.core.hangup("all")
    wire.clean()


def test_twice_at_once_and_after_the_end_it_is_refused(recording, talk):
    wire = recording
    alice = talk("alice")
    wire.core.record(alice.channel, "a")
    with pytest.raises(ValueError, match="is being recorded already"):
        wire.core.record(alice.channel, "b")
    assert wire.core.end_recording(alice.channel) and not wire.core.end_recording(alice.channel)
    alice.hang_up()
    with pytest.raises(Ended):
        wire.core.record(alice.channel, "c")
    wire.clean()


@pytest.mark.parametrize(
    ("name", "file"),
    [("a", "a.wav"), ("../../etc/passwd", "_.._etc_passwd.wav"), ("a b/c", "a_b_c.wav"), ("x" * 500, "x" * 120 + ".wav"), (".a", "a.wav")],
)
def test_a_name_is_one_part_of_a_path(recording, talk, name, file):
    wire = recording
    alice = talk("alice")
    path = wire.core.record(alice.channel, name).value().path
    assert (path.parent, path.name) == (wire.core.recordings, file)
    with pytest.raises(ValueError, match="empty"):
        wire.core.record(talk("bob").channel, "...")
    wire.core.hangup("all")
    wire.clean()


def test_two_of_one_name_get_a_file_each(recording, talk):
    wire = recording
    alice, bob = talk("alice"), talk("bob")
    one, two = (wire.core.record(phone.channel, "a").value().path for phone in (alice, bob))
    assert (one.name, two.name) == ("a.wav", f"a-{bob.channel.id}.wav")
    wire.core.hangup("all")
    wire.clean()
