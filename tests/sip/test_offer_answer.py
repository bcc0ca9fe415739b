"""Mirror of pipeline/sip/offer_answer.py: RFC 6337's six patterns, both roles; what crosses; nothing else."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.conformance.marks import rfc
from pipeline.sip.offer_answer import BUSY, EXCHANGE, OTHER, Exchange, Meaning, OutOfPlace

NOTHING, OFFER, ANSWER, EARLY, IGNORED = Meaning.NOTHING, Meaning.OFFER, Meaning.ANSWER, Meaning.EARLY, Meaning.IGNORED


def play(steps, caller=None, callee=None):
    """Play messages between two ends: ("INVITE+", ...): the caller's; a leading "<" the callee's. Give both ends and what each message meant."""
    caller, callee = caller or Exchange(), callee or Exchange()
    meanings = []
    for step in steps.split():
        sender, receiver = (callee, caller) if step[0] == "<" else (caller, callee)
        described, name = step.endswith("+"), step.strip("<+")
        status, _, method = name.rpartition("-") if name[0].isdigit() else ("", "", name)
        code, reliable = int(status.strip("r") or 0) if status else 0, "r" in status
        sent = sender.sent(method, code, described=described, reliable=reliable)
        received = receiver.received(method, code, described=described, reliable=reliable)
        meanings.append((sent, received))
    return caller, callee, meanings


PATTERNS = {
    "1 INVITE, 2xx": ("INVITE+ <100-INVITE <180-INVITE <200-INVITE+ ACK", [OFFER, ANSWER]),
    "1 with a preview": ("INVITE+ <183-INVITE+ <200-INVITE+ ACK", [OFFER, EARLY, ANSWER]),
    "2 2xx, ACK": ("INVITE <180-INVITE <200-INVITE+ ACK+", [OFFER, ANSWER]),
    "3 INVITE, 1xx-rel": ("INVITE+ <183r-INVITE+ PRACK <200-PRACK <200-INVITE ACK", [OFFER, ANSWER]),
    "3 after one without": ("INVITE+ <180r-INVITE PRACK <200-PRACK <183r-INVITE+ PRACK <200-PRACK <200-INVITE ACK", [OFFER, ANSWER]),
    "4 1xx-rel, PRACK": ("INVITE <183r-INVITE+ PRACK+ <200-PRACK <180r-INVITE PRACK <200-PRACK <200-INVITE ACK", [OFFER, ANSWER]),
    "5 PRACK, 200": ("INVITE+ <183r-INVITE+ PRACK+ <200-PRACK+ <200-INVITE ACK", [OFFER, ANSWER, OFFER, ANSWER]),
    "6 UPDATE, 200": ("INVITE+ <200-INVITE+ ACK UPDATE+ <200-UPDATE+", [OFFER, ANSWER, OFFER, ANSWER]),
    "6 by the callee": ("INVITE+ <200-INVITE+ ACK <UPDATE+ 200-UPDATE+", [OFFER, ANSWER, OFFER, ANSWER]),
    "6 early": ("INVITE+ <183r-INVITE+ PRACK <200-PRACK UPDATE+ <200-UPDATE+ <UPDATE+ 200-UPDATE+ <200-INVITE ACK", [OFFER, ANSWER] * 3),
    "6 early, late offer": ("INVITE <183r-INVITE+ PRACK+ <200-PRACK UPDATE+ <200-UPDATE+ <200-INVITE ACK", [OFFER, ANSWER] * 2),
    "a refresh": ("INVITE+ <200-INVITE+ ACK UPDATE <200-UPDATE", [OFFER, ANSWER]),
}


@rfc("6337", "2.1")
@pytest.mark.parametrize("established", [False, True], ids=["initial", "re-INVITE"])
@pytest.mark.parametrize(("steps", "carried"), PATTERNS.values(), ids=PATTERNS.keys())
def test_the_six_patterns_are_seen_alike_from_both_ends(steps, carried, established):
    caller, callee = Exchange(), Exchange()
    if established:  # ... and then the other one re-INVITEs
        callee, caller, _ = play("INVITE+ <200-INVITE+ ACK")
    caller, callee, meanings = play(steps, caller, callee)
    assert all(sent is received for sent, received in meanings)
    assert [sent for sent, _ in meanings if sent is not NOTHING] == carried
    assert caller.agreed
    assert callee.agreed
    assert (caller.state, callee.state, repr(caller), repr(callee)) == ("idle", "idle", "<Exchange idle>", "<Exchange idle>")
    assert caller.may_offer("INVITE")
    assert callee.may_offer("UPDATE")


@rfc("3264", "4")
@rfc("6337", "2.3")
@pytest.mark.parametrize(
    ("steps", "who", "status", "method"),
    [
        ("INVITE+", 1, 500, "INVITE"),  # a second one before the first is answered: RFC 3261 14.2
        ("INVITE+", 0, 491, "INVITE"),  # theirs while ours is open
        ("INVITE+", 0, 491, "UPDATE"),
        ("INVITE+", 1, 500, "UPDATE"),
        ("INVITE", 1, 500, "UPDATE"),
        ("INVITE", 0, 491, "UPDATE"),
        ("INVITE <183r-INVITE+", 0, 500, "UPDATE"),  # theirs is not answered: RFC 3311 5.2
        ("INVITE <183r-INVITE+", 1, 491, "UPDATE"),
        ("INVITE <183r-INVITE+", 0, 491, "INVITE"),
        ("INVITE <200-INVITE+", 1, 491, "INVITE"),  # RFC 5407 3.1.5
        ("INVITE <200-INVITE+", 1, 491, "UPDATE"),
        ("INVITE <200-INVITE+", 0, 491, "INVITE"),
        ("INVITE+ <183r-INVITE+", 1, 500, "UPDATE"),  # its PRACK has not come: RFC 6337 figure 6
        ("INVITE+ <183r-INVITE+ PRACK <200-PRACK", 1, 500, "INVITE"),
        ("INVITE+ <183r-INVITE+ PRACK <200-PRACK", 0, 491, "INVITE"),
        ("INVITE+ <183r-INVITE+ PRACK+", 1, 500, "UPDATE"),
        ("INVITE+ <183r-INVITE+ PRACK+", 0, 491, "UPDATE"),
        ("INVITE+ <200-INVITE+ ACK UPDATE+", 0, 491, "UPDATE"),
        ("INVITE+ <200-INVITE+ ACK UPDATE+", 0, 491, "INVITE"),
        ("INVITE+ <200-INVITE+ ACK UPDATE+", 1, 500, "UPDATE"),
        ("INVITE+ <200-INVITE+ ACK UPDATE+", 1, 500, "INVITE"),
    ],
)
def test_what_comes_while_an_offer_is_open_is_refused_and_leaves_no_trace(steps, who, status, method):
    ends = play(steps)[:2]
    before = repr(ends[who])
    assert ends[who].received(method, described=True).status == status
    assert repr(ends[who]) == before
    assert not ends[who].may_offer("INVITE")


def test_a_refresh_waits_for_the_answer_to_an_update_but_for_nothing_else():
    callee = play("INVITE+ <200-INVITE+ ACK UPDATE+")[1]
    assert callee.received("UPDATE").status == 500
    callee = play("INVITE+")[1]
    assert callee.received("UPDATE") is NOTHING


def test_an_offer_crosses_our_refresh():
    caller, _callee, _ = play("INVITE+ <200-INVITE+ ACK UPDATE")
    assert caller.received("UPDATE", described=True) is OFFER
    assert caller.received("UPDATE", 200) is NOTHING
    assert caller.sent("UPDATE", 200, described=True) is ANSWER
    assert caller.state == "idle"


def test_a_re_invite_that_overtakes_its_ack_is_served():
    callee = play("INVITE+ <200-INVITE+")[1]
    assert not callee.may_offer("INVITE")
    assert callee.received("INVITE", described=True) is OFFER


def test_the_answer_repeated_in_the_2xx_is_ignored():
    caller = play("INVITE+ <183r-INVITE+ PRACK <200-PRACK")[0]
    assert caller.received("INVITE", 200, described=True) is IGNORED
    assert caller.state == "idle"


def test_a_preview_stands_for_an_answer_that_is_not_repeated():
    caller = play("INVITE+ <183-INVITE+")[0]
    assert caller.received("INVITE", 200) is Meaning.AS_EARLY
    assert caller.agreed
    assert Exchange().received("INVITE", 200) is NOTHING
    caller = play("INVITE+")[0]
    assert caller.received("INVITE", 200) is Meaning.MISSING


@pytest.mark.parametrize(
    ("steps", "event"),
    [
        ("INVITE <200-INVITE+", ("ACK", 0)),
        ("INVITE <183r-INVITE+", ("PRACK", 0)),
    ],
)
def test_an_answer_that_had_to_come_and_did_not_is_missed(steps, event):
    assert play(steps)[1].received(*event) is Meaning.MISSING


@rfc("6337", "3.4")
def test_refusals_leave_what_was_agreed():
    for steps, refusal in (("INVITE+", ("INVITE", 488)), ("UPDATE+", ("UPDATE", 488)), ("UPDATE+", ("UPDATE", 408))):
        caller, callee, _ = play("INVITE+ <200-INVITE+ ACK")
        play(steps, caller, callee)
        assert caller.received(*refusal) is Meaning.REFUSED
        assert callee.sent(*refusal) is NOTHING
        assert (caller.state, callee.state) == ("idle", "idle")
    caller = play("INVITE+ <183r-INVITE+ PRACK+")[0]
    assert caller.received("PRACK", 488) is Meaning.REFUSED


def test_what_must_be_carried_is_told():
    callee = play("INVITE+")[1]
    assert callee.carries("INVITE", 180) is EARLY
    assert callee.carries("INVITE", 183, reliable=True) is ANSWER
    assert callee.carries("INVITE", 200) is ANSWER
    callee = play("INVITE")[1]
    assert callee.carries("INVITE", 183, reliable=True) is OFFER
    assert callee.carries("INVITE", 180) is NOTHING
    caller = play("INVITE <200-INVITE+")[0]
    assert caller.carries("ACK") is ANSWER
    callee = play("INVITE+ <183r-INVITE+ PRACK <200-PRACK")[1]
    assert callee.carries("INVITE", 200) is NOTHING
    assert callee.carries("UPDATE", 200) is NOTHING


@pytest.mark.parametrize(
    ("steps", "who", "message"),
    [
        ("INVITE+", 1, {"method": "INVITE", "status": 200}),  # the answer has to be in it
        ("INVITE", 1, {"method": "INVITE", "status": 183, "reliable": True}),  # RFC 3262 5
        ("INVITE", 1, {"method": "INVITE", "status": 183, "described": True}),
        ("INVITE+", 0, {"method": "INVITE", "described": True}),
        ("INVITE+", 0, {"method": "UPDATE", "described": True}),
        ("INVITE+", 0, {"method": "PRACK", "described": True}),
        ("INVITE <183r-INVITE+", 0, {"method": "PRACK"}),
        ("INVITE <183r-INVITE+", 1, {"method": "INVITE", "status": 200}),  # the 2xx waits for the PRACK
        ("INVITE+ <183r-INVITE+", 1, {"method": "INVITE", "status": 200}),
        ("INVITE+ <183r-INVITE+ PRACK <200-PRACK", 1, {"method": "INVITE", "status": 200, "described": True}),
        ("INVITE+ <183r-INVITE+ PRACK+", 1, {"method": "INVITE", "status": 200}),
        ("INVITE+ <183r-INVITE+ PRACK <200-PRACK UPDATE+", 1, {"method": "INVITE", "status": 200}),
    ],
)
def test_our_own_mistakes_are_raised_and_change_nothing(steps, who, message):
    end = play(steps)[who]
    before = repr(end)
    with pytest.raises(OutOfPlace):
        end.sent(**message)
    assert repr(end) == before


def test_a_fork_has_its_own_answer():
    caller = play("INVITE+")[0]
    first = caller
    first.received("INVITE", 183, described=True, reliable=True)
    second = first.fork()
    assert second.received("INVITE", 200, described=True) is ANSWER


def test_every_state_of_the_tables_says_what_a_new_request_gets():
    states = (
        {state for state, _ in EXCHANGE}
        | {state for state, _ in EXCHANGE.values()}
        | {state for state, _ in OTHER}
        | {state for state, _ in OTHER.values()}
    )
    assert states - {"", "in accepted", "refresh out"} == BUSY.keys()


MESSAGES = st.tuples(
    st.booleans(),
    st.sampled_from(
        [
            ("INVITE", 0),
            ("INVITE", 180),
            ("INVITE", 200),
            ("INVITE", 486),
            ("ACK", 0),
            ("PRACK", 0),
            ("PRACK", 200),
            ("UPDATE", 0),
            ("UPDATE", 200),
            ("UPDATE", 491),
        ]
    ),
    st.booleans(),
    st.booleans(),
)


@settings(max_examples=300)
@given(st.lists(MESSAGES, max_size=40))
def test_whatever_is_said_no_end_has_two_offers_open(messages):
    """One end that sends only what it may, and a peer that says anything."""
    end = Exchange()
    for ours, (method, status), described, reliable in messages:
        before = end.state
        if not ours:
            meaning = end.received(method, status, described=described, reliable=reliable)
            if meaning is OFFER:
                assert before == "idle"
                assert end.state == "remote offer"
            if meaning is ANSWER:
                assert before == "local offer"
        else:
            try:
                meaning = end.sent(method, status, described=described, reliable=reliable)
            except OutOfPlace:
                assert end.state == before
                continue
            if meaning is OFFER:
                assert before == "idle"
            if meaning is ANSWER:
                assert before == "remote offer"
        assert not (end.invite in ("out offer", "in asked in 1xx", "in asked in 2xx") and end.other in ("UPDATE out", "PRACK out"))
