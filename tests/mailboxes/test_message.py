import json

import pytest

from pipeline.mailboxes import Message, folder_name
from pipeline.mailboxes.message import name_of


@pytest.mark.parametrize(
    "name", ["bob", "bob@example.net", "+41.44-1_2", "../../etc", ".hidden", "jörg", "a/b", "a%2Fb", "x" * 60, "\udcff"]
)
def test_a_folders_name_leads_nowhere_else_and_back(name):
    folder = folder_name(name)
    assert "/" not in folder and not folder.startswith(".") and folder.isascii()
    assert name_of(folder) == name


@pytest.mark.parametrize("name", ["", "x" * 300, "ö" * 60])
def test_what_cannot_be_a_name_is_said(name):
    with pytest.raises(ValueError, match="cannot be the name of a mailbox"):
        folder_name(name)


def test_who_called_stands_beside_the_sound(tmp_path):
    path = tmp_path / "1-urgent.wav"
    path.write_bytes(b"RIFF")
    message = Message("alice", "1-urgent", path, new=True)
    assert message.urgent
    assert message.about() == {"time": path.stat().st_mtime}
    path.with_suffix(".json").write_text(json.dumps({"caller_number": "100", "time": 5}))
    assert message.about() == {"caller_number": "100", "time": 5}
    path.with_suffix(".json").write_text('["' + "x" * 100_000)
    assert message.about() == {"time": path.stat().st_mtime}
    path.unlink()
    assert message.about() == {}
