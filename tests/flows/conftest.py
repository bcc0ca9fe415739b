"""Two phones and a server between them; whatever a test does, nothing may be left of it."""

import pytest

from pipeline.testing.server import CALLS

PLAN = """
[context.default]
users = true
[context.default.extensions]
600 = ["answer", "echo"]
601 = ["progress", { wait = 2 }, "answer", "echo"]
602 = ["ringing", { wait = 3 }, { hangup = "busy" }]
700 = [{ dial = ["bob", "carol"] }]
"""


class House:
    """A server, alice and bob (and carol when asked), registered."""

    def __init__(self, sip, toml="", phones=("alice", "bob"), more=None, stages=None, **options):
        users = "\n".join(
            f'[user.{name}]\npassword = "{name}\'s"\n' + "\n".join((options.get(name) or "").splitlines()) + "\n"
            for name in ("alice", "bob", "carol")
        )
        self.server = sip(PLAN + users + toml, **{**CALLS, "intercept": ["identify"], **(stages or {})})
        self.phones = {name: self.server.phone(name, **(more or {})) for name in phones}
        for phone in self.phones.values():
            phone.online()
        self.advance = self.server.advance

    def __getattr__(self, name):
        try:
            return self.phones[name]
        except KeyError:
            raise AttributeError(name) from None

    @property
    def driver(self):
        plugins = self.server.engine.generation.listings()
        return next(each.plugin for each in plugins if each.name == "channel").driver

    def up(self, **more):
        """Alice calls bob, both are up and the ACK has come."""
        call = self.alice.call("bob", **more).until("up")
        other = self.bob.calls[-1].until("up")
        self.advance(0.2)
        assert call.agreed and other.agreed
        return call, other

    def over(self, *calls):
        """Hang up what is up, let 64*T1 pass, and find nothing left."""
        for phone in self.phones.values():
            for call in phone.calls:
                if call.state not in ("ending", "ended"):
                    call.hangup()
        self.advance(110)
        failed = [event.fields for event in self.server.told("step.failed")]
        assert not failed, failed
        assert self.server.leftovers() == {}
        assert not self.driver.sessions, [session.show() for session in self.driver.sessions.values()]
        assert not len(self.driver.limits)
        for phone in self.phones.values():
            for call in phone.calls:
                assert call.state == "ended", call
                assert not call.faults, call


@pytest.fixture
def house(sip):
    """Give a function that opens a House; at the end nothing may be left of what was done in it."""
    houses = []

    def build(*given, **more):
        houses.append(House(sip, *given, **more))
        return houses[-1]

    yield build
    for each in houses:
        each.over()
