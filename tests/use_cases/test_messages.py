"""The use cases of the design that are messages (shared/use-cases.md), each a test of its name, on the virtual network.

With SIPp and softphones on a real one: interop/test_messages.py, interop/web/test_messages.py.
"""

import time

import pytest

PLAN = """
[dal]
message = ["memory"]
[user.alice]
password = "alice's"
[user.bob]
password = "bob's"
"""


@pytest.fixture
def house(sip):
    def house(more="", plugins=()):
        return sip(
            PLAN + more,
            intercept=["identify", "auth"],
            application=["registrar", "channel", "messages", "options"],
            integration=["memory", "toml", "channel", "messages", *plugins, "dialplan", "media_direct", "media_local"],
        )

    return house


def write(phone, to, text):
    return phone.request("MESSAGE", f"sip:{to}@example.com", headers=[("Content-Type", "text/plain")], body=text.encode())


def read(phone):
    return [message.body.decode() for message in phone.received if message.method == "MESSAGE"]


def test_message_passthrough(house):
    """Phone to phone, within a call and outside of one, and when B comes later."""
    server = house("[context.default]\nusers = true\n")
    alice, bob = server.phone("alice").online(), server.phone("bob").online()
    assert server.wait(write(alice, "bob", "before")).status == 200
    call = alice.call("bob").until("up")
    server.advance(1)
    assert server.wait(call.request("MESSAGE", [("Content-Type", "text/plain")], b"within")).status == 200
    call.hangup()
    server.advance(1)
    server.wait(bob.unregister())
    assert [server.wait(write(alice, "bob", text)).status for text in ("after", "at last")] == [202, 202]
    bob.online()
    server.advance(2)
    assert read(bob) == ["before", "within", "after", "at last"]


def test_message_origination(house):
    """The server to a phone, by the command and by a plugin's call; delivered once, also when the phone comes later."""
    from pipeline.control import messages

    server = house()
    alice = server.phone("alice").online()
    (row,) = server.run(messages.send(server.engine, {"to": "alice", "text": "dinner", "from": "Kitchen <kitchen>"}))
    assert row["result"] == "delivered"
    receipts = []
    server.engine.core.messages.post("bob", "for you, too").then(lambda pending: receipts.append(pending.value()))
    server.advance(1)
    assert [receipt.fate.value for receipt in receipts] == ["accepted"]
    bob = server.phone("bob").online()
    server.advance(2)
    bob.online()
    server.advance(2)
    assert (read(alice), read(bob)) == (["dinner"], ["for you, too"])


def test_message_termination(house, mailhost):
    """A phone to a plugin, which makes an e-mail of it; once, and in order."""
    options = f'[plugin.message_email]\nsmtp_host = "{mailhost.host}"\nsmtp_port = {mailhost.port}\nto = {{ ops = "ops@corp.example" }}\n'
    server = house(options, ["message_email"])
    alice = server.phone("alice").online()
    for text in ("one", "two"):
        attempt = write(alice, "ops", text)
        end = time.monotonic() + 20
        while not attempt.done and time.monotonic() < end:
            server.advance(0.01)
        assert attempt.status == 202
    assert [letter.get_content().splitlines()[-1] for letter in mailhost.letters] == ["one", "two"]
