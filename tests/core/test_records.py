"""One record for each call that is over, where [dal] names a backend for it; and nothing, without an error, where it does not."""

import pytest

from pipeline.core import Cause, Hangup, Wanted
from pipeline.dal import Unavailable


async def dial_bob(channel):
    outcome = await channel.core.dial(channel, channel.core.request("bob", Wanted(caller=channel, party=channel.caller)), 30.0)
    if outcome.bridge is not None:
        await outcome.bridge.over()
    channel.end(outcome.hangup)


@pytest.fixture
def bob(wire):
    wire.scripts["22"] = dial_bob
    return wire.phone("bob", auto=False)


def only(wire):
    (record,) = wire.engine.dal.find("cdr")
    return record


def test_an_answered_call_says_who_whom_when_and_how_long(wire, bob):
    begin = wire.engine.clock.time()
    alice = wire.call("alice", "22")
    wire.advance(4)
    bob.answer()
    wire.advance(60)
    alice.hang_up()
    wire.settle()
    record = only(wire)
    assert record.disposition == "answered" and record.cause == 16 and not record.placed
    assert (record.caller_name, record.caller_number, record.caller_endpoint) == ("Alice", "alice", "alice")
    assert (record.context, record.dialed, record.technology) == ("default", "22", "wire")
    assert (record.answerer_name, record.answerer_number, record.answerer_endpoint) == ("Bob", "bob", "bob")
    assert record.begun_at == pytest.approx(begin) and record.answered_at == pytest.approx(begin + 4, abs=0.1)
    assert record.duration == pytest.approx(64, abs=0.1) and record.billed == pytest.approx(60, abs=0.1)
    assert wire.told("cdr.written") == [{"record": record}]
    wire.clean()


@pytest.mark.parametrize(
    "cause, disposition",
    [(Cause.BUSY, "busy"), (Cause.NO_ANSWER, "no answer"), (Cause.CONGESTION, "failed"), (Cause.REJECTED, "failed")],
)
def test_a_call_that_is_not_answered_says_why(wire, bob, cause, disposition):
    wire.call("alice", "22")
    wire.settle()
    bob.refuse(Hangup(cause, "so it is", "wire", 99))
    wire.settle()
    record = only(wire)
    assert (record.disposition, record.cause, record.text, record.code) == (disposition, cause, "so it is", 99)
    assert record.answered_at == record.billed == 0 and record.answerer_number == ""


def test_a_caller_who_gives_up_has_cancelled(wire, bob):
    alice = wire.call("alice", "22")
    wire.settle()
    alice.hang_up()
    assert only(wire).disposition == "cancelled"


def test_a_call_that_the_house_placed_says_so(wire):
    wire.phone("carol")
    wire.core.originate("carol", script=finish)
    wire.settle()
    record = only(wire)
    assert record.placed and record.caller_number == "carol" and record.disposition == "answered"


async def finish(channel):
    return None


def test_without_a_backend_nothing_is_written_and_nothing_fails(wire):
    wire.engine.dal.use({kind: where for kind, where in wire.engine.dal.mapping.items() if kind != "cdr"}, wire.engine.dal.backends)
    alice = wire.call("alice", "nobody")
    assert alice.ended.cause is Cause.UNALLOCATED and wire.told("cdr.written") == wire.told("cdr.failed") == []
    wire.clean()


def test_a_disk_that_fails_fails_no_call(wire, monkeypatch):
    def broken(*arguments):
        raise Unavailable("disk full")

    monkeypatch.setattr(type(wire.engine.dal), "change", broken)
    wire.call("alice", "nobody")
    assert [fields["error"] for fields in wire.told("cdr.failed")] == ["disk full"] and wire.engine.counts["cdr.failed"] == 1
    wire.clean()


def test_by_default_no_backend_holds_records(sip):
    assert "cdr" not in sip().engine.dal.mapping


def test_records_are_written_behind_unless_said_otherwise(sip):
    mapping = sip('[dal]\ncdr = ["memory"]').engine.dal.mapping
    assert mapping["cdr"].backends == ("memory",) and mapping["cdr"].durability == "behind"
    mapping = sip('[dal]\ncdr = { backends = ["memory"], durability = "none" }').engine.dal.mapping
    assert mapping["cdr"].durability == "none"
