"""plugins.pubsub.pubsub: SUBSCRIBE and the NOTIFYs that follow, from the outside. RFC 6665 4.2."""

from pipeline.testing.server import ADDRESS


def test_a_subscription_is_told_the_state_at_once_and_each_change(server, watch, probe):
    bob = watch(server.phone("alice"), "bob")
    assert bob.status == 200
    response = bob.responses[-1]
    assert response.expires == 600
    assert response.contacts[0].uri.text == f"sip:bob@{ADDRESS}:5060"
    [notify] = bob.notifies
    assert notify.get("event") == "probe"
    assert notify.get("subscription-state").startswith("active;expires=")
    assert notify.content_type == "text/plain"
    assert notify.contacts[0].uri.text == f"sip:bob@{ADDRESS}:5060"
    assert bob.body == b"#0 0 "
    probe(server).set("bob", 1)
    server.advance(0.5)
    assert bob.bodies[1:] == [b"#1 1 "]
    assert bob.notifies[-1].cseq.number == notify.cseq.number + 1


def test_what_is_equal_is_not_told_twice(server, watch, probe):
    bob = watch(server.phone("alice"), "bob")
    probe(server).set("bob", 0)
    server.advance(1)
    assert len(bob.notifies) == 1


def test_changes_within_a_turn_are_told_as_one(server, watch, probe):
    bob = watch(server.phone("alice"), "bob")
    for value in range(1, 50):
        probe(server).set("bob", value)
    server.advance(1)
    assert bob.bodies == [b"#0 0 ", b"#1 49 "]
    assert probe(server).asked.count("bob@example.com") == 2


def test_changes_faster_than_the_package_allows_are_told_as_one(server, watch, probe):
    bob = watch(server.phone("alice"), "bob", event="slow")
    for value in range(1, 10):
        probe(server).set("bob", value, event="slow")
        server.advance(0.3)
    assert len(bob.notifies) == 1
    server.advance(5)
    assert bob.bodies[1:] == [b"#1 9 "]


def test_no_second_notify_goes_out_before_the_first_is_answered(server, watch, probe):
    bob = watch(server.phone("alice"), "bob")
    bob.silent = True
    probe(server).set("bob", 1)
    server.advance(0.2)
    probe(server).set("bob", 2)
    server.advance(10)
    assert {message.cseq.number for message in bob.notifies[1:]} == {bob.notifies[1].cseq.number}


def test_an_unknown_event_is_489_and_says_which_there_are(server):
    phone = server.phone("alice")
    for headers in ([("Event", "shablagoo")], []):
        answer = server.wait(phone.request("SUBSCRIBE", "sip:bob@example.com", headers=headers)).response
        assert answer.status == 489
        assert answer.get("allow-events") == "probe, slow, bare, refer"


def test_what_nobody_can_write_is_406(server, watch):
    bob = watch(server.phone("alice"), "bob", accept="application/pidf+xml, text/*;q=0")
    assert bob.status == 406
    assert bob.responses[-1].get("accept") == "text/plain, text/upper"


def test_the_form_is_what_the_watcher_likes_best(server, watch):
    phone = server.phone("alice")
    assert watch(phone, "bob", accept="text/plain;q=0.5, text/upper").notifies[0].content_type == "text/upper"
    assert watch(phone, "bob", accept="*/*").notifies[0].content_type == "text/plain"


def test_a_body_of_a_subscribe_is_415(server):
    phone = server.phone("alice")
    headers = [("Event", "probe"), ("Content-Type", "application/simple-filter+xml")]
    assert server.wait(phone.request("SUBSCRIBE", "sip:bob@example.com", headers=headers, body=b"<x/>")).status == 415


def test_nobody_is_404(server, watch, probe):
    phone = server.phone("alice")
    assert watch(phone, "nemo").status == 404
    assert watch(phone, uri="sip:bob@elsewhere.invalid").status == 404
    probe(server).values["bob"] = "nobody"
    assert watch(phone, "bob").status == 404
    probe(server).values["bob"] = "refused"
    assert watch(phone, "bob").status == 480


def test_a_package_may_know_resources_that_are_no_address_of_record(server, watch):
    assert watch(server.phone("alice"), "parking-lot", event="bare").status == 200


def test_too_short_is_423(server, watch):
    bob = watch(server.phone("alice"), "bob", expires=5)
    assert bob.status == 423
    assert bob.responses[-1].get("min-expires") == "30"


def test_an_endpoint_has_its_own_least_time(start, watch):
    server = start('[user.alice]\npassword = "alice\'s"\nsub_min_expiry = 3600\n[user.bob]\npassword = "x"\n')
    phone = server.phone("alice")
    assert watch(phone, "bob", expires=2000).responses[-1].get("min-expires") == "3600"
    assert watch(phone, "bob", expires=3600).status == 200


def test_too_long_is_shortened(server, watch):
    assert watch(server.phone("alice"), "bob", expires=100000).responses[-1].expires == 7200


def test_a_fetch_is_told_once(server, watch, probe):
    bob = watch(server.phone("alice"), "bob", expires=0)
    assert bob.responses[-1].expires == 0
    assert (bob.state, bob.reason, bob.body) == ("terminated", "timeout", b"#0 0 ")
    probe(server).set("bob", 1)
    server.advance(40)
    assert len(bob.notifies) == 1
    assert not server.leftovers()


def test_a_refresh_is_told_the_state_again(server, watch):
    bob = watch(server.phone("alice"), "bob", expires=60)
    for _ in range(5):
        server.advance(40)
        server.wait(bob.subscribe(60))
    server.advance(0.5)
    assert bob.state == "active"
    assert len(bob.notifies) == 6
    assert [message.cseq.number for message in bob.notifies] == sorted({message.cseq.number for message in bob.notifies})


def test_without_a_refresh_it_ends(server, watch, notifier):
    bob = watch(server.phone("alice"), "bob", expires=60)
    server.advance(61)
    assert (bob.state, bob.reason) == ("terminated", "timeout")
    server.advance(40)
    assert not notifier(server).subscriptions
    assert not server.leftovers()
    assert server.wait(bob.subscribe(60)).status == 481


def test_an_unsubscribe_is_told_the_last_state(server, watch, probe):
    bob = watch(server.phone("alice"), "bob")
    server.wait(bob.unsubscribe())
    server.advance(0.5)
    assert (bob.status, bob.state, bob.reason) == (200, "terminated", "timeout")
    assert bob.body == b"#1 0 "
    probe(server).set("bob", 1)
    server.advance(40)
    assert len(bob.notifies) == 2
    assert not server.leftovers()


def test_a_resource_that_is_no_more_ends_its_subscriptions(server, watch, probe):
    bob = watch(server.phone("alice"), "bob")
    probe(server).set("bob", "nobody")
    server.advance(1)
    assert (bob.state, bob.reason) == ("terminated", "noresource")


def test_a_plugin_may_end_them_for_any_reason(server, watch):
    bob = watch(server.phone("alice"), "bob")
    server.engine.tell("state.ended", event="probe", resource="bob@example.com", reason="probation", retry_after=77)
    server.advance(1)
    assert bob.notifies[-1].get("subscription-state") == "terminated;reason=probation;retry-after=77"


def test_a_notify_of_nothing_is_481(server):
    phone = server.phone("alice")
    headers = [("Event", "probe"), ("Subscription-State", "active")]
    assert server.wait(phone.request("NOTIFY", "sip:bob@example.com", headers=headers)).status == 481


def test_a_subscription_is_kept_open_by_its_flow(server, watch, probe):
    server.phone("alice")
    tcp = server.phone("bob", transport="TCP")
    alice = watch(tcp, "alice")
    assert alice.status == 200
    assert alice.notifies[0].via.transport == "TCP"
    probe(server).set("alice", 3)
    server.advance(1)
    assert alice.body == b"#1 3 "


def test_when_the_server_stops_those_that_are_not_kept_are_told_to_come_again(server, watch):
    bob = watch(server.phone("alice"), "bob")
    server.stop()
    server.advance(1)
    assert (bob.state, bob.reason) == ("terminated", "deactivated")


def test_a_subscribe_needs_a_contact(server):
    answer = server.request("SUBSCRIBE", "bob", password="alice's", headers=[("Event", "probe"), ("Contact", "")])
    assert answer.status == 400
