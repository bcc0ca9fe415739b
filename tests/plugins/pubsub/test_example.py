"""examples/doorbell.py, the package of docs/events.md: this is its test there too."""

from pathlib import Path

from pipeline.testing.watching import Watch

DOORBELL = f'[plugin.doorbell]\nload = "{Path(__file__).parents[3] / "examples/doorbell.py"}:Doorbell"\n'


def test_who_watches_the_door_is_told(sip):
    server = sip(DOORBELL, intercept=["identify", "auth"], application=["registrar", "pubsub", "doorbell", "options"])
    door = Watch(server.phone("alice"), "door", event="doorbell")
    server.advance(1)
    assert (door.status, door.state, door.body) == (200, "active", b"rung 0 times\n")
    for _ in range(3):  # within two seconds: told as one
        server.plugin("doorbell").ring()
    server.advance(2)
    assert door.bodies == [b"rung 0 times\n", b"rung 3 times\n"]


def test_there_is_one_door(sip):
    server = sip(DOORBELL, intercept=["identify", "auth"], application=["registrar", "pubsub", "doorbell", "options"])
    gate = Watch(server.phone("alice"), "gate", event="doorbell")
    server.advance(1)
    assert gate.status == 404
