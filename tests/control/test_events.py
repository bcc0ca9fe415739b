"""Pub/sub through the control socket: a server that watches itself."""

import asyncio
import json

TOML = """
[pipeline]
name = "test"
domains = ["example.com"]
[[stage]]
name = "transport"
plugins = ["udp"]
[[stage]]
name = "protocol"
plugins = ["stack"]
[[stage]]
name = "intercept"
plugins = []
[[stage]]
name = "application"
plugins = ["registrar", "pubsub", "presence"]
[[stage]]
name = "integration"
plugins = ["toml", "memory"]
[plugin.udp]
bind = ["127.0.0.1:0"]
[plugin.pubsub]
watch = "all"
[user.alice]
auth = []
"""


def uri_of(server):
    return f"sip:alice@127.0.0.1:{server.engine.listeners[0][2][1]}"


def test_something_is_watched_and_what_it_tells_comes(running):
    async def test(server):
        reader, writer = await server.connect()
        writer.write(
            json.dumps({"do": "subscribe", "to": uri_of(server), "event": "presence", "from": "alice@example.com"}).encode() + b"\n"
        )
        assert json.loads(await reader.readline()) == {"watching": uri_of(server)}
        heard = json.loads(await reader.readline())["heard"]
        assert (heard["state"], heard["type"]) == ("active", "application/pidf+xml"), heard
        assert "<basic>closed</basic>" in heard["body"]
        rows = await server.rows(do="show", what="subscriptions")
        assert [(row["event"], row["state"]) for row in rows] == [("presence", "ours, active")]
        writer.close()
        await writer.wait_closed()
        for _ in range(100):
            rows = await server.rows(do="show", what="subscriptions")
            if not rows:
                break
            await asyncio.sleep(0.02)
        assert rows == []

    running(test, TOML)


def test_what_cannot_be_watched_ends_at_once(running):
    async def test(server):
        reader, writer = await server.connect()
        writer.write(json.dumps({"do": "subscribe", "to": uri_of(server), "event": "nothing"}).encode() + b"\n")
        lines = [json.loads(await reader.readline()) for _ in range(3)]
        assert lines[1]["heard"]["reason"] == "489 Bad Event"
        assert lines[2] == {"end": True}
        writer.close()
        await writer.wait_closed()
        [answer] = await server.ask(do="subscribe", to="mailto:alice@example.com", event="presence")
        assert "no sip URI" in answer["error"]
        [answer] = await server.ask(do="subscribe", to="", event="presence")
        assert "error" in answer

    running(test, TOML)


def test_a_notify_that_nobody_takes_is_told_so(running):
    async def test(server):
        [answer] = await server.ask(do="notify", to="nemo", event="check-sync")
        assert answer["error"].startswith("not sent")
        [answer] = await server.ask(do="notify", to="alice", event="check\r\nsync")
        assert answer["error"] == "the event holds what cannot be printed"

    running(test, TOML)


def test_without_pubsub_nothing_is_there(running):
    async def test(server):
        assert await server.rows(do="show", what="subscriptions") == []
        assert await server.rows(do="show", what="publications") == []
        [answer] = await server.ask(do="notify", to="alice", event="check-sync")
        assert answer == {"error": "the plugin 'pubsub' is not listed"}

    running(test)
