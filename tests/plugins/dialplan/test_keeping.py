import json
import wave

import pytest
from pipeline.plugins.dialplan.sounds import NAMED

from pipeline.core.voice import seconds_of


def boxes(wire, owner="bob"):
    folder = wire.engine.plan.state / "mailboxes" / owner
    return [sorted(path.name for path in (folder / part).glob("*")) for part in ("new", "tmp")]


def test_what_is_said_is_recorded_until_a_digit(context):
    wire = context('"1" = [{ record = "memo-${caller.number}" }, { playback = "thanks ${recording}" }]')
    alice = wire.call("alice", "1")
    wire.advance(5)
    alice.channel.told_digit("#")
    wire.settle()
    path = wire.engine.plan.state / "recordings" / "memo-alice.wav"
    assert wire.played == ["tone:1000*200/0", f"thanks {path}"]
    assert round(seconds_of(path)) == 4
    alice.hang_up()
    wire.settle()
    wire.clean()


def test_a_recording_ends_by_itself(context):
    wire = context('"1" = [{ record = "memo", seconds = 2, beep = false }, { playback = "thanks" }]')
    alice = wire.call("alice", "1")
    wire.advance(2.1)
    assert wire.played == ["thanks"]
    alice.hang_up()
    wire.settle()
    wire.clean()


def test_a_recordings_name_stays_in_its_folder(context):
    wire = context('"_." = [{ set = { x = "../../../evil" } }, { record = "${x}${extension}", seconds = 1, beep = false }]')
    wire.call("alice", "a/../../b")
    wire.advance(2)
    assert [path.name for path in (wire.engine.plan.state / "recordings").iterdir()] == ["_.._.._evila_2F.._2F.._2Fb.wav"]


def test_a_message_is_kept_when_the_caller_hangs_up(context):
    wire = context('"1" = [{ mailbox = "bob", greeting = "away" }]')
    alice = wire.call("alice", "1")
    wire.advance(12)
    assert wire.played == ["away", "tone:1000*200/0"]
    assert [len(files) for files in boxes(wire)] == [0, 1]
    alice.hang_up()
    wire.settle()
    new, tmp = boxes(wire)
    assert tmp == [] and [name.rpartition(".")[2] for name in new] == ["json", "wav"]
    folder = wire.engine.plan.state / "mailboxes" / "bob" / "new"
    about = json.loads((folder / new[0]).read_text())
    assert (about["mailbox"], about["caller_number"], about["caller_name"], about["dialed"]) == ("bob", "alice", "Alice", "1")
    assert about["seconds"] == 10.0 and about["time"] == 1_800_000_002.0
    with wave.open(str(folder / new[1])) as file:
        assert file.getframerate() == 8000
    (told,) = wire.told("mailbox.message")
    assert (told["mailbox"], told["seconds"]) == ("bob", 10.0)
    wire.clean()


def test_behind_a_message_that_was_ended_with_a_digit_the_steps_go_on(context):
    wire = context('"1" = [{ mailbox = "${extension}" }, { playback = "kept ${message}" }]')
    alice = wire.call("alice", "1")
    wire.advance(5)
    alice.channel.told_digit("#")
    wire.settle()
    assert wire.played[-1].startswith("kept ") and wire.played[-1].endswith(".wav")
    assert len(boxes(wire, "1")[0]) == 2
    alice.hang_up()
    wire.settle()
    wire.clean()


def test_who_hangs_up_at_the_beep_leaves_no_message(context):
    wire = context('"1" = [{ mailbox = "bob" }]')
    alice = wire.call("alice", "1")
    wire.advance(1.5)
    alice.hang_up()
    wire.settle()
    assert boxes(wire) == [[], []]
    assert wire.told("mailbox.message") == []
    wire.clean()


def test_a_digit_skips_the_greeting(context):
    wire = context('"1" = [{ mailbox = "bob", greeting = ["long", "longer"] }]')
    alice = wire.call("alice", "1")
    wire.advance(0.5)
    alice.channel.told_digit("#")
    wire.settle()
    assert wire.played == ["long", "tone:1000*200/0"]
    alice.hang_up()
    wire.settle()
    wire.clean()


def test_a_recording_without_a_limit_of_its_own_ends_after_an_hour(context):
    wire = context('"1" = [{ record = "memo", beep = false }, { playback = "thanks" }]')
    alice = wire.call("alice", "1")
    wire.advance(3599)
    assert wire.played == []
    wire.advance(2)
    assert wire.played == ["thanks"]
    alice.hang_up()
    wire.settle()
    wire.clean()


def test_how_long_a_recording_goes_on_is_an_option(context):
    wire = context('"1" = [{ record = "memo", beep = false }, { playback = "thanks" }]', "[plugin.dialplan]\nrecording_seconds = 5")
    wire.call("alice", "1")
    wire.advance(5.5)
    assert wire.played == ["thanks"]


def test_two_who_record_under_one_name_get_a_file_each(context):
    wire = context('"1" = [{ record = "memo" }]')
    alice, bob = wire.call("alice", "1"), wire.call("bob", "1")
    wire.advance(5)
    alice.hang_up()
    wire.advance(2)
    bob.hang_up()
    wire.settle()
    folder = wire.engine.plan.state / "recordings"
    lengths = {path.name: round(seconds_of(path)) for path in folder.iterdir()}
    assert lengths == {"memo.wav": 4, f"memo-{bob.channel.id}.wav": 6}
    assert bob.channel.variables["recording"] == str(folder / f"memo-{bob.channel.id}.wav")
    again = wire.call("alice", "1")  # nobody records under it any more: it is recorded anew
    wire.advance(3)
    again.hang_up()
    wire.settle()
    assert round(seconds_of(folder / "memo.wav")) == 2
    wire.clean()


def test_a_mailbox_that_is_full_takes_no_more_and_the_steps_behind_follow(context):
    wire = context('"1" = [{ mailbox = "bob" }, { playback = "full ${message}" }]', "[mailbox.bob]\naor = []\nmax_messages = 2")
    first, second = wire.call("alice", "1"), wire.call("carol", "1")
    wire.advance(3)
    third = wire.call("dave", "1")  # two are being left now: they count
    wire.advance(3)
    assert wire.played[-2:] == [NAMED["information"], "full "]
    assert [told["reason"] for told in wire.told("dialplan.full")] == ["messages"]
    for phone in (first, second, third):
        phone.hang_up()
    wire.settle()
    assert len(boxes(wire)[0]) == 4
    (next((wire.engine.plan.state / "mailboxes/bob/new").glob("*.wav"))).unlink()
    alice = wire.call("alice", "1")
    wire.advance(4)
    alice.hang_up()
    wire.settle()
    assert len(wire.told("mailbox.message")) == 3
    wire.clean()


@pytest.mark.parametrize("step", ["record", "mailbox"])
def test_nothing_is_recorded_on_a_disk_that_is_nearly_full(context, step):
    wire = context(f'"1" = [{{ {step} = "bob" }}, {{ playback = "behind" }}]', "[plugin.dialplan]\nfree_space = 1_000_000_000_000")
    wire.call("alice", "1")
    wire.advance(2.5)
    assert wire.played == [NAMED["information"], "behind"]
    assert [told["reason"] for told in wire.told("dialplan.full")] == ["space"]
    assert list(wire.engine.plan.state.rglob("*.wav")) == []
    wire.advance(2)
    wire.clean()
