import os

from pipeline.mailboxes import Counts


def told(house):
    return [(event.fields["mailbox"], event.fields["counts"]) for event in house.told("mailbox.changed")]


def test_what_was_changed_by_hand_is_found_and_told(house, mailboxes, put):
    path = put("alice", "new", "1")
    put("bob", "old", "2")
    assert house.run(mailboxes.load()) == []  # the first look is no change: whoever asks gets it
    assert told(house) == []
    path.rename(put("alice", "old", "x").with_name("1.wav"))
    assert house.run(mailboxes.load()) == ["alice"]
    assert told(house) == [("alice", Counts(0, 2))]
    assert house.run(mailboxes.load()) == []


def test_numbers_are_right_after_a_restart(house, put):
    put("alice", "new", "1")
    put("alice", "old", "2")
    house.stop()
    house.start()
    assert house.engine.mailboxes.counts("alice") == Counts(1, 1)


def test_whoever_asks_for_a_mailbox_that_is_none_makes_none(mailboxes):
    assert mailboxes.counts("nobody") == Counts()
    assert not mailboxes.folder.exists() and not mailboxes.boxes


def test_what_is_kept_long_enough_is_deleted(house, mailboxes, put):
    now = house.engine.clock.time()
    for name, age in (("1", 8), ("2", 6)):
        os.utime(put("office", "old", name), (now - age * 86400,) * 2)
    office = house.engine.dal.get("mailbox", "office")
    assert mailboxes.expire(office, now) == 1
    assert [message.name for message in mailboxes.box("office").messages("old")] == ["2"]


def test_the_next_of_that_name_does_not_hear_what_the_last_one_was_told(house, mailboxes, put):
    put("alice", "new", "1")
    assert mailboxes.counts("alice") == Counts(1)
    aside = mailboxes.forget("alice")
    assert mailboxes.counts("alice") == Counts()
    assert (aside / "new" / "1.wav").exists()
    assert told(house)[-1] == ("alice", Counts())
    assert house.run(mailboxes.load()) == []
    assert list(mailboxes.boxes) == []
    assert mailboxes.forget("alice") is None


HOOKS = '''
from pipeline import hookimpl, plugin

@plugin
class Broken:
    """Fails."""
    @hookimpl
    def mailbox_message(self, mailbox, message):
        raise RuntimeError("broken")

@plugin
class Noting:
    """Notes."""
    heard = []
    @hookimpl
    def mailbox_message(self, mailbox, message):
        type(self).heard.append((mailbox.id, mailbox.email, message.new, message.about()["caller_number"]))
'''


def test_every_plugin_hears_of_a_message_whatever_another_does(sip, tmp_path):
    (tmp_path / "hooks.py").write_text(HOOKS)
    server = sip(
        f"""
        [plugin.broken]
        load = "{tmp_path}/hooks.py:Broken"
        [plugin.noting]
        load = "{tmp_path}/hooks.py:Noting"
        [user.bob]
        password = "bob's"
        email = "bob@example.com"
        [context.default.extensions]
        1 = [{{ mailbox = "bob" }}]
        [endpoint.anybody]
        auth = []
        [identify.anybody]
        endpoint = "anybody"
        match = ["10.0.0.0/8"]
        """,
        intercept=["identify"],
        application=["channel"],
        integration=["memory", "toml", "channel", "dialplan", "media_local", "broken", "noting"],
    )
    call = server.phone("alice").call("1").until("up")
    call.talk(440)
    server.advance(3)
    call.hangup()
    server.advance(1)
    noting = next(listing.plugin for listing in server.engine.generation.listings() if listing.name == "noting")
    assert type(noting).heard == [("bob", "bob@example.com", True, "alice")]
    assert [event.fields["plugin"] for event in server.told("step.failed")] == ["broken"]


def test_callers_who_leave_nothing_leave_no_folders(sip):
    server = sip(
        """
        [context.default.extensions]
        "_X." = [{ mailbox = "${extension}" }]
        [endpoint.anybody]
        auth = []
        [identify.anybody]
        endpoint = "anybody"
        match = ["10.0.0.0/8"]
        """,
        intercept=["identify"],
        application=["channel"],
        integration=["memory", "toml", "channel", "dialplan", "media_local"],
    )
    phone = server.phone("alice")
    for number in ("100", "101", "102"):
        call = phone.call(number).until("up")
        server.advance(0.5)
        call.hangup()
        server.advance(1)
    mailboxes = server.engine.mailboxes
    assert list(mailboxes.folder.iterdir()) == [] and mailboxes.boxes == {}
    mailboxes.box("103").greeting.parent.mkdir(parents=True)
    mailboxes.box("103").greeting.write_bytes(b"RIFF")
    call = phone.call("103").until("up")
    server.advance(0.5)
    call.hangup()
    server.advance(1)
    assert mailboxes.box("103").greeting.exists()
