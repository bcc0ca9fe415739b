"""plugins.presence: one state out of what several publish and what the house sees, and the PIDF that tells it."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree
from pipeline.plugins.presence.compose import compose
from pipeline.plugins.presence.reading import document
from pipeline.plugins.presence.writing import pidf

from pipeline.pubsub import Form, NoSuchResource, Resource, Unpublishable, Watcher
from pipeline.pubsub.states import Note, Person, Presence, Tuple
from pipeline.sip.message import Request
from pipeline.testing.server import CALLS
from pipeline.testing.watching import Watch

STAGES = {**CALLS, "intercept": ["identify", "auth"], "application": [*CALLS["application"], "presence"]}
PLAN = "[context.default]\nusers = true\n"
TYPE = "application/pidf+xml"
WATCHER = Watcher("sip:bob@example.com", "bob@example.com", "bob")
ALICE = Resource("presence", "alice@example.com", "sip:alice@example.com")
NS = {"p": "urn:ietf:params:xml:ns:pidf", "dm": "urn:ietf:params:xml:ns:pidf:data-model", "r": "urn:ietf:params:xml:ns:pidf:rpid"}
BARESIP = b"""<?xml version="1.0" encoding="UTF-8" standalone="no"?>\r
<presence xmlns="urn:ietf:params:xml:ns:pidf"\r
    xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model"\r
    xmlns:rpid="urn:ietf:params:xml:ns:pidf:rpid"\r
    entity="sip:alice@example.com">\r
  <dm:person id="p4159"><rpid:activities/></dm:person>\r
  <tuple id="t4109">\r
    <status>\r
      <basic>open</basic>\r
    </status>\r
    <contact>sip:alice@example.com</contact>\r
  </tuple>\r
</presence>\r
"""


def pub(inside, entity="sip:alice@example.com", head=""):
    return (
        f'<presence xmlns="{NS["p"]}" xmlns:dm="{NS["dm"]}" xmlns:rpid="{NS["r"]}" xmlns:x="urn:x" {head} entity="{entity}">{inside}</presence>'
    ).encode()


def tuple_(ident="t", basic="open", more=""):
    return f'<tuple id="{ident}"><status><basic>{basic}</basic></status>{more}</tuple>'


@pytest.fixture
def house(sip, asking):
    return asking(sip(PLAN, **STAGES), ALICE)


def activities(house):
    person = house.state().person
    return person.activities if person else ()


# -- what the house sees -----------------------------------------------------------------------------------------------


def test_who_is_not_registered_is_closed_and_who_registers_is_open(house):
    assert house.state() == Presence(ALICE.uri, (Tuple("registered", False, ALICE.uri),))
    assert house.changes() == []
    house.server.wait(house.server.phone("alice").register())
    assert house.changes() == ["alice@example.com"]
    assert house.state().tuples == (Tuple("registered", True, ALICE.uri),)


def test_a_registration_that_expires_closes(house):
    alice = house.server.phone("alice")
    house.server.wait(alice.register(expires=60))
    assert house.state().open
    alice.stop()
    house.server.advance(62)
    assert house.changes() == ["alice@example.com"]
    assert not house.state().open


def test_a_change_is_told_once_until_somebody_asks_again(house):
    house.state()
    alice = house.server.phone("alice")
    house.server.wait(alice.register())
    house.server.wait(alice.unregister())
    assert house.changes() == ["alice@example.com"]
    house.state()
    house.server.wait(alice.register())
    assert len(house.changes()) == 2


def test_the_contact_is_the_address_of_record_not_where_the_phone_is(house, valid):
    house.server.wait(house.server.phone("alice").register())
    root = valid(3863, house.body(TYPE))
    assert root.findtext("p:tuple/p:contact", namespaces=NS) == "sip:alice@example.com"
    assert b"10.0.0" not in house.body(TYPE)


def test_who_is_in_a_call_is_on_the_phone_until_it_ends(house):
    server = house.server
    alice, bob = server.phone("alice").online(), server.phone("bob").online()
    bobs = Resource("presence", "bob@example.com", "sip:bob@example.com")
    assert house.state(bobs).person is None
    bob.answers(ring=0.0, after=2.0)
    call = alice.call("bob").until("proceeding")
    server.advance(0.5)
    assert "on-the-phone" in activities(house)
    assert "on-the-phone" not in getattr(house.state(bobs).person, "activities", ())  # his phone rings
    call.until("up")
    assert house.state(bobs).person.activities == ("on-the-phone",)
    house.state()
    before = len(house.changes())
    call.hangup()
    server.advance(1)
    assert sorted(house.changes()[before:]) == ["alice@example.com", "bob@example.com"]
    assert house.state().person is None


def test_both_can_be_switched_off(sip, asking):
    house = asking(sip(PLAN + "[plugin.presence]\nregistrations = false\ncalls = false\n", **STAGES), ALICE)
    server = house.server
    alice, _ = server.phone("alice").online(), server.phone("bob").online()
    alice.call("bob").until("up")
    assert house.state() == Presence(ALICE.uri)


def test_a_static_contact_is_open_unless_it_does_not_answer(sip, asking):
    server = sip('[endpoint.gw]\nauth = []\naors = ["gw"]\n[aor.gw]\ncontact = ["sip:gw@10.0.0.99"]\n', **STAGES)
    house = asking(server, ALICE)
    gw = Resource("presence", "gw@example.com", "sip:gw@example.com")
    assert house.state(gw).open
    server.engine.reachability.unreachable.add("gw@example.com sip:gw@10.0.0.99")
    assert not house.state(gw).open


def test_nobody_of_that_name_is_no_resource(house):
    with pytest.raises(NoSuchResource):
        house.state(Resource("presence", "nobody@example.com", "sip:nobody@example.com"))


def test_another_event_is_not_its_own(house):
    assert house.hooks.event_package(resource=Resource("x", "alice@example.com", ""), published=()) is None
    assert house.hooks.event_body(resource=ALICE, state=Presence(""), form=Form("text/plain", 0, WATCHER)) is None
    assert house.hooks.event_body(resource=ALICE, state="?", form=Form(TYPE, 0, WATCHER)) is None


def test_a_hint_shows_the_phones_behind_it(sip, asking):
    server = sip(
        '[user.alice]\npassword = "alice\'s"\n[user.bob]\npassword = "bob\'s"\n[hint.sales]\nendpoints = ["alice", "bob"]\n', **STAGES
    )
    house = asking(server, ALICE)
    sales = Resource("presence", "sales@example.com", "sip:sales@example.com")
    assert not house.state(sales).open
    server.wait(server.phone("bob").register())
    assert house.changes() == ["sales@example.com"]
    assert house.state(sales).open


def test_nothing_is_listened_to_while_nothing_is_watched(house):
    server = house.server
    listening = lambda: len(server.engine.bus._listeners)  # noqa: E731
    before = listening()
    house.state()
    assert listening() > before
    alice = server.phone("alice")
    server.wait(alice.register())
    server.wait(alice.unregister())
    assert listening() == before


# -- what is published -------------------------------------------------------------------------------------------------


def test_a_baresip_document_comes_back(house, valid):
    assert house.publish(BARESIP) is True
    assert house.state().tuples == (Tuple("t4109", True, "sip:alice@example.com"),)
    root = valid(3863, house.body(TYPE))
    assert root.findtext("p:tuple/p:status/p:basic", namespaces=NS) == "open"


def test_baresip_says_unknown_before_its_user_has_said_anything(house, valid):
    house.publish(BARESIP.replace(b"open", b"unknown"))
    house.server.wait(house.server.phone("alice").register())
    said, registered = house.state().tuples
    assert (said.open, registered.open) == (None, True)
    assert [each.text for each in valid(3863, house.body(TYPE)).iterfind("p:tuple/p:status/p:basic", NS)] == ["open"]


def test_who_publishes_knows_better_than_the_registrar(house):
    house.server.wait(house.server.phone("alice").register())
    house.publish(pub(tuple_(basic="closed")))
    assert [(each.id, each.open) for each in house.state().tuples] == [("t", False)]


def test_of_one_tuple_the_newest_publication_wins_and_others_stay(house):
    house.publish(pub(tuple_("desk") + tuple_("mobile", "closed")), "a")
    house.publish(pub(tuple_("mobile", "open") + tuple_("home", "closed")), "b")
    assert [(each.id, each.open) for each in house.state().tuples] == [("desk", True), ("mobile", True), ("home", False)]
    house.publish(pub(tuple_("mobile", "closed")), "a")
    assert [(each.id, each.open) for each in house.state().tuples] == [("mobile", False), ("home", False)]


def test_the_newest_person_wins_and_one_without_says_nothing_about_him(house):
    away = '<dm:person id="p"><rpid:activities><rpid:away/></rpid:activities></dm:person>'
    house.publish(pub(tuple_("a") + away), "a")
    house.publish(pub(tuple_("b")), "b")
    assert activities(house) == ("away",)
    house.publish(pub('<dm:person id="p"><rpid:activities><rpid:busy/></rpid:activities></dm:person>'), "c")
    assert activities(house) == ("busy",)


def test_on_the_phone_is_added_to_what_was_published(house, valid):
    server = house.server
    alice, _ = server.phone("alice").online(), server.phone("bob").online()
    house.publish(pub(tuple_() + '<dm:person id="p"><rpid:activities><rpid:meeting/></rpid:activities></dm:person>'))
    alice.call("bob").until("up")
    assert activities(house) == ("meeting", "on-the-phone")
    found = valid(3863, house.body(TYPE)).find("dm:person/r:activities", NS)
    assert [etree.QName(each).localname for each in found] == ["meeting", "on-the-phone"]


EXTENSIONS = [
    '<im:im xmlns:im="urn:im">busy</im:im>',
    "<x:plain><child a='1'>t &lt; &amp; é</child></x:plain>",
    '<q:q xmlns:q="urn:q" x:at="v"><basic/></q:q>',
]


@pytest.mark.parametrize("extension", EXTENSIONS)
@pytest.mark.parametrize(
    ("where", "path"),
    [
        ("<tuple id='t'><status><basic>open</basic>{}</status></tuple>", "p:tuple/p:status/*[2]"),
        ("<tuple id='t'><status/>{}<contact>sip:a@b</contact></tuple>", "p:tuple[@id='t']/*[2]"),
        (tuple_() + "{}", "*[2]"),
        (tuple_() + '<dm:person id="p">{}</dm:person>', "dm:person/*[1]"),
        (tuple_() + '<dm:device id="d">{}</dm:device>', "dm:device/*[1]"),
        (tuple_() + '<dm:person id="p"><rpid:activities from="2027-01-01T00:00:00Z">{}</rpid:activities></dm:person>', "dm:person/r:activities/*[1]"),
        (tuple_() + '<dm:person id="p"><rpid:activities><rpid:away/>{}</rpid:activities></dm:person>', "dm:person/r:activities[2]/*[1]"),
    ],
)  # fmt: skip
def test_what_nobody_knows_survives_as_it_was(house, valid, extension, where, path):
    body = pub(where.format(extension))
    house.publish(body)
    root = valid(3863, house.body(TYPE))
    [found] = root.xpath(path, namespaces=NS)
    sent = etree.fromstring(body).xpath(f"//*[local-name()='{etree.QName(found).localname}']")[0]
    canonical = [etree.tostring(each, method="c14n", exclusive=True, with_tail=False) for each in (found, sent)]
    assert canonical[0] == canonical[1]


def test_notes_keep_their_language_and_priorities_their_digits(house, valid):
    house.publish(
        pub(
            '<tuple id="t"><status><basic>open</basic></status><contact priority="0.8">tel:+1555</contact>'
            '<note xml:lang="fr">en pause</note><note>x</note><timestamp>2027-01-02T03:04:05.5+02:00</timestamp></tuple>'
            '<note xml:lang="en">hi</note>'
        )
    )
    [each] = house.state().tuples
    assert (each.contact, each.priority, each.notes) == ("tel:+1555", 0.8, (Note("en pause", "fr"), Note("x")))
    root = valid(3863, house.body(TYPE))
    assert root.find("p:tuple/p:contact", NS).get("priority") == "0.8"
    assert root.findtext("p:tuple/p:timestamp", namespaces=NS) == "2027-01-02T01:04:05.500Z"
    assert root.find("p:note", NS).get("{http://www.w3.org/XML/1998/namespace}lang") == "en"


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "line"),
        (b"hello", "line 1, column 1"),
        (b"<presence/>", "of no namespace"),
        (pub(tuple_()).replace(b'entity="', b'entty="'), "needs the attribute entity"),
        (pub("<tuple><status/></tuple>"), "needs the attribute id"),
        (pub('<tuple id="t"/>'), "needs a status"),
        (pub(tuple_() + tuple_()), "the same id"),
        (pub(tuple_(basic="maybe")), '"open" or "closed", not "maybe"'),
        (pub(tuple_(more="<contact priority='2'>sip:a@b</contact>")), "priority"),
        (pub(tuple_(more="<timestamp>yesterday</timestamp>")), "is no time"),
        (pub(tuple_(more="<timestamp>2027-13-01T00:00:00Z</timestamp>")), "is no time"),
        (pub("<tupel/>"), "is nothing that stands in a presence document"),
        (pub("<!--x--><person/>"), "is nothing that stands"),
        (pub(tuple_(more="<basic>open</basic>")), "is nothing that stands in a tuple"),
        (b'<!DOCTYPE a [<!ENTITY x "y">]>' + pub("&x;"), "document type"),
    ],
)
def test_what_is_no_pidf_is_400_with_the_reason(house, body, says):
    with pytest.raises(Unpublishable) as caught:
        house.publish(body)
    assert caught.value.status == 400
    assert says in str(caught.value)
    assert house.published == []


def test_another_type_is_415(house):
    with pytest.raises(Unpublishable) as caught:
        house.publish(pub(tuple_()), content_type="text/plain")
    assert caught.value.status == 415


@pytest.mark.parametrize(
    "entity", ["sip:bob@example.com", "pres:bob@example.com", "sip:alice@elsewhere.org", "alice", "sip:[", "mailto:alice@example.com"]
)
def test_a_document_about_somebody_else_is_403(house, entity):
    with pytest.raises(Unpublishable) as caught:
        house.publish(pub(tuple_(), entity))
    assert caught.value.status == 403


@pytest.mark.parametrize(
    "entity", ["sip:alice@example.com", "pres:alice@EXAMPLE.com", "sip:alice@example.com:5060;transport=udp", "sips:alice@10.0.0.1"]
)
def test_one_address_has_several_writings(house, entity):
    assert house.publish(pub(tuple_(), entity)) is True


def test_extensions_that_grow_when_they_are_kept_are_413():
    spaces = " ".join(f'xmlns:a{n}="{"u" * 800}{n}"' for n in range(50))
    with pytest.raises(Unpublishable) as caught:
        document(pub("<x:e/>" * 1000, head=spaces))
    assert caught.value.status == 413


def test_an_id_that_xml_does_not_know_is_made_one(house, valid):
    house.publish(pub(tuple_("4109 x")))
    valid(3863, house.body(TYPE))


# -- writing -----------------------------------------------------------------------------------------------------------

TEXTS = st.text(st.characters(), max_size=30)
NOTES = st.builds(Note, TEXTS).map(lambda note: (note,)) | st.just(())


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    state=st.builds(
        Presence,
        entity=TEXTS,
        tuples=st.builds(Tuple, id=st.just("t"), open=st.sampled_from([True, False, None]), contact=TEXTS, notes=NOTES).map(
            lambda each: (each,)
        ),
        person=st.none() | st.builds(Person, notes=NOTES),
        notes=NOTES,
    )
)
def test_any_text_gives_a_well_formed_document(state):
    root = etree.fromstring(pidf(state))
    assert root.tag == f"{{{NS['p']}}}presence"


@given(
    documents=st.lists(
        st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["open", "closed"])), unique_by=lambda each: each[0]), max_size=5
    )
)
def test_the_newest_word_about_each_tuple_is_told(documents):
    last = {}
    for each in documents:
        last.update(each)
    found = compose("sip:a@b", [document(pub("".join(tuple_(*each) for each in one))) for one in documents], registered=None, talking=False)
    assert {each.id: "open" if each.open else "closed" for each in found.tuples} == last


def test_what_was_published_fifty_times_is_no_body_of_megabytes():
    big = f'<x:big xmlns:x="urn:x">{"a" * 15_000}</x:big>'
    documents = [document(pub(tuple_(f"t{number}", "closed", big) + big.replace("big", f"big{number}"))) for number in range(50)]
    state = compose("sip:alice@example.com", documents, registered=None, talking=False)
    assert len(state.tuples) == 50
    assert len(pidf(state)) < 100_000
    assert state.tuples[-1].extra
    assert not state.tuples[0].extra
    assert compose("sip:alice@example.com", documents[:1], registered=None, talking=False).extra
    one = document(pub(f'<dm:person id="p">{big}</dm:person>'))
    assert compose("sip:alice@example.com", [one], registered=None, talking=False).person.extra


def test_who_publishes_all_day_has_nobody_told_more_than_once_a_second(sip):
    server = sip(application=["registrar", "pubsub", "presence", "options"], intercept=["identify", "auth"])
    watching = Watch(server.phone("bob"), "alice")
    server.advance(2)
    alice = server.phone("alice")
    for number in range(50):
        alice.engine.request(
            Request.new(
                "PUBLISH",
                "sip:alice@example.com",
                [
                    ("From", f"<sip:alice@example.com>;tag=p{number}"),
                    ("To", "<sip:alice@example.com>"),
                    ("Call-ID", f"publish{number}"),
                    ("CSeq", "1 PUBLISH"),
                    ("Event", "presence"),
                    ("Content-Type", "application/pidf+xml"),
                ],
                pub(tuple_(f"t{number}")),
            ),
            alice.target,
            lambda outcome: None,
        )
        server.advance(0.1)
    server.advance(2)
    assert 5 <= len(watching.notifies) <= 9
    assert b"t49" in watching.body
