"""pipeline.core.voice: playing to a digit, recording to one, and what is told when a sound cannot be played."""

import wave

import pytest

from pipeline.core.voice import answered, play, record, seconds_of, upon_digit


def script(wire, work):
    """Run work(channel, sound) as the script of a call; gives the caller's phone and what work returned."""
    results = []

    async def script(channel):
        results.append(await work(channel, await answered(channel)))

    wire.scripts["1"] = script
    phone = wire.call("alice", "1")
    wire.settle()
    return phone, results


def test_a_digit_ends_what_is_played_and_stays_the_next_one(wire):
    async def work(channel, sound):
        return await play(channel, sound, ["one", "two"], stop="#"), await channel.digit(0)

    phone, results = script(wire, work)
    phone.channel.told_digit("5")  # not one that is waited for
    assert phone.channel.media.source == "one"
    phone.channel.told_digit("#")
    wire.settle()
    assert results == [("#", "5")]


def test_a_sound_that_cannot_be_played_is_told_and_passed_over(wire):
    async def work(channel, sound):
        sound.play = lambda source, *, repeat=False: (_ for _ in ()).throw(FileNotFoundError(2, "no such sound", source))
        return await play(channel, sound, ["missing"])

    _, results = script(wire, work)
    assert results == [""]
    assert [told["source"] for told in wire.told("channel.sound")] == ["missing"]


def test_listening_ends_with_the_block(wire):
    async def work(channel, sound):
        with upon_digit(channel, "1"):
            heard = len(channel._heard)
        return heard, len(channel._heard)

    _, results = script(wire, work)
    assert results == [(1, 0)]


def test_a_recording_ends_with_a_digit_which_is_given(wire, tmp_path):
    async def work(channel, sound):
        from pipeline.pending import Pending

        done = Pending()
        sound.record = lambda path, *, seconds, silence: done
        sound.end_recording = lambda: done.resolve(1.0)
        return await record(channel, sound, tmp_path / "x.wav", seconds=5, stop="#*"), done.done

    phone, results = script(wire, work)
    phone.channel.told_digit("*")
    wire.settle()
    assert results == [("*", True)]


@pytest.mark.parametrize("data", [b"", b"RIFF", b"RIFF\0\0\0\0WAVEfmt "])
def test_what_is_no_sound_has_no_length(tmp_path, data):
    path = tmp_path / "x.wav"
    assert seconds_of(path) == 0
    path.write_bytes(data)
    assert seconds_of(path) == 0


def test_the_length_of_a_sound(tmp_path):
    with wave.open(str(tmp_path / "x.wav"), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(bytes(24000))
    assert seconds_of(tmp_path / "x.wav") == 1.5
