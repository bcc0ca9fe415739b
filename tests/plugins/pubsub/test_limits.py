"""plugins.pubsub.limits: how many there may be, and what is answered beyond."""

from pipeline.testing.watching import Watch


def many(server, count, **more):
    phone = server.phone("alice")
    watches = [Watch(phone, "bob", event="probe", **more) for _ in range(count)]
    server.advance(2)
    return [each.status for each in watches]


def test_of_one_endpoint(start, notifier):
    server = start("[plugin.pubsub]\nper_endpoint = 5\n")
    assert sorted(many(server, 7)) == [200] * 5 + [403] * 2
    assert notifier(server).limits.of_watcher == {"alice": 5}


def test_of_one_source_of_strangers(start, notifier):
    server = start("[plugin.pubsub]\nper_source = 5\n", intercept=[])
    assert sorted(many(server, 7)) == [200] * 5 + [403] * 2


def test_of_one_resource_and_of_all_together(start):
    assert sorted(many(start("[plugin.pubsub]\nper_resource = 5\n"), 7)) == [200] * 5 + [480] * 2
    assert sorted(many(start("[plugin.pubsub]\nsubscriptions = 5\n"), 7)) == [200] * 5 + [503] * 2


def test_what_ends_makes_room(start):
    server = start("[plugin.pubsub]\nper_endpoint = 5\n")
    assert many(server, 5, expires=60) == [200] * 5
    server.advance(61)
    assert many(server, 5) == [200] * 5


def test_one_watcher_watches_the_same_by_few_dialogs_the_latest(server, notifier):
    phone = server.phone("alice")
    watches = []
    for _ in range(12):
        watches.append(Watch(phone, "bob", event="probe"))
        server.advance(0.5)
    assert len(notifier(server).subscriptions) == 10
    assert [each.reason for each in watches] == ["probation"] * 2 + [""] * 10


def test_ten_thousand_subscribes_with_new_tags_from_one_source_are_refused_and_forgotten(start, notifier):
    server = start("[plugin.pubsub]\nper_source = 200\nper_pair = 1000\n", intercept=[])
    statuses = []
    for number in range(0, 10_000, 100):
        for each in range(100):
            headers = [("Event", "probe"), ("From", f"<sip:eve{number + each}@example.com>;tag={number + each}")]
            server.send(server.message("SUBSCRIBE", "bob", headers=headers, source=("10.0.0.9", 5060)))
        server.advance(0.2)
    statuses = [message.status for message in server.replies() if not message.is_request]
    assert len(statuses) == 10_000
    assert statuses.count(200) == 100  # nobody has answered these
    assert set(statuses) == {200, 403}
    assert len(notifier(server).subscriptions) == 100
    assert len(server.engine.dialogs) == 100
    server.advance(80)  # nobody answers the NOTIFYs
    assert not notifier(server).subscriptions
    assert not notifier(server).limits.unheard
    assert not server.leftovers()


def test_strangers_who_answer_have_as_many_as_may_be_from_one_address(start, notifier):
    server = start("[plugin.pubsub]\nper_pair = 1000\n", intercept=[])
    assert many(server, 60) == [200] * 60
    phone = server._phones[0]
    watches = [Watch(phone, "bob", event="probe") for _ in range(60)]
    server.advance(2)
    assert {each.status for each in watches} == {200}
    assert len(notifier(server).subscriptions) == 120
    assert not notifier(server).limits.unheard
