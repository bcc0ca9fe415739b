"""pipeline.dal.table and query: objects in memory."""

import pytest

from pipeline.dal import Conflict, Contact, Endpoint, Table, version_of


def contact(ident, aor="alice@example.com", **fields):
    return Contact(id=ident, aor=aor, uri=f"sip:{ident}@192.0.2.1", **fields)


@pytest.fixture
def table():
    return Table(Contact, "memory")


def ids(found):
    return sorted(stored.id for stored in found)


def test_a_put_is_stamped_and_found_by_id_and_owner(table):
    first = contact("1")
    assert table.change("alice@example.com", (first,)) == (first,)
    assert (first.origin, first.version) == ("memory", 1)
    assert table.objects["1"] is first
    assert table.owned("alice@example.com") == (first,)
    assert table.owned("bob@example.com") == ()


def test_a_refresh_takes_the_place_of_the_binding(table):
    table.change("alice@example.com", (contact("1"),))
    again = contact("1")
    assert table.change("alice@example.com", (again,)) == (again,)
    assert table.objects == {"1": again}
    assert again.version == 2


def test_several_puts_and_deletes_are_one_change(table):
    table.change("alice@example.com", (contact("1"), contact("2")))
    after = table.change("alice@example.com", (contact("3"), contact("2")), ("1", "never there"))
    assert ids(after) == ids(table.owned("alice@example.com")) == ["2", "3"]
    assert sorted(table.objects) == ["2", "3"]
    assert table.change("alice@example.com", (), ("2", "3")) == ()
    assert table.owners == {}
    assert table.objects == {}


def test_deleting_and_putting_one_id_leaves_what_was_put(table):
    table.change("alice@example.com", (contact("1"), contact("2")))
    new = contact("1")
    assert ids(table.change("alice@example.com", (new,), ("1",))) == ["1", "2"]
    assert table.objects["1"] is new


@pytest.mark.parametrize(
    ("puts", "if_version", "error"),
    [
        ([contact("2"), contact("b1")], None, Conflict),
        ([contact("2"), contact("x", aor="carol@example.com")], None, ValueError),
        ([contact("2")], 99, Conflict),
    ],
)
def test_a_change_that_cannot_be_made_changes_nothing(table, puts, if_version, error):
    mine, bobs = contact("1"), contact("b1", aor="bob@example.com")
    table.change("alice@example.com", (mine,))
    table.change("bob@example.com", (bobs,))
    with pytest.raises(error):
        table.change("alice@example.com", puts, ("1",), if_version)
    assert table.objects == {"1": mine, "b1": bobs}
    assert (table.owned("alice@example.com"), table.owned("bob@example.com")) == ((mine,), (bobs,))
    assert all(stored.version == 0 for stored in puts)


def test_if_version_lets_one_of_two_readers_write(table):
    table.change("alice@example.com", (contact("1"), contact("2")))
    seen = version_of(table.owned("alice@example.com"))
    table.change("alice@example.com", (), ("1",), seen)
    with pytest.raises(Conflict, match="changed by someone else"):
        table.change("alice@example.com", (), ("2",), seen)


def test_find_by_value_range_and_several_fields(table):
    for number in range(10):
        table.change(f"{number % 2}@x", (contact(str(number), aor=f"{number % 2}@x", expires_at=float(number), endpoint=f"e{number % 3}"),))
    assert ids(table.find({})) == [str(n) for n in range(10)]
    assert ids(table.find({"expires_at": ("<", 3)})) == ["0", "1", "2"]
    assert ids(table.find({"expires_at": (">=", 8), "aor": "1@x"})) == ["9"]
    assert ids(table.find({"endpoint": "e0", "aor": "0@x"})) == ["0", "6"]
    assert ids(table.find({"id": "4"})) == ["4"]
    assert ids(table.find({"id": "4", "aor": "1@x"})) == []
    assert ids(table.find({"id": ("!=", "4"), "aor": "0@x"})) == ["0", "2", "6", "8"]
    assert table.find({"id": "no"}) == table.find({"aor": "no"}) == ()


def test_an_index_finds_by_any_of_several_values_and_follows_changes():
    table = Table(Endpoint, "memory")
    table.change("alice", (Endpoint(id="alice", aors=["a@x", "b@x"], auth=["alice", "alice"]),))
    table.change("bob", (Endpoint(id="bob", aors=["b@x"]),))
    assert ids(table.find({"aors": "b@x"})) == ["alice", "bob"]
    assert ids(table.find({"aors": "b@x", "auth": "alice"})) == ["alice"]
    table.change("alice", (Endpoint(id="alice", aors=["c@x"]),))
    assert ids(table.find({"aors": "b@x"})) == ["bob"]
    assert ids(table.find({"aors": "c@x"})) == ["alice"]
    assert ids(table.find({"auth": "alice"})) == []
    table.change("alice", (), ("alice",))
    assert table.find({"aors": "c@x"}) == ()
    assert table.owned("bob") == (table.objects["bob"],)


def test_replace_is_the_way_back(table):
    before = table.change("alice@example.com", (contact("1"), contact("2")))
    after = table.change("alice@example.com", (contact("3"), contact("1")), ("2",))
    table.replace("alice@example.com", after, before)
    assert table.owned("alice@example.com") == before
    assert table.objects == {stored.id: stored for stored in before}
    table.replace("alice@example.com", before, ())
    assert (table.objects, table.owners) == ({}, {})


def test_what_is_loaded_keeps_its_stamps_and_later_versions_are_higher(table):
    old = contact("1", origin="sqlite", version=41)
    table.load(old)
    assert table.owned("alice@example.com") == (old,)
    new = contact("2")
    table.change("alice@example.com", (new,))
    assert (old.version, new.version) == (41, 42)
