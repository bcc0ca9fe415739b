"""plugins.pubsub.usage: by which way a watcher is told, also when his connection is another."""

import pytest


@pytest.fixture
def kept(start):
    return start('[dal]\nsubscription = ["sqlite"]\ncontact = ["sqlite"]\n', integration=["memory", "toml", "sqlite"])


def dead(server):
    """Close every connection that the server has."""
    for flow in list(server.engine.flows.values()):
        flow.close("a cable was pulled")
    server.advance(0.1)


def test_who_can_be_connected_to_is_told_by_another_connection(server, watch, probe):
    alice = server.phone("alice", transport="TCP")
    bob = watch(alice, "bob")
    dead(server)
    probe(server).set("bob", 1)
    server.advance(1)
    assert bob.body == b"#1 1 "


def test_who_cannot_is_told_by_the_connection_by_which_he_has_registered_since(server, watch, probe, notifier):
    alice = server.phone("alice", transport="TCP")
    alice.address = ("alice.invalid", 5060)  # as browsers have it: nothing but its connection leads to it
    alice.online()
    bob = watch(alice, "bob")
    [subscription] = notifier(server).subscriptions.values()
    assert subscription.usage.pinned
    dead(server)
    contact = server.engine.dal.owned("contact", "alice@example.com")
    assert not [each for each in contact if each.reach in server.engine.flows]
    alice.register()
    server.advance(1)
    assert subscription.usage.dialog.target == alice.contact
    probe(server).set("bob", 1)
    server.advance(1)
    assert bob.body == b"#1 1 "


def test_who_has_no_way_left_is_removed(server, watch, probe, notifier):
    alice = server.phone("alice", transport="TCP")
    alice.address = ("alice.invalid", 5060)
    watch(alice, "bob")
    assert notifier(server).subscriptions
    dead(server)
    probe(server).set("bob", 1)
    server.advance(40)
    assert not notifier(server).subscriptions


def test_who_has_no_way_left_is_removed_though_there_is_nothing_to_tell(server, watch, notifier):
    alice = server.phone("alice", transport="TCP")
    alice.address = ("alice.invalid", 5060)
    watch(alice, "bob")
    dead(server)
    server.advance(31)
    assert notifier(server).subscriptions
    server.advance(2)
    assert not notifier(server).subscriptions
    assert server.told("subscription.ended")[-1].fields["reason"] == "unreachable"


def test_after_a_restart_who_came_by_a_connection_has_a_while_to_come_back(kept, watch):
    alice = kept.phone("alice", transport="TCP")
    alice.address = ("alice.invalid", 5060)
    bob = watch(alice, "bob", expires=3600)
    kept.stop()
    kept.start()
    kept.advance(30)
    assert len(bob.notifies) == 1
    alice.register()
    kept.advance(35)
    assert len(bob.notifies) == 2
    assert kept.wait(bob.subscribe()).status == 200


def test_a_large_body_goes_by_tcp_where_the_peer_takes_it(server, watch, probe):
    bob = watch(server.phone("alice"), "bob")
    probe(server).set("bob", "x" * 5000)
    server.advance(1)
    assert bob.notifies[-1].via.transport == "TCP"
    assert len(bob.body) > 5000
    probe(server).set("bob", "short")
    server.advance(1)
    assert bob.notifies[-1].via.transport == "UDP"
