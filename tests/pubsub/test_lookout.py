"""pipeline.pubsub.lookout: a change is told once to whoever asked, and what nobody watches costs nothing."""

import pytest

from pipeline.dal import Aor, Endpoint, Hint, Unavailable
from pipeline.pending import Pending
from pipeline.pubsub import NoSuchResource
from pipeline.pubsub.lookout import CALLS, CONFERENCES, CONTACTS, Lookout, Meant

TOML = """
[domain."second.example"]
[pipeline]
name = "test"
domains = ["example.com"]
[endpoint.desk]
auth = []
aors = ["alice", "office"]
[endpoint.mobile]
auth = []
aors = ["alice"]
[aor.alice]
[aor.office]
[hint.sales]
endpoints = ["desk"]
name = "Sales"
[hint."602@second.example"]
conference = "room"
[hint.alice]
conference = "hers"
"""


@pytest.fixture
def server(sip):
    return sip(TOML)


@pytest.fixture
def lookout(server):
    return Lookout(server.engine, "e", (*CALLS, *CONTACTS, *CONFERENCES))


def meant(lookout, name):
    found = lookout.meant(name)
    assert not isinstance(found, Pending)
    return found


def told(server):
    return [(event.fields["event"], event.fields["resource"]) for event in server.told("state.changed")]


def test_an_address_of_record_means_its_endpoints_and_the_hint_of_its_name(lookout):
    found = meant(lookout, "alice@example.com")
    assert (found.endpoints, found.aors, found.conferences, found.aor.id) == (
        ("desk", "mobile"),
        ("alice@example.com",),
        ("hers",),
        "alice@example.com",
    )
    assert found.keys() == ["endpoint:desk", "endpoint:mobile", "aor:alice@example.com", "conference:hers"]


def test_a_hint_means_endpoints_and_where_they_are_registered(lookout):
    assert meant(lookout, "sales@example.com") == Meant(("desk",), ("alice@example.com", "office@example.com"), (), None, "Sales")


def test_a_hint_of_another_domain_is_written_with_it(lookout):
    assert meant(lookout, "602@second.example").conferences == ("room",)
    for name in ("sales@second.example", "602@example.com", "nobody@example.com"):
        with pytest.raises(NoSuchResource):
            meant(lookout, name)


def test_a_change_is_told_once_until_it_is_asked_again(server, lookout):
    lookout.watch("a", ["endpoint:x"])
    lookout.watch("b", ["endpoint:x", "aor:y"])
    lookout.changed("endpoint:x")
    lookout.changed("endpoint:x")
    lookout.changed("aor:y")
    assert sorted(told(server)) == [("e", "a"), ("e", "b")]
    lookout.watch("b", ["aor:y"])
    lookout.changed("endpoint:x")
    assert len(told(server)) == 2
    lookout.changed("aor:y")
    assert told(server)[2:] == [("e", "b")]


def test_who_asks_while_he_is_told_is_told_the_next_change(server, lookout):
    server.engine.bus.listen("state.changed", lambda event: lookout.watch(event.fields["resource"], ["k"]))
    lookout.watch("a", ["k"])
    lookout.changed("k")
    lookout.changed("k")
    assert told(server) == [("e", "a")] * 2


def test_events_of_the_house_are_heard(server, lookout):
    lookout.watch("r", ["aor:alice@example.com"])
    server.engine.tell("contact.refreshed", aor="alice@example.com", contact=None)
    server.engine.tell("contact.added", aor="office@example.com", contact=None)
    assert told(server) == []
    server.engine.tell("contact.added", aor="alice@example.com", contact=None)
    assert told(server) == [("e", "r")]


def test_it_listens_only_while_something_is_watched(server, lookout):
    before = len(server.engine.bus._listeners)
    lookout.watch("r", ["aor:alice@example.com"])
    during = len(server.engine.bus._listeners)
    assert during > before
    server.engine.tell("contact.added", aor="alice@example.com", contact=None)
    server.engine.tell("contact.added", aor="alice@example.com", contact=None)
    assert len(server.engine.bus._listeners) == before
    assert len(lookout) == 0


def test_what_is_stored_anew_is_told(server, lookout):
    lookout.watch("r", ["k"])
    server.engine.dal._tell("endpoint", "put", None)
    assert told(server) == [("e", "r")]


@pytest.mark.parametrize(
    ("stored", "touched"),
    [
        (Endpoint(id="mobile", auth=(), aors=("alice@example.com",)), {"alice@example.com"}),
        (Endpoint(id="desk", auth=(), aors=()), {"alice@example.com", "office@example.com", "sales@example.com"}),
        (Endpoint(id="new", auth=(), aors=("office@example.com",)), {"office@example.com"}),
        (Aor(id="office@example.com"), {"office@example.com", "sales@example.com"}),
        (Hint(id="sales"), {"sales@example.com"}),
        (Hint(id="602@second.example"), {"602@second.example"}),
        (Hint(id="nobody"), set()),
    ],
)
def test_of_what_is_stored_only_the_names_that_it_concerns_are_told(server, lookout, stored, touched):
    for name in ("alice@example.com", "office@example.com", "sales@example.com", "602@second.example"):
        lookout.watch(name, meant(lookout, name).keys())
    server.engine.dal._tell(stored.kind, "put", stored)
    assert {resource for _, resource in told(server)} == touched


def test_an_endpoint_that_a_hint_names_before_it_is_there_is_told_when_it_comes(server, lookout, monkeypatch):
    monkeypatch.setitem(server.engine.dal._get, "endpoint", lambda kind, ident: None)
    found = meant(lookout, "sales@example.com")
    assert (found.endpoints, found.absent) == ((), ("desk",))
    lookout.watch("sales@example.com", found.keys())
    server.engine.dal._tell("endpoint", "put", Endpoint(id="desk", auth=()))
    assert told(server) == [("e", "sales@example.com")]


def test_closed_it_tells_nothing(server, lookout):
    before = len(server.engine.bus._listeners)
    lookout.watch("r", ["k"])
    lookout.close()
    lookout.watch("s", ["k"])
    lookout.changed("k")
    assert told(server) == []
    assert len(server.engine.bus._listeners) == before - 1  # a reload is not listened for either


def test_it_can_be_told_to_hear_something_else(server, lookout):
    lookout.watch("r", ["aor:a"])
    before = len(server.engine.bus._listeners)
    lookout.hear(("contact.refreshed",))
    assert len(server.engine.bus._listeners) < before
    server.engine.tell("contact.added", aor="a", contact=None)
    assert told(server) == []
    server.engine.tell("contact.refreshed", aor="a", contact=None)
    assert told(server) == [("e", "r")]


def test_what_a_store_could_not_tell_is_read_again(server, lookout, monkeypatch):
    def fail(kind, ident):
        raise Unavailable("away")

    monkeypatch.setitem(server.engine.dal._get, "aor", fail)
    with pytest.raises(Unavailable):
        lookout.meant("alice@example.com")
    server.advance(6)
    assert told(server) == [("e", "alice@example.com")]
