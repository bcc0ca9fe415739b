"""plugins.pubsub.restore: subscriptions and publications outlive a restart."""

import time

import attrs
import pytest

from .test_publishing import publish

KEPT = {"integration": ["memory", "toml", "sqlite"]}
DAL = '[dal]\nsubscription = ["sqlite"]\npublication = ["sqlite"]\n'


@pytest.fixture
def kept(start):
    return start(DAL, **KEPT)


def test_a_subscription_goes_on_after_a_restart(kept, watch, probe):
    bob = watch(kept.phone("alice"), "bob")
    kept.stop()
    assert bob.state == "active"  # no farewell: it is kept
    kept.start()
    kept.advance(1)
    assert len(bob.notifies) == 2
    numbers = [message.cseq.number for message in bob.notifies]
    assert numbers == sorted(set(numbers))
    probe(kept).set("bob", 7)
    kept.advance(1)
    assert bob.body.endswith(b" 7 ")
    assert kept.wait(bob.subscribe()).status == 200
    kept.advance(1)
    assert kept.wait(bob.unsubscribe()).status == 200
    kept.advance(1)
    assert bob.reason == "timeout"


def test_versions_never_go_back(kept, watch, probe):
    bob = watch(kept.phone("alice"), "bob")
    for value in range(1, 4):
        probe(kept).set("bob", value)
        kept.advance(0.2)
    for _ in range(3):
        kept.stop()
        kept.start()
        kept.advance(1)
        probe(kept).set("bob", bob.body)
        kept.advance(1)
    versions = [int(body.split()[0][1:]) for body in bob.bodies]
    assert versions == sorted(set(versions))
    assert len(versions) == 10


def test_what_was_published_is_still_valid(kept, watch):
    alice = kept.phone("alice")
    tag = publish(kept, alice, b"here", expires=600).get("sip-etag")
    kept.stop()
    kept.start()
    kept.advance(1)
    assert watch(kept.phone("bob"), "alice").body == b"#0 0 here"
    assert publish(kept, alice, b"", etag=tag).status == 200


def test_what_has_expired_meanwhile_is_removed_in_silence(kept, watch, notifier):
    bob = watch(kept.phone("alice"), "bob", expires=60)
    publish(kept, kept.phone("alice"), expires=60)
    kept.stop()
    kept.advance(61)
    kept.start()
    kept.advance(1)
    assert not notifier(kept).subscriptions
    assert not kept.run(_all(kept, "subscription"))
    kept.advance(1)
    assert not kept.run(_all(kept, "publication"))
    assert len(bob.notifies) == 1


def test_who_has_gone_meanwhile_is_removed(kept, watch, notifier):
    bob = watch(kept.phone("alice"), "bob", expires=3600)
    bob.phone.engine.dialogs.expect_no_more(bob.call_id, bob.tag)  # the phone has started anew, and answers 481
    kept.stop()
    kept.start()
    kept.advance(2)
    assert not notifier(kept).subscriptions
    assert not kept.run(_all(kept, "subscription"))


def test_only_the_server_whose_subscription_it_is_goes_on_with_it(kept, watch, probe, notifier):
    bob = watch(kept.phone("alice"), "bob")
    [stored] = kept.run(_all(kept, "subscription"))
    for ident, until in (("other", stored.expires_at), ("old", 1.0)):
        other = attrs.evolve(stored, id=ident, node="another", local_tag=ident, expires_at=until)
        kept.engine.dal.change("subscription", ident, (other,))
    kept.stop()
    kept.start()
    kept.advance(1)
    assert list(notifier(kept).subscriptions) == [stored.id]
    assert len(bob.notifies) == 2
    assert {each.id for each in kept.run(_all(kept, "subscription"))} == {stored.id, "other"}
    assert notifier(kept).counts["others"] == 1


def test_a_server_without_a_name_says_whose_subscriptions_do_not_go_on(kept, watch, caplog):
    watch(kept.phone("alice"), "bob")
    kept.stop()
    kept.text = kept.text.replace('name = "test"\n', "")
    kept.start()
    assert "subscriptions of test do not go on here" in caplog.text and 'write [pipeline] name = "test"' in caplog.text
    kept.stop()
    caplog.clear()
    kept.text = kept.text.replace("[pipeline]\n", '[pipeline]\nname = "third"\n')  # who has a name shares the store on purpose
    kept.start()
    assert "subscriptions of" not in caplog.text


def test_after_a_crash_too(kept, watch, probe):
    bob = watch(kept.phone("alice"), "bob")
    kept.advance(1)
    kept.crash()
    kept.start()
    kept.advance(1)
    assert len(bob.notifies) == 2
    probe(kept).set("bob", 2)
    kept.advance(1)
    assert bob.body.endswith(b" 2 ")


async def _all(server, kind):
    from pipeline.pending import finished

    return await finished(server.engine.dal.find(kind))


def test_many_that_have_expired_do_not_hold_up_the_start(kept, watch, notifier):
    watch(kept.phone("alice"), "bob", expires=60)
    [stored] = kept.run(_all(kept, "subscription"))
    for number in range(3000):
        kept.engine.dal.change("subscription", f"old{number}", (attrs.evolve(stored, id=f"old{number}", expires_at=1.0),))
    kept.advance(1)
    kept.stop()
    began = time.perf_counter()
    kept.start()
    assert time.perf_counter() - began < 10  # half a second; a commit for each would take a minute
    kept.advance(2)
    assert len(kept.run(_all(kept, "subscription"))) == 1
