"""The house itself calls: one party, two parties that it joins; a caller who was answered before he dials; legs that are swapped. RFC 3725."""

import pytest

from pipeline.core import Dialed, Ended, Party, Unroutable

MENU = """
[context.menu.extensions]
610 = ["answer", { wait = 1 }, { dial = "bob" }]
"""


def placed(h, target, **more):
    return h.server.engine.core.originate(target, **more)


def test_one_party_is_called_and_led_to_an_extension(house):
    h = house()
    h.bob.answers(ring=1.0)
    pending = placed(h, "bob", dialed=Dialed("default", "600"), caller=Party("The House", "600"))
    h.advance(2)
    call = h.bob.calls[-1].until("up")
    assert pending.value().application and call.agreed
    assert (call.display.name, call.display.number) == ("The House", "600")
    call.hangup()


@pytest.mark.parametrize("leaves", ["alice", "bob"])
def test_two_parties_are_joined_and_each_display_shows_the_other(house, leaves):
    h = house()
    pending = placed(h, "bob", target2="alice")
    h.advance(5)
    assert pending.done and pending.value().endpoint == "bob"
    bob, alice = h.bob.calls[-1].until("up"), h.alice.calls[-1].until("up")
    assert alice.mirrors(bob)
    assert bob.display.number == "alice" and alice.display.number == "bob"
    (bridge,) = h.server.engine.core.bridges.values()
    assert len(bridge.channels) == 2
    (alice if leaves == "alice" else bob).hangup()
    h.advance(1)
    assert alice.state == bob.state == "ended"


def test_the_second_party_is_busy(house):
    h = house()
    h.alice.answers(status=486)
    pending = placed(h, "bob", target2="alice")
    h.advance(5)
    with pytest.raises(Ended) as caught:
        pending.value()
    assert caught.value.hangup.cause.name == "BUSY" and h.bob.calls[-1].state == "ended"


@pytest.mark.parametrize(("second", "cause"), [("ghost", "UNALLOCATED"), ("trunk", "ABSENT")])
def test_nobody_rings_for_a_second_party_who_cannot_be_called(house, second, cause):
    h = house("[user.trunk]\npassword = 'of a phone that is not there'\n")
    pending = placed(h, "bob", target2=second)
    h.advance(5)
    with pytest.raises(Unroutable) as caught:
        pending.value()
    assert (caught.value.target, caught.value.hangup.cause.name) == (second, cause)
    assert h.bob.calls == [] and not h.server.engine.core.channels


@pytest.fixture
def menu(house):
    """Alice dials 610, is answered, and bob is called then."""
    h = house(MENU, alice='context = "menu"')
    h.bob.answers(ring=2.0)
    call = h.alice.call("610").until("up")
    return h, call


def test_a_caller_who_was_answered_first_is_joined_with_whom_he_dials(menu):
    h, call = menu
    h.advance(5)
    other = h.bob.calls[-1].until("up")
    h.advance(1)
    assert call.mirrors(other) and other.display.number == "alice"
    other.hangup()
    h.advance(1)
    assert call.state == "ended"


def test_a_leg_is_swapped_for_another_and_both_hear_each_other(house):
    h = house(phones=("alice", "bob", "carol"))
    call, other = h.up()
    core = h.server.engine.core
    (bridge,) = core.bridges.values()

    async def stay(channel):
        await channel.over()

    placed(h, "carol", script=stay)
    h.advance(3)
    third = h.carol.calls[-1].until("up")
    (new,) = [channel for channel in core.channels.values() if channel.endpoint == "carol"]
    (old,) = [channel for channel in core.channels.values() if channel.endpoint == "bob"]
    swapped = bridge.swap(old, new)
    h.advance(2)
    assert swapped.value() is bridge and call.mirrors(third)
    other.hangup()
    h.advance(1)
    assert call.state == third.state == "up"
    assert third.display.number == "alice"
    third.hangup()
    h.advance(1)
    assert call.state == "ended"


@pytest.mark.parametrize("next_step", ["carol", "echo"])
def test_after_a_callee_who_was_heard_and_declined_the_next_is_heard(house, next_step):
    steps = '[{ dial = "bob" }, { dial = "carol" }]' if next_step == "carol" else '[{ dial = "bob" }, "answer", "echo"]'
    h = house(f"\n[context.menu.extensions]\n620 = {steps}\n", alice='context = "menu"', phones=("alice", "bob", "carol"))
    h.bob.answers(early=True, after=2.0, status=486)
    call = h.alice.call("620")
    h.advance(1)
    assert 183 in call.statuses
    h.advance(5)
    call.until("up")
    if next_step == "carol":
        assert call.mirrors(h.carol.calls[-1].until("up"))
    else:
        assert call.agreed
    call.hangup()


def test_displays_show_who_it_is_and_not_what_his_phone_calls_itself(house):
    """Phones register contacts like sip:alice-0x5630@…"""
    h = house(alice="caller_id = '\"Alice\" <100>'")
    for phone, user in ((h.alice, "alice"), (h.bob, "bob")):
        phone.register(contacts=[f"<sip:{user}-0x563023890db0@{phone.contact.partition('@')[2]}>"])
        h.advance(1)
        phone.register(0, contacts=[f"<{phone.contact}>"])
        h.advance(1)
    placed(h, "bob", target2="alice")
    h.advance(5)
    bob, alice = h.bob.calls[-1].until("up"), h.alice.calls[-1].until("up")
    assert alice.display.number == "bob"
    assert (bob.display.name, bob.display.number) == ("Alice", "100")
    alice.hangup()
    h.advance(1)
    call = h.alice.call("bob").until("up")
    assert call.display.number == "bob"


@pytest.mark.parametrize("updates", [True, False])
def test_who_is_swapped_in_shows_on_the_display(house, updates):
    h = house(phones=("alice", "bob", "carol"))
    h.alice.updates = updates
    call, _other = h.up()
    core = h.server.engine.core
    (bridge,) = core.bridges.values()
    placed(h, "carol", script=stay)
    h.advance(3)
    (new,) = [channel for channel in core.channels.values() if channel.endpoint == "carol"]
    (old,) = [channel for channel in core.channels.values() if channel.endpoint == "bob"]
    bridge.swap(old, new)
    h.advance(2)
    assert (call.display.source, call.display.number) == ("pai", "carol")
    assert bool(call.requests("UPDATE")) is updates
    call.hangup()


async def stay(channel):
    await channel.over()


@pytest.mark.parametrize("method", ["UPDATE", "INVITE"])
def test_who_a_trusted_phone_says_is_there_now_shows_on_the_other_display(house, method):
    h = house(bob="trust_id_inbound = true")
    call, other = h.up()
    asserted = ("P-Asserted-Identity", '"Reception" <sip:900@example.com>')
    other.update(headers=[asserted]) if method == "UPDATE" else other.reinvite(headers=[asserted])
    h.advance(2)
    assert (call.display.name, call.display.number) == ("Reception", "900")


def test_who_a_phone_claims_is_there_now_does_not(house):
    h = house()
    call, other = h.up()
    other.update(headers=[("P-Asserted-Identity", "<sip:900@example.com>")])
    h.advance(2)
    assert call.display.number == "bob"


def test_displays_show_the_domain_of_who_is_in_another_than_the_first(house):
    users = "".join(f'[user."{name}@other.org"]\npassword = "x"\n' for name in ("dave", "erin"))
    h = house(users + '[domain."other.org"]\n')
    for name in ("dave", "erin"):
        phone = h.phones[name] = h.server.phone(name, password="x")
        phone.domain = "other.org"
        phone.online()
    for caller, called, there, back in (
        ("dave", "erin@other.org", "dave@other.org", "erin@other.org"),
        ("alice", "erin@other.org", "alice@example.com", "erin@other.org"),
        ("dave", "bob@example.com", "dave@other.org", "bob@example.com"),
    ):
        call = h.phones[caller].call(uri=f"sip:{called}").until("up")
        other = h.phones[called.partition("@")[0]].calls[-1].until("up")
        assert other.requests("INVITE")[0].from_.uri.text == f"sip:{there}"
        assert (other.display.uri, call.display.uri) == (f"sip:{there}", f"sip:{back}")
        call.hangup()
        h.advance(1)
