"""plugins.channel.supplements: plugins of others see a session's messages, add a header or veto a call."""

import pytest

from pipeline.testing.server import CALLS

STAMP = """
@plugin
class Stamp:
    log: list = attrs.field(init=False, factory=list)

    @hookimpl
    def session_begin(self, session, message):
        self.log.append(("begin", session.direction, session.call_id == message.call_id))
        if message.get("x-veto"):
            return Reply(403, "Vetoed", because="stamp: X-Veto")

    @hookimpl
    def session_request(self, message):
        self.log.append(("request", message.method))
        if message.method == "INFO":
            return Reply(488, "Not so")

    @hookimpl
    def session_response(self, session, message):
        self.log.append(("response", session.direction, message.status, message.cseq.method))

    @hookimpl
    def session_request_out(self, session, message):
        message.set("X-Stamp", session.direction, by="stamp")

    @hookimpl
    def session_response_out(self, message, status):
        return [("X-Answer", f"{message.method} {status}")]

    @hookimpl
    def session_end(self, session, hangup):
        self.log.append(("end", session.direction, int(hangup.cause)))
"""
PLAN = "[context.default]\nusers = true\n"


@pytest.fixture
def stamped(sip, write, plugin_of):
    toml = write("stamp", STAMP)
    server = sip(PLAN + toml, **{**CALLS, "application": ["stamp", *CALLS["application"]]})
    alice, bob = server.phone("alice"), server.phone("bob")
    alice.online()
    bob.online()
    return server, alice, bob, plugin_of(server, "stamp")


def test_a_supplement_sees_a_session_from_its_beginning_to_its_end(stamped):
    server, alice, bob, stamp = stamped
    call = alice.call("bob").until("up")
    other = bob.calls[-1].until("up")
    server.advance(0.1)
    assert server.wait(call.info()).status == 488
    call.hangup()
    other.until("ended")
    server.advance(1)
    assert stamp.log == [
        ("begin", "in", True),
        ("response", "out", 180, "INVITE"),
        ("response", "out", 200, "INVITE"),
        ("request", "INFO"),
        ("request", "BYE"),
        ("end", "in", 16),
        ("end", "out", 16),
        ("response", "out", 200, "BYE"),
    ]
    assert other.invite.get("x-stamp") == "out"
    assert [response.get("x-answer") for response in call.received if not response.is_request][-1] == "INVITE 200"


def test_a_supplement_vetoes_a_call(stamped):
    server, alice, bob, _stamp = stamped
    call = alice.call("bob", headers=[("X-Veto", "1")]).until("ended")
    assert (call.status, call.reason) == (403, "Vetoed")
    assert not bob.calls
    server.advance(70)
    assert server.leftovers() == {}


def test_a_supplement_that_fails_on_the_way_out_is_named_and_the_call_goes_on(sip, write):
    toml = write(
        "broken", "@plugin\nclass Broken:\n    @hookimpl\n    def session_request_out(self, session):\n        raise KeyError('x')\n"
    )
    server = sip(PLAN + toml, **{**CALLS, "application": ["broken", *CALLS["application"]]})
    alice, bob = server.phone("alice"), server.phone("bob")
    alice.online()
    bob.online()
    alice.call("bob").until("up")
    assert {event.fields["plugin"] for event in server.told("step.failed")} == {"broken"}
