"""A reload while phones talk, ring and dial: every call goes on, and the new file counts for the next one."""

import random

import pytest

from pipeline.config import Document, build
from pipeline.testing.server import toml_of

MEDIA = ["", "media_local"]


def reload(server, more="", old="", new=""):
    """Take the server's own file again, edited."""
    text = (server.text + more).replace(old, new) if old else server.text + more
    return server.run(server.engine.reload(build(Document(server.folder / "pipeline.toml", toml_of(text, {})))))


@pytest.mark.parametrize("media", MEDIA)
@pytest.mark.parametrize("transport", ["UDP", "TCP"])
def test_a_call_that_is_up_goes_on(house, media, transport):
    h = house(alice=f'media = "{media}"', more={"transport": transport})
    call, other = h.up()
    assert reload(h.server, "[plugin.registrar]\nshort = 'raise'\n")
    h.advance(10)  # the former generation has ended
    call.hold()
    h.advance(2)
    assert call.holding and (other.held or media)  # media_local plays music instead
    call.resume()
    h.advance(2)
    assert call.mirrors(other, addresses=not media)
    other.hangup()
    call.until("ended")
    h.over(call)


@pytest.mark.parametrize("media", MEDIA)
def test_a_call_that_rings_is_answered_after_it(house, media):
    h = house(alice=f'media = "{media}"')
    h.bob.answers(after=8)
    call = h.alice.call("bob")
    call.until(lambda: 180 in call.statuses)
    reload(h.server, "[plugin.registrar]\nshort = 'raise'\n")
    h.advance(7)
    call.until("up")
    assert h.bob.calls[-1].agreed and call.agreed
    h.over(call)


def test_a_call_that_rings_can_be_cancelled_after_it(house):
    h = house()
    h.bob.answers(after=60)
    call = h.alice.call("bob")
    call.until(lambda: 180 in call.statuses)
    reload(h.server, "[plugin.registrar]\nshort = 'raise'\n")
    h.advance(7)
    call.hangup()
    call.until("ended")
    h.over(call)


def test_the_dialplan_of_the_new_file_counts_for_the_next_call_and_the_old_one_for_those_under_way(house):
    h = house()
    first = h.alice.call("602")
    first.until(lambda: first.statuses)
    reload(h.server, old='602 = ["ringing", { wait = 3 }, { hangup = "busy" }]', new='602 = ["answer", "echo"]')
    first.until("ended")
    assert first.statuses[-1] == 486
    second = h.alice.call("602").until("up")
    h.over(first, second)


def test_reloads_again_and_again_lose_no_call(house):
    h = house()
    draw = random.Random(1)
    edits = ["[plugin.registrar]\nshort = 'raise'\n", "", "[plugin.stack]\nt1 = 0.4\n", "[plugin.identify]\norder = ['username']\n"]
    for n in range(25):
        h.bob.answers(after=draw.choice([0, 0.5, 2]))
        call = h.alice.call("bob")
        h.advance(draw.random())
        reload(h.server, edits[n % len(edits)])
        call.until("up")
        h.advance(draw.random())
        reload(h.server, edits[(n + 1) % len(edits)])
        draw.choice([call, h.bob.calls[-1]]).hangup()
        call.until("ended")
        assert call.statuses[-1] == 200
    h.over()
