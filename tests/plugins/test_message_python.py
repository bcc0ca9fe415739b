"""plugins.message_python: a function of the user's own is the recipient."""

import pytest

LISTED = {"application": ["registrar", "messages", "options"], "integration": ["memory", "toml", "message_python"]}
BOTS = """
import asyncio
from pipeline.core import Fate, Receipt

SEEN = []


def echo(text):
    SEEN.append((text.recipient, text.body, text.origin))
    if text.body == b"not mine":
        return None
    if text.body == b"no":
        return Receipt(Fate.REFUSED, "no", 603)
    if text.body == b"wrong":
        return 7
    if text.body == b"boom":
        raise RuntimeError("boom")
    return f"you said {text.body.decode()}"


async def slow(text):
    await asyncio.sleep(60 if text.body == b"for ever" else 2)
    return True
"""


@pytest.fixture
def house(sip, tmp_path):
    def house(function="echo", more=""):
        folder = tmp_path / "server"
        for place in (tmp_path, tmp_path / "server1", folder):
            place.mkdir(exist_ok=True)
            (place / "bots.py").write_text(BOTS)
        return sip(f'[plugin.message_python]\ncall = "bots.py:{function}"\n{more}', **LISTED)

    return house


def say(server, phone, body, to="bot"):
    return server.wait(phone.request("MESSAGE", f"sip:{to}@example.com", headers=[("Content-Type", "text/plain")], body=body))


def test_a_text_that_it_returns_is_the_answer_to_the_author(house):
    server = house()
    alice = server.phone("alice").online()
    assert say(server, alice, b"hi").status == 200
    server.advance(1)
    (message,) = alice.received
    assert message.body == b"you said hi"
    assert message.from_.uri.text == "sip:bot@example.com"


@pytest.mark.parametrize(("body", "status"), [(b"no", 603), (b"boom", 503), (b"wrong", 503), (b"not mine", 404)])
def test_what_it_returns_or_raises_is_what_the_author_is_answered(house, body, status):
    server = house()
    alice = server.phone("alice").online()
    assert say(server, alice, body).status == status
    assert len(server.told("step.failed")) == (body in (b"boom", b"wrong"))


def test_only_for_the_recipients_it_is_for(house):
    server = house(more='to = ["bot", "robot-*@*"]\n')
    alice, bob = server.phone("alice").online(), server.phone("bob").online()
    assert say(server, alice, b"hi", "bob").status == 200
    assert [message.body for message in bob.received] == [b"hi"]
    assert say(server, alice, b"hi", "robot-7").status == 200
    assert say(server, alice, b"hi", "bot").status == 200


def test_one_that_waits_holds_up_nobody_and_not_for_ever(house):
    server = house("slow", 'to = ["bot"]\n')
    alice, bob = server.phone("alice").online(), server.phone("bob").online()
    long = alice.request("MESSAGE", "sip:bot@example.com", headers=[("Content-Type", "text/plain")], body=b"for ever")
    short = alice.request("MESSAGE", "sip:bot@example.com", headers=[("Content-Type", "text/plain")], body=b"quick")
    assert say(server, alice, b"hi", "bob").status == 200
    assert len(bob.received) == 1
    assert server.wait(short).status == 200
    assert server.wait(long).status == 503


@pytest.mark.parametrize(
    ("call", "why"),
    [
        ("bots", "names no function"),
        ("nowhere.py:f", "there is no file"),
        ("no_such_module_here:f", "cannot be imported"),
        ("json:nothing", "json has no function nothing"),
    ],
)
def test_a_function_that_is_not_there_is_told_by_check(sip, call, why):
    with pytest.raises(Exception, match=why):
        sip(f'[plugin.message_python]\ncall = "{call}"\n', **LISTED)


def test_a_call_that_waits_outlives_a_reload(house):
    from pipeline.config import Document, build

    server = house("slow", 'to = ["bot"]\n')
    attempt = server.phone("alice").request("MESSAGE", "sip:bot@example.com", headers=[("Content-Type", "text/plain")], body=b"quick")
    server.advance(0.1)
    text = server.text.replace('to = ["bot"]', 'to = ["bot", "robot"]')
    server.run(server.engine.reload(build(Document(server.folder / "pipeline.toml", text))))
    server.advance(5)
    assert attempt.status == 200
    assert server.plugin("message_python").stats() == {"called": 1, "failed": 0, "waiting": 0}
