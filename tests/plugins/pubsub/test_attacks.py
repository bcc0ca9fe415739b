"""What our own users and strangers could do to pub/sub: fill its memory, watch as somebody else, go on watching when they are gone."""


def test_who_subscribes_and_unsubscribes_all_day_fills_no_memory(server, watch, notifier):
    alice = server.phone("alice")
    watch(alice, "bob", expires=7200)
    for _ in range(1200):
        watch(alice, "bob", expires=7200, seconds=0.01).unsubscribe()
        server.advance(0.01)
    assert len(notifier(server).subscriptions) == 1
    assert len(notifier(server).ends) <= 1024


def test_a_beat_is_planned_once_however_often_something_changes(server, watch, probe, notifier):
    bob = watch(server.phone("alice"), "bob", event="probe;min-rate=0.001", expires=7200)
    for number in range(1, 51):
        probe(server).set("bob", number)
        server.advance(1)
    assert len(bob.notifies) == 51
    assert len(notifier(server).beats) == 1
    server.advance(1001)
    assert len(bob.notifies) == 52
