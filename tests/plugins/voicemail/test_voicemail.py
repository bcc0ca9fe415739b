import asyncio
import os
import re
from pathlib import Path

import attrs
import pytest

from pipeline.config import Document, build
from pipeline.mailboxes import Counts

A = 440
DOCS = Path(__file__).parents[3] / "docs/voicemail.md"


def test_the_plugin_in_the_docs_hears_of_a_message(built, tmp_path):
    (source,) = re.findall(r"```python\n(.*?)```", DOCS.read_text(), re.DOTALL)
    (tmp_path / "tell.py").write_text(source)
    script = tmp_path / "command"
    script.write_text(f'#!/bin/sh\necho "$1 $2 $3" > {tmp_path}/told\n')
    script.chmod(0o755)
    house = built(
        f'[plugin.tell]\nload = "{tmp_path}/tell.py:Tell"\ncommand = "{script}"\n',
        integration=["memory", "toml", "channel", "dialplan", "voicemail", "media_local", "tell"],
    )
    house.leave(A)
    for _ in range(500):
        if (tmp_path / "told").exists() and (tmp_path / "told").read_text():
            break
        house.server.run(asyncio.to_thread(__import__("time").sleep, 0.01))
    mailbox, path, caller = (tmp_path / "told").read_text().split()
    assert (mailbox, caller) == ("bob", "100") and Path(path).exists()


@pytest.mark.parametrize("block", re.findall(r"(?m)(?:^    .*\n|^\n(?=    ))+", DOCS.read_text()))
def test_the_blocks_of_the_docs_that_are_toml_are_right(block):
    import tomllib

    text = re.sub(r"(?m)^    ", "", block)
    if re.search(r"(?m)^\[", text):
        assert tomllib.loads(text)


def test_a_context_with_voicemail_wants_the_plugin(sip):
    with pytest.raises(Exception, match="no plugin that is listed has the step 'voicemail'") as caught:
        sip(
            "[context.default]\nusers = true\nvoicemail = true\n",
            integration=["memory", "toml", "dialplan"],
            application=["registrar", "channel"],
        )
    assert "list 'voicemail' in the integration stage" in str(caught.value)


def test_a_reload_keeps_mailboxes_wrong_pins_and_mail(house):
    house.leave(A)
    house.mailboxes.guard.wrong("bob")
    text = house.server.text
    plan = build(Document(house.server.folder / "pipeline.toml", text.replace('prompts = "words"', 'prompts = "words"\nmin_seconds = 2.0')))
    assert house.server.run(house.engine.reload(plan))
    assert house.counts() == Counts(1)
    house.leave(A, seconds=1.5)  # too short now
    assert house.counts() == Counts(1)
    house.leave(A)
    assert house.counts() == Counts(2)
    assert house.mailboxes.guard.wrong("bob") == 0 and house.mailboxes.guard.wrong("bob") == 60
    house.nothing_left()


def test_what_is_too_old_is_deleted_within_the_hour(built):
    house = built("[mailbox.bob]\nretention_days = 1\n")
    house.leave(A)
    house.advance(86400 - 60)
    house.waiting(1, 0)
    house.advance(3660)
    house.waiting(0, 0)
    assert [told["mailbox"] for told in house.told("mailbox.deleted")] == ["bob"]


def test_a_mailbox_of_another_domain_is_named_in_full(built):
    house = built('[pipeline]\nname = "test"\ndomains = ["example.com", "example.net"]\n[user."dave@example.net"]\npassword = "x"\n')
    from pipeline.mailboxes import mailbox_of

    mailbox = mailbox_of(house.engine, "dave@example.net")
    assert (mailbox.id, mailbox.aor) == ("dave@example.net", ("dave@example.net",))


def test_stats_count_mailboxes(house, plugin_of):
    house.leave(A)
    assert plugin_of(house.server, "voicemail").stats() == {"mailboxes": 1, "mailed": 0, "unmailed": 0, "mail_waiting": 0}
    assert attrs.asdict(house.counts())["new"] == 1


def test_a_message_that_was_being_left_when_the_server_died_is_there_at_the_next_start(house):
    house.leave(A)
    [kept] = (house.mailboxes.folder / "bob" / "new").glob("*.wav")
    house.server.stop()
    data = bytearray(kept.read_bytes())
    data[40:44] = bytes(4)
    left = kept.parent.parent / "tmp" / "20260101T120000-x.wav"
    left.parent.mkdir(exist_ok=True)
    left.write_bytes(data)
    left.with_name("20260101T120001-y.wav").write_bytes(data[:1000])
    house.server.start()
    assert house.server.engine.mailboxes.counts("bob").new == 2
    assert list(left.parent.glob("*")) == []


def test_a_file_that_cannot_be_deleted_is_one_mailbox_and_not_the_others(built):
    house = built("[mailbox.alice]\nretention_days = 1\n[mailbox.bob]\nretention_days = 1\n")
    house.leave(A)
    (house.mailboxes.folder / "alice" / "new" / "1.wav").mkdir(parents=True)
    os.utime(house.mailboxes.folder / "alice" / "new" / "1.wav", (0, 0))
    house.mailboxes.box("alice").scan()
    house.advance(86400 + 3660)
    assert house.counts("bob").new == 0
    assert house.server.told("step.failed")[0].fields["plugin"] == "voicemail"
    house.server.stop()
    house.server.start()  # nor is it the end of the server
    assert house.server.engine.mailboxes.counts("bob").new == 0
