"""plugins.pubsub over a reload: subscriptions go on, with the options of the new file."""

from pipeline.config import Document, build


def reload(server, text):
    return server.run(server.engine.reload(build(Document(server.folder / "pipeline.toml", text))))


def test_a_subscription_goes_on_and_the_new_options_count(server, watch, probe):
    bob = watch(server.phone("alice"), "bob")
    reload(server, server.text.replace("[plugin.probe]", "[plugin.pubsub]\nmin_expires = 300\n[plugin.probe]"))
    probe(server).set("bob", 5)
    server.advance(1)
    assert bob.body.endswith(b" 5 ")
    server.wait(bob.subscribe(200))
    assert (bob.status, bob.state) == (423, "active")
    server.wait(bob.subscribe(300))
    assert bob.status == 200


def test_who_may_not_watch_any_more_is_told_so(server, watch):
    bob = watch(server.phone("alice"), "bob")
    reload(server, server.text.replace("[plugin.probe]", "[plugin.pubsub]\nwatch = 'none'\n[plugin.probe]"))
    server.advance(3)
    assert (bob.state, bob.reason) == ("terminated", "rejected")


def test_a_package_that_is_listed_no_more_ends_what_was_watched_in_it(start, watch):
    server = start()
    bob = watch(server.phone("alice"), "bob")
    reload(server, server.text.replace('"probe", ', ""))
    server.advance(1)
    assert (bob.state, bob.reason) == ("terminated", "noresource")


def test_pubsub_can_be_taken_out_and_put_in(start, watch):
    server = start(application=["registrar", "options"])
    assert watch(server.phone("alice"), "bob").status == 501
    text = server.text.replace('"registrar", "options"', '"registrar", "pubsub", "probe", "options"')
    reload(server, text)
    bob = watch(server.phone("alice"), "bob")
    assert bob.state == "active"
    reload(server, server.text)
    server.advance(1)
    assert (bob.state, bob.reason) == ("terminated", "deactivated")
    assert server.engine.pubsub is None
    server.advance(40)
    assert not server.leftovers()
