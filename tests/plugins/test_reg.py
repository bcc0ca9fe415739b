"""plugins.reg: registrations as the event package of RFC 3680 tells of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree
from pipeline.plugins.reg.writing import reginfo

from pipeline.pubsub import Form, NoSuchResource, Resource, Watcher
from pipeline.pubsub.states import Binding, Registration
from pipeline.testing.server import STAGES as PLAIN

STAGES = {"application": [*PLAIN["application"], "reg"]}
TYPE = "application/reginfo+xml"
NS = {"r": "urn:ietf:params:xml:ns:reginfo", "gr": "urn:ietf:params:xml:ns:gruuinfo"}
ALICE = Resource("reg", "alice@example.com", "sip:alice@example.com")


@pytest.fixture
def server(sip):
    return sip(**STAGES)


@pytest.fixture
def asked(server, asking):
    return asking(server, ALICE)


def bind(server, contact, **more):
    assert server.request("REGISTER", "alice", headers=[("Contact", contact), *more.pop("headers", ())], **more).status == 200


def told(root):
    registration = root.find("r:registration", NS)
    contacts = registration.findall("r:contact", NS)
    return registration.get("state"), [(each.get("state"), each.get("event"), each.findtext("r:uri", namespaces=NS)) for each in contacts]


def test_a_registration_comes_is_refreshed_and_goes(server, asked, valid):
    alice = server.phone("alice")
    where = "sip:alice@10.0.0.2:5060"
    root = valid(3680, asked.notified(TYPE))
    assert told(root) == ("init", [])
    assert (root.get("state"), root.get("version")) == ("full", "0")
    assert root.find("r:registration", NS).get("aor") == "sip:alice@example.com"
    server.wait(alice.register())
    assert told(valid(3680, asked.notified(TYPE))) == ("active", [("active", "created", where)])
    ident = asked.told.bindings[0].id
    server.wait(alice.register())
    root = valid(3680, asked.notified(TYPE))
    assert told(root) == ("active", [("active", "refreshed", where)])
    assert root.find("r:registration/r:contact", NS).get("id") == ident
    server.wait(alice.unregister())
    assert told(valid(3680, asked.notified(TYPE))) == ("terminated", [("terminated", "unregistered", where)])
    assert told(valid(3680, asked.notified(TYPE))) == ("init", [])
    assert asked.changes() == ["alice@example.com"] * 3


def test_one_that_expires_says_so(server, asked, valid):
    bind(server, "<sip:alice@10.0.0.9>;expires=60")
    asked.notified(TYPE)
    server.advance(62)
    assert told(valid(3680, asked.notified(TYPE))) == ("terminated", [("terminated", "expired", "sip:alice@10.0.0.9")])


def test_one_that_a_limit_drops_was_deactivated(sip, asking, valid):
    server = sip('[endpoint.alice]\nauth = []\naors = ["alice"]\n[aor.alice]\nmax_contacts = 1\n', **STAGES)
    asked = asking(server, ALICE)
    bind(server, "<sip:alice@10.0.0.1>")
    asked.notified(TYPE)
    bind(server, "<sip:alice@10.0.0.2>")
    state, contacts = told(valid(3680, asked.notified(TYPE)))
    assert state == "active"
    assert contacts == [("active", "created", "sip:alice@10.0.0.2"), ("terminated", "deactivated", "sip:alice@10.0.0.1")]


def test_what_the_contact_said_is_told(server, asked, valid):
    bind(server, '<sip:alice@10.0.0.9;x=1>;q=0.5;expires=600;+sip.instance="<urn:uuid:1>";video')
    server.advance(10)
    contact = valid(3680, asked.notified(TYPE)).find("r:registration/r:contact", NS)
    assert (contact.get("q"), contact.get("expires"), contact.get("cseq")) == ("0.5", "590", "1")
    assert contact.get("callid")
    params = {each.get("name"): each.text or "" for each in contact.findall("r:unknown-param", NS)}
    assert params == {"+sip.instance": "<urn:uuid:1>", "video": ""}


def test_a_phone_that_has_a_gruu_is_told_with_it(server, asked, valid):
    instance = '"<urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6>"'
    bind(server, f"<sip:alice@10.0.0.9>;+sip.instance={instance}", headers=[("Supported", "gruu")])
    gruu = valid(3680, asked.notified(TYPE)).find("r:registration/r:contact/gr:pub-gruu", NS)
    assert gruu.get("uri") == "sip:alice@example.com;gr=urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6"


def test_refreshes_can_be_left_out(sip, asking):
    server = sip("[plugin.reg]\nrefreshes = false\n", **STAGES)
    asked = asking(server, ALICE)
    alice = server.phone("alice").online()
    asked.state()
    server.wait(alice.register())
    assert asked.changes() == []


def test_a_static_contact_is_registered_by_the_administrator(sip, asking, valid):
    server = sip('[endpoint.gw]\nauth = []\naors = ["gw"]\n[aor.gw]\ncontact = ["sip:gw@10.0.0.99"]\n', **STAGES)
    asked = asking(server, Resource("reg", "gw@example.com", "sip:gw@example.com"))
    assert told(valid(3680, asked.notified(TYPE))) == ("active", [("active", "registered", "sip:gw@10.0.0.99")])


def test_nobody_of_that_name_is_no_resource(asked):
    with pytest.raises(NoSuchResource):
        asked.state(Resource("reg", "nobody@example.com", ""))


def test_everybody_watches_only_himself(sip, asking):
    closed, opened = sip(**STAGES), sip("[plugin.reg]\nothers = true\n", **STAGES)
    alice, bob = Watcher("sip:alice@example.com", "alice@example.com"), Watcher("sip:bob@example.com", "bob@example.com")
    stranger = Watcher("sip:alice@example.com")
    hook = asking(closed, ALICE).hooks.event_watched
    assert [hook(resource=ALICE, watcher=each) for each in (alice, bob, stranger)] == ["active", "rejected", "rejected"]
    assert hook(resource=Resource("presence", "alice@example.com", ""), watcher=bob) is None
    assert asking(opened, ALICE).hooks.event_watched(resource=ALICE, watcher=bob) is None


def test_another_event_or_type_is_not_its_own(asked):
    assert asked.hooks.event_package(resource=Resource("x", "alice@example.com", ""), published=()) is None
    assert asked.hooks.event_body(resource=ALICE, state=asked.state(), form=Form("text/plain", 0, Watcher(""))) is None


TEXTS = st.text(st.characters(), max_size=30)


@given(text=TEXTS, name=TEXTS, seconds=st.integers(-5, 1 << 32))
def test_any_text_gives_a_well_formed_document(text, name, seconds):
    binding = Binding(text, text, "active", "created", seconds, 0.25, text, 1, ((name, text),), text)
    root = etree.fromstring(reginfo(Registration(text, text, "active", (binding,)), None, {}))
    assert int(root.find("r:registration/r:contact", NS).get("expires")) >= 0
