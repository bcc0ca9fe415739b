"""Codecs, resampling, WAV files, tones, what comes with us."""

import io
import struct
import time
import wave as wavefile
from array import array

import pytest
from pipeline.plugins.media_local import player, tones
from pipeline.plugins.media_local.codecs import CODECS, audioop, codec_of, named
from pipeline.plugins.media_local.resample import Resampler
from pipeline.plugins.media_local.wav import NotSound, Shelf, Writer, read


@pytest.mark.parametrize("name", CODECS)
def test_what_is_encoded_is_decoded(name, tone):
    codec = CODECS[name]
    samples = tone(1000, 0.02, codec.rate)
    payload = codec.encode(samples)
    assert len(payload) == codec.frame * codec.width
    back = codec.decode(payload)
    assert audioop.rms(audioop.add(back, audioop.mul(samples, 2, -1), 2), 2) < 200
    assert audioop.rms(codec.decode(codec.silence), 2) <= 8


def test_l16_is_in_network_order():
    assert CODECS["l16"].encode(array("h", [1, -2]).tobytes()) == b"\x00\x01\xff\xfe"


def test_an_odd_number_of_bytes_is_no_trouble():
    for codec in CODECS.values():
        codec.decode(b"abc")
        codec.decode(b"")


def test_names_are_found_and_strange_ones_left_out():
    assert [codec.name for codec in named("PCMA, opus ulaw,alaw slin")] == ["alaw", "ulaw", "l16"]
    assert codec_of("pcmu", 8000).name == "ulaw"
    assert codec_of("L16", 44100, 2).name == "slin44_stereo"
    assert codec_of("PCMU", 16000) is None


RATES = (8000, 11025, 16000, 22050, 32000, 44100, 48000)


@pytest.mark.parametrize("wanted", (8000, 16000, 44100, 48000))
@pytest.mark.parametrize("rate", RATES)
def test_a_tone_keeps_its_pitch_and_height_at_any_rate(rate, wanted, tone, strength):
    if rate == wanted:
        return
    resampler = Resampler(rate, wanted)
    samples = tone(1000, 1.0, rate)
    step = 2 * (rate // 50)
    out = b"".join(resampler.feed(samples[place : place + step]) for place in range(0, len(samples), step))
    assert abs(len(out) // 2 - wanted) <= wanted // 100
    rest = out[len(out) // 4 :]
    rest = rest[: len(rest) // (wanted // 50 * 2) * (wanted // 50 * 2)]
    assert 9400 < strength(rest, 1000, wanted) < 10600


def test_what_the_lower_rate_cannot_hold_is_taken_out(tone):
    out = Resampler(48000, 8000).feed(tone(6000, 1.0, 48000))
    assert audioop.rms(out[1000:], 2) < 60


def test_how_it_is_cut_makes_no_difference(tone):
    samples = tone(900, 0.3, 48000)
    whole = Resampler(48000, 8000).feed(samples)
    cut = Resampler(48000, 8000)
    parts = b"".join(cut.feed(samples[place : place + 34]) for place in range(0, len(samples), 34))
    assert parts == whole


def wav(path, samples, rate=8000, channels=1, width=2):
    with wavefile.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setframerate(rate)
        file.setsampwidth(width)
        file.writeframes(samples)
    return path


@pytest.mark.parametrize("width", (1, 2, 3, 4))
@pytest.mark.parametrize("channels", (1, 2))
@pytest.mark.parametrize("rate", (8000, 16000, 48000))
def test_wav_files_of_every_kind_are_read(tmp_path, tone, strength, width, channels, rate):
    samples = tone(800, 0.5, rate)
    if channels == 2:
        samples = audioop.tostereo(samples, 2, 1, 1)
    data = audioop.lin2lin(samples, 2, width)
    data = audioop.bias(data, 1, 128) if width == 1 else data
    back = read(wav(tmp_path / "a.wav", data, rate, channels, width), 8000)
    assert abs(len(back) - 8000) < 100
    assert 9000 < strength(back[1600:6400], 800) < 11000


def test_g711_wav_files_and_strange_chunks_are_read(tmp_path, tone, strength):
    data = audioop.lin2alaw(tone(800, 0.2), 2)
    head = b"WAVE" + b"LIST\x03\0\0\0abc\0" + b"fmt " + struct.pack("<IHHIIHH", 16, 6, 1, 8000, 8000, 1, 8)
    (tmp_path / "a.wav").write_bytes(b"RIFF\0\0\0\0" + head + b"data\xff\xff\xff\xff" + data)
    assert strength(read(tmp_path / "a.wav", 8000), 800) > 9000


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"RIFF\0\0\0\0WAVE",
        b"RIFF\0\0\0\0WAVEdata\0\0\0\0",
        b"ID3",
        b"RIFF\0\0\0\0WAVEfmt " + struct.pack("<IHHIIHH", 16, 85, 1, 8000, 1, 1, 8) + b"data\0\0\0\0",
    ],
)
def test_what_is_no_sound_says_so(tmp_path, data):
    (tmp_path / "a.wav").write_bytes(data)
    with pytest.raises(NotSound, match=r"a\.wav"):
        read(tmp_path / "a.wav", 8000)


def test_a_file_is_read_once_and_anew_when_it_has_changed(tmp_path, tone):
    path, shelf = wav(tmp_path / "a.wav", tone(800, 0.1)), Shelf()
    assert shelf.at_hand(path, 8000) is None
    first = shelf.read(path, 8000)
    assert shelf.at_hand(path, 8000) is first
    wav(path, tone(800, 0.2))
    assert len(shelf.read(path, 8000)) == 3200


def test_the_shelf_throws_away_what_is_least_used(tmp_path, tone):
    shelf = Shelf(4000)
    paths = [wav(tmp_path / f"{n}.wav", tone(800, 0.1)) for n in range(3)]
    for path in (paths[0], paths[1], paths[0], paths[2]):
        shelf.read(path, 8000)
    assert [shelf.at_hand(path, 8000) is not None for path in paths] == [True, False, True]


def test_what_is_written_everybody_can_read(tmp_path, tone):
    writer = Writer(tmp_path / "a.wav", 16000)
    writer.write(tone(800, 0.1, 16000))
    writer.close()
    with wavefile.open(io.BytesIO((tmp_path / "a.wav").read_bytes())) as file:
        assert (file.getframerate(), file.getnframes()) == (16000, 1600)
    assert writer.seconds == 0.1


def test_a_tone_has_its_frequencies_and_its_cadence(strength):
    samples, endless = tones.samples("tone:440+480*200/400", 8000)
    assert not endless
    assert len(samples) == 2 * 4800
    assert strength(samples[:3200], 440) > 4000
    assert strength(samples[:3200], 480) > 4000
    assert not any(samples[3200:])
    assert tones.samples("tone:425", 8000) == (tones.second((425,), 8000), True)
    several, _ = tones.samples("tone:950*330,1400*330,1800*330/1000", 8000)
    assert len(several) == 2 * 8 * 1990
    assert strength(several[2 * 8 * 340 : 2 * 8 * 640], 1400) > 8000


@pytest.mark.parametrize("text", ["tone:", "tone:abc", "tone:440*x", "tone:99999", "tone:440*99999999", "tone:440**2"])
def test_what_is_no_tone_says_how_to_write_one(text):
    with pytest.raises(ValueError, match="is no tone"):
        tones.parse(text)


@pytest.mark.parametrize("name", ["welcome", "menu", "goodbye", "invalid", "entered", "left", "beep", "hold"])
def test_the_sounds_that_come_with_us_are_there_and_small(name):
    path = player.find(name, ())
    assert path.stat().st_size < 200_000
    samples = read(path, 8000)
    assert len(samples) >= 2 * 8000 * 0.3
    assert audioop.rms(samples, 2) > 500
    assert audioop.max(samples, 2) < 32000


def test_a_folder_of_ones_own_goes_before_ours(tmp_path, tone):
    wav(tmp_path / "beep.wav", tone(300, 0.1))
    assert player.find("beep", (tmp_path,)) == tmp_path / "beep.wav"
    assert player.find("beep.wav", (tmp_path,)) == tmp_path / "beep.wav"
    assert player.find(tmp_path / "beep.wav", ()) == tmp_path / "beep.wav"


@pytest.mark.parametrize("name", ["mine", "prompts/mine", "prompts/mine.wav"])
def test_folders_and_paths_start_from_the_folder_of_the_file_not_from_where_it_is_run(desk, tone, tmp_path, monkeypatch, name):
    at = desk('sounds = ["prompts"]')
    home = at.server.folder / "prompts"
    home.mkdir()
    wav(home / "mine.wav", tone(300, 0.5))
    monkeypatch.chdir(tmp_path)
    phone = at.phone()
    at.sound(phone).play(name)
    for _ in range(100):  # a thread reads the file
        at.advance(0.02)
        time.sleep(0.002)
    assert phone.hears(300, 0.3) > 1000
