import pytest

from pipeline.dal import Endpoint
from pipeline.mailboxes import aors_of, chosen, mailbox_id, mailbox_named, mailbox_of, owns


def test_a_user_has_a_mailbox_without_any_word_about_it(house):
    mailbox = mailbox_named(house.engine, "alice")
    assert (mailbox.id, mailbox.aor, mailbox.max_messages) == ("alice", ("alice@example.com",), 100)
    assert mailbox_named(house.engine, "nobody") is None and mailbox_named(house.engine, "") is None


def test_what_is_stored_goes_before(house):
    office = mailbox_of(house.engine, "alice@example.com")
    assert (office.id, office.aor) == ("office", ("alice@example.com", "bob@example.com"))
    assert mailbox_of(house.engine, "carol@example.com") is None


def test_it_is_chosen_by_its_number_or_its_name(house):
    assert chosen(house.engine, "800").id == "office"
    assert chosen(house.engine, "alice").id == "alice"
    assert chosen(house.engine, "801") is None and chosen(house.engine, "") is None


@pytest.mark.parametrize(("aor", "name"), [("alice@example.com", "alice"), ("alice@example.net", "alice@example.net")])
def test_a_mailbox_is_named_like_its_user(house, aor, name):
    assert mailbox_id(house.engine, aor) == name


def test_an_endpoint_owns_what_belongs_to_its_address(house):
    office = house.engine.dal.get("mailbox", "office")
    assert aors_of(house.engine, office) == ("alice@example.com", "bob@example.com")
    assert owns(house.engine, house.engine.dal.get("endpoint", "bob"), office)
    assert not owns(house.engine, Endpoint(id="carol", aors=("carol@example.com",)), office)
    assert not owns(house.engine, None, office)


def test_a_users_own_keys_of_a_mailbox_are_its(sip):
    server = sip('[user.dave]\npassword = "x"\nemail = "dave@example.org"\nmax_seconds = 30')
    mailbox = mailbox_of(server.engine, "dave@example.com")
    assert (mailbox.id, mailbox.email, mailbox.max_seconds, mailbox.aor) == ("dave", "dave@example.org", 30, ("dave@example.com",))
