import errno
import json
import pathlib

import pytest

A, B = 440, 1633


def test_a_caller_leaves_a_message_by_hanging_up(house):
    house.leave(A)
    house.waiting(1, 0)
    (told,) = house.told("mailbox.message")
    assert (told["mailbox"], round(told["seconds"])) == ("bob", 4)
    path = next((house.mailboxes.folder / "bob" / "new").glob("*.json"))
    about = json.loads(path.read_text())
    assert (about["caller_number"], about["caller_name"], about["endpoint"]) == ("100", "Alice", "alice")
    house.nothing_left()


def test_who_does_not_answer_gets_a_message(house):
    house.bob.answers(ring=0.0, after=None)
    call = house.alice.call("bob")
    house.advance(26)
    assert call.state == "up"
    call.talk(A)
    house.advance(4)
    call.hangup()
    house.advance(1)
    house.waiting(1, 0)
    house.nothing_left()


def test_who_answers_is_talked_to(house):
    call = house.alice.call("bob").until("up")
    house.advance(3)
    call.hangup()
    house.advance(1)
    house.waiting(0, 0)
    house.nothing_left()


def test_who_is_not_registered_or_declines_gets_a_message_too(house):
    house.server.wait(house.bob.unregister())
    house.leave(A, to="bob")
    house.waiting(1, 0)
    house.carol.answers(status=486)
    house.leave(A, to="carol")
    house.waiting(1, 0, "carol")
    house.nothing_left()


def test_who_has_no_voicemail_is_as_busy_as_he_is(built):
    house = built('[user.bob]\npassword = "bob\'s"\nvoicemail = false\n')
    house.bob.answers(status=486)
    assert house.alice.call("bob").until("ended").status == 486
    house.waiting(0, 0)
    house.nothing_left()


def test_how_long_it_rings_is_the_users_own(built):
    house = built('[user.bob]\npassword = "bob\'s"\nring_seconds = 5\n')
    house.bob.answers(ring=0.0, after=None)
    call = house.alice.call("bob")
    house.advance(5.5)
    assert call.state == "up"
    call.hangup()
    house.nothing_left()


def test_a_context_without_voicemail_takes_no_messages(built):
    house = built("[context.default]\nusers = true\n")
    house.bob.answers(status=486)
    assert house.alice.call("bob").until("ended").status == 486


def test_who_hangs_up_in_the_greeting_leaves_no_message(house):
    call = house.alice.call("*bob").until("up")
    house.advance(0.2)
    call.hangup()
    house.advance(1)
    house.waiting(0, 0)
    assert not house.told("mailbox.message")
    house.nothing_left()


def review(house, *, tone=A, seconds=4):
    """Leave a message and end it with #: the caller is asked what to do with it."""
    call = house.alice.call("*bob").until("up")
    house.advance(1)
    call.talk(tone)
    house.advance(seconds)
    call.quiet()
    house.press(call, "#")
    return call


def test_a_message_can_be_heard_before_it_is_sent(house):
    call = review(house)
    assert house.counts().new == 0  # not sent yet
    house.press(call, "2", wait=1.5)
    assert call.hears() == {A}
    call.press("#")
    house.advance(0.5)
    house.press(call, "1")
    house.waiting(1, 0)
    call.until("ended")
    house.nothing_left()


def test_a_message_can_be_recorded_again(house):
    call = review(house)
    call.press("3")
    house.advance(0.6)
    call.talk(B)
    house.advance(3)
    call.hangup()
    house.advance(1)
    house.waiting(1, 0)
    assert round(house.told("mailbox.message")[0]["seconds"]) == 3
    house.nothing_left()


def test_a_message_can_be_taken_back(house):
    call = review(house)
    house.press(call, "*")
    call.until("ended")
    house.waiting(0, 0)
    house.nothing_left()


def test_who_hangs_up_while_he_is_asked_has_left_it(house):
    call = review(house)
    call.hangup()
    house.advance(1)
    house.waiting(1, 0)
    house.nothing_left()


def test_an_urgent_message_is_counted_as_such_and_comes_first(house):
    house.leave(B)
    call = review(house)
    house.press(call, "4")
    house.press(call, "1")
    assert (house.counts().new, house.counts().urgent_new) == (2, 1)
    first, second = house.mailboxes.box("bob").messages("new")
    assert first.urgent and not second.urgent
    house.nothing_left()


def test_silence_ends_a_message(house):
    call = house.alice.call("*bob").until("up")
    house.advance(1)
    call.talk(A)
    house.advance(3)
    call.quiet()
    call.until("ended")
    house.waiting(1, 0)
    house.nothing_left()


def test_a_message_is_no_longer_than_the_mailbox_says(built):
    house = built("[mailbox.bob]\nmax_seconds = 5\n")
    call = house.alice.call("*bob").until("up")
    house.advance(1)
    call.talk(A)
    house.advance(7)
    call.until("ended")
    assert round(house.told("mailbox.message")[0]["seconds"]) == 5
    house.nothing_left()


def test_a_full_mailbox_takes_no_more(built):
    house = built("[mailbox.bob]\nmax_messages = 1\n")
    house.leave(A)
    call = house.alice.call("*bob").until("up")
    call.until("ended")
    assert [told["reason"] for told in house.told("mailbox.full")] == ["messages"]
    house.waiting(1, 0)
    next((house.mailboxes.folder / "bob" / "new").glob("*.wav")).unlink()  # by hand: he is not refused for what was counted before
    house.leave(A)
    house.waiting(1, 0)
    house.nothing_left()


def test_nothing_is_taken_on_a_disk_that_is_nearly_full(built):
    house = built('[plugin.voicemail]\nprompts = "words"\nfree_space = 1_000_000_000_000\n')
    house.alice.call("*bob").until("up").until("ended")
    assert [told["reason"] for told in house.told("mailbox.full")] == ["space"]
    house.waiting(0, 0)


def test_a_name_that_is_no_mailbox_ends_the_call(house):
    assert house.alice.call("*nobody").until("ended").status == 404
    assert [told["mailbox"] for told in house.told("mailbox.unknown")] == ["nobody"]
    assert not list(house.mailboxes.folder.glob("*"))


@pytest.mark.parametrize("name", ["bob@example.com", "4711"])
def test_a_mailbox_is_found_by_its_owners_address_and_by_its_number(built, name):
    house = built(f'[mailbox.bob]\nnumber = "4711"\n[context.default]\n[context.default.extensions]\nhere = [{{ voicemail = "{name}" }}]\n')
    house.leave(A, to="here")
    house.waiting(1, 0)


def test_the_owners_greeting_is_heard(house):
    call = house.dial()
    house.press(call, "0")  # greeting
    call.press("1")
    house.advance(0.5)
    call.talk(B)
    house.advance(3)
    call.quiet()
    house.press(call, "#")
    house.press(call, "1")
    house.press(call, "##")
    call.until("ended")
    assert (house.mailboxes.folder / "bob" / "greeting.wav").exists()
    call = house.alice.call("*bob").until("up")
    house.advance(1.2)
    assert call.hears() == {B}
    house.advance(3)
    call.hangup()
    call = house.dial()
    house.press(call, "03##")  # the standard one again
    assert not (house.mailboxes.folder / "bob" / "greeting.wav").exists()
    house.nothing_left()


def test_a_disk_that_is_full_at_the_end_loses_no_message_and_no_room(built, monkeypatch):
    house = built("[mailbox.bob]\nmax_messages = 1\n")
    write = pathlib.Path.write_text

    def full(path, *arguments, **keywords):
        if path.suffix == ".json":
            write(path, "{", encoding="utf-8")
            raise OSError(errno.ENOSPC, "the disk is full")
        return write(path, *arguments, **keywords)

    monkeypatch.setattr(pathlib.Path, "write_text", full)
    house.leave(A)
    assert house.mailboxes.taking == set()
    house.waiting(new=1)
    assert "time" in house.mailboxes.box("bob").messages("new")[0].about()
    assert [event.fields["plugin"] for event in house.server.told("step.failed")] == ["mailboxes"]


def test_a_mailbox_that_cannot_be_written_is_not_full_for_ever(house):
    (house.mailboxes.folder / "bob").mkdir(parents=True)
    (house.mailboxes.folder / "bob" / "new").write_bytes(b"")  # somebody's own file
    house.leave(A)
    assert house.mailboxes.taking == set()
    assert house.server.told("step.failed")
