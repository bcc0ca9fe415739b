"""plugins.conference: who is in a conference, in documents that the schema of RFC 4575 accepts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree
from pipeline.plugins.conference.writing import conference_info

from pipeline.pubsub import Form, NoSuchResource, Resource, Watcher
from pipeline.pubsub.states import Conference, Member
from pipeline.testing.server import CALLS

STAGES = {**CALLS, "intercept": ["identify", "auth"], "application": [*CALLS["application"], "conference"]}
TYPE = "application/conference-info+xml"
NS = {"c": "urn:ietf:params:xml:ns:conference-info"}
ROOM = Resource("conference", "602@example.com", "sip:602@example.com")
PLAN = """
[user.alice]
password = "alice's"
caller_id = "Älice <alice>"
[user.bob]
password = "bob's"
[user.carol]
password = "carol's"
privacy = true
[context.default.extensions]
602 = ["answer", { conference = "room" }]
603 = ["answer", { conference = "603" }]
[hint.602]
conference = "room"
name = "The room"
"""


class House:
    def __init__(self, sip, asking, toml=PLAN, resource=ROOM):
        self.server = sip(toml, **STAGES)
        self.alice, self.bob, self.carol = (self.server.phone(name).online() for name in ("alice", "bob", "carol"))
        self.asked = asking(self.server, resource)

    def join(self, phone, room="602"):
        call = phone.call(room).until("up")
        self.server.advance(0.5)
        return call


@pytest.fixture
def house(sip, asking):
    return House(sip, asking)


def users(root):
    return [(each.get("entity"), each.findtext("c:display-text", namespaces=NS)) for each in root.findall("c:users/c:user", NS)]


def test_members_come_and_go(house, valid):
    root = valid(4575, house.asked.notified(TYPE))
    assert root.findtext("c:conference-state/c:active", namespaces=NS) == "false"
    assert users(root) == []
    house.join(house.alice)
    root = valid(4575, house.asked.notified(TYPE))
    assert users(root) == [("sip:alice@example.com", "Älice")]
    assert root.findtext("c:conference-state/c:active", namespaces=NS) == "true"
    assert root.findtext("c:conference-description/c:display-text", namespaces=NS) == "The room"
    assert root.findtext("c:users/c:user/c:endpoint/c:joining-method", namespaces=NS) == "dialed-in"
    call = house.join(house.bob)
    root = valid(4575, house.asked.notified(TYPE))
    assert [uri for uri, _ in users(root)] == ["sip:alice@example.com", "sip:bob@example.com"]
    assert root.findtext("c:conference-state/c:user-count", namespaces=NS) == "2"
    call.hangup()
    house.server.advance(1)
    root = valid(4575, house.asked.notified(TYPE))
    assert users(root) == [("sip:alice@example.com", "Älice")]
    assert root.get("version") == "3"
    assert house.asked.changes() == ["602@example.com"] * 3


def test_who_holds_is_on_hold(house, valid):
    call = house.join(house.alice)
    house.asked.state()
    call.hold()
    house.server.advance(1)
    assert house.asked.changes() == ["602@example.com"]
    assert valid(4575, house.asked.notified(TYPE)).findtext("c:users/c:user/c:endpoint/c:status", namespaces=NS) == "on-hold"


def test_who_is_anonymous_is_counted_and_not_shown(house, valid):
    house.join(house.carol)
    body = house.asked.notified(TYPE)
    assert b"carol" not in body
    assert users(valid(4575, body)) == [("sip:anonymous1@anonymous.invalid", None)]


def test_members_can_be_kept_back(sip, asking):
    house = House(sip, asking, PLAN + "[plugin.conference]\nmembers = false\n")
    house.join(house.alice)
    house.join(house.bob)
    body = house.asked.notified(TYPE)
    assert b"<user-count>2<" in body
    assert b"alice" not in body


def test_a_room_without_a_hint_is_there_while_somebody_is_in_it(sip, asking):
    house = House(sip, asking, resource=Resource("conference", "603@example.com", "sip:603@example.com"))
    with pytest.raises(NoSuchResource):
        house.asked.state()
    call = house.join(house.alice, "603")
    assert [member.uri for member in house.asked.state().members] == ["sip:alice@example.com"]
    call.hangup()
    house.server.advance(1)
    assert house.asked.changes() == ["603@example.com"]
    with pytest.raises(NoSuchResource):
        house.asked.state()


def test_a_user_is_no_conference(house):
    with pytest.raises(NoSuchResource):
        house.asked.state(Resource("conference", "alice@example.com", "sip:alice@example.com"))


def test_another_event_or_type_is_not_its_own(house):
    assert house.asked.hooks.event_package(resource=Resource("x", "602@example.com", ""), published=()) is None
    assert house.asked.hooks.event_body(resource=ROOM, state=house.asked.state(), form=Form("text/plain", 0, Watcher(""))) is None


def test_a_user_with_two_phones_is_one_user(valid):
    members = (Member("1", "sip:a@b", "A"), Member("2", "sip:a@b", "A", joined="dialed-out", joined_at=1.0))
    root = valid(4575, conference_info(Conference("sip:r@b", "r", True, members)))
    assert users(root) == [("sip:a@b", "A")]
    assert len(root.findall("c:users/c:user/c:endpoint", NS)) == 2


def test_a_document_has_an_end():
    members = tuple(Member(str(n), f"sip:{n}@b") for n in range(1000))
    body = conference_info(Conference("sip:r@b", "r", True, members))
    assert body.count(b"<endpoint ") == 200
    assert b"<user-count>1000<" in body


TEXTS = st.text(st.characters(), max_size=30)


@given(text=TEXTS, name=TEXTS)
def test_any_text_gives_a_well_formed_document(text, name):
    root = etree.fromstring(conference_info(Conference(text, name, True, (Member(name, text, name),))))
    assert len(root.findall("c:users/c:user", NS)) == 1
