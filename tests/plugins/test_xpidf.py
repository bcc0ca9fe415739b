"""plugins.xpidf: presence for phones from before RFC 3863."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree
from pipeline.plugins.xpidf.xpidf import xpidf

from pipeline.pubsub import Form, Resource, Watcher
from pipeline.pubsub.states import Person, Presence, Tuple
from pipeline.testing.server import CALLS

OPEN, CLOSED = (Tuple("t", True),), (Tuple("t", False),)


@pytest.mark.parametrize(
    ("tuples", "person", "status", "substatus"),
    [
        (OPEN, None, "open", "online"),
        (OPEN, Person(("away",)), "open", "online"),
        (OPEN, Person(("on-the-phone",)), "inuse", "onthephone"),
        (CLOSED, Person(("on-the-phone",)), "closed", "offline"),
        ((), None, "closed", "offline"),
    ],
)
def test_three_states_are_all_there_is(tuples, person, status, substatus):
    root = etree.fromstring(xpidf(Presence("sip:alice@example.com", tuples, person)))
    assert root.find("presentity").get("uri") == "sip:alice@example.com;method=SUBSCRIBE"
    assert root.find("atom/address/status").get("status") == status
    assert root.find("atom/address/msnsubstatus").get("substatus") == substatus


def test_old_phones_find_the_document_type_they_look_for():
    body = xpidf(Presence("sip:alice@example.com"))
    assert body.splitlines()[1].startswith(b"<!DOCTYPE presence PUBLIC")


@pytest.mark.parametrize("kind", ["application/xpidf+xml", "application/cpim-pidf+xml"])
def test_it_writes_what_presence_gives(sip, asking, kind):
    server = sip("", **{**CALLS, "application": [*CALLS["application"], "presence", "xpidf"]})
    asked = asking(server, Resource("presence", "alice@example.com", "sip:alice@example.com"))
    assert b'status="closed"' in asked.notified(kind)
    assert asked.hooks.event_body(resource=asked.resource, state=asked.state(), form=Form("text/plain", 0, Watcher(""))) is None


@given(entity=st.text(st.characters(), max_size=30))
def test_any_text_gives_a_well_formed_document(entity):
    assert etree.fromstring(xpidf(Presence(entity))).tag == "presence"
