"""plugins.pubsub.publishing and .publications: PUBLISH. RFC 3903."""


def publish(server, phone, body=b"here", *, to="alice", etag="", expires=None, kind="text/plain", event="probe"):
    headers = [("Event", event)]
    if body:
        headers.append(("Content-Type", kind))
    if etag:
        headers.append(("SIP-If-Match", etag))
    if expires is not None:
        headers.append(("Expires", str(expires)))
    return server.wait(phone.request("PUBLISH", f"sip:{to}@example.com", headers=headers, body=body)).response


def test_what_is_published_is_told(server, watch):
    alice, bob = server.phone("alice"), server.phone("bob")
    lamp = watch(bob, "alice")
    answer = publish(server, alice)
    assert answer.status == 200
    assert answer.get("sip-etag")
    assert answer.expires == 3600
    server.advance(0.5)
    assert lamp.body == b"#1 0 here"


def test_it_is_modified_refreshed_and_removed_by_its_entity_tag(server, watch):
    alice = server.phone("alice")
    lamp = watch(server.phone("bob"), "alice")
    first = publish(server, alice).get("sip-etag")
    second = publish(server, alice, b"there", etag=first).get("sip-etag")
    assert second != first
    third = publish(server, alice, b"", etag=second).get("sip-etag")
    assert third != second
    server.advance(0.5)
    assert lamp.body == b"#2 0 there"
    assert publish(server, alice, b"", etag=third, expires=0).status == 200
    server.advance(0.5)
    assert lamp.body == b"#3 0 "
    assert publish(server, alice, b"", etag=third).status == 412


def test_an_unknown_entity_tag_is_412(server):
    alice = server.phone("alice")
    assert publish(server, alice, etag="nobody").status == 412
    tag = publish(server, alice).get("sip-etag")
    publish(server, alice, b"new", etag=tag)
    assert publish(server, alice, b"again", etag=tag).status == 412
    assert publish(server, alice, b"again", etag="a, b").status == 400


def test_several_publishers_make_one_state(server, watch):
    alice = server.phone("alice")
    lamp = watch(server.phone("bob"), "alice")
    publish(server, alice, b"desk")
    server.advance(1)
    publish(server, alice, b"mobile")
    server.advance(1)
    assert lamp.body == b"#2 0 desk+mobile"


def test_it_expires(server, watch):
    lamp = watch(server.phone("bob"), "alice", expires=3600)
    alice = server.phone("alice")
    tag = publish(server, alice, expires=60).get("sip-etag")
    server.advance(40)
    publish(server, alice, b"", etag=tag, expires=60)
    server.advance(40)
    assert lamp.body == b"#1 0 here"
    server.advance(30)
    assert lamp.body == b"#2 0 "


def test_what_is_wrong_is_refused_with_the_right_code(server):
    alice = server.phone("alice")
    assert publish(server, alice, b"").status == 400
    assert publish(server, alice, expires=5).status == 423
    wrong = publish(server, alice, kind="image/png")
    assert (wrong.status, wrong.get("accept")) == (415, "text/plain")
    assert publish(server, alice, event="slow").status == 489
    assert publish(server, alice, event="nothing").get("allow-events") == "probe, slow, bare, refer"
    assert publish(server, alice, b"nonsense").status == 400
    assert publish(server, alice, to="nemo").status in (403, 404)
    assert publish(server, alice, to="bob").status == 403


def test_a_plugin_may_let_others_publish(server, probe):
    probe(server).publishers["sip:alice@example.com"] = True
    assert publish(server, server.phone("alice"), to="bob").status == 200
    assert publish(server, server.phone("alice"), to="nemo").status == 404
    probe(server).publishers["sip:alice@example.com"] = False
    assert publish(server, server.phone("alice"), to="alice").status == 403


def test_an_endpoint_may_be_kept_from_publishing(start):
    server = start('[user.alice]\npassword = "alice\'s"\nallow_publish = false\n')
    assert publish(server, server.phone("alice")).status == 403


def test_their_number_and_size_are_bounded(start):
    server = start("[plugin.pubsub]\npublications_per_resource = 3\npublication_bytes = 1000\n")
    alice = server.phone("alice", transport="TCP")
    for _ in range(3):
        assert publish(server, alice).status == 200
    full = publish(server, alice)
    assert full.status == 480
    assert full.get("retry-after")
    assert publish(server, alice, b"x" * 1001).status == 413
    server.advance(3600)
    assert publish(server, alice).status == 200


def test_a_publisher_and_the_whole_are_bounded_too(start):
    server = start("[plugin.pubsub]\npublications_per_publisher = 2\n")
    alice = server.phone("alice")
    assert [publish(server, alice).status for _ in range(3)] == [200, 200, 403]
    server = start("[plugin.pubsub]\npublications = 2\n")
    alice = server.phone("alice")
    assert [publish(server, alice).status for _ in range(3)] == [200, 200, 503]


def test_a_body_of_a_megabyte_is_refused_and_not_kept(server, notifier):
    alice = server.phone("alice", transport="TCP")
    answer = server.wait(
        alice.request(
            "PUBLISH", "sip:alice@example.com", headers=[("Event", "probe"), ("Content-Type", "text/plain")], body=b"x" * 1_000_000
        )
    )
    assert answer.status == 513
    assert notifier(server).publications.bytes == 0


def test_one_publisher_has_a_rate_and_the_others_do_not_feel_it(start):
    server = start("[plugin.pubsub]\npublish_rate = 0.5\npublish_burst = 3\n")
    alice, bob = server.phone("alice"), server.phone("bob")
    etag = ""
    for note in (b"a", b"b", b"c"):
        answer = publish(server, alice, note, etag=etag)
        assert answer.status == 200
        etag = answer.get("sip-etag")
    answer = publish(server, alice, b"d", etag=etag)
    assert (answer.status, answer.get("retry-after")) == (503, "2")
    assert publish(server, bob, to="bob").status == 200
    server.advance(2)
    assert publish(server, alice, b"d", etag=etag).status == 200
