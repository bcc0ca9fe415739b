import json
import wave

from pipeline.plugins.dialplan.steps.keeping import seconds_of


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
