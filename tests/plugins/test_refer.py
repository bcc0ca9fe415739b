"""plugins.refer: what a REFER asks for, and the status lines that say how it goes. The transfers themselves: tests/use_cases."""

import pytest
from pipeline.plugins.refer.asked import Referral, read, referrer
from pipeline.plugins.refer.progress import Teller, sipfrag, status_of

from pipeline import Malformed, Reply, Request
from pipeline.core import Cause, Hangup
from pipeline.dal import Endpoint
from pipeline.pubsub import Refused, Resource
from pipeline.pubsub.states import Progress
from pipeline.sip.replaces import Replaces
from pipeline.testing.server import CALLS

STAGES = {**CALLS, "application": [*CALLS["application"], "pubsub", "refer"]}


@pytest.fixture
def engine(sip):
    return sip(**STAGES).engine


def refer(to, *more):
    fields = [("Refer-To", each) for each in ([to] if isinstance(to, str) else to)]
    return Request.new("REFER", "sip:example.com", [("From", "<sip:a@example.com>"), *fields, *more])


def status(engine, *given):
    found = read(refer(*given), engine, None)
    return found.status if isinstance(found, Reply) else 202


def test_the_user_part_is_what_the_referred_dials(engine):
    assert read(refer("<sip:bob@example.com;user=phone>"), engine, None) == Referral("bob", "sip:bob@example.com;user=phone")
    assert read(refer("sip:%2B1555@example.com"), engine, None).extension == "+1555"
    assert read(refer("<tel:+1555>"), engine, None).extension == "+1555"


def test_replaces_is_read_from_the_uri(engine):
    found = read(refer("<sip:bob@example.com?Replaces=1%402%3Bto-tag%3Da%3Bfrom-tag%3Db&Require=replaces>"), engine, None)
    assert found.replaces == Replaces("1@2", "a", "b")
    assert found.uri == "sip:bob@example.com"
    with pytest.raises(Malformed):
        read(refer("<sip:bob@example.com?Replaces=1%3Bto-tag%3Da>"), engine, None)


def test_refer_sub_false_wants_no_subscription(engine):
    assert read(refer("<sip:bob@example.com>", ("Refer-Sub", "false")), engine, None).silent
    assert not read(refer("<sip:bob@example.com>", ("Refer-Sub", "true")), engine, None).silent


def test_what_cannot_be_referred_to(engine):
    assert status(engine, []) == 400
    assert status(engine, ["<sip:bob@example.com>", "<sip:bob@example.com>"]) == 400
    assert status(engine, "<sip:bob@example.com;method=SUBSCRIBE>") == 501
    assert status(engine, "<sip:bob@example.com;method=invite>") == 202
    assert status(engine, "<http://example.com>") == 416
    assert status(engine, "<sip:bob@elsewhere.org>") == 404
    assert status(engine, "<sip:bob@example.com;gr=nobodys>") == 202  # a public GRUU: whose phone it is is found out later
    assert status(engine, "<sip:tgruu.x@example.com;gr>") == 404


def test_who_has_referred_is_one_of_his_own_addresses(engine):
    bob = Endpoint(id="bob", aors=("bob@example.com", "600@example.com"))
    said = lambda text: referrer(refer("<sip:x@example.com>", ("Referred-By", text)), bob, engine)  # noqa: E731
    assert said("<sip:600@example.com>") == "<sip:600@example.com>"
    assert said('"Carol" <sip:carol@example.com>') == "<sip:bob@example.com>"
    assert said("<sip:") == "<sip:bob@example.com>"
    assert referrer(refer("<sip:x@example.com>"), Endpoint(id="x"), engine) == ""
    assert referrer(refer("<sip:x@example.com>"), Endpoint(id="bob", aors=("bob@example.com",), privacy=True), engine) == ""


class Pushed:
    contact = "<sip:here>"
    over = False

    def __init__(self):
        self.told = []

    def push(self, state, reason=""):
        self.told.append((state.status, state.reason, state.over, reason))


def test_what_is_told_is_news_and_ends_once():
    pushed = Pushed()
    teller = Teller(pushed)
    for code in (100, 180, 180, 183, 200, 486):
        teller.tell(code)
    assert pushed.told == [
        (100, "Trying", False, ""), (180, "Ringing", False, ""), (183, "Session Progress", False, ""), (200, "OK", True, "noresource"),
    ]  # fmt: skip
    assert teller.over
    Teller(None).tell(200)


def test_a_status_line_is_a_sipfrag():
    assert sipfrag(Progress(180, "Ringing", False)) == b"SIP/2.0 180 Ringing\r\n"
    assert (
        sipfrag(Progress(486, "Busy Here", True, (("Reason", "Q.850;cause=17"),))) == b"SIP/2.0 486 Busy Here\r\nReason: Q.850;cause=17\r\n"
    )


@pytest.mark.parametrize(
    ("hangup", "told"),
    [
        (Hangup(Cause.BUSY), 486),
        (Hangup(Cause.BUSY, technology="sip", code=600), 600),
        (Hangup(Cause.UNALLOCATED), 404),
        (Hangup(Cause.NO_ANSWER), 480),
        (Hangup(), 487),
        (Hangup(Cause.INTERWORKING), 500),
    ],
)
def test_a_hangup_is_told_as_the_status_that_says_it(hangup, told):
    assert status_of(hangup) == told


def test_its_subscriptions_are_made_by_refer_alone(engine):
    hooks = engine.generation.hooks["application"]
    with pytest.raises(Refused):
        hooks.event_package(resource=Resource("refer", "alice@example.com", ""), published=())
    assert hooks.event_package(resource=Resource("x", "alice@example.com", ""), published=()) is None


def test_a_stranger_has_nobody_connected(sip):
    server = sip(intercept=["identify", "auth"], **STAGES)
    assert server.request("REFER", "alice", headers=[("Refer-To", "<sip:bob@example.com>")]).status in (401, 403)
    assert server.request("REFER", "alice", password="alice's", headers=[("Refer-To", "<sip:bob@example.com>")]).status == 202
    assert server.request("REFER", "bob", password="alice's", headers=[("Refer-To", "<sip:bob@example.com>")]).status == 403
    assert server.request("REFER", "alice", password="alice's").status == 400


def test_where_no_more_subscriptions_may_be_nobody_is_referred(sip):
    server = sip("[plugin.pubsub]\nper_endpoint = 0\n", intercept=["identify", "auth"], **STAGES)
    server.phone("bob").online()
    headers = [("Refer-To", "<sip:bob@example.com>"), ("Contact", "<sip:alice@10.0.0.9:5060>")]
    answer = server.request("REFER", "alice", password="alice's", headers=headers)
    assert answer.status == 403
    server.advance(1)
    assert not server.engine.core.channels
    assert len(server.engine.dialogs) == 0
