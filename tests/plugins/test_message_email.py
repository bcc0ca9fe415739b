"""plugins.message_email: messages for some recipients become e-mail, by a real SMTP server."""

import time

import pytest

from pipeline.core import Text

LISTED = {"application": ["registrar", "messages", "options"], "integration": ["memory", "toml", "message_email"]}


@pytest.fixture
def house(sip, mailhost):
    def house(more=""):
        return sip(
            f'[plugin.message_email]\nsmtp_host = "{mailhost.host}"\nsmtp_port = {mailhost.port}\nto = {{ ops = "ops@corp.example" }}\n{more}',
            **LISTED,
        )

    return house


def say(server, to="ops", body=b"the pump is on fire", kind="text/plain", **more):
    attempt = server.phone("alice").request("MESSAGE", f"sip:{to}@example.com", headers=[("Content-Type", kind)], body=body, **more)
    end = time.monotonic() + 20
    while not attempt.done and time.monotonic() < end:
        server.advance(0.01)
    return attempt


def test_a_message_becomes_a_letter(house, mailhost):
    server = house()
    assert say(server, body="die Pumpe brennt 🔥".encode()).status == 202
    (letter,) = mailhost.letters
    assert letter.envelope.rcpt_tos == ["ops@corp.example"]
    assert letter["To"] == "ops@corp.example"
    assert letter["From"] == "messages@example.com"
    assert letter["Subject"] == "Message from <sip:alice@example.com>"
    assert letter["Auto-Submitted"] == "auto-generated"
    assert letter.get_content().splitlines() == ["<sip:alice@example.com> writes to ops@example.com:", "", "die Pumpe brennt 🔥"]


def test_what_is_no_text_is_attached(house, mailhost):
    server = house()
    assert say(server, body=b"\x89PNG", kind="image/png").status == 202
    (letter,) = mailhost.letters
    (attachment,) = letter.iter_attachments()
    assert (attachment.get_content_type(), attachment.get_content()) == ("image/png", b"\x89PNG")


def test_signs_of_typing_are_no_letters(house, mailhost):
    server = house()
    assert say(server, body=b"<isComposing/>", kind="application/im-iscomposing+xml").status == 202
    assert mailhost.letters == []


def test_a_mail_server_that_will_not_says_so_to_the_author(house, mailhost):
    server = house()
    mailhost.refuse = "451 later"
    attempt = say(server)
    assert (attempt.status, attempt.response.get("retry-after")) == (503, "60")
    mailhost.refuse = "550 nobody"
    assert say(server).status == 480
    assert [event.fields["to"] for event in server.told("message.unmailed")] == ["ops@corp.example"] * 2


def test_a_mail_server_that_is_not_there_is_503(sip):
    server = sip('[plugin.message_email]\nsmtp_host = "127.0.0.1"\nsmtp_port = 1\nto = { "ops@example.com" = "a@b.example" }\n', **LISTED)
    assert say(server).status == 503


def test_others_messages_go_to_phones(house, mailhost):
    server = house()
    bob = server.phone("bob").online()
    assert say(server, "bob", b"hello").status == 200
    assert [message.body for message in bob.received] == [b"hello"]
    assert mailhost.letters == []


def test_what_is_no_address_is_told_by_check(sip):
    with pytest.raises(Exception, match=r"'nowhere' is no e-mail address"):
        sip('[plugin.message_email]\nto = { ops = "nowhere" }\n', **LISTED)


def test_line_breaks_of_an_author_make_no_header_fields():
    from pipeline.plugins.message_email.letter import letter

    text = Text("ops@x", b"hi", origin='"a\r\nBcc: everybody@example.com" <sip:a@x>')
    made = letter(text, "m@example.com", "ops@corp.example", "From {author}", 0.0).as_bytes()
    assert b"\nBcc:" not in made


def test_its_threads_and_what_waits_for_them_outlive_a_reload(house, mailhost):
    from pipeline.config import Document, build

    server = house()
    assert say(server).status == 202
    former = server.plugin("message_email")
    text = server.text.replace("[plugin.message_email]\n", '[plugin.message_email]\nsubject = "Other"\n')
    server.run(server.engine.reload(build(Document(server.folder / "pipeline.toml", text))))
    server.advance(60)  # the former instance has ended
    assert server.plugin("message_email") is not former
    assert former._send(Text("ops", b"it waited", created_at=server.engine.clock.time()), "ops@corp.example") is not None
    assert say(server).status == 202
    assert sorted(letter["Subject"] for letter in mailhost.letters) == [
        "Message from <sip:alice@example.com>",
        "Message from nobody in particular",
        "Other",
    ]
    assert server.plugin("message_email").stats() == {"sent": 3, "failed": 0, "waiting": 0}
