"""plugins.pubsub.standing: [subscribe.NAME] is watched as long as the server runs."""

from pipeline.config import Document, build

EVE = "10.0.0.8:5060"
TOML = f"""
[subscribe.eve]
uri = "sip:eve@{EVE}"
event = "probe"
accept = ["text/plain"]
aor = "alice@example.com"
[user.alice]
password = "alice's"
"""


def test_it_is_watched_and_told_on_the_bus(start, elsewhere):
    server = start(TOML)
    there = elsewhere(server)
    there.answer((200, "", [("Expires", "3600"), ("Contact", f"<sip:eve@{EVE}>")]))
    server.advance(10)  # she was not there when the server started
    [asked] = there.asked[-1:]
    assert asked.from_.uri.text == "sip:alice@example.com"
    assert (asked.get("event"), asked.get("accept"), asked.expires) == ("probe", "text/plain", 3600)
    there.notify()
    [event] = server.told("notify.received")
    assert (event.fields["uri"], event.fields["body"]) == (f"sip:eve@{EVE}", b"here")


def test_a_reload_changes_what_is_watched(start, elsewhere):
    server = start(TOML)
    there = elsewhere(server)
    there.answer((200, "", [("Expires", "3600"), ("Contact", f"<sip:eve@{EVE}>")]))
    server.advance(10)
    there.notify()
    count = len(there.asked)
    server.run(server.engine.reload(build(Document(server.folder / "pipeline.toml", server.text + "\n"))))
    server.advance(3)
    assert len(there.asked) == count  # what is the same goes on
    text = server.text.replace('event = "probe"', 'event = "slow"')
    server.run(server.engine.reload(build(Document(server.folder / "pipeline.toml", text))))
    server.advance(3)
    assert [(each.get("event"), each.expires) for each in there.asked[count:]] == [("probe", 0), ("slow", 3600)]
    server.run(server.engine.reload(build(Document(server.folder / "pipeline.toml", server.text.replace("[subscribe.eve]", "[aor.x]").split("uri =")[0]
                                                    + server.text.split('aor = "alice@example.com"')[1]))))  # fmt: skip
    server.advance(3)
    assert there.asked[-1].expires == 0
