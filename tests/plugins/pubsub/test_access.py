"""plugins.pubsub.access: who may watch, and what he is told who may not yet."""

import pytest

from pipeline.dal import Aor, Auth, Endpoint


def test_our_users_watch_each_other_and_strangers_nobody(start, watch):
    server = start(
        '[plugin.identify]\nanonymous = "guest"\n[endpoint.guest]\nauth = []\n[user.alice]\npassword = "alice\'s"\n[user.bob]\npassword = "bob\'s"\n'
    )
    assert watch(server.phone("alice"), "bob").status == 200
    headers = [("Event", "probe"), ("From", "<sip:eve@elsewhere.invalid>;tag=1")]
    assert server.request("SUBSCRIBE", "bob", headers=headers).status == 403


def test_owner_alone(start, watch):
    server = start('[plugin.pubsub]\nwatch = "owner"\n')
    alice = server.phone("alice")
    assert watch(alice, "alice").status == 200
    assert watch(alice, "bob").status == 403


def test_all_and_none(start, watch):
    server = start('[plugin.pubsub]\nwatch = "none"\n')
    assert watch(server.phone("alice"), "alice").status == 403
    server = start('[plugin.pubsub]\nwatch = "all"\n', intercept=[])
    assert server.request("SUBSCRIBE", "bob", headers=[("Event", "probe"), ("From", "<sip:eve@elsewhere.invalid>;tag=1")]).status == 200


def test_an_endpoint_may_be_kept_from_watching(start, watch):
    server = start('[user.alice]\npassword = "alice\'s"\nallow_subscribe = false\n')
    assert watch(server.phone("alice"), "alice").status == 403


def test_who_waits_for_approval_is_told_nothing_but_that(server, watch, probe):
    probe(server).verdicts["sip:alice@example.com"] = "pending"
    bob = watch(server.phone("alice"), "bob")
    assert bob.status == 200
    assert (bob.state, bob.body) == ("pending", b"")
    probe(server).set("bob", 1)
    server.advance(1)
    assert bob.bodies[-1] == b""
    probe(server).verdicts["sip:alice@example.com"] = "active"
    server.engine.tell("watchers.changed", event="probe", resource="bob@example.com")
    server.advance(1)
    assert (bob.state, bob.body) == ("active", b"#0 1 ")


def test_who_is_politely_blocked_believes_that_nothing_goes_on(server, watch, probe):
    probe(server).verdicts["sip:alice@example.com"] = "waiting"
    bob = watch(server.phone("alice"), "bob")
    assert (bob.state, bob.body) == ("active", b"")
    count = len(bob.notifies)
    probe(server).set("bob", 1)
    server.advance(1)
    assert len(bob.notifies) == count


def test_who_is_rejected_later_is_told_so(server, watch, probe):
    bob = watch(server.phone("alice"), "bob")
    probe(server).verdicts["sip:alice@example.com"] = "rejected"
    server.engine.tell("watchers.changed", event="probe", resource="bob@example.com")
    server.advance(1)
    assert (bob.state, bob.reason, bob.body) == ("terminated", "rejected", b"")
    assert watch(server.phone("alice"), "bob").status == 403


def test_who_is_not_approved_for_long_is_given_up(start, watch, probe):
    server = start("[plugin.pubsub]\npending_seconds = 100\n")
    probe(server).verdicts["sip:alice@example.com"] = "pending"
    bob = watch(server.phone("alice"), "bob", expires=3600)
    server.advance(102)
    assert (bob.state, bob.reason) == ("terminated", "giveup")


def test_an_endpoint_that_is_removed_watches_no_more(start, watch):
    server = start('[dal]\nendpoint = ["toml", "memory"]\nauth = ["toml", "memory"]\naor = ["toml", "memory"]\n')
    dave = Endpoint(id="dave", auth=("dave",), aors=("dave@example.com",))
    for stored in (Auth(id="dave", password="dave's"), Aor(id="dave@example.com"), dave):
        server.engine.dal.create(stored)
    bob = watch(server.phone("dave"), "bob")
    assert bob.state == "active"
    server.engine.dal.delete(dave)
    server.advance(1)
    assert (bob.state, bob.reason) == ("terminated", "rejected")


def test_an_address_of_record_that_is_removed_is_watched_no_more(start, watch):
    server = start('[dal]\naor = ["toml", "memory"]\n')
    carol = Aor(id="carol@example.com")
    server.engine.dal.create(carol)
    watched = watch(server.phone("alice"), "carol")
    server.engine.dal.delete(carol)
    server.advance(1)
    assert (watched.state, watched.reason) == ("terminated", "noresource")


BLOCKS = """
@plugin
class Blocks:
    who: list = attrs.field(init=False, factory=list)

    @hookimpl
    def event_watched(self, watcher):
        return "waiting" if watcher.uri in self.who else None
"""


@pytest.mark.parametrize(("event", "says"), [("presence", b"<basic>closed</basic>"), ("dialog", b"terminated")])
def test_who_is_politely_blocked_cannot_tell_it_from_what_he_is_told(start, watch, write, plugin_of, event, says):
    server = start(
        write("blocks", BLOCKS) + '[resource_list.team]\nmembers = ["bob"]\n',
        application=["registrar", "pubsub", "blocks", event, "options"],
    )
    plugin_of(server, "blocks").who.append("sip:alice@example.com")
    phone, other = server.phone("alice"), server.phone("bob")
    blocked, idle = watch(phone, "bob", event=event), watch(other, "alice", event=event)  # alice does nothing, and blocks nobody
    assert blocked.state == idle.state == "active"
    assert blocked.body.replace(b"bob", b"alice") == idle.body
    assert says in blocked.body
    names = [[name for name, _ in each.notifies[-1].items()] for each in (blocked, idle)]
    assert names[0] == names[1]
    other.online()  # bob comes: whoever may watch him is told
    server.advance(2)
    assert len(blocked.notifies) == 1
    tag = blocked.notifies[-1].get("sip-etag")
    assert server.wait(blocked.subscribe(headers=[("Suppress-If-Match", tag)])).status == 204
    assert server.wait(blocked.subscribe()).status == 200
    server.advance(1)
    assert says in blocked.body
    assert server.wait(blocked.unsubscribe()).status == 200
    server.advance(1)
    assert blocked.state == "terminated"
    assert says in blocked.body
    assert says in watch(phone, "bob", event=event, expires=0).body
    team = watch(phone, "team", event=event, headers=[("Supported", "eventlist")], seconds=3)
    assert team.status == 200
    if event == "presence":
        assert b"<basic>open</basic>" not in b"".join((*team.bodies, *blocked.bodies))
