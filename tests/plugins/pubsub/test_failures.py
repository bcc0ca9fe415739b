"""plugins.pubsub.failures: what becomes of a subscription whose watcher does not take a NOTIFY. RFC 6665 4.2.2, RFC 5057 5.1."""

import pytest
from pipeline.plugins.pubsub.failures import TRIES, failed

from pipeline import Response
from pipeline.client import Final, TransportError
from pipeline.conformance.marks import rfc


def told(server, probe, watched, *answers):
    """Change the state, to NOTIFYs that are answered so."""
    watched.answers = list(answers)
    probe(server).set("bob", probe(server).values.get("bob", 0) + 1)
    server.advance(2)


@pytest.mark.parametrize("status", [404, 405, 410, 416, 480, 481, 482, 483, 484, 485, 489, 501, 604])
def test_a_dead_subscriber_is_removed(server, watch, probe, notifier, status):
    bob = watch(server.phone("alice"), "bob")
    told(server, probe, bob, status)
    assert not notifier(server).subscriptions
    assert len(server.engine.dialogs) == 0
    told(server, probe, bob)
    assert len(bob.notifies) == 2


def test_one_that_does_not_answer_is_removed(server, watch, probe, notifier):
    bob = watch(server.phone("alice"), "bob")
    bob.silent = True
    told(server, probe, bob)
    assert notifier(server).subscriptions
    server.advance(32)
    assert not notifier(server).subscriptions
    server.advance(33)
    assert not server.leftovers()


def lose(server, probe, watched):
    """Have the watcher's connections closed when he has got a NOTIFY that he has not answered yet."""
    watched.silent = True
    told(server, probe, watched)
    for flow in list(server.engine.flows.values()):
        flow.close("the access network changed")
    watched.silent = False
    server.advance(1)


@rfc("6665", "4.2.2")
@rfc("3261", "8.1.3.1")
def test_one_whose_connection_is_lost_under_a_notify_is_told_by_that_by_which_he_comes_back(server, watch, probe, notifier):
    alice = server.phone("alice", transport="TCP")
    alice.address = ("alice.invalid", 5060)  # as browsers have it: nothing but its connection leads to it
    bob = watch(alice, "bob")
    lose(server, probe, bob)
    assert notifier(server).subscriptions
    alice.register()
    server.advance(11)
    assert bob.body == b"#2 1 "  # the same state, in another NOTIFY
    server.advance(64)
    told(server, probe, bob)
    assert bob.body == b"#3 2 "


def test_one_whose_connection_is_lost_under_a_notify_and_who_does_not_come_back_is_removed_after_a_while(server, watch, probe, notifier):
    alice = server.phone("alice", transport="TCP")
    alice.address = ("alice.invalid", 5060)
    lose(server, probe, watch(alice, "bob"))
    server.advance(29)
    assert notifier(server).subscriptions
    server.advance(3)
    assert not notifier(server).subscriptions
    assert server.told("subscription.ended")[-1].fields["reason"] == "unreachable"


def test_one_whom_nothing_leads_to_is_given_up_after_some_tries(server, watch, probe, notifier):
    bob = watch(server.phone("alice"), "bob", expires=7200)
    [subscription] = notifier(server).subscriptions.values()
    for n in range(TRIES):
        assert notifier(server).subscriptions
        failed(notifier(server), subscription, TransportError("no listed transport serves it"))
        assert subscription.failures == n + 1
    assert not notifier(server).subscriptions
    assert len(bob.notifies) == 1


def test_who_asks_for_time_gets_it(server, watch, probe, notifier):
    bob = watch(server.phone("alice"), "bob", expires=3600)
    told(server, probe, bob, (503, [("Retry-After", "100")]))
    server.advance(90)
    assert len(bob.notifies) == 2
    server.advance(15)
    assert bob.body.endswith(b" 1 ")
    assert len(bob.notifies) == 3
    assert notifier(server).subscriptions


@pytest.mark.parametrize(("retry_after", "left"), [("", 0), ("20", 1)])
def test_a_408_removes_it_unless_it_says_when_to_come_again(server, watch, notifier, retry_after, left):
    watch(server.phone("alice"), "bob")
    [subscription] = notifier(server).subscriptions.values()
    headers = [("CSeq", "9 NOTIFY"), *([("Retry-After", retry_after)] if retry_after else [])]
    failed(notifier(server), subscription, Final(Response.new(408, "", headers)))  # no stack of ours would send it (RFC 4320 4.2)
    assert len(notifier(server).subscriptions) == left


def test_who_always_fails_is_given_up(server, watch, probe, notifier):
    bob = watch(server.phone("alice"), "bob", expires=7200)
    told(server, probe, bob, *[500] * 20)
    server.advance(1000)
    assert not notifier(server).subscriptions
    assert len(bob.notifies) == 6


def test_one_failure_between_is_forgotten(server, watch, probe, notifier):
    bob = watch(server.phone("alice"), "bob", expires=7200)
    for _ in range(10):
        told(server, probe, bob, 500, 200)
        server.advance(11)
    assert notifier(server).subscriptions
    assert bob.body.endswith(b" 10 ")


def test_a_challenge_that_nobody_can_answer_ends_nothing(server, watch, probe, notifier):
    bob = watch(server.phone("alice"), "bob")
    told(server, probe, bob, (401, [("WWW-Authenticate", 'Digest realm="phone", nonce="x"')]))
    assert notifier(server).subscriptions
    server.advance(11)
    assert bob.body.endswith(b" 1 ")


def test_a_challenge_is_answered_with_the_endpoints_credentials(start, watch, probe):
    server = start(
        '[endpoint.alice]\nauth = ["alice"]\naors = ["alice"]\noutbound_auth = ["phone"]\n[auth.alice]\npassword = "alice\'s"\n'
        '[auth.phone]\nusername = "server"\npassword = "secret"\n[aor.alice]\n[aor.bob]\n',
        application=["registrar", "pubsub", "probe", "channel", "options"],
        integration=["memory", "toml", "channel", "dialplan", "media_direct"],
    )
    bob = watch(server.phone("alice"), "bob")
    told(server, probe, bob, (401, [("WWW-Authenticate", 'Digest realm="phone", nonce="x", algorithm=MD5')]))
    assert 'username="server"' in (bob.notifies[-1].get("authorization") or "")
    assert len(bob.notifies) == 3
    told(server, probe, bob)
    assert bob.notifies[-1].cseq.number > bob.notifies[-2].cseq.number


def test_what_ends_a_dialog_ends_every_subscription_in_it(server, watch, probe, notifier):
    bob = watch(server.phone("alice"), "bob", event="probe;id=1")
    bob.event = "probe;id=2"
    server.wait(bob.subscribe())
    server.advance(1)
    assert len(notifier(server).subscriptions) == 2
    told(server, probe, bob, 404)
    assert not notifier(server).subscriptions


def test_what_ends_a_usage_leaves_the_other(server, watch, probe, notifier):
    bob = watch(server.phone("alice"), "bob", event="probe;id=1")
    bob.event = "probe;id=2"
    server.wait(bob.subscribe())
    server.advance(1)
    told(server, probe, bob, 481)
    assert [each.key for each in notifier(server).subscriptions.values()] == [("probe", "2")]
    told(server, probe, bob)
    assert bob.notifies[-1].get("event") == "probe;id=2"
