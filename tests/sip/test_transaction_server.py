"""InviteServer and NonInviteServer, state by state: RFC 3261 17.2, RFC 6026 7.1, RFC 4320 4."""

import pytest

from pipeline.conformance.marks import rfc
from pipeline.sip.timers import End, Make, Send, Start, Stop, Tell, Timers
from pipeline.sip.transaction_server import InviteServer, NonInviteServer

TIMERS = Timers()
OK, RINGING, TRYING, BUSY = (200, b"200"), (180, b"180"), (100, b"100"), (486, b"486")


def machine(kind, *past, reliable=False):
    """A machine that has lived through this."""
    made = kind(TIMERS, reliable)
    for event in past:
        event_of(made, event)
    return made


def event_of(machine, event):
    if isinstance(event, tuple):
        return machine.respond(*event)
    if event in ("start", "request", "ack", "transport_error"):
        return getattr(machine, event)()
    return machine.fire(event)


INVITE = [
    # past, event -> state, actions
    ([], "start", "Proceeding", [Start("trying", 0.2)]),
    (["start"], "trying", "Proceeding", [Make("100")]),
    (["start"], "request", "Proceeding", [Stop("trying"), Make("100")]),
    (["start", "trying", TRYING], "request", "Proceeding", [Send(b"100")]),
    (["start"], RINGING, "Proceeding", [Send(b"180"), Stop("trying")]),
    (["start", TRYING, RINGING], "request", "Proceeding", [Send(b"180")]),
    (["start", RINGING], "trying", "Proceeding", [Make("100")]),  # had it not been stopped: harmless
    (["start"], OK, "Accepted", [Send(b"200"), Stop("trying"), Start("L", 32)]),
    ([], OK, "Accepted", [Send(b"200"), Start("L", 32)]),
    ([], RINGING, "Proceeding", [Send(b"180")]),
    (["start"], BUSY, "Completed", [Send(b"486"), Stop("trying"), Start("G", 0.5), Start("H", 32)]),
    ([], BUSY, "Completed", [Send(b"486"), Start("G", 0.5), Start("H", 32)]),
    (["start"], "ack", "Proceeding", []),
    (["start"], "transport_error", "Proceeding", [Tell("transport error")]),
    # Completed
    ([BUSY], "request", "Completed", [Send(b"486")]),
    ([BUSY], "G", "Completed", [Send(b"486"), Start("G", 1)]),
    ([BUSY, "G"], "G", "Completed", [Send(b"486"), Start("G", 2)]),
    ([BUSY, "G", "G"], "G", "Completed", [Send(b"486"), Start("G", 4)]),
    ([BUSY, "G", "G", "G"], "G", "Completed", [Send(b"486"), Start("G", 4)]),
    ([BUSY], "H", "Terminated", [Tell("timeout"), End()]),
    ([BUSY], "ack", "Confirmed", [Stop("G"), Stop("H"), Start("I", 5)]),
    ([BUSY], (404, b"404"), "Completed", []),
    ([BUSY], OK, "Completed", []),
    ([BUSY], RINGING, "Completed", []),
    ([BUSY], "transport_error", "Completed", [Tell("transport error")]),
    # Confirmed
    ([BUSY, "ack"], "ack", "Confirmed", []),
    ([BUSY, "ack"], "request", "Confirmed", []),
    ([BUSY, "ack"], "G", "Confirmed", []),
    ([BUSY, "ack"], "H", "Confirmed", []),
    ([BUSY, "ack"], "transport_error", "Confirmed", []),
    ([BUSY, "ack"], "I", "Terminated", [End()]),
    # Accepted
    ([OK], "request", "Accepted", []),
    ([OK], OK, "Accepted", [Send(b"200")]),
    ([OK], "ack", "Accepted", [Tell("ACK")]),
    ([OK], BUSY, "Accepted", []),
    ([OK], RINGING, "Accepted", []),
    ([OK], "transport_error", "Accepted", [Tell("transport error")]),
    ([OK], "L", "Terminated", [End()]),
    ([OK, "ack"], "L", "Terminated", [End()]),
    # Terminated
    ([OK, "L"], "request", "Terminated", []),
    ([OK, "L"], OK, "Terminated", []),
    ([BUSY, "H"], "G", "Terminated", []),
]

INVITE_RELIABLE = [
    ([], BUSY, "Completed", [Send(b"486"), Start("H", 32)]),
    (["start"], BUSY, "Completed", [Send(b"486"), Stop("trying"), Start("H", 32)]),
    ([BUSY], "ack", "Terminated", [End()]),
    ([BUSY], "H", "Terminated", [Tell("timeout"), End()]),
    ([], OK, "Accepted", [Send(b"200"), Start("L", 32)]),  # for all transports: RFC 6026 8.7
]

OTHER = [
    ([], "start", "Trying", [Start("E at T2", 3.5), Start("limit", 32)]),
    ([], OK, "Completed", [Send(b"200"), Start("J", 32)]),
    (["start"], "request", "Trying", []),
    (["start"], TRYING, "Trying", []),  # too early: RFC 4320 4.1
    (["start"], RINGING, "Trying", []),
    (["start"], (408, b"408"), "Trying", []),  # RFC 4320 4.2
    (["start"], BUSY, "Completed", [Send(b"486"), Stop("E at T2"), Stop("limit"), Start("J", 32)]),
    (["start"], "E at T2", "Proceeding", [Make("100")]),
    (["start"], "limit", "Terminated", [Tell("timeout"), End()]),
    (["start"], "transport_error", "Trying", [Tell("transport error")]),
    (["start", "E at T2"], "request", "Proceeding", []),  # the 100 is being made
    (["start", "E at T2"], TRYING, "Proceeding", [Send(b"100")]),
    (["start", "E at T2", TRYING], "request", "Proceeding", [Send(b"100")]),
    (["start", "E at T2", TRYING], RINGING, "Proceeding", []),
    (["start", "E at T2", TRYING], (408, b"408"), "Proceeding", []),
    (["start", "E at T2", TRYING], OK, "Completed", [Send(b"200"), Stop("limit"), Start("J", 32)]),
    (["start", "E at T2", TRYING], "limit", "Terminated", [Tell("timeout"), End()]),
    (["start", "limit"], OK, "Terminated", []),  # late
    ([OK], "request", "Completed", [Send(b"200")]),
    ([OK], BUSY, "Completed", []),
    ([OK, BUSY], "request", "Completed", [Send(b"200")]),
    ([OK], TRYING, "Completed", []),
    ([OK], "transport_error", "Completed", [Tell("transport error")]),
    ([OK], "limit", "Completed", []),
    ([OK], "J", "Terminated", [End()]),
    ([OK, "J"], "request", "Terminated", []),
]

OTHER_RELIABLE = [
    ([], OK, "Terminated", [Send(b"200"), End()]),
    (["start"], OK, "Terminated", [Send(b"200"), End()]),
    (["start"], TRYING, "Proceeding", [Send(b"100"), Stop("E at T2")]),
    ([], TRYING, "Proceeding", [Send(b"100"), Start("limit", 32)]),
    (["start"], RINGING, "Trying", []),
    (["start"], "E at T2", "Proceeding", [Make("100")]),
]

ROWS = [
    (kind, reliable, *row)
    for kind, reliable, rows in [
        (InviteServer, False, INVITE),
        (InviteServer, True, INVITE_RELIABLE),
        (NonInviteServer, False, OTHER),
        (NonInviteServer, True, OTHER_RELIABLE),
    ]
    for row in rows
]


@rfc("3261", "17.2.1", "17.2.2")
@rfc("6026", "7.1")
@pytest.mark.parametrize(("kind", "reliable", "past", "event", "state", "actions"), ROWS)
def test_an_event_in_a_state_leads_where_the_rfc_says(kind, reliable, past, event, state, actions):
    made = machine(kind, *past, reliable=reliable)
    assert list(event_of(made, event)) == actions
    assert made.state == state


@rfc("3261", "17.2.1")
def test_a_retransmitted_invite_gets_the_same_100():
    made = machine(InviteServer, "start")
    assert made.request() == (Stop("trying"), Make("100"))
    (first, _) = made.respond(100, b"100")
    assert made.request() == (first,)


def test_an_accepted_invite_keeps_no_response():
    assert machine(InviteServer, OK).kept is None


def test_a_refused_response_does_not_replace_the_one_that_was_sent():
    made = machine(NonInviteServer, OK, BUSY, RINGING)
    assert made.request() == (Send(b"200"),)
