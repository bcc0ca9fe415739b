"""A callee who says that he is somewhere else: who is called then, how, and what everybody is told. RFC 3261 8.1.3.4; RFC 5806; RFC 3326."""

import pytest

from pipeline.conformance.marks import rfc
from pipeline.sip.message import Response
from pipeline.sip.parser import parse

CAROL = [("Contact", "<sip:carol@example.com>")]


def forwarded(house, **more):
    h = house(phones=("alice", "bob", "carol"), **more)
    h.bob.answers(ring=0.05, after=0.1, status=302, headers=CAROL)
    return h


def test_the_display_of_the_caller_shows_who_answers(house):
    h = forwarded(house, carol="caller_id = '\"Carol\" <300>'")
    call = h.alice.call("bob").until("up")
    assert call.mirrors(h.carol.calls[-1])
    assert (call.display.name, call.display.number) == ("Carol", "300")


@rfc("3261", "21.1.3")
@rfc("5806", "5")
def test_the_caller_is_told_181_and_the_next_callee_by_whom(house):
    h = forwarded(house)
    h.carol.answers(after=1.0)
    call = h.alice.call("bob").until("up")
    assert 181 in call.statuses and not call.responses(181)[0].body
    assert h.carol.calls[-1].invite.get("diversion") == "<sip:bob@example.com>;reason=deflection"


def test_who_was_diverted_before_and_by_whom_is_handed_on_by_those_who_are_trusted(house):
    h = forwarded(house, alice="trust_id_inbound = true")
    before = "<sip:dave@example.org>;reason=unconditional"
    h.alice.call("bob", headers=[("Diversion", before)]).until("up")
    assert h.bob.calls[-1].invite.all("diversion") == [before]
    assert h.carol.calls[-1].invite.all("diversion") == ["<sip:bob@example.com>;reason=deflection", before]


def test_what_a_stranger_says_of_diversions_is_not_handed_on(house):
    h = house()
    h.alice.call("bob", headers=[("Diversion", "<sip:dave@example.org>")]).until("up")
    assert "diversion" not in h.bob.calls[-1].invite


def test_the_diversion_of_a_trusted_3xx_is_taken_as_it_is(house):
    h = forwarded(house, bob="trust_id_inbound = true")
    said = "<sip:200@example.com>;reason=user-busy"
    h.bob.answers(ring=None, after=0.1, status=302, headers=[*CAROL, ("Diversion", said)])
    h.alice.call("bob").until("up")
    assert h.carol.calls[-1].invite.all("diversion") == [said]


def test_the_options_and_limits_of_who_is_called_then_count(house):
    h = forwarded(house, bob="max_calls = 1", carol='max_calls = 1\nrel100 = "required"')
    h.carol.reliable = "supported"
    call = h.alice.call("bob").until("up")
    assert "100rel" in h.carol.calls[-1].invite.require
    assert (h.driver.limits.calls("bob"), h.driver.limits.calls("carol")) == (1, 1)  # who forwards a call bears it too
    (channel,) = [each for each in h.server.engine.core.channels.values() if each.direction == "out"]
    assert channel.endpoint == "carol"
    assert h.alice.call("carol").until("ended").status == 486
    call.hangup()


def test_a_place_that_has_too_many_calls_is_passed_over(house):
    h = forwarded(house, carol="max_calls = 1")
    h.carol.call("600").until("up")
    assert h.alice.call("bob").until("ended").status == 486
    assert not [call for call in h.carol.calls if not call.caller]


def test_the_next_place_is_tried_when_one_does_not_answer_at_all(house):
    h = forwarded(house)
    h.bob.answers(after=0.1, status=302, headers=[("Contact", "<sip:x@10.0.0.99>;q=0.9, <sip:carol@example.com>;q=0.1")])
    call = h.alice.call("bob").until("up", 70)
    assert call.mirrors(h.carol.calls[-1])


OUTSIDE = """
[context.guests.extensions]
carol = [{ dial = "carol" }]
[context.staff]
users = true
[context.staff.extensions]
"_+X." = [{ dial = "sip:${extension}@10.0.0.50" }]
"/.+@partner[.]example/" = [{ dial = "carol" }]
600 = ["answer", { wait = 1 }]
700 = [{ dial = "bob" }, { dial = "carol" }]
"""


def to(h, *contacts):
    """Have bob forward his calls; alice calls him, and how that ends, or that it is up."""
    h.bob.answers(after=0.1, status=302, headers=[("Contact", ", ".join(f"<{contact}>" for contact in contacts))])
    call = h.alice.call("bob")
    h.server.loop.run_until(lambda: call.state in ("up", "ended"), 64)
    return call


@pytest.mark.parametrize(
    ("context", "contact", "status"),
    [
        ("guests", "sip:carol@example.com", 200),
        ("guests", "sip:+1900@example.com", 480),
        ("guests", "sip:+1900@10.0.0.50", 480),
        ("guests", "tel:+1900", 480),
        ("guests", "sip:bob@example.com", 480),
        ("guests", "sip:carol@10.0.0.50", 480),
        ("staff", "sip:+1900@anything.example", 486),
        ("staff", "sip:x@partner.example", 200),
        ("staff", "sip:x@another.example", 480),
        ("staff", "sip:600@example.com", 200),
    ],
)
def test_who_is_called_may_forward_to_whom_he_could_call_himself_and_to_nobody_else(house, context, contact, status):
    h = house(OUTSIDE, phones=("alice", "bob", "carol"), bob=f'context = "{context}"')
    far = []
    host = h.server.network.host("10.0.0.50")
    socket = host.datagram("10.0.0.50", 5060, lambda data, *_: far.append(parse(data)))

    def refuse(data, source, destination):
        if destination[0] == "10.0.0.50" and data.startswith(b"INVITE"):
            socket.send(Response.to(parse(data), 486, "", [], b"", to_tag="far").encode(), ("10.0.0.1", 5060))
        return True

    h.server.network.filter = refuse
    call = to(h, contact)
    assert call.final.status == status
    assert bool(far) is (status == 486)
    assert bool(h.server.told("forward.refused")) is (status == 480)
    assert "contact" not in call.final or status == 200
    h.server.network.filter = None
    h.carol.online()


def test_the_caller_s_own_rights_are_not_what_counts(house):
    h = house(OUTSIDE, phones=("alice", "bob", "carol"), alice='context = "staff"', bob='context = "guests"')
    assert to(h, "sip:600@example.com").status == 480


def test_the_first_place_that_he_could_call_is_called(house):
    h = house(OUTSIDE, phones=("alice", "bob", "carol"), bob='context = "guests"')
    call = to(h, "sip:+1900@10.0.0.50", "sip:carol@example.com")
    assert call.mirrors(h.carol.calls[-1])


def test_when_it_fails_there_the_steps_of_who_was_called_go_on(house):
    h = house(OUTSIDE, phones=("alice", "bob", "carol"), alice='context = "staff"', bob='context = "guests"')
    h.bob.answers(after=0.1, status=302, headers=[("Contact", "<sip:+1900@10.0.0.50>")])
    assert h.alice.call("700").until("up").mirrors(h.carol.calls[-1])


def test_two_who_forward_to_each_other_ring_once_each(house):
    h = house(phones=("alice", "bob", "carol"))
    h.carol.answers(after=0.1, status=302, headers=[("Contact", "<sip:bob@example.com>")])
    assert to(h, "sip:carol@example.com").status == 480
    assert (len(h.bob.calls), len(h.carol.calls)) == (2, 1)


def test_a_redirection_of_a_stranger_is_the_caller_s_to_follow(house):
    h = house('[context.far.extensions]\n77 = [{ dial = "sip:far@10.0.0.50" }]\n', alice='context = "far"')
    host = h.server.network.host("10.0.0.50")
    socket = host.datagram("10.0.0.50", 5060, lambda data, *_: None)

    def redirect(data, source, destination):
        if destination[0] == "10.0.0.50" and data.startswith(b"INVITE"):
            away = [("Contact", "<sip:77@example.com>")]
            socket.send(Response.to(parse(data), 302, "", away, b"", to_tag="far").encode(), ("10.0.0.1", 5060))
        return True

    h.server.network.filter = redirect
    call = h.alice.call("77").until("ended")
    assert (call.status, [str(contact.uri) for contact in call.final.contacts]) == (302, ["sip:77@example.com"])
    h.server.network.filter = None


@rfc("3326", "2")
@pytest.mark.parametrize("who", ["caller", "callee"])
def test_why_a_call_is_released_reaches_the_other_side(house, who):
    h = house()
    call, other = h.up()
    one, two = (call, other) if who == "caller" else (other, call)
    one.hangup([("Reason", 'SIP;cause=600;text="had enough", Q.850;cause=17')])
    two.until("ended")
    [bye] = two.requests("BYE")
    assert bye.get("reason") == 'SIP;cause=600;text="had enough", Q.850;cause=17'


def test_why_a_caller_gives_up_reaches_the_callee(house):
    h = house()
    h.bob.answers(after=None)
    call = h.alice.call("bob").until("proceeding")
    h.advance(1)
    sent = []
    h.server.network.filter = lambda data, source, destination: (
        (data.startswith(b"CANCEL") and destination[0] == "10.0.0.3" and sent.append(parse(data))) or True
    )
    call.ours.asking.cancel([("Reason", 'SIP;cause=200;text="Call completed elsewhere"')])
    h.bob.calls[-1].until("ended")
    assert sent[0].get("reason") == 'SIP;cause=200;text="Call completed elsewhere"'
