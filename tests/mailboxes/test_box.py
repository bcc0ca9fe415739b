import os

import pytest

from pipeline.mailboxes import Box, Counts


def test_messages_are_counted_in_the_folders(put, mailboxes):
    put("alice", "new", "1")
    put("alice", "new", "2-urgent")
    put("alice", "old", "3")
    put("alice", "tmp", "4")
    assert mailboxes.counts("alice") == Counts(2, 1, 1, 0)
    assert [message.name for message in mailboxes.box("alice").messages("new")] == ["2-urgent", "1"]


def test_a_moved_message_takes_its_json_along(put, mailboxes):
    path = put("alice", "new", "1")
    path.with_suffix(".json").write_text('{"caller_number": "100"}')
    (message,) = mailboxes.box("alice").messages("new")
    moved = mailboxes.move(message, "old")
    assert moved.about()["caller_number"] == "100"
    assert not list(path.parent.iterdir())
    assert mailboxes.counts("alice") == Counts(0, 1)
    assert mailboxes.delete(moved)
    assert not list(moved.path.parent.iterdir())


def test_what_another_has_deleted_is_not_moved_and_not_counted(put, mailboxes):
    path = put("alice", "new", "1")
    (message,) = mailboxes.box("alice").messages("new")
    path.unlink()
    assert mailboxes.move(message, "old") is None
    assert not mailboxes.delete(message)
    assert mailboxes.counts("alice") == Counts()


@pytest.mark.parametrize("text", ["", "[]", "{", '{"new": "x"}', '{"new": -3}', "[" * 5000])
def test_a_spoilt_note_of_another_system_counts_nothing(put, mailboxes, text):
    put("alice", "new", "1")
    (mailboxes.folder / "alice" / "external.json").write_text(text)
    assert mailboxes.counts("alice") == Counts(1)


def test_what_another_system_has_is_added_and_survives_a_restart(put, mailboxes):
    put("alice", "new", "1")
    mailboxes.elsewhere("alice", Counts(3, 1))
    assert mailboxes.counts("alice") == Counts(4, 1)
    assert Box("alice", mailboxes.folder / "alice").counts == Counts(4, 1)
    mailboxes.elsewhere("alice", Counts())
    assert Box("alice", mailboxes.folder / "alice").counts == Counts(1)


def test_no_counter_is_larger_than_the_standard_allows():
    assert Counts(2**32 - 1) + Counts(5) == Counts(2**32 - 1)


def test_folders_are_nobody_elses(mailboxes):
    mailboxes.elsewhere("alice", Counts(1))
    assert os.stat(mailboxes.folder / "alice").st_mode & 0o077 == 0
