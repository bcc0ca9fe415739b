import os
import tomllib

import pytest

from pipeline.config import Problems
from pipeline.config.edit import Refused, disable, enable

TEXT = """\
# our edge
[[stage]]
name    = "intercept"      # every message
plugins = ["logging", "identify", "auth"]  # in this order

[[stage]]
name    = "application"
plugins = [
    "registrar",   # phones
    # "messages",
    "redirect",    # calls
]

[plugin.auth]   # strict
window  = 64
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "pipeline.toml"
    path.write_text(TEXT)
    return path


def test_a_plugin_is_listed_behind_what_it_comes_after_and_nothing_else_changes(file):
    assert enable(file, "curfew", {"intercept": "identify"})
    assert file.read_text() == TEXT.replace('"identify", "auth"', '"identify", "curfew", "auth"')


def test_a_plugin_may_be_the_last_of_a_list_of_many_lines(file):
    assert enable(file, "options", {"application": "redirect"})
    assert file.read_text() == TEXT.replace('"redirect",    # calls\n', '"redirect",    # calls\n    "options",\n')


def test_a_plugin_may_be_the_first(file):
    enable(file, "probe", {"intercept": "", "application": ""})
    wanted = TEXT.replace('"logging", "id', '"probe", "logging", "id').replace('    "registrar",', '    "probe",\n    "registrar",')
    assert file.read_text() == wanted
    disable(file, "probe")
    assert file.read_text() == TEXT


def test_what_is_listed_already_is_left_alone(file):
    assert not enable(file, "auth", {"intercept": "logging"})
    assert file.read_text() == TEXT


def test_a_plugin_is_taken_out_and_its_table_stays(file):
    assert disable(file, "auth") == ("intercept",)
    assert file.read_text() == TEXT.replace(', "auth"', "")
    assert disable(file, "redirect") == ("application",)
    assert "# phones" in file.read_text()
    assert disable(file, "nobody") == ()


def test_out_and_in_again_gives_the_same_lists(file):
    disable(file, "identify")
    enable(file, "identify", {"intercept": "logging"})
    assert tomllib.loads(file.read_text()) == tomllib.loads(TEXT)


def test_a_stage_that_is_not_there_is_refused(file):
    with pytest.raises(Refused) as caught:
        enable(file, "udp", {"transport": ""})
    assert str(caught.value) == "there is no stage 'transport' to list 'udp' in"
    with pytest.raises(Refused, match="'nat' is not listed in stage 'intercept'"):
        enable(file, "security", {"intercept": "nat"})
    assert file.read_text() == TEXT


def test_a_file_that_is_no_toml_is_told_as_ever(file):
    file.write_text("x = yes\n")
    with pytest.raises(Problems, match="this is no TOML value"):
        disable(file, "auth")


def test_windows_line_ends_the_mode_and_a_link_survive(file, tmp_path):
    file.write_bytes(TEXT.replace("\n", "\r\n").encode())
    file.chmod(0o600)
    link = tmp_path / "link.toml"
    link.symlink_to(file)
    disable(link, "auth")
    assert link.is_symlink()
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.read_bytes() == TEXT.replace(', "auth"', "").replace("\n", "\r\n").encode()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link.toml", "pipeline.toml"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_the_owner_and_the_group_survive(file):
    os.chown(file, 65534, 65533)
    file.chmod(0o640)
    disable(file, "auth")
    found = file.stat()
    assert (found.st_uid, found.st_gid, found.st_mode & 0o777) == (65534, 65533, 0o640)


@pytest.mark.parametrize("denied", ["chown", "setxattr", "mkstemp"])
def test_who_may_not_make_a_file_like_it_writes_into_the_old_one(file, monkeypatch, tmp_path, denied):
    def refuse(*_arguments, **_more):
        raise PermissionError(1, "Operation not permitted")

    before = file.stat()
    monkeypatch.setattr(os, "listxattr", lambda path: ["system.posix_acl_access"] if denied == "setxattr" else [], raising=False)
    monkeypatch.setattr(os, "getxattr", lambda path, name: b"", raising=False)
    monkeypatch.setattr(f"pipeline.config.edit.{'tempfile' if denied == 'mkstemp' else 'os'}.{denied}", refuse, raising=False)
    if denied == "chown":
        another = os.stat_result([0, 0, 0, 0, before.st_uid + 1, before.st_gid, 0, 0, 0, 0])
        monkeypatch.setattr(os, "fstat", lambda handle: another)
    disable(file, "auth")
    assert file.read_text() == TEXT.replace(', "auth"', "")
    assert file.stat().st_ino == before.st_ino
    assert [path.name for path in tmp_path.iterdir()] == ["pipeline.toml"]


def test_what_cannot_be_written_at_all_is_told(file, monkeypatch):
    def refuse(*_arguments):
        raise denied

    denied = PermissionError(13, "Permission denied")
    monkeypatch.setattr("pipeline.config.edit._within", refuse)
    monkeypatch.setattr("pipeline.config.edit._beside", refuse)
    with pytest.raises(Refused, match=r"pipeline.toml cannot be written: Permission denied"):
        disable(file, "auth")
    denied = OSError(28, "No space left on device")
    monkeypatch.setattr("pipeline.config.edit._within", lambda *_: pytest.fail("a full disk would keep half of it"))
    with pytest.raises(Refused, match="No space left"):
        disable(file, "auth")


def test_a_byte_order_mark_survives(file):
    file.write_bytes(b"\xef\xbb\xbf" + TEXT.encode())
    disable(file, "auth")
    assert file.read_bytes() == b"\xef\xbb\xbf" + TEXT.replace(', "auth"', "").encode()


def test_what_the_check_refuses_is_not_written(file):
    shown = []

    def refuse(document):
        shown.append(document.data["stage"][0]["plugins"])
        raise Problems([])

    for edit in (lambda: disable(file, "auth", refuse), lambda: enable(file, "nat", {"intercept": "auth"}, refuse)):
        with pytest.raises(Problems):
            edit()
    assert file.read_text() == TEXT
    assert shown == [["logging", "identify"], ["logging", "identify", "auth", "nat"]]
