"""The use cases of the design that are subscriptions (shared/use-cases.md): presence_notification and dialog_info_notification."""

import re

import pytest
from lxml import etree

from pipeline.config import Document, build
from pipeline.testing.server import CALLS, toml_of
from pipeline.testing.watching import Watch

STAGES = {
    **CALLS,
    "intercept": ["identify", "auth"],
    "application": ["registrar", "channel", "pubsub", "presence", "dialog", "xpidf", "options"],
}
PLAN = """
[user.alice]
password = "alice's"
caller_id = "Alice <alice>"
[user.bob]
password = "bob's"
[user.carol]
password = "carol's"
[context.default]
users = true
"""
PIDF = """<presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model"
 xmlns:rpid="urn:ietf:params:xml:ns:pidf:rpid" entity="sip:bob@example.com"><tuple id="desk"><status><basic>{basic}</basic></status></tuple>
<dm:person id="p"><rpid:activities>{activity}</rpid:activities></dm:person></presence>"""
TYPE = ("Content-Type", "application/pidf+xml")


class House:
    """Three phones, and what one of them watches."""

    def __init__(self, sip):
        self.server = sip(PLAN, **STAGES)
        self.alice, self.bob, self.carol = (self.server.phone(name).online() for name in ("alice", "bob", "carol"))
        self.bob.answers(ring=0.1, after=2.0)

    def watch(self, event, to="bob", **more):
        watch = Watch(self.alice, to, event=event, **more)
        self.server.loop.run_until(lambda: watch.notifies, 64)
        assert (watch.status, watch.state) == (200, "active")
        return watch

    def publish(self, basic, activity="", etag=""):
        headers = [("Event", "presence"), ("Expires", "600"), TYPE, *([("SIP-If-Match", etag)] if etag else [])]
        body = PIDF.format(basic=basic, activity=activity).encode()
        answer = self.server.wait(self.bob.request("PUBLISH", "sip:bob@example.com", headers=headers, body=body))
        assert answer.status == 200
        self.server.advance(1)
        return answer.response.get("sip-etag")


@pytest.fixture
def house(sip):
    return House(sip)


def lamps(watch, valid=None):
    """The states that a lamp has shown, repeats left out."""
    found = []
    for body in watch.bodies:
        root = etree.fromstring(body) if valid is None else valid(4235, body)
        state = next(iter(root.iter("{*}state"))).text
        if found[-1:] != [state]:
            found.append(state)
    return found


def shown(watch):
    root = etree.fromstring(watch.body)
    basic = [each.text for each in root.iter("{urn:ietf:params:xml:ns:pidf}basic")]
    return basic, [etree.QName(each).localname for activities in root.iter("{*}activities") for each in activities]


def test_presence_notification(house, valid):
    """B publishes or talks; A's buddy list follows. RFC 3856, RFC 3903."""
    watch = house.watch("presence")
    assert shown(watch) == (["open"], [])
    etag = house.publish("open", "<rpid:away/>")
    assert shown(watch) == (["open"], ["away"])
    house.publish("closed", "<rpid:vacation/>", etag)
    assert shown(watch) == (["closed"], ["vacation"])
    call = house.carol.call("bob").until("up")
    house.server.advance(1)
    assert shown(watch) == (["closed"], ["vacation", "on-the-phone"])
    call.hangup()
    house.server.advance(1)
    assert shown(watch) == (["closed"], ["vacation"])
    for body in watch.bodies:
        valid(3863, body)


def test_a_publication_that_is_not_refreshed_is_gone(house):
    watch = house.watch("presence")
    house.publish("closed")
    house.server.advance(400)
    assert shown(watch)[0] == ["closed"]
    watch.subscribe(3000)
    house.server.advance(300)
    assert shown(watch)[0] == ["open"]  # he is registered


def test_dialog_info_notification(house, valid):
    """B rings, talks, ends; A's lamp follows: early, confirmed, terminated. RFC 4235."""
    watch = house.watch("dialog")
    call = house.carol.call("bob").until("up")
    house.server.advance(1)
    call.hangup()
    house.server.advance(2)
    assert lamps(watch, valid) == ["terminated", "trying", "early", "confirmed", "terminated"]
    versions = [int(etree.fromstring(body).get("version")) for body in watch.bodies]
    assert versions == list(range(len(versions)))
    assert all(etree.fromstring(body).get("state") == "full" for body in watch.bodies)


def test_a_refresh_tells_the_whole_state(house, valid):
    watch = house.watch("dialog")
    house.carol.call("bob").until("up")
    house.server.advance(1)
    before = len(watch.notifies)
    watch.subscribe(600)
    house.server.advance(1)
    assert len(watch.notifies) == before + 1
    root = valid(4235, watch.body)
    assert (root.get("state"), root.findtext("{*}dialog/{*}state")) == ("full", "confirmed")
    assert int(root.get("version")) == before


def test_an_old_phone_gets_what_it_can_read(house):
    watch = house.watch("presence", accept="application/xpidf+xml")
    assert watch.notifies[-1].get("content-type") == "application/xpidf+xml"
    house.carol.call("bob").until("up")
    house.server.advance(1)
    assert re.search(rb'substatus="onthephone"', watch.body)


def test_lamps_go_on_after_a_restart(sip, tmp_path):
    server = sip(PLAN + '[dal]\nsubscription = ["sqlite"]\n', **{**STAGES, "integration": [*CALLS["integration"], "sqlite"]})
    alice, bob, carol = (server.phone(name).online() for name in ("alice", "bob", "carol"))
    bob.answers(ring=0.1, after=2.0)
    watch = Watch(alice, "bob", event="dialog")
    server.loop.run_until(lambda: watch.notifies, 64)
    server.stop()
    server.start()
    server.advance(2)
    before = len(watch.notifies)
    for phone in (bob, carol):
        server.wait(phone.register())
    carol.call("bob").until("up")
    server.advance(1)
    assert lamps(watch)[-1] == "confirmed"
    assert len(watch.notifies) > before
    versions = [int(etree.fromstring(body).get("version")) for body in watch.bodies]
    assert versions == sorted(set(versions))


def test_a_document_that_is_none_is_refused(house):
    for body, kind, status in (
        (b"<presence/>", "application/pidf+xml", 400),
        (b"hello", "text/plain", 415),
        (PIDF.format(basic="open", activity="").replace("bob", "carol").encode(), "application/pidf+xml", 403),
        (b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "application/pidf+xml", 400),
        (b"<a>" * 3000, "application/pidf+xml", 400),
    ):
        headers = [("Event", "presence"), ("Content-Type", kind)]
        answer = house.server.wait(house.bob.request("PUBLISH", "sip:bob@example.com", headers=headers, body=body))
        assert answer.status == status, (body[:40], answer.status)


def reload(server, toml, **stages):
    plan = build(Document(server.folder / "pipeline.toml", toml_of(toml, {**STAGES, **stages})))
    server.run(server.engine.reload(plan))
    server.advance(1)


def test_a_reload_changes_what_watchers_are_told_and_loses_none(house):
    presence, lamp = house.watch("presence"), house.watch("dialog")
    assert shown(presence) == (["open"], [])
    reload(house.server, PLAN + "[plugin.presence]\nregistrations = false\n[plugin.dialog]\nparties = false\n")
    assert shown(presence) == ([], [])
    house.carol.call("bob").until("up")
    house.server.advance(1)
    assert shown(presence) == ([], ["on-the-phone"])
    assert lamps(lamp)[-1] == "confirmed"
    assert b"carol" not in lamp.body


def test_a_package_that_is_taken_out_and_comes_back_tells_again(house):
    house.watch("dialog")
    reload(house.server, PLAN, application=[name for name in STAGES["application"] if name != "dialog"])
    reload(house.server, PLAN)
    again = house.watch("dialog")
    house.carol.call("bob").until("up")
    house.server.advance(1)
    assert lamps(again)[-1] == "confirmed"


def test_registrations_and_conferences_are_watched(sip, valid):
    stages = {**STAGES, "application": [*STAGES["application"], "reg", "conference"]}
    server = sip(PLAN + '[context.default.extensions]\nroom = [{ conference = "room" }]\n[hint.room]\nconference = "room"\n', **stages)
    alice, bob = server.phone("alice").online(), server.phone("bob").online()
    own, room = Watch(alice, "alice", event="reg"), Watch(alice, "room", event="conference")
    theirs = Watch(alice, "bob", event="reg")
    server.advance(1)
    assert (own.status, room.status, theirs.status) == (200, 200, 403)
    server.wait(alice.register())
    bob.call("room").until("up")
    server.advance(6)
    events = [valid(3680, body).find("{*}registration/{*}contact").get("event") for body in own.bodies]
    assert events[0] in ("created", "refreshed")
    assert events[-1] == "refreshed"
    assert [valid(4575, body).findtext("{*}conference-state/{*}active") for body in room.bodies] == ["false", "true"]
