"""plugins.channel.loops: Max-Forwards and the loop mark."""

import pytest
from pipeline.plugins.channel.loops import BEGINNING, LOOP, Breadth, Loops, Trip

from pipeline import Malformed, Request
from pipeline.conformance.marks import rfc
from pipeline.testing.server import CALLS


def invite(uri="sip:bob@example.com", **fields):
    return Request.new("INVITE", uri, [(name.replace("_", "-"), value) for name, value in fields.items()])


def fields_of(trip):
    return {name.replace("-", "_"): value for name, value in trip.onward()}


def test_a_call_of_our_own_has_seventy_hops_before_it():
    assert BEGINNING.onward() == [("Max-Forwards", "70")]


def test_each_server_takes_one_hop_away():
    loops = Loops(b"key")
    trip = loops.arrived(invite(Max_Forwards="12"), "alice")
    assert fields_of(trip)["Max_Forwards"] == "11"
    assert fields_of(loops.arrived(invite(), "alice"))["Max_Forwards"] == "69"
    assert fields_of(loops.arrived(invite(Max_Forwards="255"), "alice"))["Max_Forwards"] == "69"


def test_with_no_hop_left_it_may_be_answered_here_but_goes_no_further():
    trip = Loops(b"key").arrived(invite(Max_Forwards="0"), "alice")
    assert isinstance(trip, Trip)
    assert trip.onward() is None


def test_the_same_call_again_is_a_loop():
    loops = Loops(b"key")
    first = loops.arrived(invite(), "alice")
    back = invite("sip:bob@EXAMPLE.com", **fields_of(first))
    assert loops.arrived(back, "alice") is LOOP
    assert (LOOP.technology, LOOP.code) == ("sip", 482)


def test_another_callee_or_another_endpoint_is_a_spiral():
    loops = Loops(b"key")
    first = fields_of(loops.arrived(invite(), "alice"))
    spiral = loops.arrived(invite("sip:carol@example.com", **first), "alice")
    assert isinstance(spiral, Trip)
    assert len(spiral.marks) == 2
    assert isinstance(loops.arrived(invite(**first), "trunk"), Trip)
    assert loops.arrived(invite(**fields_of(spiral)), "alice") is LOOP


def test_a_mark_is_known_after_a_restart_and_to_nobody_else():
    first = fields_of(Loops(b"key").arrived(invite(), "alice"))
    assert Loops(b"key").arrived(invite(**first), "alice") is LOOP
    assert isinstance(Loops(b"other").arrived(invite(**first), "alice"), Trip)
    assert "bob" not in first["Sipline_Loop"]


def test_a_field_full_of_marks_is_read_only_so_far():
    trip = Loops(b"key").arrived(invite(Sipline_Loop=",".join(["0123456789ab"] * 5000)), "alice")
    assert len(trip.marks) == 71


def test_what_is_no_mark_is_not_carried_on():
    trip = Loops(b"key").arrived(invite(Sipline_Loop='secrets, <sip:a@b>;x="1", 0123456789ab'), "alice")
    assert trip.marks[:-1] == ("0123456789ab",)


def test_a_bad_number_of_hops_is_malformed():
    with pytest.raises(Malformed, match="Max-Forwards"):
        Loops(b"key").arrived(invite(Max_Forwards="many"), "alice")


@rfc("5393", "5.3.3")
def test_the_branches_of_a_call_share_its_breadth_and_give_it_back():
    breadth = Breadth(10)
    for _ in range(4):
        breadth.want()
    shares = [breadth.take() for _ in range(4)]
    assert shares == [2, 2, 3, 3]
    assert breadth.take() == 0
    breadth.give_back(2)
    assert breadth.take() == 2


@rfc("5393", "5.3.3")
def test_as_many_branches_as_the_breadth_has_are_begun_and_no_more():
    breadth = Breadth(2)
    for _ in range(3):
        breadth.want()
    assert [breadth.take() for _ in range(3)] == [1, 1, 0]


@rfc("5393", "5.3.3")
def test_a_breadth_is_read_and_none_is_none():
    loops = Loops(b"key")
    assert loops.arrived(invite(), "alice").breadth is None
    assert loops.arrived(invite(Max_Breadth="1"), "alice").breadth.take() == 1
    assert loops.arrived(invite(Max_Breadth="1000000"), "alice").breadth.take() == 60
    with pytest.raises(Malformed):
        loops.arrived(invite(Max_Breadth="wide"), "alice")


@rfc("5393", "5.3.3")
def test_a_call_rings_no_more_phones_than_its_breadth_allows(sip):
    server = sip("[context.default]\nusers = true\n", **CALLS)
    bobs = [server.phone("bob", password="bob's", address=(f"10.0.1.{number}", 5060)).online() for number in (1, 2, 3)]
    for bob in bobs:
        bob.answers(after=30.0)
    alice = server.phone("alice")
    call = alice.call("bob", headers=[("Max-Breadth", "2")])
    server.advance(3)
    ringing = [bob.calls[-1].invite for bob in bobs if bob.calls]
    assert [invite.get("max-breadth") for invite in ringing] == ["1", "1"]
    call.cancel()
    server.advance(5)
    nowhere = alice.call("bob", headers=[("Max-Breadth", "0")])
    server.advance(3)
    assert nowhere.status == 440


@rfc("5393", "5.3.3")
def test_each_phone_of_a_call_gets_its_share_of_the_breadth(sip):
    """The default of 60 is enough for a group of ten, and for forks behind each."""
    server = sip("[context.default]\nusers = true\n", **CALLS)
    bobs = [server.phone("bob", password="bob's", address=(f"10.0.1.{number}", 5060)).online() for number in range(1, 11)]
    for bob in bobs:
        bob.answers(after=30.0)
    server.phone("alice").call("bob", headers=[("Max-Breadth", "200")])
    server.advance(3)
    assert [bob.calls[-1].invite.get("max-breadth") for bob in bobs] == ["6"] * 10


@rfc("5393", "5.3.3")
def test_one_phone_alone_gets_all_of_the_breadth(sip):
    server = sip("[context.default]\nusers = true\n", **CALLS)
    bob = server.phone("bob").online()
    bob.answers(after=30.0)
    server.phone("alice").call("bob", headers=[("Max-Breadth", "20")])
    server.advance(3)
    assert bob.calls[-1].invite.get("max-breadth") == "20"


@rfc("5393", "5.3.3")
def test_who_is_called_in_anothers_place_gets_the_share_of_that_one(sip):
    users = "".join(f'[user.{name}]\npassword = "a"\nredirect_method = "uri"\n' for name in ("alice", "bob", "carol"))
    server = sip("[context.default]\nusers = true\n" + users, **CALLS)
    alice, bob, carol = (server.phone(name).online() for name in ("alice", "bob", "carol"))
    bob.answers(after=0.1, status=302, headers=[("Contact", "<sip:carol@example.com>")])
    carol.answers(after=30.0)
    alice.call("bob", headers=[("Max-Breadth", "20")])
    server.advance(3)
    assert carol.calls[-1].invite.get("max-breadth") == "20"
