"""pipeline.dal.mailbox: what a mailbox may say of itself."""

import pytest

from pipeline.dal import TYPES, Mailbox
from pipeline.mailboxes import hash_pin


def test_a_mailbox_has_sane_defaults_and_no_pin():
    mailbox = Mailbox(id="alice")
    assert TYPES["mailbox"] is Mailbox
    assert (mailbox.pin_hash, mailbox.email, mailbox.max_messages, mailbox.max_seconds, mailbox.ring_seconds) == ("", "", 100, 180, 25)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("pin_hash", "4711"),
        ("pin_hash", "scrypt:00"),
        ("number", "80a"),
        ("email", "alice"),
        ("email", "a@b, c@d"),
        ("email", "a@b\nBcc: c@d"),
        ("max_seconds", 0),
        ("max_messages", -1),
        ("retention_days", -1),
        ("ring_seconds", 0),
    ],
)
def test_what_cannot_be_is_refused_by_name(field, value):
    with pytest.raises(ValueError, match=field):
        Mailbox(id="alice", **{field: value})


def test_a_pin_is_never_shown():
    stored = hash_pin("4711")
    assert stored not in repr(Mailbox(id="alice", pin_hash=stored))
