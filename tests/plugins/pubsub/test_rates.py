"""plugins.pubsub: how often somebody wants to be told (RFC 6446 5)."""


def test_a_watcher_may_want_to_be_told_less_often(server, watch, probe):
    bob = watch(server.phone("alice"), "bob", event="probe;max-rate=0.1")
    assert bob.notifies[0].get("subscription-state").endswith(";max-rate=0.1")
    assert bob.notifies[0].get("event") == "probe"
    for value in range(1, 20):
        probe(server).set("bob", value)
        server.advance(1)
    assert 2 <= len(bob.notifies) <= 3
    server.advance(10)
    assert bob.body.endswith(b" 19 ")


def test_a_watcher_may_want_to_be_told_what_has_not_changed(server, watch, probe):
    bob = watch(server.phone("alice"), "bob", event="probe;min-rate=0.05")
    assert ";min-rate=0.05" in bob.notifies[0].get("subscription-state")
    server.advance(65)
    assert len(bob.notifies) == 4
    probe(server).set("bob", 1)
    server.advance(1)
    assert len(bob.notifies) == 5
    server.advance(15)
    assert len(bob.notifies) == 5
    server.advance(5)
    assert len(bob.notifies) == 6


def test_but_not_faster_than_we_like(server, watch):
    bob = watch(server.phone("alice"), "bob", event="probe;min-rate=100")
    server.advance(10)
    assert len(bob.notifies) <= 4


def test_a_refresh_may_change_it(server, watch):
    bob = watch(server.phone("alice"), "bob", event="probe;min-rate=0.1")
    bob.event = "probe"
    server.wait(bob.subscribe())
    server.advance(1)
    count = len(bob.notifies)
    server.advance(60)
    assert len(bob.notifies) == count
