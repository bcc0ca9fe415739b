"""plugins.pubsub.lists and .rlmi: several resources watched as one. RFC 4662."""

from email import message_from_bytes, policy

import pytest
from lxml import etree

SPACE = "{urn:ietf:params:xml:ns:rlmi}"
USERS = "".join(f'[user.{name}]\npassword = "{name}\'s"\n' for name in ("alice", "bob", "carol", "dave"))
LISTS = """
[resource_list.team]
name = "The team"
members = ["bob", "carol", "nemo"]
[resource_list.all]
members = ["dave", "team", "all"]
full = true
[plugin.pubsub]
list_interval = 2.0
"""
TAKES = [("Supported", "eventlist")]


@pytest.fixture
def server(start):
    return start(USERS + LISTS)


def read(notify):
    """Return (root of the rlmi, {resource: (state, reason, body or nested)}) of a NOTIFY."""
    return parts(notify.get("content-type"), notify.body)


def parts(kind, body):
    found = message_from_bytes(f"Content-Type: {kind}\r\n\r\n".encode() + body, policy=policy.HTTP)
    first, *others = found.iter_parts()
    assert first.get_content_type() == "application/rlmi+xml"
    assert first["content-id"] == found.get_param("start")
    by_id = {part["content-id"].strip("<>"): part for part in others}
    root = etree.fromstring(first.get_payload(decode=True))
    told = {}
    for resource in root.findall(f"{SPACE}resource"):
        [instance] = resource.findall(f"{SPACE}instance")
        part = by_id.pop(instance.get("cid"), None)
        told[resource.get("uri")] = (instance.get("state"), instance.get("reason"), part)
    assert not by_id
    return root, told


def text(part):
    return part.get_payload(decode=True).strip()


def test_a_list_is_told_whole_at_first_and_then_what_has_changed(server, watch, probe):
    team = watch(server.phone("alice"), "team", headers=TAKES, seconds=3)
    assert team.status == 200
    assert team.responses[-1].get("require") == "eventlist"
    [notify] = team.notifies
    assert notify.get("require") == "eventlist"
    root, told = read(notify)
    assert (root.get("uri"), root.get("version"), root.get("fullState")) == ("sip:team@example.com", "0", "true")
    assert root.findtext(f"{SPACE}name") == "The team"
    assert set(told) == {f"sip:{name}@example.com" for name in ("bob", "carol", "nemo")}
    assert told["sip:nemo@example.com"][:2] == ("terminated", "noresource")
    state, _, part = told["sip:bob@example.com"]
    assert (state, text(part)) == ("active", b"#0 0")
    probe(server).set("bob", 1)
    server.advance(3)
    root, told = read(team.notifies[-1])
    assert (root.get("version"), root.get("fullState")) == ("1", "false")
    assert {uri: text(part) for uri, (_, _, part) in told.items()} == {"sip:bob@example.com": b"#1 1"}


def test_what_happens_within_the_interval_is_told_at_once(server, watch, probe):
    team = watch(server.phone("alice"), "team", headers=TAKES, seconds=3)
    for value in range(1, 6):
        probe(server).set("bob", value)
        probe(server).set("carol", -value)
        server.advance(0.3)
    server.advance(3)
    bodies = [read(notify)[1] for notify in team.notifies[1:]]
    assert len(bodies) == 2
    assert {text(part).split()[1] for _, _, part in bodies[-1].values()} == {b"5", b"-5"}


def test_a_refresh_is_told_the_whole_list(server, watch):
    team = watch(server.phone("alice"), "team", headers=TAKES, seconds=3)
    server.wait(team.subscribe())
    server.advance(1)
    root, told = read(team.notifies[-1])
    assert root.get("fullState") == "true"
    assert len(told) == 3


def test_a_nested_list_is_a_body_within_a_body(server, watch, probe):
    every = watch(server.phone("alice"), "all", headers=TAKES, seconds=3)
    root, told = read(every.notifies[-1])
    assert set(told) == {"sip:dave@example.com", "sip:team@example.com"}  # itself is left out
    part = told["sip:team@example.com"][2]
    inner, members = parts(part["content-type"], part.get_payload(decode=True) or _raw(part))
    assert inner.get("uri") == "sip:team@example.com"
    assert len(members) == 3
    probe(server).set("carol", 9)
    server.advance(3)
    root, told = read(every.notifies[-1])
    assert root.get("fullState") == "true"
    assert len(told) == 2


def _raw(part):
    return part.as_bytes(policy=policy.HTTP).partition(b"\r\n\r\n")[2]


def test_who_takes_no_lists_is_421(server, watch):
    team = watch(server.phone("alice"), "team")
    assert (team.status, team.responses[-1].get("require")) == (421, "eventlist")


def test_a_member_that_may_not_be_watched_is_rejected(start, watch):
    server = start(USERS + LISTS.replace("[plugin.pubsub]", '[plugin.pubsub]\nwatch = "owner"'), intercept=["identify", "auth"])
    assert watch(server.phone("alice"), "team", headers=TAKES).status == 403


def test_each_member_is_watched_with_the_watchers_own_right(server, watch, probe):
    probe(server).verdicts["sip:alice@example.com", "bob@example.com"] = "rejected"
    probe(server).verdicts["sip:alice@example.com", "carol@example.com"] = "pending"
    team = watch(server.phone("alice"), "team", headers=TAKES, seconds=3)
    _, told = read(team.notifies[-1])
    assert told["sip:bob@example.com"] == ("terminated", "rejected", None)
    assert told["sip:carol@example.com"] == ("pending", None, None)


def test_it_ends_and_leaves_nothing(server, watch, notifier):
    team = watch(server.phone("alice"), "all", headers=TAKES, seconds=3)
    assert len(notifier(server).topics) == 4
    server.wait(team.unsubscribe())
    server.advance(2)
    assert (team.state, team.reason) == ("terminated", "timeout")
    server.advance(40)
    assert not notifier(server).topics
    assert not server.leftovers()


def test_it_outlives_a_restart(start, watch, probe):
    server = start(USERS + LISTS + '[dal]\nsubscription = ["sqlite"]\n', integration=["memory", "toml", "sqlite"])
    team = watch(server.phone("alice"), "team", headers=TAKES, seconds=3)
    server.stop()
    server.start()
    server.advance(3)
    root, _told = read(team.notifies[-1])
    assert root.get("fullState") == "true"
    assert int(root.get("version")) > 0
    probe(server).set("bob", 4)
    server.advance(3)
    assert text(read(team.notifies[-1])[1]["sip:bob@example.com"][2]).split()[1] == b"4"


def test_members_elsewhere_are_watched_there_once_for_all_who_watch_the_list(start, watch, notifier, elsewhere):
    server = start(USERS + '[resource_list.friends]\nmembers = ["sip:eve@10.0.0.8:5060", "bob"]\n')
    eve = elsewhere(server)
    eve.answer((200, "", [("Expires", "600"), ("Contact", "<sip:eve@10.0.0.8:5060>")]))
    first = watch(server.phone("alice"), "friends", headers=TAKES, seconds=3)
    second = watch(server.phone("carol"), "friends", headers=TAKES, seconds=3)
    assert len(eve.asked) == 1
    eve.notify(body=b"there")
    server.advance(5)
    for each in (first, second):
        state, _, part = read(each.notifies[-1])[1]["sip:eve@10.0.0.8:5060"]
        assert (state, text(part)) == ("active", b"there")
    for each in (first, second):
        server.wait(each.unsubscribe())
    server.advance(40)
    assert len(notifier(server).watches) == 0
    assert eve.asked[-1].expires == 0


def test_who_may_not_watch_a_member_any_more_does_not_watch_him_in_lists(server, watch, probe, notifier):
    everybody = watch(server.phone("alice"), "all", headers=TAKES, seconds=3)
    told = read(everybody.notifies[-1])[1]["sip:team@example.com"][2]
    assert parts_of(told)["sip:bob@example.com"][0] == "active"
    topics = notifier(server).topics
    watched, topics.watched = topics.watched, lambda resource, _: "rejected" if resource.aor == "bob@example.com" else None
    server.engine.tell("watchers.changed", event="probe", resource="bob@example.com")
    server.advance(3)
    count = len(everybody.notifies)
    told = parts_of(read(everybody.notifies[-1])[1]["sip:team@example.com"][2])
    assert told["sip:bob@example.com"] == ("terminated", "rejected", None)
    probe(server).set("bob", 8)
    server.advance(3)
    assert len(everybody.notifies) == count
    topics.watched = watched
    server.engine.tell("watchers.changed", event="probe", resource="bob@example.com")
    server.advance(3)
    told = parts_of(read(everybody.notifies[-1])[1]["sip:team@example.com"][2])
    assert told["sip:bob@example.com"][0] == "active"
    assert b" 8" in text(told["sip:bob@example.com"][2])


def parts_of(nested):
    """What a nested list tells."""
    return parts(str(nested["content-type"]), nested.as_bytes(policy=policy.HTTP).partition(b"\r\n\r\n")[2])[1]


LATE = """
from pipeline.pubsub import Package

@plugin
class Late:
    packages: ClassVar = (Package("late", bodies=("text/plain",), bare=True),)
    begun: list = attrs.field(init=False, factory=list)

    @hookimpl
    def start(self, engine):
        self.begun.append(engine)

    @hookimpl
    def event_watched(self, resource):
        return "active" if resource.event == "late" and self.begun[0] else None

    @hookimpl
    def event_package(self, resource):
        return f"{resource.aor} since {self.begun[0].clock.time()}" if resource.event == "late" else None

    @hookimpl
    def event_body(self, resource, state):
        return state.encode() if resource.event == "late" else None
"""


def test_after_a_restart_members_are_asked_of_packages_that_start_later(start, watch, write):
    server = start(
        USERS + LISTS + '[dal]\nsubscription = ["sqlite"]\n' + write("late", LATE),
        application=["registrar", "pubsub", "late", "options"],
        integration=["memory", "toml", "sqlite"],
    )
    team = watch(server.phone("alice"), "team", event="late", headers=TAKES, seconds=3)
    assert {state for state, _, _ in read(team.notifies[-1])[1].values()} == {"active"}
    server.stop()
    server.start()
    server.advance(3)
    assert len(team.notifies) == 2
    assert {state for state, _, _ in read(team.notifies[-1])[1].values()} == {"active"}


def test_who_refreshes_all_day_is_told_the_whole_list_once_in_its_interval(server, watch):
    team = watch(server.phone("alice"), "team", headers=TAKES, seconds=3)
    for _ in range(20):
        assert server.wait(team.subscribe()).status == 200
        server.advance(0.2)
    server.advance(3)
    assert 3 <= len(team.notifies) <= 5
    assert read(team.notifies[-1])[0].get("fullState") == "true"
    assert server.wait(team.unsubscribe()).status == 200
    server.advance(0.2)
    assert team.state == "terminated"


def test_who_fetches_a_list_is_told_all_its_members(server, watch, notifier):
    team = watch(server.phone("alice"), "team", headers=TAKES, seconds=3, expires=0)
    [notify] = team.notifies
    assert team.state == "terminated"
    assert {uri: state for uri, (state, _, _) in read(notify)[1].items()} == {
        "sip:bob@example.com": "active",
        "sip:carol@example.com": "active",
        "sip:nemo@example.com": "terminated",
    }
    assert not notifier(server).topics


def test_who_ends_it_is_told_all_its_members_once_more(server, watch, notifier):
    team = watch(server.phone("alice"), "team", headers=TAKES, seconds=3)
    server.wait(team.unsubscribe())
    server.advance(3)
    assert (team.state, len(read(team.notifies[-1])[1])) == ("terminated", 3)
    assert not notifier(server).topics


def test_who_is_politely_blocked_sees_a_list_that_nobody_is_in(server, watch, probe):
    probe(server).verdicts["sip:alice@example.com", "team@example.com"] = "waiting"
    phone = server.phone("alice")
    team = watch(phone, "team", headers=TAKES, seconds=3)
    probe(server).set("bob", 1)
    server.advance(5)
    [notify] = team.notifies
    root, told = read(notify)
    assert (team.state, root.get("version"), root.get("fullState"), told) == ("active", "0", "true", {})
    assert notify.get("require") == "eventlist"
    server.wait(team.subscribe())
    server.advance(3)
    assert (read(team.notifies[-1])[0].get("version"), read(team.notifies[-1])[1]) == ("1", {})
    probe(server).verdicts.clear()
    server.engine.tell("watchers.changed", event="probe", resource="team@example.com")
    server.advance(3)
    root, told = read(team.notifies[-1])
    assert (root.get("version"), root.get("fullState"), len(told)) == ("2", "true", 3)
    probe(server).verdicts["sip:alice@example.com", "team@example.com"] = "waiting"
    server.engine.tell("watchers.changed", event="probe", resource="team@example.com")
    server.wait(team.unsubscribe())
    server.advance(3)
    assert (team.state, read(team.notifies[-1])[1]) == ("terminated", {})
    assert read(watch(phone, "team", headers=TAKES, seconds=3, expires=0).notifies[-1])[1] == {}
