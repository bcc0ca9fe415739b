"""InviteClient and NonInviteClient, state by state: RFC 3261 17.1, 9.1, RFC 6026 7.2."""

import pytest

from pipeline.conformance.marks import rfc
from pipeline.sip.timers import End, Make, Send, Start, Stop, Tell, Timers
from pipeline.sip.transaction_client import InviteClient, NonInviteClient

TIMERS = Timers()
PROVISIONAL, FINAL = Tell("provisional"), Tell("final")


def machine(kind, *past, reliable=False):
    """A machine that has lived through this."""
    made = kind(TIMERS, reliable)
    for event in past:
        event_of(made, event)
    return made


def event_of(machine, event):
    if isinstance(event, int):
        return machine.response(event)
    if event == "start":
        return machine.start(b"request")
    if event == "keep":
        return machine.keep_ack(b"ACK") or ()
    if event in ("cancel", "transport_error"):
        return getattr(machine, event)()
    return machine.fire(event)


INVITE = [
    # past, event -> state, actions
    ([], "start", "Calling", [Send(b"request"), Start("A", 0.5), Start("B", 32)]),
    (["start"], "A", "Calling", [Send(b"request"), Start("A", 1)]),
    (["start", "A", "A", "A"], "A", "Calling", [Send(b"request"), Start("A", 8)]),  # no T2 here
    (["start"], "B", "Terminated", [Tell("timeout"), End()]),
    (["start"], "transport_error", "Terminated", [Tell("transport error"), End()]),
    (["start"], 180, "Proceeding", [Stop("A"), Stop("B"), PROVISIONAL]),
    (["start"], 200, "Accepted", [Stop("A"), Stop("B"), Start("M", 32), FINAL]),
    (["start"], 404, "Completed", [Stop("A"), Stop("B"), Make("ACK"), Start("D", 32), FINAL]),
    (["start"], "cancel", "Calling", []),
    (["start", "cancel"], "A", "Calling", [Send(b"request"), Start("A", 1)]),
    (["start", "cancel"], 100, "Proceeding", [Stop("A"), Stop("B"), PROVISIONAL, Make("CANCEL"), Start("guard", 32)]),
    (["start", "cancel"], 200, "Accepted", [Stop("A"), Stop("B"), Start("M", 32), FINAL]),
    (["start", "cancel"], 486, "Completed", [Stop("A"), Stop("B"), Make("ACK"), Start("D", 32), FINAL]),
    # Proceeding
    (["start", 100], 180, "Proceeding", [PROVISIONAL]),
    (["start", 100], "A", "Proceeding", []),
    (["start", 100], "B", "Proceeding", []),
    (["start", 100], "cancel", "Proceeding", [Make("CANCEL"), Start("guard", 32)]),
    (["start", 100, "cancel"], "cancel", "Proceeding", []),
    (["start", 100, "cancel"], 180, "Proceeding", [PROVISIONAL]),
    (["start", "cancel", 100], 180, "Proceeding", [PROVISIONAL]),
    (["start", "cancel", 100], "cancel", "Proceeding", []),
    (["start", 100, "cancel"], "guard", "Terminated", [Tell("timeout"), End()]),
    (["start", 100, "cancel"], 487, "Completed", [Stop("guard"), Make("ACK"), Start("D", 32), FINAL]),
    (["start", 100], 200, "Accepted", [Stop("guard"), Start("M", 32), FINAL]),
    (["start", 100], "transport_error", "Proceeding", [Tell("transport error")]),
    # Completed
    (["start", 404], 404, "Completed", [Make("ACK")]),  # not made yet
    (["start", 404, "keep"], 404, "Completed", [Send(b"ACK")]),
    (["start", 100, 404, "keep"], 503, "Completed", [Send(b"ACK")]),
    (["start", 404, "keep"], 200, "Completed", []),
    (["start", 404, "keep"], 180, "Completed", []),
    (["start", 404, "keep"], "A", "Completed", []),
    (["start", 404, "keep"], "cancel", "Completed", []),
    (["start", 404, "keep"], "guard", "Completed", []),
    (["start", 404], "transport_error", "Terminated", [Tell("transport error"), End()]),
    (["start", 404], "D", "Terminated", [End()]),
    # Accepted
    (["start", 200], 200, "Accepted", [FINAL]),
    (["start", 200], 202, "Accepted", [FINAL]),
    (["start", 200], 180, "Accepted", []),
    (["start", 200], 404, "Accepted", []),
    (["start", 200], "cancel", "Accepted", []),
    (["start", 200], "transport_error", "Accepted", []),
    (["start", 200], "M", "Terminated", [End()]),
    (["start", 200, "M"], 200, "Terminated", []),
]

INVITE_RELIABLE = [
    ([], "start", "Calling", [Send(b"request"), Start("B", 32)]),
    (["start"], 404, "Terminated", [Make("ACK"), FINAL, End()]),
    (["start"], 180, "Proceeding", [Stop("B"), PROVISIONAL]),
    (["start"], 200, "Accepted", [Stop("B"), Start("M", 32), FINAL]),
]

OTHER = [
    ([], "start", "Trying", [Send(b"request"), Start("E", 0.5), Start("F", 32)]),
    (["start"], "E", "Trying", [Send(b"request"), Start("E", 1)]),
    (["start", "E", "E"], "E", "Trying", [Send(b"request"), Start("E", 4)]),
    (["start", "E", "E", "E"], "E", "Trying", [Send(b"request"), Start("E", 4)]),
    (["start"], "F", "Terminated", [Tell("timeout"), End()]),
    (["start"], "transport_error", "Terminated", [Tell("transport error"), End()]),
    (["start"], 100, "Proceeding", [PROVISIONAL]),
    (["start"], 200, "Completed", [Stop("E"), Stop("F"), Start("K", 5), FINAL]),
    (["start", 100], "E", "Proceeding", [Send(b"request"), Start("E", 4)]),
    (["start", 100], 100, "Proceeding", [PROVISIONAL]),
    (["start", 100], "F", "Terminated", [Tell("timeout"), End()]),
    (["start", 100], "transport_error", "Terminated", [Tell("transport error"), End()]),
    (["start", 100], 503, "Completed", [Stop("E"), Stop("F"), Start("K", 5), FINAL]),
    (["start", 200], 200, "Completed", []),
    (["start", 200], 100, "Completed", []),
    (["start", 200], "E", "Completed", []),
    (["start", 200], "F", "Completed", []),
    (["start", 200], "transport_error", "Completed", []),
    (["start", 200], "K", "Terminated", [End()]),
]

OTHER_RELIABLE = [
    ([], "start", "Trying", [Send(b"request"), Start("F", 32)]),
    (["start"], 100, "Proceeding", [PROVISIONAL]),
    (["start"], 200, "Terminated", [FINAL, End()]),
]

ROWS = [
    (kind, reliable, *row)
    for kind, reliable, rows in [
        (InviteClient, False, INVITE),
        (InviteClient, True, INVITE_RELIABLE),
        (NonInviteClient, False, OTHER),
        (NonInviteClient, True, OTHER_RELIABLE),
    ]
    for row in rows
]


@rfc("3261", "17.1.1.2", "17.1.2.2")
@rfc("6026", "7.2")
@pytest.mark.parametrize(("kind", "reliable", "past", "event", "state", "actions"), ROWS)
def test_an_event_in_a_state_leads_where_the_rfc_says(kind, reliable, past, event, state, actions):
    made = machine(kind, *past, reliable=reliable)
    assert list(event_of(made, event)) == actions
    assert made.state == state


@rfc("3261", "17.1.1.2")
def test_an_unanswered_invite_is_sent_seven_times_in_64_t1():
    made, now, times = machine(InviteClient), 0.0, []
    for action in made.start(b"request"):
        if isinstance(action, Start) and action.name == "A":
            due = action.seconds
    while now < 32:
        times.append(now)
        now += due
        due = made.fire("A")[1].seconds
    assert times == [0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5]


@rfc("3261", "17.1.2.2")
def test_an_unanswered_request_is_sent_eleven_times_in_64_t1():
    made, now, due, times = machine(NonInviteClient, "start"), 0.0, 0.5, []
    while now < 32:
        times.append(now)
        now += due
        due = made.fire("E")[1].seconds
    assert times == [0, 0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]  # RFC 4321 1.2: Timer F fires after the eleventh


def test_the_invite_itself_is_not_kept_once_it_has_been_answered():
    assert machine(InviteClient, "start", 100).kept is None
    assert machine(InviteClient, "start", 404).kept is None
    assert machine(NonInviteClient, "start", 200).kept is None
