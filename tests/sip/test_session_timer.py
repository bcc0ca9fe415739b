"""Mirror of pipeline/sip/session_timer.py: the tables and rules of RFC 4028."""

from __future__ import annotations

import pytest

from pipeline.conformance.marks import rfc
from pipeline.sip import Malformed, Request, Response
from pipeline.sip.session_timer import SessionTimer, min_se_of, session_expires_of


def request(expires="", supported="timer", min_se="", method="INVITE"):
    fields = [("from", "<sip:a@h>;tag=1"), ("to", "<sip:b@h>"), ("call-id", "1"), ("cseq", f"1 {method}")]
    fields += [(name, value) for name, value in (("session-expires", expires), ("supported", supported), ("min-se", min_se)) if value]
    return Request.new(method, "sip:b@h", fields)


def response(status=200, expires="", min_se=""):
    fields = [(name, value) for name, value in (("session-expires", expires), ("min-se", min_se)) if value]
    return Response.to(request(), status, headers=fields)


# -- the field


@rfc("4028", "4")
@pytest.mark.parametrize(
    ("text", "value"),
    [("1800", (1800, "")), ("90;refresher=uas", (90, "uas")), ("90 ; refresher=UAC;x=y", (90, "uac")), ("0", (0, ""))],
)
def test_session_expires_is_read(text, value):
    assert session_expires_of(request(text)) == value


def test_the_compact_form_is_known():
    assert session_expires_of(Request.new("INVITE", "sip:b@h", [("x", "120")])) == (120, "")


@pytest.mark.parametrize("text", ["x", "-1", "90;refresher=me", "4294967296", "90;;"])
def test_a_bad_session_expires_is_malformed(text):
    with pytest.raises(Malformed, match="Session-Expires"):
        session_expires_of(request(text))


@rfc("4028", "5")
def test_min_se_is_read_and_may_be_absent():
    assert min_se_of(request(min_se="120;x=1")) == 120
    assert min_se_of(request()) is None
    with pytest.raises(Malformed, match="Min-SE"):
        min_se_of(request(min_se="soon"))


# -- the called side: table 2


@rfc("4028", "9")
@pytest.mark.parametrize(
    ("supported", "asked", "granted", "require", "we"),
    [
        ("", "1800", "1800;refresher=uas", False, True),
        ("timer", "1800", "1800;refresher=uac", True, False),
        ("timer", "1800;refresher=uac", "1800;refresher=uac", True, False),
        ("timer", "1800;refresher=uas", "1800;refresher=uas", True, True),
        ("timer", "600", "600;refresher=uac", True, False),
        ("timer", "7200", "1800;refresher=uac", True, False),
    ],
)
def test_the_refresher_is_chosen_by_the_table(supported, asked, granted, require, we):
    timer = SessionTimer()
    fields = timer.answer(request(asked, supported), 100.0)
    assert fields == [("Session-Expires", granted), *([("Require", "timer")] if require else [])]
    assert timer.we_refresh is we
    seconds = int(granted.partition(";")[0])
    assert timer.refresh_at == (100 + seconds / 2 if we else None)
    assert timer.expire_at == 100 + seconds - 32


@rfc("4028", "10")
def test_a_short_session_ends_a_third_before():
    timer = SessionTimer()
    timer.answer(request("90"), 0.0)
    assert timer.expire_at == 60.0


def test_a_refresh_that_has_not_got_through_is_due_again_half_way_to_the_end_but_for_the_last_second():
    timer = SessionTimer("always")
    timer.answer(request("100", supported=""), 0.0)
    assert (timer.refresh_at, timer.expire_at) == (50.0, 68.0)
    timer.missed(50.0)
    assert timer.refresh_at == 59.0
    timer.refresh_at = None
    timer.missed(67.5)
    assert timer.refresh_at is None


def test_a_peer_that_knows_no_timer_gets_none_unless_we_always_have_one():
    assert SessionTimer().answer(request(supported=""), 0.0) == []
    timer = SessionTimer("always")
    assert timer.answer(request(supported=""), 0.0) == [("Session-Expires", "1800;refresher=uas")]
    assert timer.refresh_at == 900.0


def test_a_required_timer_refuses_a_peer_that_knows_none():
    assert SessionTimer("required").check(request(supported="")) == (421, [("Require", "timer")])
    assert SessionTimer("required").check(request("1800")) is None


def test_no_timer_is_none_whatever_is_asked():
    timer = SessionTimer("no")
    assert timer.check(request("10")) is None
    assert timer.answer(request("10"), 0.0) == []
    assert timer.ask() == []
    timer.accepted(response(expires="90;refresher=uac"), 0.0)
    assert (timer.interval, timer.expire_at) == (0, None)


@rfc("4028", "9")
def test_a_too_short_interval_is_422_with_our_minimum():
    assert SessionTimer(minimum=120).check(request("90")) == (422, [("Min-SE", "120")])
    assert SessionTimer().check(request("89")) == (422, [("Min-SE", "90")])
    assert SessionTimer().check(request("90")) is None


def test_an_interval_below_its_own_min_se_is_422_too():
    assert SessionTimer().check(request("100", min_se="200")) == (422, [("Min-SE", "200")])


def test_a_proxys_short_interval_for_a_phone_without_timers_cannot_be_refused_and_is_ignored():
    timer = SessionTimer()
    assert timer.check(request("10", supported="")) is None
    assert timer.answer(request("10", supported=""), 0.0) == []


def test_the_interval_is_not_lowered_below_the_callers_min_se():
    assert SessionTimer(wanted=300).answer(request("1800", min_se="900"), 0.0)[0] == ("Session-Expires", "900;refresher=uac")
    assert SessionTimer("always", wanted=300).answer(request(min_se="900"), 0.0)[0] == ("Session-Expires", "900;refresher=uac")


# -- the calling side


def test_the_first_invite_asks_and_leaves_the_choice():
    assert SessionTimer().ask() == [("Session-Expires", "1800")]
    assert SessionTimer(minimum=120, wanted=300).ask() == [("Session-Expires", "300"), ("Min-SE", "120")]
    assert SessionTimer("required").ask() == [("Session-Expires", "1800"), ("Require", "timer")]


@rfc("4028", "7.3")
def test_a_422_is_asked_again_with_its_minimum():
    timer = SessionTimer(wanted=100)
    timer.ask()
    assert timer.too_small(response(422, min_se="240"))
    assert timer.ask() == [("Session-Expires", "240"), ("Min-SE", "240")]
    assert not timer.too_small(response(422, min_se="240"))
    assert timer.too_small(response(422, min_se="300"))
    assert timer.ask() == [("Session-Expires", "300"), ("Min-SE", "300")]


@pytest.mark.parametrize("min_se", ["", "x", "0"])
def test_a_422_that_says_nothing_is_final(min_se):
    timer = SessionTimer()
    timer.ask()
    assert not timer.too_small(response(422, min_se=min_se))


def test_what_the_first_422_asked_for_is_forgotten_in_the_dialog():
    timer = SessionTimer(wanted=100)
    timer.ask()
    timer.too_small(response(422, min_se="240"))
    timer.ask()
    timer.accepted(response(expires="240;refresher=uac"), 0.0)
    assert timer.ask("UPDATE") == [("Session-Expires", "240;refresher=uac")]


def test_a_422_inside_the_dialog_is_remembered_there():
    timer = SessionTimer()
    timer.ask()
    timer.accepted(response(expires="1800;refresher=uac"), 0.0)
    timer.ask("UPDATE")
    assert timer.too_small(response(422, min_se="3600"))
    assert timer.expire_at == 1800 - 32  # a refused refresh moves nothing
    assert timer.ask("UPDATE") == [("Session-Expires", "3600;refresher=uac"), ("Min-SE", "3600")]
    timer.accepted(response(expires="3600;refresher=uac"), 900.0)
    assert timer.ask("UPDATE") == [("Session-Expires", "3600;refresher=uac"), ("Min-SE", "3600")]


@pytest.mark.parametrize(("refresher", "we"), [(";refresher=uac", True), (";refresher=uas", False), ("", True)])
def test_the_answer_says_who_refreshes(refresher, we):
    timer = SessionTimer()
    timer.ask()
    timer.accepted(response(expires=f"600{refresher}"), 50.0)
    assert (timer.interval, timer.we_refresh, timer.refresh_at, timer.expire_at) == (600, we, 350.0 if we else None, 618.0)
    assert timer.ask("UPDATE") == [("Session-Expires", f"600;refresher={'uac' if we else 'uas'}")]


@rfc("4028", "7.2")
def test_a_2xx_without_the_field_is_no_timer_and_turns_one_off():
    timer = SessionTimer()
    timer.ask()
    timer.accepted(response(), 0.0)
    assert (timer.interval, timer.refresh_at, timer.expire_at) == (0, None, None)
    timer.accepted(response(expires="600;refresher=uas"), 0.0)
    timer.ask("UPDATE")
    timer.accepted(response(), 100.0)
    assert (timer.interval, timer.expire_at) == (0, None)


def test_always_goes_on_alone():
    timer = SessionTimer("always")
    timer.ask()
    timer.accepted(response(), 0.0)
    assert (timer.interval, timer.we_refresh, timer.refresh_at) == (1800, True, 900.0)


def test_a_peer_that_grants_less_than_may_be_is_followed_down_to_half_a_minute():
    timer = SessionTimer()
    timer.accepted(response(expires="60;refresher=uac"), 0.0)
    assert timer.refresh_at == 30.0
    timer.accepted(response(expires="1;refresher=uac"), 0.0)
    assert timer.refresh_at == 15.0


# -- within the dialog


def test_roles_stay_when_the_other_side_refreshes_without_naming_one():
    timer = SessionTimer()
    timer.answer(request("600;refresher=uas"), 0.0)
    assert timer.answer(request("600", method="UPDATE"), 300.0)[0] == ("Session-Expires", "600;refresher=uas")
    assert timer.refresh_at == 600.0
    other = SessionTimer()
    other.answer(request("600"), 0.0)
    assert other.answer(request("600", method="UPDATE"), 300.0)[0] == ("Session-Expires", "600;refresher=uac")
    assert other.expire_at == 300 + 600 - 32


def test_a_min_se_heard_in_the_dialog_goes_into_our_refreshes():
    timer = SessionTimer()
    timer.answer(request("600;refresher=uas", min_se="200"), 0.0)
    assert timer.ask("UPDATE") == [("Session-Expires", "600;refresher=uac"), ("Min-SE", "200")]


def test_a_timer_that_is_not_asked_for_is_begun_by_who_requires_one():
    assert SessionTimer("yes").answer(request("", "timer"), 100.0) == []
    assert SessionTimer("required").answer(request("", "timer"), 100.0)[0] == ("Session-Expires", "1800;refresher=uac")
    assert SessionTimer("always").answer(request("", ""), 100.0)[0] == ("Session-Expires", "1800;refresher=uas")
