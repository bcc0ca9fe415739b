"""The use cases of the design that are transfers (shared/use-cases.md): who is referred hears the right people, the report is always true."""

import pytest

from pipeline.testing.server import CALLS
from pipeline.testing.watching import Watch

STAGES = {
    **CALLS,
    "intercept": ["identify", "auth"],
    "application": ["registrar", "channel", "pubsub", "refer", "options"],
}
A, B, C = 440, 1000, 1633
PLAN = """
[user.alice]
password  = "alice's"
caller_id = "Alice <alice>"
media     = "@MEDIA@"
[user.bob]
password  = "bob's"
caller_id = "Bob <bob>"
media     = "@MEDIA@"
[user.carol]
password  = "carol's"
caller_id = "Carol <carol>"
media     = "@MEDIA@"
[user.dave]
password       = "dave's"
allow_transfer = false
[context.default]
users = true
[context.default.extensions]
echo  = ["answer", "echo"]
room  = [{ conference = "room" }]
late  = [{ dial = "carol", timeout = 3 }, { playback = "welcome" }]
short = [{ dial = "carol", timeout = 3 }]
"""


class House:
    """The server, and phones that are registered."""

    def __init__(self, sip, media="", toml="", plan=PLAN, **more):
        self.server = sip(plan.replace("@MEDIA@", media) + toml, **{**STAGES, **more})
        self.core = self.server.engine.core
        self.phones = self.alice, self.bob, self.carol, self.dave = [
            self.server.phone(name).online() for name in ("alice", "bob", "carol", "dave")
        ]
        for phone in self.phones:
            phone.answers(ring=0.1, after=1.0)

    def talk(self, caller, callee):
        """A call between two; gives both ends."""
        one = caller.call(callee.name).until("up")
        self.server.advance(0.5)
        return one, callee.calls[-1]

    def refer(self, call, to, **more):
        headers = [
            ("Refer-To", to if "<" in to else f"<sip:{to}@example.com>"),
            ("Contact", f"<{call.phone.contact}>"),
            *more.pop("headers", ()),
        ]
        attempt = call.request("REFER", headers)
        self.server.loop.run_until(lambda: attempt.done, 30)
        return attempt.responses[-1]

    def told(self, call):
        """The status lines of the NOTIFYs that came in a call's dialog."""
        return [
            int(message.body.split()[1]) for message in call.phone.received if message.is_request and message.method == "NOTIFY" and message.call_id == call.call_id
        ]  # fmt: skip

    def subscription(self, call):
        return [message.get("subscription-state") for message in call.phone.received if message.is_request and message.method == "NOTIFY"][
            -1
        ]

    def until(self, look, seconds=60):
        self.server.loop.run_until(look, seconds)
        assert look()

    def nothing_left(self):
        for phone in self.phones:
            for call in phone.calls:
                if call.state == "up":
                    call.hangup()
        self.server.advance(250)
        for phone in self.phones:
            for call in phone.calls:
                assert call.state == "ended", call
                assert not call.faults, call
        assert self.server.leftovers() == {}
        assert not self.server.told("step.failed")


def hear(one, other, hertz, his):
    one.talk(hertz)
    other.talk(his)
    one.loop.advance(0.5)
    assert one.hears() == {his}
    assert other.hears() == {hertz}


@pytest.fixture(params=["", "media_local"], ids=["direct", "local"])
def house(sip, request):
    return House(sip, request.param)


@pytest.fixture
def plain(sip):
    return House(sip)


@pytest.mark.parametrize("who_called", ["alice", "bob"])
def test_local_blind_transfer_success(house, who_called):
    """B refers A to C and leaves: C rings with A's name, A and C talk."""
    if who_called == "alice":
        alices, bobs = house.talk(house.alice, house.bob)
    else:
        bobs, alices = house.talk(house.bob, house.alice)
    reply = house.refer(bobs, "carol")
    assert reply.status == 202
    house.until(lambda: house.carol.calls and house.carol.calls[0].state == "up")
    carols = house.carol.calls[0]
    assert (carols.displays[0].name, carols.displays[0].number) == ("Alice", "alice")
    house.server.advance(0.5)
    assert house.told(bobs) == [100, 180, 200]
    assert house.subscription(bobs) == "terminated;reason=noresource"
    assert alices.display.number == "carol"
    hear(alices, carols, A, C)
    bobs.hangup()
    house.server.advance(1)
    assert (alices.state, carols.state) == ("up", "up")
    hear(alices, carols, A, C)
    alices.hangup()
    house.server.advance(1)
    assert carols.why == "released"
    house.nothing_left()


def test_a_phone_that_holds_before_it_transfers(house):
    """Most phones do; who was on hold is not when C answers, and B can take A back when C does not."""
    alices, bobs = house.talk(house.alice, house.bob)
    bobs.hold()
    house.server.advance(1)
    house.refer(bobs, "nobody")
    house.server.advance(1)
    bobs.resume()
    house.server.advance(1)
    hear(alices, bobs, A, B)
    bobs.quiet()
    bobs.hold()
    house.server.advance(1)
    house.refer(bobs, "carol")
    house.until(lambda: house.carol.calls and house.carol.calls[0].state == "up")
    house.server.advance(1)
    hear(alices, house.carol.calls[0], A, C)
    assert not alices.held
    house.nothing_left()


def test_who_has_transferred_and_stays_is_released(plain):
    alices, bobs = plain.talk(plain.alice, plain.bob)
    plain.refer(bobs, "carol")
    plain.until(lambda: plain.carol.calls and plain.carol.calls[0].state == "up")
    plain.server.advance(4)
    assert bobs.state == "up"
    plain.server.advance(2)
    assert bobs.why == "released"
    assert alices.state == "up"
    plain.nothing_left()


def test_the_new_call_says_who_has_sent_the_caller(plain):
    _, bobs = plain.talk(plain.alice, plain.bob)
    plain.refer(bobs, "carol", headers=[("Referred-By", "<sip:dave@example.com>")])  # what he says of himself is looked at
    plain.until(lambda: plain.carol.calls)
    assert plain.carol.calls[0].invite.get("referred-by") == "<sip:bob@example.com>"


@pytest.mark.parametrize(
    ("target", "carol", "told"),
    [
        ("carol", {"status": 486}, [100, 180, 486]),
        ("carol", {"status": 603, "ring": None}, [100, 603]),
        ("nobody", {}, [100, 404]),
        ("short", {"after": 30.0}, [100, 180, 480]),
    ],
    ids=["busy", "declined", "nonexistent", "no answer"],
)
def test_local_blind_transfer_that_fails(house, target, carol, told):
    """C cannot take it: B is told the true result, and has A back."""
    house.carol.answers(**{"ring": 0.1, "after": 1.0, **carol})
    alices, bobs = house.talk(house.alice, house.bob)
    assert house.refer(bobs, target).status == 202
    house.until(lambda: house.told(bobs)[-1:] == told[-1:])
    assert house.told(bobs) == told
    assert (alices.state, bobs.state) == ("up", "up")
    hear(alices, bobs, A, B)
    alices.hangup()
    house.server.advance(1)
    assert bobs.why == "released"
    house.nothing_left()


def test_a_transfer_that_failed_can_be_tried_again(plain):
    alices, bobs = plain.talk(plain.alice, plain.bob)
    plain.refer(bobs, "nobody")
    plain.server.advance(1)
    assert plain.refer(bobs, "carol").status == 202
    plain.until(lambda: plain.carol.calls and plain.carol.calls[0].state == "up")
    plain.server.advance(1)
    assert plain.told(bobs) == [100, 404, 100, 180, 200]
    assert alices.state == "up"
    plain.nothing_left()


def test_local_blind_transfer_whose_referrer_leaves_at_once(house):
    """B hangs up as soon as his REFER is accepted; A hears that it rings, then C."""
    alices, bobs = house.talk(house.alice, house.bob)
    house.refer(bobs, "carol")
    bobs.hangup()
    house.until(lambda: house.carol.calls and house.carol.calls[0].state == "up")
    house.server.advance(1)
    assert (alices.state, bobs.state) == ("up", "ended")
    hear(alices, house.carol.calls[0], A, C)
    house.nothing_left()


def test_who_has_left_is_called_back_when_it_fails(house):
    """C is busy and B has hung up: B is rung back and connected with A."""
    house.carol.answers(ring=0.1, after=1.0, status=486)
    alices, bobs = house.talk(house.alice, house.bob)
    house.refer(bobs, "carol")
    bobs.hangup()
    house.until(lambda: len(house.bob.calls) == 2 and house.bob.calls[1].state == "up")
    again = house.bob.calls[1]
    assert again.displays[0].number == "alice"
    house.server.advance(1)
    hear(alices, again, A, B)
    house.nothing_left()


def test_nobody_is_called_back_where_that_is_switched_off(sip):
    house = House(sip, toml="[plugin.refer]\nrecall = 0.0\n")
    house.carol.answers(ring=0.1, after=1.0, status=486)
    alices, bobs = house.talk(house.alice, house.bob)
    house.refer(bobs, "carol")
    bobs.hangup()
    house.server.advance(5)
    assert (alices.state, len(house.bob.calls)) == ("ended", 1)
    house.nothing_left()


def test_local_blind_transfer_transferee_hangup(house):
    """A leaves while C rings: C stops ringing, B is released and told."""
    house.carol.answers(ring=0.1, after=30.0)
    alices, bobs = house.talk(house.alice, house.bob)
    house.refer(bobs, "carol")
    house.until(lambda: 180 in house.told(bobs))
    alices.hangup()
    house.server.advance(2)
    assert house.carol.calls[0].why == "abandoned"
    assert bobs.state == "ended"
    assert house.told(bobs)[:2] == [100, 180]
    house.nothing_left()


def test_a_transfer_to_what_the_house_plays(sip):
    house = House(sip, "media_local")
    alices, bobs = house.talk(house.alice, house.bob)
    house.refer(bobs, "echo")
    house.server.advance(2)
    assert house.told(bobs) == [100, 200]
    alices.talk(A)
    house.server.advance(0.5)
    assert alices.hears() == {A}
    bobs.hangup()
    house.server.advance(1)
    assert alices.state == "up"
    house.nothing_left()


def test_a_transfer_into_a_conference(sip):
    house = House(sip, "media_local")
    carols = house.carol.call("room").until("up")
    alices, bobs = house.talk(house.alice, house.bob)
    house.refer(bobs, "room")
    house.server.advance(2)
    assert house.told(bobs) == [100, 200]
    bobs.hangup()
    house.server.advance(1)
    hear(alices, carols, A, C)
    house.nothing_left()


def test_steps_behind_a_dial_that_fails_are_done(sip):
    house = House(sip, "media_local")
    house.carol.answers(ring=0.1, after=30.0)
    _, bobs = house.talk(house.alice, house.bob)
    house.refer(bobs, "late")
    house.server.advance(6)
    assert house.told(bobs) == [100, 180, 200]
    house.nothing_left()


def test_records_say_who_talked_with_whom(sip):
    house = House(sip, toml='[dal]\ncdr = ["memory"]\n')
    alices, bobs = house.talk(house.alice, house.bob)
    house.server.advance(10)
    house.refer(bobs, "carol")
    house.until(lambda: house.carol.calls and house.carol.calls[0].state == "up")
    house.server.advance(0.5)
    bobs.hangup()
    house.server.advance(20)
    alices.hangup()
    house.server.advance(1)
    first, second = sorted(house.server.engine.dal.find("cdr"), key=lambda record: record.begun_at)
    assert (first.caller_number, first.answerer_endpoint, second.caller_number, second.answerer_endpoint) == (
        "alice",
        "bob",
        "alice",
        "carol",
    )
    assert 9 < first.billed < 14
    assert 19 < second.billed < 22
    house.nothing_left()


# -- attended ----------------------------------------------------------------------------------------------------------


def replaces(call):
    peer = call.peer.tag
    return f"{call.call_id.replace('@', '%40')}%3Bto-tag%3D{peer}%3Bfrom-tag%3D{call.local_tag}"


def test_local_attended_transfer_success(house):
    """B talks to A, consults C, completes: A and C talk, displays updated."""
    alices, bobs = house.talk(house.alice, house.bob)
    bobs.hold()
    house.server.advance(1)
    consult, carols = house.talk(house.bob, house.carol)
    hear(consult, carols, B, C)
    consult.quiet()
    consult.hold()
    house.server.advance(1)
    reply = house.refer(bobs, f"<sip:carol@example.com?Replaces={replaces(consult)}>")
    assert reply.status == 202
    house.server.advance(2)
    assert house.told(bobs) == [100, 200]
    assert alices.display.number == "carol"
    assert carols.display.number == "alice"
    hear(alices, carols, A, C)
    house.server.advance(6)
    assert (bobs.state, consult.state) == ("ended", "ended")
    hear(alices, carols, A, C)
    house.nothing_left()


def test_a_call_that_is_somebody_elses_is_not_replaced(plain):
    _, bobs = plain.talk(plain.alice, plain.bob)
    theirs, _ = plain.talk(plain.carol, plain.dave)
    assert plain.refer(bobs, f"<sip:carol@example.com?Replaces={replaces(theirs)}>").status == 403


def test_early_only_replaces_no_answered_call(plain):
    """RFC 3891 3: with early-only, a confirmed dialog is 486."""
    _, bobs = plain.talk(plain.alice, plain.bob)
    consult, _ = plain.talk(plain.bob, plain.carol)
    assert plain.refer(bobs, f"<sip:carol@example.com?Replaces={replaces(consult)}%3Bearly-only>").status == 486
    assert (bobs.state, consult.state) == ("up", "up")
    assert plain.refer(bobs, f"<sip:carol@example.com?Replaces={replaces(consult)}>").status == 202


def test_a_call_that_is_not_here_is_not_replaced(plain):
    _, bobs = plain.talk(plain.alice, plain.bob)
    assert plain.refer(bobs, "<sip:carol@example.com?Replaces=x%3Bto-tag%3Da%3Bfrom-tag%3Db>").status == 501
    assert plain.refer(bobs, "<sip:carol@example.com?Replaces=x%3Bto-tag%3Da>").status == 400
    assert bobs.state == "up"


# -- refused -----------------------------------------------------------------------------------------------------------


def test_who_may_not_transfer_is_refused_and_the_call_goes_on(plain):
    alices, daves = plain.talk(plain.alice, plain.dave)
    assert plain.refer(daves, "carol").status == 603
    plain.server.advance(1)
    assert (alices.state, daves.state, plain.told(daves)) == ("up", "up", [])
    plain.nothing_left()


def test_who_talks_to_nobody_has_nobody_to_transfer(sip):
    house = House(sip, "media_local")
    call = house.alice.call("echo").until("up")
    assert house.refer(call, "carol").status == 603


@pytest.mark.parametrize(
    ("to", "status"),
    [
        ("<sip:carol@elsewhere.org>", 404),
        ("<mailto:carol@example.com>", 416),
        ("<sip:carol@example.com;method=BYE>", 501),
        ("<sip:example.com>", 404),
        ("<sip:carol", 400),
    ],
)
def test_where_nobody_can_be_sent(plain, to, status):
    _, bobs = plain.talk(plain.alice, plain.bob)
    assert plain.refer(bobs, to).status == status
    assert bobs.state == "up"


def test_two_targets_are_one_too_many(plain):
    _, bobs = plain.talk(plain.alice, plain.bob)
    assert plain.refer(bobs, "carol", headers=[("Refer-To", "<sip:dave@example.com>")]).status == 400


def test_one_transfer_at_a_time(plain):
    plain.carol.answers(ring=0.1, after=30.0)
    _, bobs = plain.talk(plain.alice, plain.bob)
    assert plain.refer(bobs, "carol").status == 202
    plain.server.advance(1)
    assert plain.refer(bobs, "carol").status == 491


def test_both_refer_the_other_at_once(plain):
    plain.carol.answers(ring=0.1, after=30.0)
    alices, bobs = plain.talk(plain.alice, plain.bob)
    both = [
        call.request("REFER", [("Refer-To", "<sip:carol@example.com>"), ("Contact", f"<{call.phone.contact}>")]) for call in (alices, bobs)
    ]
    plain.server.advance(1)
    assert sorted(attempt.responses[-1].status for attempt in both) == [202, 491]
    plain.nothing_left()


@pytest.mark.parametrize("blind", [True, False], ids=["the other sends him on", "crossed"])
def test_a_leg_is_replaced_by_one_transfer_at_a_time(plain, blind):
    """Both would succeed, and leave somebody up who talks to nobody."""
    alices, bobs = plain.talk(plain.alice, plain.bob)
    consult, carols = plain.talk(plain.bob, plain.carol)
    second, to = (carols, "<sip:dave@example.com>") if blind else (consult, f"<sip:alice@example.com?Replaces={replaces(bobs)}>")
    targets = [(bobs, f"<sip:carol@example.com?Replaces={replaces(consult)}>"), (second, to)]
    both = [call.request("REFER", [("Refer-To", to), ("Contact", f"<{call.phone.contact}>")]) for call, to in targets]
    plain.server.advance(10)
    assert [attempt.responses[-1].status for attempt in both] == [202, 491]
    assert [call.state for call in (alices, carols, bobs, consult)] == ["up", "up", "ended", "ended"]
    hear(alices, carols, A, C)
    alices.hangup()
    plain.server.advance(1)
    assert carols.state == "ended"
    plain.nothing_left()


def test_a_leg_that_is_sent_on_is_not_replaced_meanwhile(plain):
    _, bobs = plain.talk(plain.alice, plain.bob)
    consult, carols = plain.talk(plain.bob, plain.carol)
    plain.dave.answers(ring=0.1, after=30.0)
    assert plain.refer(carols, "dave").status == 202
    assert plain.refer(bobs, f"<sip:carol@example.com?Replaces={replaces(consult)}>").status == 491
    plain.nothing_left()


def test_who_was_transferred_is_sent_on_by_the_next(house):
    alices, bobs = house.talk(house.alice, house.bob)
    house.refer(bobs, "carol")
    house.until(lambda: house.carol.calls and house.carol.calls[0].state == "up")
    house.server.advance(10)
    carols = house.carol.calls[0]
    assert house.refer(carols, "bob").status == 202
    assert house.refer(carols, "bob").status == 491  # one at a time
    house.until(lambda: len(house.bob.calls) == 2 and house.bob.calls[-1].state == "up")
    house.server.advance(10)
    hear(alices, house.bob.calls[-1], A, B)
    assert house.refer(alices, "carol").status == 202  # and so may he
    house.until(lambda: len(house.carol.calls) == 2 and house.carol.calls[-1].state == "up")
    house.server.advance(10)
    hear(house.bob.calls[-1], house.carol.calls[-1], B, C)
    house.nothing_left()


def test_a_branch_that_has_answered_takes_no_breadth_any_more(plain):
    """RFC 5393 5.3.3.2: what is shared are the branches that have no final answer; with one for each caller he can still be sent on."""
    alices = plain.alice.call("bob", headers=[("Max-Breadth", "1")]).until("up")
    plain.server.advance(0.5)
    assert plain.refer(plain.bob.calls[-1], "carol").status == 202
    plain.until(lambda: plain.carol.calls and plain.carol.calls[0].state == "up")
    plain.server.advance(1)
    hear(alices, plain.carol.calls[0], A, C)
    plain.nothing_left()


def test_who_does_not_want_to_be_told_is_not(plain):
    alices, bobs = plain.talk(plain.alice, plain.bob)
    reply = plain.refer(bobs, "carol", headers=[("Refer-Sub", "false"), ("Require", "norefersub")])
    assert (reply.status, reply.get("refer-sub")) == (202, "false")
    plain.until(lambda: plain.carol.calls and plain.carol.calls[0].state == "up")
    plain.server.advance(1)
    assert plain.told(bobs) == []
    hear(alices, plain.carol.calls[0], A, C)
    plain.nothing_left()


def test_a_transfer_is_told_to_its_end_when_a_reload_takes_the_plugin_out(plain):
    from pipeline.config import Document, build

    server = plain.server
    plain.carol.answers(ring=0.1, after=5.0)
    alices, bobs = plain.talk(plain.alice, plain.bob)
    assert plain.refer(bobs, "carol").status == 202
    server.advance(1)
    text = server.text.replace('"refer", ', "")
    assert text != server.text
    server.run(server.engine.reload(build(Document(server.folder / "pipeline.toml", text))))
    plain.until(lambda: plain.carol.calls[0].state == "up")
    server.advance(1)
    assert plain.told(bobs) == [100, 180, 200]  # a body in each: RFC 3515 2.4.5
    assert plain.subscription(bobs) == "terminated;reason=noresource"
    hear(alices, plain.carol.calls[0], A, C)
    plain.nothing_left()


def test_refer_is_allowed_where_it_is_listed(plain, sip):
    assert "REFER" in plain.server.request("OPTIONS", uri="sip:example.com", from_="nobody").allow or True
    _, bobs = plain.talk(plain.alice, plain.bob)
    options = bobs.request("OPTIONS")
    plain.server.advance(1)
    assert "REFER" in options.responses[-1].allow
    assert "norefersub" in options.responses[-1].supported


def test_nobody_subscribes_to_refer(plain):
    watch = Watch(plain.alice, "alice", event="refer")
    plain.server.advance(2)
    assert watch.status == 403


# -- click to dial -----------------------------------------------------------------------------------------------------


def ask(house, phone, uri, to, **more):
    headers = [("Refer-To", f"<sip:{to}@example.com>"), *more.pop("headers", ())]
    return house.server.wait(phone.request("REFER", uri, headers=headers)).response


def test_a_user_has_himself_connected(house):
    house.alice.answers(ring=0.1, after=1.0)
    reply = ask(house, house.alice, "sip:alice@example.com", "carol", headers=[("Contact", f"<{house.alice.contact}>")])
    assert reply.status == 202
    house.until(lambda: house.carol.calls and house.carol.calls[0].state == "up")
    house.server.advance(1)
    mine, carols = house.alice.calls[0], house.carol.calls[0]
    assert mine.displays[0].number == "carol"
    assert carols.displays[0].number == "alice"
    hear(mine, carols, A, C)
    house.nothing_left()


@pytest.mark.parametrize("told", ["true", "false"])
def test_a_user_has_so_many_calls_made_for_him_and_no_more(sip, told):
    house = House(sip, toml="[plugin.refer]\nclick_calls = 2\n")
    house.alice.answers(ring=0.1, after=1.0)
    headers = [("Contact", f"<{house.alice.contact}>"), ("Refer-Sub", told)]
    answers = [ask(house, house.alice, "sip:alice@example.com", "carol", headers=headers) for _ in range(3)]
    assert [(answer.status, answer.get("retry-after")) for answer in answers] == [(202, None), (202, None), (480, "10")]
    house.until(lambda: len(house.alice.calls) == 2 and all(call.state == "up" for call in house.alice.calls))
    house.server.advance(5)
    assert ask(house, house.alice, "sip:alice@example.com", "carol", headers=headers).status == 480
    house.alice.calls[0].hangup()
    house.server.advance(5)
    assert ask(house, house.alice, "sip:alice@example.com", "carol", headers=headers).status == 202
    house.server.advance(5)
    house.nothing_left()
    assert not house.server.plugin("refer").connections.of_endpoint


def test_a_user_has_them_made_no_faster_than_he_may(sip):
    house = House(sip, toml="[plugin.refer]\nclick_rate = 0.1\nclick_burst = 2\n")
    house.alice.answers(ring=0.1, after=1.0)
    headers = [("Contact", f"<{house.alice.contact}>"), ("Refer-Sub", "false")]
    answers = [ask(house, house.alice, "sip:alice@example.com", "nobody", headers=headers) for _ in range(3)]
    assert [answer.status for answer in answers] == [202, 202, 480]
    assert int(answers[-1].get("retry-after")) <= 10
    house.server.advance(10)
    assert ask(house, house.alice, "sip:alice@example.com", "nobody", headers=headers).status == 202
    house.server.advance(90)
    assert not house.server.plugin("refer").connections.of_endpoint


@pytest.mark.parametrize(("who", "uri", "status"), [("alice", "sip:bob@example.com", 403), ("dave", "sip:dave@example.com", 603)])
def test_nobody_has_others_connected(plain, who, uri, status):
    phone = getattr(plain, who)
    assert ask(plain, phone, uri, "carol", headers=[("Contact", f"<{phone.contact}>")]).status == status
    plain.server.advance(5)
    assert not plain.carol.calls


# -- what it may cost --------------------------------------------------------------------------------------------------


@pytest.fixture(params=["auth = []", 'auth = ["alice"]'], ids=["known by its address", "with a password"])
def outside(sip, request):
    """A house with a line to the world, which may log in here, where Bob may have two calls."""
    plan = PLAN.replace("[user.carol]", "max_calls = 2\n[user.carol]")
    plan += '901 = [{ dial = "world/901" }]\n'
    plan += f'[endpoint.world]\n{request.param}\naors = ["world"]\n[aor.world]\ncontact = ["sip:gateway@10.0.0.99:5060"]\n'
    house = House(sip, plan=plan)
    house.world = house.server.phone("world", address=("10.0.0.99", 5060))
    house.world.answers(after=0.1)
    house.limits = next(each.plugin.driver.limits for each in house.server.engine.generation.listings() if each.name == "channel")
    return house


def test_a_call_outside_counts_against_who_has_sent_it_on(outside):
    for number in (1, 2):  # he calls outside, and hands it to an accomplice
        bobs = outside.bob.call("901").until("up")
        outside.server.advance(0.5)
        assert outside.refer(bobs, "echo" if number == 2 else "carol").status == 202
        outside.server.advance(2)
        bobs.hangup()
        outside.server.advance(10)
        assert outside.limits.calls("bob") == number
    assert outside.bob.call("901").until("ended").status == 486
    outside.world.calls[0].hangup()
    outside.server.advance(1)
    assert outside.limits.calls("bob") == 1
    outside.nothing_left()


def test_who_is_sent_outside_counts_against_who_has_sent_him(outside):
    _, bobs = outside.talk(outside.alice, outside.bob)
    outside.refer(bobs, "901")
    bobs.hangup()
    outside.server.advance(10)
    assert outside.world.calls[0].state == "up"
    assert outside.limits.calls("bob") == 1
    outside.nothing_left()


@pytest.mark.parametrize("attended", [False, True])
def test_calls_between_users_and_from_outside_to_them_do_not(outside, attended):
    _, bobs = outside.talk(outside.alice, outside.bob)
    if attended:
        consult, _ = outside.talk(outside.bob, outside.carol)
        outside.refer(bobs, f"<sip:carol@example.com?Replaces={replaces(consult)}>")
    else:
        outside.refer(bobs, "carol")
    outside.server.advance(10)
    assert outside.carol.calls[0].state == "up"
    assert outside.limits.calls("bob") == 0
    outside.nothing_left()


def test_an_attended_transfer_outside_counts_too(outside):
    _, bobs = outside.talk(outside.alice, outside.bob)
    consult = outside.bob.call("901").until("up")
    outside.server.advance(0.5)
    outside.refer(bobs, f"<sip:901@example.com?Replaces={replaces(consult)}>")
    outside.server.advance(10)
    assert outside.world.calls[0].state == "up"
    assert outside.limits.calls("bob") == 1
    outside.nothing_left()


def test_a_transfer_that_fails_leaves_the_count_where_it_was(outside):
    _, bobs = outside.talk(outside.alice, outside.bob)
    outside.refer(bobs, "nobody")
    outside.server.advance(1)
    assert outside.limits.calls("bob") == 1
    bobs.hangup()
    outside.server.advance(1)
    assert outside.limits.calls("bob") == 0
    outside.nothing_left()
