"""Reloads that take away what a live call stands on: the call goes on to its end, and nothing is left."""

import asyncio

import pytest

from pipeline.config import Document, build
from pipeline.testing.server import toml_of


def without(server, name):
    """Return the plan of the server's own file without a plugin, and without what only that one reads."""
    text = toml_of(server.text, {}).replace(f'"{name}", ', "").replace(f', "{name}"', "")
    if name == "dialplan":
        text = text[: text.index("[context.default]")] + text[text.index("[user.alice]") :]
    return build(Document(server.folder / "pipeline.toml", text))


@pytest.mark.parametrize("name", ["media_local", "media_direct", "dialplan", "registrar"])
@pytest.mark.parametrize("what", ["up", "rings", "echo"])
def test_a_plugin_that_is_taken_away_serves_the_calls_that_it_has(house, name, what):
    h = house()
    h.bob.answers(after=8 if what == "rings" else 0.1)
    call = h.alice.call("600" if what == "echo" else "bob")
    call.until((lambda: 180 in call.statuses) if what == "rings" else "up")
    plan = without(h.server, name)
    assert name not in [listing.name for listings in plan.stages.values() for listing in listings]
    h.server.run(h.server.engine.reload(plan))
    h.advance(10)
    assert call.state == "up"
    call.hold()
    h.advance(2)
    assert call.holding
    call.hangup()
    h.over(call)


def test_a_reload_that_is_given_up_at_any_moment_changes_nothing(house):
    h = house()
    call, _ = h.up()

    async def given_up():
        for turns in range(25):
            task = asyncio.ensure_future(h.server.engine.reload(without(h.server, "media_direct")))
            for _ in range(turns % 12):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    h.server.run(given_up())
    h.advance(10)
    call.hold()
    h.advance(2)
    assert call.holding
    h.over(call)


def test_twenty_reloads_at_once_are_done_one_after_the_other(house):
    h = house()
    call, _ = h.up()

    async def many():
        plans = [without(h.server, ("media_direct", "media_local", "nothing")[number % 3]) for number in range(20)]
        return await asyncio.gather(*map(h.server.engine.reload, plans))

    assert all(lines for lines in h.server.run(many()))
    h.advance(10)
    h.over(call)


def test_an_endpoint_that_is_renamed_keeps_its_call(house):
    h = house()
    call, other = h.up()
    text = toml_of(h.server.text.replace("[user.bob]", "[user.robert]"), {})
    h.server.run(h.server.engine.reload(build(Document(h.server.folder / "pipeline.toml", text))))
    h.advance(10)
    call.hold()
    h.advance(2)
    assert call.holding
    late = h.alice.call("bob").until("ended")
    assert late.status == 404
    other.hangup()
    call.until("ended")
    h.over(call, late)
