"""A store that fails while somebody subscribes or publishes: he is told to come again, and that it is nobody's fault."""

import pytest

from pipeline.dal import Unavailable

from .test_publishing import publish


def broken(*_):
    raise Unavailable("the disk is full of holes")


@pytest.fixture
def aors(server):
    """Let the store of addresses fail: aors(), and work again: aors(True)."""
    get = server.engine.dal._get
    works = get["aor"]

    def aors(work=False):
        get["aor"] = works if work else broken

    return aors


def test_a_subscribe_is_503(server, watch, aors, notifier):
    alice = server.phone("alice")
    aors()
    found = watch(alice, "bob")
    assert found.status == 503
    assert 5 <= int(found.responses[-1].get("retry-after")) < 15
    assert len(server.engine.dialogs) == 0
    aors(True)
    assert watch(alice, "bob").status == 200


def test_a_publish_is_503(server, aors):
    alice = server.phone("alice")
    aors()
    found = publish(server, alice, b"here")
    assert (found.status, bool(found.get("retry-after"))) == (503, True)
    aors(True)
    assert publish(server, alice, b"here").status == 200


def test_a_state_that_the_store_cannot_give_is_503_and_ends_no_subscription(server, watch, probe, notifier):
    bob = watch(server.phone("alice"), "bob")
    probe(server).values["bob"] = Unavailable("gone for a moment")
    assert watch(server.phone("bob"), "bob").status == 503
    server.wait(bob.subscribe())
    assert bob.status == 200  # what is known is told
    server.engine.tell("state.changed", event="probe", resource="bob@example.com")
    server.advance(1)
    assert bob.state == "active"
    probe(server).set("bob", 3)
    server.advance(1)
    assert bob.body.endswith(b" 3 ")


def test_a_subscription_that_cannot_be_written_works_all_the_same(start, watch, probe):
    server = start('[dal]\nsubscription = ["sqlite"]\n', integration=["memory", "toml", "sqlite"])
    server.engine.dal._change["subscription"] = broken
    bob = watch(server.phone("alice"), "bob")
    assert bob.state == "active"
    probe(server).set("bob", 3)
    server.advance(1)
    assert bob.body.endswith(b" 3 ")
    assert server.wait(bob.unsubscribe()).status == 200
    server.advance(1)
    assert bob.state == "terminated"
    assert server.told("storage.failed")
