"""Messages through the control socket: one is sent, those that wait are shown."""

import pytest

LISTED = {"application": ["registrar", "messages", "options"], "integration": ["memory", "toml"]}


@pytest.fixture
def server(sip):
    return sip('[dal]\nmessage = ["memory"]\n', **LISTED)


def test_a_message_is_sent_and_what_waits_is_shown_without_what_it_says(server):
    from pipeline.control import messages

    phone = server.phone("bob").online()
    (row,) = server.run(messages.send(server.engine, {"to": "bob", "text": "now", "from": "alice"}))
    assert row == {"to": "bob", "result": "delivered", "text": ""}
    assert [message.body for message in phone.received] == [b"now"]
    (row,) = server.run(messages.send(server.engine, {"to": "alice@example.com", "text": "später", "expires": 60}))
    assert row["result"] == "accepted"
    (row,) = server.run(messages.listed(server.engine))
    assert (row["recipient"], row["octets"], row["expires"], row["from"]) == ("alice@example.com", 7, 60, "")
    assert "später" not in str(row)


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ({"to": "nobody", "text": "x"}, "not delivered: unknown: nobody is called so"),
        ({"to": "", "text": "x"}, "a message needs a recipient and a text"),
        ({"to": "bob", "text": "x", "from": "a\r\nb"}, "the from holds what cannot be printed"),
        ({"to": "bob", "text": "x", "type": "text"}, "'text' is no media type: write \"text/plain\""),
        ({"to": "bob", "text": "x" * 60001}, "a message has at most 60000 octets, not 60001"),
    ],
)
def test_what_cannot_be_sent_says_why(server, asked, why):
    from pipeline.control import messages

    with pytest.raises((messages.NotSent, ValueError)) as refused:
        server.run(messages.send(server.engine, asked))
    assert str(refused.value) == why
