"""plugins.mwi: lamps as RFC 3842 has them, told to who watches and to who does not."""

import re

import pytest
from pipeline.plugins.mwi.summary import TYPE, summary

from pipeline.config import Document, build
from pipeline.dal import Endpoint
from pipeline.mailboxes import Counts
from pipeline.pubsub.states import Messages, Waiting
from pipeline.testing.watching import Watch

STAGES = {"intercept": ["identify", "auth"], "application": ["registrar", "pubsub", "mwi", "options"]}
PLAN = """
[user.alice]
password = "alice's"
[user.bob]
password = "bob's"
[mailbox.office]
aor = ["alice"]
number = "800"
[plugin.mwi]
voicemail_extension = "*97"
"""
GRAMMAR = re.compile(
    rb"Messages-Waiting:[ \t]*(?:yes|no)\r\n"
    rb"(?:Message-Account:[ \t]*sips?:[^<>\s]+\r\n)?"
    rb"(?:[A-Za-z-]+:[ \t]*[0-9]+/[0-9]+(?: ?\([0-9]+/[0-9]+\))?\r\n)*",
    re.IGNORECASE,
)
"""RFC 3842 5.2."""


class House:
    def __init__(self, sip, toml=PLAN, **stages):
        self.server = sip(toml, **{**STAGES, **stages})
        self.engine = self.server.engine
        self.alice, self.bob = self.server.phone("alice"), self.server.phone("bob")

    def leave(self, name="bob", **counts):
        """What another voicemail system says: `sipline mailbox count`, the simplest way to a number."""
        self.server.engine.mailboxes.elsewhere(name, Counts(**counts))
        self.server.advance(1)

    def watch(self, phone, to="", **more):
        made = Watch(phone, to, event="message-summary", **more)
        self.server.wait(made)
        self.server.advance(0.5)
        return made

    def unasked(self, phone):
        return [each for each in phone.received if each.method == "NOTIFY"]


@pytest.fixture
def house(sip):
    return House(sip)


def body(notify):
    assert GRAMMAR.fullmatch(notify.body), notify.body
    return notify.body.decode().split("\r\n")[:-1]


@pytest.mark.parametrize(
    ("state", "text"),
    [
        (Waiting("sip:alice@example.com"), "Messages-Waiting: no\r\nMessage-Account: sip:alice@example.com\r\n"),
        (
            Waiting("sip:*97@example.com", (("voice-message", Messages(4, 8, 1, 2)), ("fax-message", Messages(0, 1)))),
            "Messages-Waiting: yes\r\nMessage-Account: sip:*97@example.com\r\nVoice-Message: 4/8 (1/2)\r\nFax-Message: 0/1 (0/0)\r\n",
        ),
        (Waiting("", (("voice-message", Messages(0, 3)),)), "Messages-Waiting: no\r\nVoice-Message: 0/3 (0/0)\r\n"),
    ],
)
def test_a_summary_is_written_as_the_rfc_has_it(state, text):
    assert summary(state).decode() == text
    assert GRAMMAR.fullmatch(summary(state))


def test_a_watcher_is_told_at_once_and_at_each_change(house):
    bob = house.bob.online()
    watch = house.watch(bob, "bob")
    assert watch.status == 200
    assert body(watch.notifies[-1]) == ["Messages-Waiting: no", "Message-Account: sip:*97@example.com", "Voice-Message: 0/0 (0/0)"]
    assert watch.notifies[-1].get("content-type") == TYPE
    house.leave(new=1)
    assert body(watch.notifies[-1])[::2] == ["Messages-Waiting: yes", "Voice-Message: 1/0 (0/0)"]
    house.leave(new=1, old=2, urgent_new=1)
    assert body(watch.notifies[-1])[2] == "Voice-Message: 1/2 (1/0)"
    told = len(watch.notifies)
    house.leave(new=1, old=2, urgent_new=1)
    assert len(watch.notifies) == told  # the same numbers are not told twice
    house.leave("alice", new=3)
    assert len(watch.notifies) == told


def test_nobody_watches_the_mailbox_of_another(house):
    assert house.watch(house.bob.online(), "alice").status == 403
    assert house.watch(house.bob, "office").status == 403
    assert house.watch(house.bob, "800").status == 403
    assert house.watch(house.bob, "nobody").status == 403  # whether there is such a mailbox is nobody's business


@pytest.mark.parametrize("to", ["alice", "office", "800"])
def test_a_mailbox_is_watched_by_its_owners_address_its_name_and_its_number(house, to):
    watch = house.watch(house.alice.online(), to)
    assert watch.status == 200
    house.leave("office", new=2)
    assert body(watch.notifies[-1])[2] == "Voice-Message: 2/0 (0/0)"


def test_the_numbers_are_right_after_a_restart(house):
    house.leave(new=2)
    house.server.stop()
    house.server.start()
    watch = house.watch(house.bob.online(), "bob")
    assert body(watch.notifies[-1])[2] == "Voice-Message: 2/0 (0/0)"


UNASKED = PLAN.replace('password = "bob\'s"', 'password = "bob\'s"\nmailboxes = ["bob", "office"]')


def test_a_phone_that_wants_it_is_told_when_it_registers_and_when_the_numbers_change(sip):
    house = House(sip, UNASKED)
    house.leave(new=1)
    house.leave("office", new=2, old=1)
    bob, alice = house.bob.online(), house.alice.online()
    house.server.advance(1)
    (notify,) = house.unasked(bob)
    assert body(notify) == ["Messages-Waiting: yes", "Message-Account: sip:*97@example.com", "Voice-Message: 3/1 (0/0)"]
    assert (notify.get("event"), notify.get("subscription-state")) == ("message-summary", "terminated")
    assert notify.uri_text == bob.contact.strip("<>").partition(">")[0]
    house.leave(new=0)
    assert body(house.unasked(bob)[-1])[2] == "Voice-Message: 2/1 (0/0)"
    bob.register()
    house.server.advance(1)
    assert len(house.unasked(bob)) == 2  # a refresh tells nothing new
    assert house.unasked(alice) == []


def test_several_changes_in_one_moment_are_told_once(sip):
    house = House(sip, UNASKED)
    bob = house.bob.online()
    house.server.advance(1)
    before = len(house.unasked(bob))
    for number in range(1, 6):
        house.engine.mailboxes.elsewhere("bob", Counts(number))
    house.server.advance(1)
    assert len(house.unasked(bob)) == before + 1
    assert body(house.unasked(bob)[-1])[2] == "Voice-Message: 5/0 (0/0)"


def test_who_has_subscribed_is_not_told_unasked_as_well(sip):
    house = House(sip, UNASKED)
    bob = house.bob.online()
    house.server.advance(1)
    watch = house.watch(bob, "bob")
    unasked = len(house.unasked(bob))
    house.leave(new=1)
    assert body(watch.notifies[-1])[2] == "Voice-Message: 1/0 (0/0)"
    assert len(house.unasked(bob)) == unasked
    watch.unsubscribe()
    house.server.advance(1)
    house.leave(new=2)
    assert body(house.unasked(bob)[-1])[2] == "Voice-Message: 2/0 (0/0)"


def test_without_pubsub_nobody_is_told_and_nothing_fails(sip):
    house = House(sip, UNASKED, application=["registrar", "mwi", "options"])
    bob = house.bob.online()
    house.leave(new=1)
    assert house.unasked(bob) == []
    assert not house.server.told("step.failed")


def test_who_does_not_understand_it_costs_nothing_more(sip, plugin_of):
    house = House(sip, UNASKED)
    house.bob.phone.script["NOTIFY"] = [489]
    house.bob.online()
    house.server.advance(1)
    house.leave(new=1)
    stats = plugin_of(house.server, "mwi").stats()
    assert stats == {"unasked": 2, "unasked_refused": 2}


def test_an_endpoint_that_changes_its_mind_is_heard(sip):
    house = House(sip, '[dal]\nendpoint = ["memory", "toml"]\n' + PLAN)
    bob = house.bob.online()

    def listens():
        return any(prefix == "contact.added" for prefix, _ in house.engine.bus._listeners)

    assert not listens()  # nobody wants to be told: a REGISTER costs nothing
    stored = house.engine.dal.create(Endpoint(id="desk", aors=("bob@example.com",), mailboxes=("bob",)))
    assert listens()
    house.engine.dal.delete(stored)
    assert not listens()
    house.leave(new=1)
    assert house.unasked(bob) == []


def test_a_reload_loses_nobody(sip):
    house = House(sip, UNASKED)
    bob, alice = house.bob.online(), house.alice.online()
    watch = house.watch(alice, "alice")
    text = house.server.text.replace('voicemail_extension = "*97"', 'voicemail_extension = "700"')
    plan = build(Document(house.server.folder / "pipeline.toml", text))
    assert house.server.run(house.engine.reload(plan))
    house.leave("office", new=1)
    assert body(watch.notifies[-1])[1:] == ["Message-Account: sip:700@example.com", "Voice-Message: 1/0 (0/0)"]
    told = house.unasked(bob)
    house.leave("office", new=2)
    assert len(house.unasked(bob)) == len(told) + 1  # by one instance, not by both
    assert body(house.unasked(bob)[-1])[1:] == ["Message-Account: sip:700@example.com", "Voice-Message: 2/0 (0/0)"]
