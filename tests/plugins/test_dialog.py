"""plugins.dialog: the calls of a phone as lamps show them, in documents that the schema of RFC 4235 accepts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree
from pipeline.plugins.dialog.seen import ended
from pipeline.plugins.dialog.writing import dialog_info

from pipeline.core import Cause, Hangup, Party
from pipeline.destinations.identity import uri_of
from pipeline.pubsub import Form, NoSuchResource, Resource, Watcher
from pipeline.pubsub.states import Dialog, Dialogs
from pipeline.testing.server import CALLS

STAGES = {**CALLS, "intercept": ["identify", "auth"], "application": [*CALLS["application"], "dialog"]}
TYPE = "application/dialog-info+xml"
NS = {"d": "urn:ietf:params:xml:ns:dialog-info"}
BOB = Resource("dialog", "bob@example.com", "sip:bob@example.com")
ALICE = Resource("dialog", "alice@example.com", "sip:alice@example.com")
PLAN = """
[user.alice]
password = "alice's"
caller_id = "Älice <alice>"
[user.bob]
password = "bob's"
[context.default]
users = true
[context.default.extensions]
600 = ["answer", "echo"]
602 = ["answer", { conference = "room" }]
[hint.602]
conference = "room"
name = "The room"
[hint.all]
endpoints = ["alice", "bob"]
"""


class House:
    def __init__(self, sip, asking, resource=BOB, toml=PLAN):
        self.server = sip(toml, **STAGES)
        self.alice, self.bob = self.server.phone("alice").online(), self.server.phone("bob").online()
        self.bob.answers(ring=0.1, after=2.0)
        self.asked = asking(self.server, resource)

    def lamp(self):
        return [(dialog.state, dialog.direction) for dialog in self.asked.state().dialogs]

    def document(self, valid):
        return valid(4235, self.asked.notified(TYPE))


@pytest.fixture
def house(sip, asking):
    return House(sip, asking)


def states(root):
    return [each.text for each in root.findall("d:dialog/d:state", NS)]


def test_a_lamp_follows_a_call_from_ringing_to_its_end(house, valid):
    assert house.lamp() == []
    assert states(house.document(valid)) == ["terminated"]
    call = house.alice.call("bob")
    house.server.advance(1)
    assert house.lamp() == [("early", "recipient")]
    root = house.document(valid)
    assert states(root) == ["early"]
    assert (root.get("entity"), root.get("state"), root.get("version")) == ("sip:bob@example.com", "full", "1")
    call.until("up")
    assert states(house.document(valid)) == ["confirmed"]
    ident = house.asked.told.dialogs[0].id
    call.hangup()
    house.server.advance(1)
    root = house.document(valid)
    assert states(root) == ["terminated"]
    assert root.find("d:dialog", NS).get("id") == ident  # the very dialog that was confirmed
    root = house.document(valid)
    assert [each.get("id") for each in root.findall("d:dialog", NS)] == ["idle"]
    assert root.get("version") == "4"


def test_each_state_is_told_as_a_change(house):
    seen = []
    house.lamp()

    def told(event):
        if event.fields["event"] == "dialog":
            seen.extend(house.lamp() or [("idle", "")])

    house.server.engine.bus.listen("state.changed", told)
    call = house.alice.call("bob").until("up")
    call.hangup()
    house.server.advance(1)
    kept = [state for n, (state, _) in enumerate(seen) if n == 0 or seen[n - 1][0] != state]
    assert kept == ["trying", "early", "confirmed", "idle"]


def test_the_caller_is_the_initiator_and_has_a_remote_party(sip, asking, valid):
    house = House(sip, asking, ALICE)
    call = house.alice.call("bob")
    house.server.advance(1)
    assert house.lamp() == [("early", "initiator")]
    call.until("up")
    dialog = house.document(valid).find("d:dialog", NS)
    assert dialog.get("direction") == "initiator"
    assert dialog.findtext("d:local/d:identity", namespaces=NS) == "sip:alice@example.com"
    assert dialog.findtext("d:remote/d:identity", namespaces=NS) == "sip:bob@example.com"


def test_tags_and_call_id_are_those_of_the_phone(house, valid):
    house.alice.call("bob").until("up")
    [call] = house.bob.calls
    dialog = house.document(valid).find("d:dialog", NS)
    assert dialog.get("call-id") == call.call_id
    assert dialog.get("local-tag") == call.local_tag
    assert dialog.get("remote-tag") == call.invite.from_.tag
    assert dialog.find("d:remote/d:identity", NS).get("display") == "Älice"
    assert dialog.find("d:remote/d:target", NS).get("uri") == "sip:alice@example.com"


def test_an_extension_is_the_remote_party_of_who_dials_it(sip, asking):
    house = House(sip, asking, ALICE)
    house.alice.call("600").until("up")
    [dialog] = house.asked.state().dialogs
    assert (dialog.state, dialog.remote_uri) == ("confirmed", "sip:600@example.com")


def test_who_is_anonymous_is_not_shown(sip, asking, valid):
    house = House(sip, asking, toml=PLAN.replace('Älice <alice>"', 'Älice <alice>"\nprivacy = true'))
    house.alice.call("bob").until("up")
    body = house.asked.notified(TYPE)
    assert b"alice" not in body
    assert valid(4235, body).find("d:dialog/d:remote", NS) is None


def test_parties_and_tags_can_be_kept_back(sip, asking):
    house = House(sip, asking, toml=PLAN + "[plugin.dialog]\nparties = false\ntags = false\nidle_dialog = false\n")
    assert b"<dialog " not in house.asked.notified(TYPE)
    house.alice.call("bob").until("up")
    [dialog] = house.asked.state().dialogs
    assert (dialog.remote_uri, dialog.call_id, dialog.local_tag, dialog.remote_tag) == ("", "", "", "")


def test_hold_is_seen_and_its_end(house, valid):
    house.alice.call("bob").until("up")
    [call] = house.bob.calls
    call.hold()
    house.server.advance(1)
    param = house.document(valid).find("d:dialog/d:local/d:target/d:param", NS)
    assert (param.get("pname"), param.get("pval")) == ("+sip.rendering", "no")
    call.resume()
    house.server.advance(1)
    assert house.document(valid).find("d:dialog/d:local/d:target/d:param", NS).get("pval") == "yes"


def test_a_call_that_is_refused_says_so(house, valid):
    house.bob.answers(ring=0.1, after=1.0, status=486)
    house.document(valid)
    call = house.alice.call("bob")
    house.server.advance(0.5)
    house.document(valid)
    call.until("ended")
    state = house.document(valid).find("d:dialog/d:state", NS)
    assert (state.text, state.get("event"), state.get("code")) == ("terminated", "rejected", "486")


def test_a_call_that_is_given_up_was_cancelled(house, valid):
    house.document(valid)
    call = house.alice.call("bob")
    house.server.advance(1)
    house.document(valid)
    call.cancel()
    house.server.advance(1)
    assert house.document(valid).find("d:dialog/d:state", NS).get("event") == "cancelled"


def test_all_phones_of_a_name_are_seen(house):
    second = house.server.phone("bob", address=("10.0.0.77", 5060)).online()
    second.answers(ring=0.1, after=30.0)
    house.alice.call("bob")
    house.server.advance(1)
    assert house.lamp() == [("early", "recipient")] * 2
    house.server.advance(2)
    assert house.lamp() == [("confirmed", "recipient")]


def test_a_hint_shows_several_phones(sip, asking):
    house = House(sip, asking, Resource("dialog", "all@example.com", "sip:all@example.com"))
    assert house.lamp() == []
    house.alice.call("bob").until("up")
    assert sorted(house.lamp()) == [("confirmed", "initiator"), ("confirmed", "recipient")]
    assert house.asked.changes()[:1] == ["all@example.com"]


def test_a_hint_shows_a_conference_while_somebody_is_in_it(sip, asking, valid):
    house = House(sip, asking, Resource("dialog", "602@example.com", "sip:602@example.com"))
    assert house.lamp() == []
    call = house.alice.call("602").until("up")
    house.server.advance(0.5)
    assert states(house.document(valid)) == ["confirmed"]
    call.hangup()
    house.server.advance(1)
    assert house.lamp() == []
    assert "602@example.com" in house.asked.changes()


def test_an_extension_without_a_hint_is_no_resource(house):
    with pytest.raises(NoSuchResource):
        house.asked.state(Resource("dialog", "600@example.com", "sip:600@example.com"))


def test_a_hint_that_is_written_later_is_told(sip, asking):
    house = House(sip, asking, Resource("dialog", "all@example.com", "sip:all@example.com"))
    house.lamp()
    hint = house.server.engine.dal.get("hint", "all")
    house.server.engine.dal._tell("hint", "put", hint)
    assert house.asked.changes() == ["all@example.com"]


def test_another_event_or_type_is_not_its_own(house):
    assert house.asked.hooks.event_package(resource=Resource("x", "bob@example.com", ""), published=()) is None
    form = Form("text/plain", 0, Watcher(""))
    assert house.asked.hooks.event_body(resource=BOB, state=Dialogs(""), form=form) is None


# -- values ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hangup", "answered", "said"),
    [
        (Hangup(), True, ("", 0)),
        (Hangup(Cause.NETWORK_OUT_OF_ORDER), True, ("timeout", 0)),
        (Hangup(), False, ("cancelled", 0)),
        (Hangup(Cause.ANSWERED_ELSEWHERE), False, ("cancelled", 0)),
        (Hangup(Cause.BUSY, technology="sip", code=486), False, ("rejected", 486)),
        (Hangup(Cause.NO_USER_RESPONSE, technology="sip", code=408), False, ("timeout", 408)),
        (Hangup(Cause.NO_ANSWER), False, ("timeout", 0)),
        (Hangup(Cause.CONGESTION), False, ("error", 0)),
    ],
)
def test_how_a_call_ended_in_the_words_of_the_package(hangup, answered, said):
    assert ended(hangup, answered=answered) == said


def test_a_document_has_an_end():
    many = Dialogs("sip:trunk@example.com", tuple(Dialog(str(n), "confirmed") for n in range(500)))
    assert dialog_info(many, None, {}, idle=True).count(b"<dialog ") == 64


# What is read of the network: of the surrogates only those that stand for octets which are no UTF-8.
TEXTS = st.text(st.characters(exclude_categories=("Cs",)) | st.characters(min_codepoint=0xDC80, max_codepoint=0xDCFF), max_size=30)


@given(name=TEXTS, number=TEXTS, uri=TEXTS)
def test_any_text_gives_a_well_formed_document(name, number, uri):
    remote = uri_of(Party(name, number), "example.com")
    dialog = Dialog("1", "early", "recipient", uri, uri, uri, name, uri, name, remote, remote)
    root = etree.fromstring(dialog_info(Dialogs(uri, (dialog,)), None, {}, idle=True))
    assert root.get("version") == "0"
