"""The channel driver without the registrar, and the registrar without it: each does its own."""

import pytest

from pipeline.testing.server import CALLS

STATIC = """
[user.alice]
password = "alice's"
contact = ["sip:alice@10.0.0.2:5060"]
[user.bob]
password = "bob's"
contact = ["sip:bob@10.0.0.3:5060", "<sip:bob@10.0.0.99>;q=0.1"]
[context.default]
users = true
"""


@pytest.fixture
def static(sip):
    """A server that knows by its configuration where the phones are."""
    server = sip(STATIC, **{**CALLS, "application": ["channel", "options"]})
    return server, server.phone("alice"), server.phone("bob")


def test_calls_without_a_registrar_go_to_the_contacts_of_the_configuration(static):
    server, alice, bob = static
    call = alice.call("bob").until("up")
    assert call.mirrors(bob.calls[-1])
    call.hangup()
    bob.calls[-1].until("ended")
    server.advance(110)
    assert server.leftovers() == {}


def test_options_and_redirect_know_them_too(sip):
    server = sip(STATIC, application=["registrar", "redirect", "options"], integration=["memory", "toml"], intercept=["identify"])
    reply = server.request("INVITE", "bob")
    assert reply.status == 302
    assert [str(contact.uri) for contact in reply.contacts] == ["sip:bob@10.0.0.3:5060", "sip:bob@10.0.0.99"]
    assert server.request("OPTIONS", "bob").status == 302


def test_a_registrar_without_calls_registers(sip):
    server = sip(application=["registrar"], integration=["memory", "toml"])
    server.phone("alice").online()
    assert server.request("INVITE", "alice").status in (405, 501)
