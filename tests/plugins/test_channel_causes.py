"""plugins.channel.causes: SIP status and Q.850 cause, both ways."""

import pytest
from pipeline.plugins.channel.causes import CAUSES, STATUSES, TIMED_OUT, cause_of, hangup_of, hangup_of_reason, reason_of, status_of

from pipeline import Request, Response
from pipeline.core import Cause, Hangup

INVITE = Request.new("INVITE", "sip:b@h", [("from", "<sip:a@h>;tag=1"), ("to", "<sip:b@h>"), ("call-id", "1"), ("cseq", "1 INVITE")])


def response(status, *headers, reason=""):
    return Response.to(INVITE, status, reason, headers=headers)


def bye(*reasons):
    return Request.new("BYE", "sip:b@h", [("reason", reason) for reason in reasons])


def test_every_cause_has_a_status_and_every_status_a_cause():
    assert set(STATUSES) == set(Cause)
    for status in range(300, 700):
        assert isinstance(cause_of(status), Cause)
    assert all(400 <= status < 700 for status in CAUSES)


@pytest.mark.parametrize(
    ("cause", "status"),
    [
        (Cause.UNALLOCATED, 404),
        (Cause.BUSY, 486),
        (Cause.NO_USER_RESPONSE, 408),
        (Cause.NO_ANSWER, 480),
        (Cause.ABSENT, 480),
        (Cause.REJECTED, 403),
        (Cause.NUMBER_CHANGED, 410),
        (Cause.INVALID_NUMBER, 484),
        (Cause.CONGESTION, 503),
        (Cause.DESTINATION_OUT_OF_ORDER, 502),
        (Cause.FACILITY_REJECTED, 501),
        (Cause.NOT_AVAILABLE, 488),
        (Cause.INTERWORKING, 500),
        (Cause.NORMAL, 603),
    ],
)
def test_a_cause_is_told_as_asterisk_tells_it(cause, status):
    told, reason, fields = status_of(Hangup(cause))
    assert (told, reason) == (status, "")
    assert fields == ([] if cause is Cause.NORMAL else [("Reason", f"Q.850;cause={int(cause)}")])


@pytest.mark.parametrize("status", [404, 410, 480, 484, 486, 488, 600, 603, 606])
def test_what_is_about_the_called_party_passes_unchanged(status):
    hangup = hangup_of(response(status, reason="So It Is"))
    assert (hangup.technology, hangup.code) == ("sip", status)
    assert status_of(hangup)[:2] == (status, "So It Is")


@pytest.mark.parametrize(
    ("status", "told"), [(401, 403), (407, 403), (420, 404), (422, 500), (481, 500), (491, 500), (415, 500), (505, 503)]
)
def test_what_is_about_the_leg_alone_is_told_by_its_cause(status, told):
    assert status_of(hangup_of(response(status)))[0] == told


def test_an_overloaded_peer_does_not_make_us_overloaded():
    assert status_of(hangup_of(response(503, ("Retry-After", "120")))) == (500, "", [("Reason", "Q.850;cause=34")])
    assert status_of(Hangup(Cause.CONGESTION))[0] == 503
    assert status_of(Hangup(Cause.CONGESTION, retry_after=7))[2] == [("Retry-After", "7"), ("Reason", "Q.850;cause=34")]
    busy = hangup_of(response(486, ("Retry-After", "60 (in a meeting);duration=5")))
    assert busy.retry_after == 60
    assert ("Retry-After", "60") in status_of(busy)[2]
    assert hangup_of(response(486, ("Retry-After", "soon"))).retry_after == 0


def test_a_reason_in_a_response_knows_the_cause_better():
    assert hangup_of(response(480, ("Reason", "Q.850;cause=20"))).cause is Cause.ABSENT
    assert hangup_of(response(480, ("Reason", "Q.850;cause=99"))).cause is Cause.NO_ANSWER


def test_a_redirection_carries_its_contacts_best_first():
    moved = hangup_of(response(301, ("Contact", "<sip:c@h>;q=0.2, <mailto:x@y>, <sip:d@h?Subject=x>, <sip:c@h>")))
    assert moved.targets == ("sip:d@h?Subject=x", "sip:c@h")
    assert status_of(moved) == (301, "", [("Contact", "<sip:d@h?Subject=x>"), ("Contact", "<sip:c@h>"), ("Reason", "Q.850;cause=22")])
    assert status_of(Hangup(Cause.NUMBER_CHANGED, targets=("sip:e@h",)))[0] == 302
    assert hangup_of(response(302, ("Contact", "<sip:"))).targets == ()


def test_losers_are_told_that_the_call_was_completed_elsewhere():
    assert reason_of(Hangup(Cause.ANSWERED_ELSEWHERE)) == 'SIP;cause=200;text="Call completed elsewhere"'


def test_the_reason_of_a_bye_is_its_cause():
    assert reason_of(Hangup()) == "Q.850;cause=16"
    assert reason_of(Hangup(Cause.TIMER_EXPIRED, "Session expired")) == 'Q.850;cause=102;text="Session expired"'
    assert reason_of(hangup_of(response(486))) == 'SIP;cause=486;text="Busy Here", Q.850;cause=17'


def test_a_text_stays_on_one_line_whatever_a_script_wrote():
    assert reason_of(Hangup(text='a\r\nX: "b"')) == 'Q.850;cause=16;text="a  X: \\"b\\""'
    assert "\n" not in status_of(Hangup(Cause.BUSY, "x\r\ny", "sip", 486))[1]


@pytest.mark.parametrize(
    ("reasons", "hangup"),
    [
        ([], Hangup()),
        (["Q.850;cause=17"], Hangup(Cause.BUSY)),
        (['SIP;cause=200;text="Call completed elsewhere"'], Hangup(Cause.ANSWERED_ELSEWHERE, "Call completed elsewhere")),
        (["SIP;cause=486"], Hangup(Cause.BUSY, "", "sip", 486)),
        (["SIP;cause=600;text=no", "Q.850;cause=21"], Hangup(Cause.REJECTED, "no", "sip", 600)),
        (["Q.850;cause=3", "preemption;cause=1"], Hangup(Cause.NO_ROUTE)),
        (["preemption;cause=1"], Hangup()),
    ],
)
def test_what_the_peer_gives_as_reason_is_how_its_leg_ended(reasons, hangup):
    assert hangup_of_reason(bye(*reasons)) == hangup


def test_silence_is_as_if_a_408_had_come():
    assert status_of(TIMED_OUT)[0] == 408
