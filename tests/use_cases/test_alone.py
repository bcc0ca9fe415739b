"""`channel` works with `registrar` removed (static contacts), `registrar` without `channel`: no application needs another."""

from pipeline.testing.server import CALLS

STATIC = """
[user.alice]
password = "alice's"
contact = ["sip:alice@10.0.0.2:5060"]
[user.bob]
password = "bob's"
contact = ["sip:bob@10.0.0.3:5060"]
[context.default]
users = true
"""


def test_phones_with_static_contacts_call_each_other_without_a_registrar(sip):
    server = sip(STATIC, intercept=["identify", "auth"], **{**CALLS, "application": ["channel", "options"]})
    alice, bob = server.phone("alice"), server.phone("bob")
    assert server.wait(alice.register()).status == 501
    for one, other in ((alice, bob), (bob, alice)):
        call = one.call(other.name).until("up")
        server.advance(1)
        assert call.mirrors(other.calls[-1])
        call.hangup()
        other.calls[-1].until("ended")
        assert not call.faults
    server.advance(200)
    assert server.leftovers() == {}


def test_phones_register_without_a_channel_driver_and_calls_are_501(sip):
    server = sip(intercept=["identify", "auth"], application=["registrar", "options"])
    alice, bob = server.phone("alice").online(), server.phone("bob").online()
    call = alice.call(bob.name).until("ended")
    assert call.status == 501
    assert "INVITE" not in call.final.allow
