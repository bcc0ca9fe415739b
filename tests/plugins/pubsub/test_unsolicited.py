"""plugins.pubsub.unsolicited: NOTIFYs that nobody subscribed to."""

import pytest

from pipeline.core import Unroutable
from pipeline.pending import Pending


def send(server, where, *args, **more):
    sent = server.engine.pubsub.notify(where, *args, **more)
    if isinstance(sent, Pending):
        server.advance(0.1)
        return sent.value()
    return sent


def test_every_contact_gets_one(server):
    alice = server.phone("alice").online()
    told = []
    assert send(server, "alice", "check-sync", told=lambda uri, status: told.append((uri, status))) == 1
    server.advance(0.5)
    [notify] = [each for each in alice.received if each.method == "NOTIFY"]
    assert notify.get("event") == "check-sync"
    assert notify.get("subscription-state") == "terminated"
    assert notify.to.tag == ""
    assert told == [(alice.contact, 200)]


def test_with_a_body(server):
    alice = server.phone("alice").online()
    send(server, "alice", "message-summary", b"Messages-Waiting: yes\r\n", "text/plain", "active")
    server.advance(0.5)
    notify = alice.received[-1]
    assert notify.body == b"Messages-Waiting: yes\r\n"
    assert notify.content_type == "text/plain"


def test_who_cannot_be_reached_is_named(server):
    with pytest.raises(Unroutable):
        send(server, "nemo", "check-sync")
    with pytest.raises(Unroutable):
        send(server, "bob", "check-sync")
