import wave

import pytest

from pipeline.mailboxes import Counts
from pipeline.mailboxes.crash import recover, repaired


def recording(path, seconds, *, finished=False):
    """A file as a recorder leaves it that was killed: its header says that nothing is in it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(bytes(int(seconds * 16000)))
    if not finished:
        data = bytearray(path.read_bytes())
        data[4:8], data[40:44] = (36).to_bytes(4, "little"), bytes(4)
        path.write_bytes(data)
    return path


def length(path):
    with wave.open(str(path)) as file:
        return file.getnframes() / file.getframerate()


def test_what_was_being_left_when_the_server_died_is_kept_if_it_is_long_enough(house, mailboxes):
    long = recording(mailboxes.folder / "alice" / "tmp" / "20260101T120000-abc.wav", 3)
    short = recording(mailboxes.folder / "alice" / "tmp" / "20260101T120001-abd.wav", 0.5)
    empty = mailboxes.folder / "bob" / "tmp" / "20260101T120002-abe.wav"
    empty.parent.mkdir(parents=True)
    empty.write_bytes(b"")
    house.run(mailboxes.load())
    [kept] = house.run(recover(house.engine, 1.0))
    assert kept == mailboxes.folder / "alice" / "new" / long.name
    assert length(kept) == 3
    assert not long.exists() and not short.exists()
    assert not empty.parent.parent.exists()  # nothing is left of a mailbox that holds nothing
    assert mailboxes.counts("alice") == Counts(1)
    [message] = mailboxes.box("alice").messages("new")
    assert (message.about()["mailbox"], message.about()["seconds"]) == ("alice", 3)
    assert [event.fields["counts"] for event in house.told("mailbox.changed")] == [Counts(1)]
    assert [event.fields["path"] for event in house.told("mailbox.recovered")] == [str(kept)]


def test_what_is_being_recorded_now_is_left_alone(house, mailboxes):
    path = recording(mailboxes.folder / "alice" / "tmp" / "20260101T120000-abc.wav", 3)
    house.run(mailboxes.load())
    mailboxes.taking.add(path)
    assert house.run(recover(house.engine, 1.0)) == []
    assert path.exists()


def test_a_file_that_cannot_be_moved_is_one_mailbox_and_not_the_others(house, mailboxes):
    recording(mailboxes.folder / "alice" / "tmp" / "1.wav", 3)
    (mailboxes.folder / "alice" / "new").write_bytes(b"")  # somebody's own file
    recording(mailboxes.folder / "bob" / "tmp" / "2.wav", 3)
    house.run(mailboxes.load())
    assert [path.name for path in house.run(recover(house.engine, 1.0))] == ["2.wav"]
    assert house.told("step.failed")[0].fields["plugin"] == "mailboxes"


@pytest.mark.parametrize("data", [b"", b"RIFF", bytes(100), b"RIFF\0\0\0\0WAVEfmt " + bytes(20) + b"data" + bytes(400)])
def test_what_is_no_recording_has_no_length(tmp_path, data):
    (tmp_path / "x.wav").write_bytes(data)
    assert repaired(tmp_path / "x.wav") == 0


def test_one_that_was_finished_is_as_long_as_it_says(tmp_path):
    path = recording(tmp_path / "x.wav", 2, finished=True)
    before = path.read_bytes()
    assert repaired(path) == 2
    assert path.read_bytes() == before
