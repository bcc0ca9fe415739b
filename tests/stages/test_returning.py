"""The way back to whoever's connection has gone before his request was answered: RFC 3261 18.2.2."""

import pytest

from pipeline import Reply
from pipeline.conformance.marks import rfc
from pipeline.stages.returning import AT_ONCE, OF_ONE

RINGER = """
@plugin
class Ringer:
    methods: ClassVar = ("INVITE", "OPTIONS")
    accepts: ClassVar = ("application/sdp",)
    passages: list = attrs.field(init=False, factory=list)

    @hookimpl
    def application(self, message, passage):
        return Claim("ringer", message.call_id, self.passages.append)
"""


class Caller:
    """Asks by a connection, loses it, and listens for new ones."""

    def __init__(self, server, plugin, address="10.0.0.9"):
        self.server = server
        self.ringer = plugin
        self.address = address
        self.host = server.network.host(address)
        self.got = []
        self.came = []
        """Where new connections came from and to."""

    def ask(self, sent_by, method="INVITE"):
        """Ask by a connection, which is cut when the request has come; give what is to be answered."""
        before = len(self.ringer.passages)
        pending = self.host.connect("10.0.0.1", 5060)
        self.server.advance(0.1)
        stream = pending.value()
        stream.on_data = lambda data: None
        via = ("Via", f"SIP/2.0/TCP {sent_by};branch=z9hG4bKcut{before}")
        stream.write(self.server.message(method, "bob", headers=[via]))
        self.server.advance(0.5)
        self.server.network.cut(stream)
        self.server.advance(0.1)
        (passage,) = self.ringer.passages[before:]
        return passage

    def listen(self, port=5060):
        """Take connections."""

        def accepted(stream):
            self.came.append((stream.peer[0], stream.local))
            stream.on_data = self.got.append

        self.host.listen(self.address, port, accepted)

    def statuses(self):
        """Give the statuses of what came by new connections."""
        self.server.advance(0.5)
        return [line.split()[1] for line in b"".join(self.got).split(b"\r\n") if line.startswith(b"SIP/2.0 ")]


@pytest.fixture
def caller(sip, write, plugin_of):
    server = sip(write("ringer", RINGER), application=["ringer"])
    return Caller(server, plugin_of(server, "ringer"))


@rfc("3261", "18.2.2")
@pytest.mark.parametrize(("sent_by", "port"), [("10.0.0.9:5070", 5070), ("10.0.0.9", 5060), ("phone.example.net:5070", 5070)])
def test_the_answer_goes_by_a_new_connection_to_where_the_via_says_he_listens(caller, sent_by, port):
    caller.listen(port)
    caller.ask(sent_by).reply(486)
    assert caller.statuses() == [b"486"]
    assert caller.came == [("10.0.0.1", ("10.0.0.9", port))]
    assert caller.server.engine.counts["unsent"] == 0


@rfc("3261", "18.2.2")
def test_what_is_answered_at_once_one_after_the_other_goes_by_one_connection_in_order(caller):
    caller.listen()
    passage = caller.ask("10.0.0.9")
    for status in (180, 183, 200):
        passage.reply(status)
    assert caller.statuses() == [b"180", b"183", b"200"]
    assert len(caller.came) == 1
    passage.transaction.again()
    assert caller.statuses() == [b"180", b"183", b"200", b"200"]
    assert len(caller.came) == 1


def test_a_request_that_is_no_invite_is_answered_so_too(caller):
    caller.listen()
    caller.ask("10.0.0.9", "OPTIONS").reply(200)
    assert caller.statuses() == [b"200"]


def test_nobody_there_is_counted_and_not_tried_again(caller):
    passage = caller.ask("10.0.0.9")
    passage.reply(180)
    caller.server.advance(10)
    caller.listen()
    passage.reply(486)
    assert caller.statuses() == []
    assert caller.server.engine.counts["unsent"] == 2


def test_a_connection_of_his_that_is_open_there_is_taken(caller):
    pending = caller.host.connect("10.0.0.1", 5060, ("10.0.0.9", 5070))
    caller.server.advance(0.1)
    pending.value().on_data = caller.got.append
    caller.ask("10.0.0.9:5070").reply(486)
    assert caller.statuses() == [b"486"]


@pytest.mark.parametrize("sent_by", ["10.0.0.66:5070", "192.168.1.5", "[fd00::9]:5060"])
def test_an_address_that_is_not_the_source_leads_nowhere(caller, sent_by):
    others = [Caller(caller.server, caller.ringer, address) for address in ("10.0.0.66", "192.168.1.5")]
    for other in (caller, *others):
        other.listen(5060)
        other.listen(5070)
    caller.ask(sent_by).reply(486)
    caller.server.advance(10)
    assert [each.came for each in (caller, *others)] == [[], [], []]
    assert caller.server.engine.counts["unsent"] == 1


def test_an_open_connection_is_used_whatever_the_via_says(caller):
    pending = caller.host.connect("10.0.0.1", 5060)
    caller.server.advance(0.1)
    pending.value().on_data = caller.got.append
    caller.listen(5070)
    pending.value().write(caller.server.message("INVITE", "bob", headers=[("Via", "SIP/2.0/TCP 10.0.0.9:5070;branch=z9hG4bKopen")]))
    caller.server.advance(0.1)
    caller.ringer.passages[-1].reply(486)
    assert b"486" in caller.statuses()
    assert caller.came == []


def test_who_is_answered_without_state_is_not_sought(caller):
    passage = caller.ask("10.0.0.9")
    caller.listen()
    passage.transaction = None
    passage.pipeline.respond(passage, Reply(401, stateless=True))
    assert caller.statuses() == []
    assert caller.came == []


def test_connections_to_who_does_not_answer_are_few_at_once(caller):
    server = caller.server
    passages = [caller.ask(f"10.0.0.9:{6000 + number}") for number in range(OF_ONE + 2)]
    opening = server.engine.transactions._returns._opening
    for passage in passages:
        passage.reply(180)
    assert opening["10.0.0.9"] == OF_ONE
    assert OF_ONE < AT_ONCE
    server.advance(10)
    assert not opening
