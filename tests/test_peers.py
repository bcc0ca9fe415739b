"""pipeline.peers: who may act in a dialog; calls are in tests/flows/test_calls_peers.py, subscriptions in tests/plugins/pubsub."""

from types import SimpleNamespace

import pytest

from pipeline.peers import is_peer
from pipeline.sip.dialog import Dialog

CARRIED = ("<sip:proxy@10.0.0.70;lr>",)


def passage(host, *, transport="UDP", identity="", sourced=False):
    return SimpleNamespace(flow=SimpleNamespace(id="", transport=transport, peer=(host, 5060)), identity=identity, sourced=sourced)


def owner(endpoint=None):
    return SimpleNamespace(flow_id="", source=("UDP", "10.0.0.60"), endpoint=endpoint, proved=())


def dialog():
    made = Dialog("c", "<sip:a@example.com>;tag=1", "1", "<sip:b@example.com>;tag=2", "2", "sip:b@10.0.0.61", initiator=False)
    made.route_set = CARRIED
    return made


@pytest.mark.parametrize(
    ("host", "taken"), [("10.0.0.60", True), ("10.0.0.61", True), ("10.0.0.70", True), ("10.0.0.99", False), ("fd00::99", False)]
)
def test_the_source_the_contact_and_the_route_set_are_the_peers(host, taken):
    assert is_peer(owner(), dialog(), passage(host, transport="TCP")) is taken


def test_a_contact_s_maddr_is_where_we_call_it_at():
    named = dialog()
    named.target = "sip:b@10.0.0.61;maddr=10.0.0.62"
    assert is_peer(owner(), named, passage("10.0.0.62"))
    assert is_peer(owner(), named, passage("10.0.0.61")) is False


def test_who_has_proved_himself_comes_from_anywhere_if_the_dialog_has_an_endpoint():
    assert is_peer(owner(object()), dialog(), passage("10.0.0.99", identity="alice"))
    assert is_peer(owner(object()), dialog(), passage("10.0.0.99", sourced=True))
    assert is_peer(owner(), dialog(), passage("10.0.0.99", identity="alice")) is False


def test_without_a_dialog_only_the_source_counts():
    assert is_peer(owner(), None, passage("10.0.0.60"))
    assert is_peer(owner(), None, passage("10.0.0.61")) is False
