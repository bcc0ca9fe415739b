"""Which folder is taken for the state directory, and that nobody else's is changed."""

import os
from pathlib import Path

import pytest

from pipeline.state import Foreign, make, secret, used


@pytest.fixture
def mode(tmp_path):
    def mode(folder):
        return folder.stat().st_mode & 0o7777

    return mode


def test_a_folder_that_was_not_there_is_its_owners_alone(tmp_path, mode):
    assert mode(make(tmp_path / "a" / "b")) == 0o700


def test_an_empty_folder_is_taken_and_keeps_its_permissions(tmp_path, mode):
    folder = tmp_path / "given"
    folder.mkdir(0o755)
    secret(folder)
    assert mode(folder) == 0o755 and mode(folder / "key") == 0o600


def test_one_that_holds_our_key_is_closed_to_others(tmp_path, mode):
    """Somebody has put a copy back."""
    folder = tmp_path / "state"
    secret(folder)
    (folder / "sipline.db").write_bytes(b"")
    folder.chmod(0o775)
    secret(folder)
    assert mode(folder) == 0o700


@pytest.mark.parametrize(
    ("bits", "holds", "why"),
    [
        (0o755, "letters.txt", "it holds 'letters.txt'"),
        (0o1777, "", "shared by many"),
        (0o1700, "", "shared by many"),
        (0o775, "", "who may write there"),
        (0o757, "", "who may write there"),
    ],
)
def test_what_is_not_ours_is_refused_and_left_as_it_is(tmp_path, mode, bits, holds, why):
    folder = tmp_path / "other"
    folder.mkdir()
    if holds:
        (folder / holds).touch()
    folder.chmod(bits)
    with pytest.raises(Foreign, match=why) as refused:
        make(folder)
    assert mode(folder) == bits
    assert "a folder that is not there yet" in str(refused.value)


def test_a_key_that_is_no_file_is_no_mark(tmp_path, mode):
    folder = tmp_path / "other"
    folder.mkdir(0o755)
    (folder / "key").symlink_to("/etc/passwd")
    (folder / "letters.txt").touch()
    with pytest.raises(Foreign, match="it holds 'key'"):
        make(folder)
    assert mode(folder) == 0o755


def test_somebody_elses_folder_is_refused(tmp_path, monkeypatch):
    folder = tmp_path / "other"
    folder.mkdir()
    monkeypatch.setattr(os, "geteuid", lambda: folder.stat().st_uid + 1)
    with pytest.raises(Foreign, match="somebody else's"):
        make(folder)


def test_root_may_use_the_state_of_the_servers_user_and_no_other_of_his_folders(tmp_path, monkeypatch):
    folder = tmp_path / "state"
    folder.mkdir(0o700)
    fstat, stat = os.fstat, os.stat

    def his(found):
        return os.stat_result((*found[:4], 4711, *found[5:10]))

    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(os, "fstat", lambda descriptor: his(fstat(descriptor)))
    monkeypatch.setattr(os, "stat", lambda *path, **more: his(stat(*path, **more)) if "dir_fd" in more else stat(*path, **more))
    with pytest.raises(Foreign, match="somebody else's"):
        make(folder)
    (folder / "key").touch()
    assert make(folder) == folder


@pytest.mark.parametrize("name", ["/tmp", "/usr/lib", "/", "/usr/../etc"])
def test_a_folder_of_the_system_is_none(name):
    assert used(Path(name))


def test_what_is_put_back_from_a_copy_and_a_new_disk_are_taken(tmp_path, mode):
    folder = tmp_path / "state"
    folder.mkdir(0o755)
    for name in ("sipline.db", "lost+found", "sipline.log", "t.jsonl"):
        (folder / name).touch()
    secret(folder)
    assert mode(folder) == 0o755  # it was not known as ours before
    secret(folder)
    assert mode(folder) == 0o700


def test_a_folder_that_is_its_owners_alone_is_taken_whatever_it_holds(tmp_path, mode):
    folder = tmp_path / "home"
    folder.mkdir(0o700)
    (folder / "letters.txt").touch()
    secret(folder)
    assert mode(folder) == 0o700


def test_what_a_folder_is_for_is_said_without_changing_it(tmp_path, mode):
    folder = tmp_path / "other"
    assert used(folder) == ""
    folder.mkdir(0o755)
    assert used(folder) == ""
    (folder / "letters.txt").touch()
    assert used(folder) == "in use for something else: it holds 'letters.txt', and others may look into it"
    assert used(folder / "letters.txt") == "no folder"
    assert mode(folder) == 0o755 and os.listdir(folder) == ["letters.txt"]
