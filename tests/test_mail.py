"""Mail to a real SMTP server on loopback; the time of the retries is virtual."""

from collections import Counter
from email.message import EmailMessage

import pytest

from pipeline.clock import Clock
from pipeline.mail import RETRIES, WAITING, Outbox, Smtp, Unsent
from pipeline.testing.loop import VirtualLoop


class Engine:
    """What an outbox needs of one."""

    def __init__(self):
        self.loop = VirtualLoop()
        self.clock = Clock(self.loop)
        self.failed = []

    def tell(self, name, **fields):
        self.failed.append((name, fields["error"]))


@pytest.fixture
def engine():
    engine = Engine()
    yield engine
    engine.loop.run_until_complete(engine.loop.shutdown_default_executor())
    engine.loop.close()


def letter(text="hello"):
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "house@example.com", "bob@example.com", "Jörg"
    mail.set_content(text)
    return mail


class Told:
    def __init__(self):
        self.heard = []

    def __call__(self, error, again):
        self.heard.append((str(error) if error else "", again))


def test_a_letter_arrives(engine, mailhost):
    outbox, told = Outbox(engine), Told()
    outbox.post(Smtp(mailhost.host, mailhost.port), letter, told)
    assert len(outbox) == 1
    engine.loop.settle()
    assert told.heard == [("", False)] and (outbox.sent, len(outbox)) == (1, 0)
    (mail,) = mailhost.letters
    assert (mail["subject"], mail.envelope.rcpt_tos) == ("Jörg", ["bob@example.com"])


def test_a_server_that_is_away_is_tried_again_until_it_is_there(engine, mailhost):
    mailhost.refuse = "451 come later"
    outbox, told = Outbox(engine), Told()
    outbox.post(Smtp(mailhost.host, mailhost.port), letter, told)
    engine.loop.settle()
    assert told.heard[0][1] and "451" in told.heard[0][0]
    engine.loop.advance(RETRIES[0])
    assert len(told.heard) == 2
    mailhost.refuse = ""
    engine.loop.advance(RETRIES[1])
    assert told.heard[-1] == ("", False) and len(mailhost.letters) == 1


def test_it_is_given_up_in_the_end_and_at_once_where_the_server_refuses(engine, mailhost):
    outbox, told = Outbox(engine), Told()
    mailhost.refuse = "550 nobody of that name"
    outbox.post(Smtp(mailhost.host, mailhost.port), letter, told)
    engine.loop.settle()
    assert [again for _, again in told.heard] == [False] and outbox.failed == 1
    mailhost.refuse = "451 never"
    outbox.post(Smtp(mailhost.host, mailhost.port), letter, told := Told())
    engine.loop.advance(sum(RETRIES) + 1)
    assert [again for _, again in told.heard] == [True] * len(RETRIES) + [False]
    assert (outbox.failed, len(outbox)) == (2, 0)


def test_nobody_listening_is_a_reason_that_can_be_read(engine):
    with pytest.raises(Unsent, match="refused"):
        Smtp("127.0.0.1", 1, seconds=2.0).send(letter())


def test_a_server_without_tls_gets_no_password(engine, mailhost):
    with pytest.raises(Unsent):
        Smtp(mailhost.host, mailhost.port, "starttls", "house", "secret").send(letter())
    assert "secret" not in repr(Smtp("x", 25, "none", "house", "secret"))
    assert not mailhost.letters


def test_what_cannot_be_written_is_given_up_and_does_not_stop_the_others(engine, mailhost):
    outbox, told = Outbox(engine), Told()

    def broken():
        raise FileNotFoundError("the message is gone")

    outbox.post(Smtp(mailhost.host, mailhost.port), broken, told)
    outbox.post(Smtp(mailhost.host, mailhost.port), letter, told)
    engine.loop.settle()
    assert told.heard == [("the message is gone", False), ("", False)]


def test_what_waits_is_bounded_and_closing_forgets_it(engine):
    outbox, heard = Outbox(engine), Counter()
    for _ in range(WAITING + 10):
        outbox.post(Smtp("127.0.0.1", 1), letter, lambda error, again: heard.update([str(error)]))
    assert heard == {f"{WAITING} messages are waiting already": 10}
    outbox.close()
    engine.loop.settle()
    assert len(outbox) == 0


def test_a_listener_that_fails_is_named(engine, mailhost):
    outbox = Outbox(engine)

    def told(error, again):
        raise RuntimeError("broken")

    outbox.post(Smtp(mailhost.host, mailhost.port), letter, told)
    engine.loop.settle()
    assert engine.failed == [("step.failed", "RuntimeError('broken')")]
