"""pipeline.control.mailboxes: what `sipline mailbox` asks of a server; the command itself is in tests/cli/test_mailbox.py."""

import pytest

from pipeline.control import mailboxes
from pipeline.mailboxes import Counts


@pytest.fixture
def house(sip):
    return sip(
        """
        [user.alice]
        password = "alice's"
        [user.bob]
        password = "bob's"
        [mailbox.office]
        aor = ["alice", "bob"]
        [dal]
        mailbox = ["toml", "memory"]
        aor = ["memory", "toml"]
        """
    )


def test_only_options_that_may_be_set_are(house):
    (row,) = house.run(
        mailboxes.change(house.engine, {"name": "alice", "values": {"aor": ["bob@example.com"], "id": "x", "max_messages": 5}})
    )
    assert (row["mailbox"], row["aor"], row["stored_in"]) == ("alice", ["alice@example.com"], "memory")
    assert house.engine.dal.get("mailbox", "alice").max_messages == 5


def test_another_systems_numbers_are_told_at_once(house):
    house.run(mailboxes.count(house.engine, {"name": "alice@example.com", "new": 2, "urgent_new": 1}))
    (told,) = house.told("mailbox.changed")
    assert (told.fields["mailbox"], told.fields["counts"]) == ("alice", Counts(2, 0, 1, 0))
    rows = house.run(mailboxes.messages(house.engine, "alice"))
    assert [(row["new"], row["elsewhere"]) for row in rows] == [(2, 2)]


def test_a_mailbox_that_others_own_too_stays_when_one_of_them_goes(house):
    house.engine.mailboxes.elsewhere("office", Counts(1))
    assert house.run(mailboxes.removed(house.engine, "bob@example.com")) == []
    assert house.engine.mailboxes.counts("office") == Counts(1)


@pytest.mark.parametrize("asked", [{}, {"name": "nobody"}, {"name": None}])
def test_a_name_that_is_none_is_said(house, asked):
    with pytest.raises(LookupError, match="there is no mailbox"):
        house.run(mailboxes.count(house.engine, asked))


@pytest.mark.parametrize("numbers", [{"new": -1}, {"new": 2**32}, {"old": 1, "urgent_old": 2}])
def test_numbers_that_cannot_be_are_refused(house, numbers):
    with pytest.raises(ValueError, match="4294967295"):
        house.run(mailboxes.count(house.engine, {"name": "alice", **numbers}))
