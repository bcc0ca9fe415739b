"""Calls through the control socket: shown, placed, ended."""

import asyncio
import importlib.util
import json
import pathlib
import sys

import pytest

from pipeline.control.calls import party_of, reason
from pipeline.core import Cause, Hangup, Party, Unroutable
from pipeline.dal import Unavailable
from pipeline.pending import Pending


def load(name):
    key = f"tests_core_{name}"
    if key not in sys.modules:
        spec = importlib.util.spec_from_file_location(key, pathlib.Path(__file__).parents[1] / f"core/{name}.py")
        sys.modules[key] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[key])
    return sys.modules[key]


async def stay(channel):
    channel.application = "stay"
    await channel.answer()
    await channel.over()


@pytest.fixture
def wired(running, tmp_path):
    """Run a test with a server and its wires: wired(test) calls test(server, wire)."""
    (tmp_path / "wires.py").write_text(load("conftest").PLUGIN)
    toml = running.toml.replace('"memory"]\n[plugin.udp]', '"memory", "wires"]\n[plugin.udp]').replace(
        "[dal]\n", '[dal]\ncdr = ["memory"]\n'
    )
    toml += f'[plugin.wires]\nload = "{tmp_path}/wires.py:Wires"\n'

    def run(test):
        async def inside(server):
            wire = load("wire").Wire(server.engine)
            plugin = next(listing.plugin for listing in server.engine.generation.listings() if listing.name == "wires")
            type(plugin).wire = wire
            wire.scripts["600"] = stay
            await test(server, wire)

        running(inside, toml)

    return run


def test_channels_bridges_and_calls_are_shown(wired):
    async def test(server, wire):
        wire.phone("bob")
        await server.rows(do="originate", target="bob", extension="600")
        alice = wire.call("alice", "600")
        await asyncio.sleep(0)
        bob, shown = await server.rows(do="show", what="channels")
        assert (bob["state"], bob["direction"], bob["party"], bob["dialed"]) == ("up", "out", "Bob <bob>", "bob")
        assert (shown["id"], shown["channel"], shown["application"], shown["context"]) == (
            alice.channel.id,
            alice.channel.name,
            "stay",
            "default",
        )
        assert shown["leg"] == {"phone": "alice"} and shown["media"]["provider"] == "wires"
        server.engine.core.bridge(server.engine.core.find("bob")[0], alice.channel)
        await asyncio.sleep(0.01)
        (bridge,) = await server.rows(do="show", what="bridges")
        assert bridge["kind"] == "pair" and bridge["media"] == "wires" and alice.channel.name in bridge["channels"]
        first, second = await server.rows(do="show", what="calls")
        assert (second["caller"], second["dialed"], second["state"]) == ("Alice <alice>", "600", "up") and first["id"] != second["id"]
        (row,) = await server.rows(do="show", what="stats")
        assert row["core"] == {"channels": 2, "bridges": 1, "calls": 2, "tasks": 2}
        assert "not-to-be-shown" not in json.dumps(row)

    wired(test)


def test_a_call_between_two_is_placed_shown_ended_and_recorded(wired):
    async def test(server, wire):
        bob, carol = wire.phone("bob"), wire.phone("carol")
        rows = await server.rows(do="originate", target="bob", to="carol", caller='"The House" <0>')
        assert [row["party"] for row in rows] == ["Bob <bob>", "Carol <carol>"] and {row["state"] for row in rows} == {"up"}
        ended = await server.rows(do="hangup", id=rows[0]["id"])
        assert [row["channel"] for row in ended] == [rows[0]["channel"]]
        assert bob.ended == carol.ended == Hangup()
        (record,) = await server.rows(do="show", what="cdr")
        assert [record[name] for name in ("caller", "dialed", "answerer", "disposition")] == [
            "Bob <bob>",
            "carol",
            "Carol <carol>",
            "answered",
        ]
        assert await server.rows(do="hangup", id="all") == []

    wired(test)


@pytest.mark.parametrize("asked", [{"target": "dave", "to": "bob"}, {"target": "bob", "to": "dave"}])
def test_who_cannot_be_called_now_is_named_whichever_party_he_is(wired, asked):
    async def test(server, wire):
        wire.phone("bob")
        call = wire.channel_request

        def channel_request(target, wanted):
            if target == "dave":
                raise Unroutable(Hangup(Cause.ABSENT, "", "sip", 480))  # as of a user without a registered phone
            return call(target, wanted)

        wire.channel_request = channel_request
        assert await server.ask(do="originate", **asked) == [{"error": "not connected: dave: absent (sip 480)"}]

    wired(test)


@pytest.mark.parametrize(
    "question, error",
    [
        ({"target": "zoe", "to": "bob"}, "not connected: unallocated (there is no 'zoe' to call)"),
        ({"target": "bob", "to": "carol"}, "not connected: unallocated (there is no 'carol' to call)"),
        ({"target": "bob", "to": "bob"}, "not connected: bob: busy (in a meeting, wire 17)"),
        ({"target": "bob"}, "originate needs a target, and one of: to, extension"),
        ({"target": "bob", "to": "x", "caller": "<<"}, "'<<' is no caller: write Name <number>"),
    ],
)
def test_a_call_that_cannot_be_placed_says_why(wired, question, error):
    async def test(server, wire):
        bob = wire.phone("bob", auto=False)
        bob.tell = lambda what, value=None: server.engine.loop.call_soon(bob.refuse, Hangup(Cause.BUSY, "in a meeting", "wire", 17))
        assert await server.ask(do="originate", **question) == [{"error": error}]

    wired(test)


@pytest.mark.parametrize("extension, context", [("999", "default"), ("999@sales", "sales")])
def test_before_a_phone_rings_it_is_seen_that_the_extension_leads_somewhere(wired, extension, context):
    async def test(server, wire):
        bob = wire.phone("bob")
        error = f"not placed: 999 leads nowhere in the context {context}"
        assert await server.ask(do="originate", target="bob", extension=extension) == [{"error": error}]
        assert bob.leg is None and wire.asked == []
        assert await server.rows(do="show", what="channels") == []

    wired(test)


def test_where_an_extension_leads_may_take_a_while_to_find_out(wired):
    async def test(server, wire):
        wire.phone("bob")
        route = Pending()
        server.engine.core.route = lambda dialed: route
        server.engine.loop.call_soon(route.resolve, None)
        error = "not placed: 600 leads nowhere in the context default"
        assert await server.ask(do="originate", target="bob", extension="600") == [{"error": error}]
        server.engine.core.route = lambda dialed: Pending.failed(Unavailable("away"))
        error = "not placed: nobody knows where 600 leads: away"
        assert await server.ask(do="originate", target="bob", extension="600") == [{"error": error}]

    wired(test)


def test_what_is_not_there_cannot_be_ended(wired):
    async def test(server, wire):
        assert await server.ask(do="hangup", id="zoe") == [{"error": "there is no channel, call or bridge 'zoe'"}]

    wired(test)


@pytest.mark.parametrize(
    "text, party",
    [
        ("Alice B. <100>", Party("Alice B.", "100")),
        ('"Bob, the" <22>', Party("Bob, the", "22")),
        ("<22>", Party("", "22")),
        (" 22 ", Party(number="22")),
    ],
)
def test_a_caller_is_written_as_a_name_and_a_number(text, party):
    assert party_of(text) == party


def test_a_reason_is_said_in_words():
    assert reason(Hangup(Cause.NO_ANSWER)) == "no answer"
    assert reason(Hangup(Cause.REJECTED, "", "wire", 603)) == "rejected (wire 603)"
