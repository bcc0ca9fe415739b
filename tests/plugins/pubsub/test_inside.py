"""plugins.pubsub.inside: the house watches something of its own."""

import pytest
from pipeline.plugins.pubsub.inside import own


@pytest.fixture
def begin(server):
    """Watch, and give what was heard and the Watch: begin("alice@example.com")."""

    def begin(who, event="probe", **more):
        heard = []
        made = server.engine.pubsub.subscribe(f"sip:{who}", event, heard.append, **more)
        assert heard == []
        server.advance(0.1)
        return heard, made

    return begin


def said(heard):
    return [(each.state, each.reason, each.body) for each in heard]


def test_the_state_is_told_at_once_and_at_each_change(server, begin, probe):
    heard, made = begin("alice@example.com")
    assert (made.state, heard[0].content_type, len(heard)) == ("active", "text/plain", 1)
    probe(server).set("alice", 7)
    server.advance(0.1)
    assert len(heard) == 2
    assert b"7" in heard[1].body
    assert [event.fields["body"] for event in server.told("notify.received")] == [each.body for each in heard]


def test_nobody_is_asked_for_a_right_and_it_is_no_watcher(server, begin):
    heard, _ = begin("alice@example.com", as_="bob@example.com")
    assert heard[0].state == "active"
    assert server.engine.pubsub.watchers("probe", "alice@example.com") == ()


def test_a_second_one_hears_what_is_known(begin):
    first, _ = begin("alice@example.com")
    second, _ = begin("alice@example.com")
    assert said(first) == said(second)


@pytest.mark.parametrize(
    ("uri", "ours"),
    [
        ("sip:alice@example.com", True),
        ("sip:alice@10.0.0.1", True),
        ("sip:alice@10.0.0.1:5060", True),
        ("sip:alice@10.0.0.1:5090", False),
        ("sip:alice@example.net", False),
        ("tel:+15551234", False),
        ("sip:", False),
        ("sip:10.0.0.1", False),
    ],
)
def test_only_what_is_ours_is_watched_inside(server, notifier, uri, ours):
    assert (own(notifier(server), uri) is not None) is ours


@pytest.mark.parametrize(
    ("who", "event", "accept", "reason"),
    [
        ("nobody@example.com", "probe", (), "404 Not Found"),
        ("alice@example.com", "nothing", (), "489 Bad Event"),
        ("alice@example.com", "probe", ("text/html",), "406 Not Acceptable"),
    ],
)
def test_what_cannot_be_watched_ends_with_the_status_that_a_phone_would_get(begin, who, event, accept, reason):
    heard, made = begin(who, event, accept=accept)
    assert said(heard) == [("terminated", reason, b"")]
    assert made.state == "terminated"


def test_it_is_written_in_the_type_that_is_wanted(begin):
    heard, _ = begin("alice@example.com", accept=("text/html", "text/upper"))
    assert heard[0].content_type == "text/upper"


def test_a_list_is_not_watched_here(start):
    server, heard = start('[resource_list.team]\nmembers = ["alice"]\n'), []
    server.engine.pubsub.subscribe("sip:team@example.com", "probe", heard.append)
    server.advance(0.1)
    assert said(heard) == [("terminated", "a list: watch its members", b"")]


def test_it_ends_with_what_it_watches(server, begin, probe):
    heard, made = begin("alice@example.com")
    probe(server).set("alice", "nobody")
    server.advance(0.1)
    assert said(heard)[-1] == ("terminated", "noresource", b"")
    assert made.state == "terminated"


def test_who_stops_hears_nothing_more_and_leaves_nothing_behind(server, begin, probe, notifier):
    heard, made = begin("alice@example.com")
    made.stop()
    probe(server).set("alice", 8)
    server.advance(0.1)
    assert len(heard) == 1
    assert len(notifier(server).topics) == len(notifier(server).watches) == 0


def test_what_the_configuration_watches_may_be_ours(start, probe):
    server = start('[subscribe.mine]\nuri = "sip:alice@example.com"\nevent = "probe"\n')
    server.advance(0.1)
    probe(server).set("alice", 9)
    server.advance(0.1)
    assert len(server.told("notify.received")) == 2
