import io
import wave

import pytest

from pipeline.mail import RETRIES

A = 440


@pytest.fixture
def mailed(built, mailhost):
    """A house that mails bob's messages to a real server."""

    def mailed(more="", words=""):
        return built(
            f"""
[user.bob]
password = "bob's"
email = "bob@example.org"
{more}
[plugin.voicemail]
prompts = "words"
smtp_host = "{mailhost.host}"
smtp_port = {mailhost.port}
"""
        )

    return mailed


def test_a_message_is_mailed_with_its_sound(mailed, mailhost):
    house = mailed()
    house.leave(A)
    house.advance(1)
    (letter,) = mailhost.letters
    assert letter.envelope.rcpt_tos == ["bob@example.org"]
    assert letter["from"] == "voicemail@example.com"
    assert letter["subject"] == "Voice message from Alice (0:04)"
    assert letter["message-context"] == "voice-message"
    assert "Alice <100> has left a message for bob." in letter.get_body().get_content()
    (sound,) = letter.iter_attachments()
    with wave.open(io.BytesIO(sound.get_content())) as file:
        assert round(file.getnframes() / file.getframerate()) == 4
    assert [(told["mailbox"], told["to"]) for told in house.told("mailbox.mailed")] == [("bob", "bob@example.org")]
    house.waiting(1, 0)
    house.nothing_left()


def test_it_can_be_told_without_the_sound(mailed, mailhost):
    house = mailed("attach = false")
    house.leave(A)
    house.advance(1)
    (letter,) = mailhost.letters
    assert not list(letter.iter_attachments()) and "It is in your mailbox." in letter.get_content()


def test_it_is_deleted_when_it_was_sent_and_only_then(mailed, mailhost):
    house = mailed("delete_after_email = true")
    mailhost.refuse = "451 later"
    house.leave(A)
    house.advance(1)
    house.waiting(1, 0)
    (told,) = house.told("mailbox.unmailed")
    assert told["again"] and "451" in told["error"]
    mailhost.refuse = ""
    house.advance(RETRIES[0])
    assert len(mailhost.letters) == 1
    house.waiting(0, 0)
    house.nothing_left()


def test_what_was_heard_meanwhile_is_mailed_all_the_same(mailed, mailhost):
    house = mailed()
    mailhost.refuse = "451 later"
    house.leave(A)
    house.advance(1)
    (message,) = house.mailboxes.box("bob").messages("new")
    house.mailboxes.move(message, "old")
    mailhost.refuse = ""
    house.advance(RETRIES[0])
    assert len(list(mailhost.letters[0].iter_attachments())) == 1


def test_a_caller_cannot_write_headers(mailed, mailhost):
    house = mailed()
    house.leave(A)  # so that there is a box
    box = house.mailboxes.box("bob")
    (message,) = box.messages("new")
    path = message.path.with_suffix(".json")
    path.write_text('{"caller_name": "x\\r\\nBcc: eve@example.org\\r\\n\\r\\nhello", "caller_number": "1\\u0000>\\udcff", "seconds": 3}')
    house.mailboxes.told_message(house.engine.dal.get("mailbox", "bob"), message)
    house.advance(1)
    letter = mailhost.letters[-1]
    assert letter["bcc"] is None and letter.envelope.rcpt_tos == ["bob@example.org"]
    assert "Bcc" in letter["subject"] and "\n" not in letter["subject"]


def test_an_address_without_a_server_is_a_warning(built):
    house = built('[user.bob]\npassword = "bob\'s"\nemail = "bob@example.org"\n')
    warnings = [problem for problem in house.engine.plan.warnings if "smtp_host" in str(problem)]
    assert len(warnings) == 1
    house.leave(A)
    house.advance(1)
    house.waiting(1, 0)
