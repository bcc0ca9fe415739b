"""plugins.pubsub: who has a state already is not told it again (RFC 5839)."""


def has(tag):
    return [("Suppress-If-Match", tag)]


def etag(watched):
    return watched.notifies[-1].get("sip-etag")


def test_a_refresh_of_who_has_the_state_is_204_without_a_notify(server, watch, probe, notifier):
    bob = watch(server.phone("alice"), "bob", expires=60)
    first = etag(bob)
    server.advance(40)
    server.wait(bob.subscribe(60, has(first)))
    server.advance(1)
    assert (bob.status, bob.responses[-1].reason, bob.responses[-1].expires) == (204, "No Notification", 60)
    assert len(bob.notifies) == 1
    server.advance(40)  # it was extended all the same
    assert notifier(server).subscriptions
    probe(server).set("bob", 1)
    server.advance(1)
    assert len(bob.notifies) == 2
    assert etag(bob) != first


def test_another_tag_is_told_as_ever(server, watch, probe):
    bob = watch(server.phone("alice"), "bob")
    first = etag(bob)
    probe(server).set("bob", 1)
    server.advance(1)
    server.wait(bob.subscribe(600, has(first)))
    server.advance(1)
    assert bob.status == 200
    assert len(bob.notifies) == 3


def test_a_new_subscription_of_who_has_the_state_is_told_without_a_body(server, watch):
    first = etag(watch(server.phone("alice"), "bob"))
    again = watch(server.phone("bob"), "bob", headers=has(first))
    assert (again.status, again.body, etag(again)) == (200, b"", first)
    assert again.state == "active"
    assert again.notifies[0].get("content-type") is None


def test_who_wants_nothing_hears_nothing_until_he_asks_again(server, watch, probe):
    bob = watch(server.phone("alice"), "bob")
    server.wait(bob.subscribe(600, has("*")))
    assert bob.status == 204
    probe(server).set("bob", 1)
    server.advance(1)
    assert len(bob.notifies) == 1
    server.wait(bob.subscribe(600))
    server.advance(1)
    assert bob.body.endswith(b" 1 ")
    server.wait(bob.subscribe(600, has("*")))
    server.wait(bob.unsubscribe())
    server.advance(1)
    assert bob.reason == "timeout"


def test_another_form_is_told_whoever_has_the_state(server, watch):
    bob = watch(server.phone("alice"), "bob")
    bob.headers = [("Accept", "text/upper")]
    server.wait(bob.subscribe(600, has(etag(bob))))
    server.advance(1)
    assert bob.status == 200
    assert bob.notifies[-1].content_type == "text/upper"


def test_a_tag_of_before_a_restart_is_no_tag_of_now(start, watch):
    server = start('[dal]\nsubscription = ["sqlite"]\n', integration=["memory", "toml", "sqlite"])
    bob = watch(server.phone("alice"), "bob")
    first = etag(bob)
    server.stop()
    server.start()
    server.advance(1)
    assert etag(bob) != first
