"""Mirror of pipeline/sip/reliable.py: RFC 3262."""

from __future__ import annotations

import pytest

from pipeline.conformance.marks import rfc
from pipeline.sip import Malformed, Request, Response
from pipeline.sip.reliable import Rack, Received, Reliable, is_reliable, rack_of, rseq_of

INVITE = Request.new("INVITE", "sip:b@h", [("from", "<sip:a@h>;tag=1"), ("to", "<sip:b@h>"), ("call-id", "1"), ("cseq", "3 INVITE")])


def provisional(status=183, rseq="1", require="100rel"):
    return Response.to(INVITE, status, headers=[(name, value) for name, value in (("require", require), ("rseq", rseq)) if value])


def prack(text):
    return Request.new("PRACK", "sip:b@h", [("rack", text)] if text else [])


@rfc("3262", "3")
def test_which_responses_are_reliable():
    assert is_reliable(provisional(), 183)
    assert is_reliable(provisional(require="precondition, 100REL"), 183)
    assert not is_reliable(provisional(100), 100)
    assert not is_reliable(provisional(200), 200)
    assert not is_reliable(provisional(require=""), 183)
    assert not is_reliable(provisional(rseq=""), 183)
    assert rseq_of(provisional(rseq="988789")) == 988789
    assert rseq_of(provisional(rseq="")) is None


def test_a_rack_is_read_and_written():
    assert rack_of(prack("776656 1 INVITE")) == Rack(776656, 1, "INVITE")
    assert str(Rack(776656, 1)) == "776656 1 INVITE"


@pytest.mark.parametrize(
    "text", ["", "1 INVITE", "1 1", "x 1 INVITE", "1 x INVITE", "4294967296 1 INVITE", "1 2147483648 INVITE", "1 1 IN VITE"]
)
def test_a_bad_rack_is_malformed(text):
    with pytest.raises(Malformed, match="RAck"):
        rack_of(prack(text))


@rfc("3262", "3")
def test_numbers_rise_by_one_and_one_waits_for_its_prack():
    reliable = Reliable(41, 3, 0.5)
    assert reliable.send(described=True) == [("Require", "100rel"), ("RSeq", "42")]
    assert (reliable.pending, reliable.described) == (42, True)
    with pytest.raises(RuntimeError):
        reliable.send(described=False)
    for wrong in (Rack(41, 3), Rack(43, 3), Rack(42, 4), Rack(42, 3, "UPDATE")):
        assert not reliable.acknowledged(wrong)
    assert reliable.acknowledged(Rack(42, 3))
    assert not reliable.acknowledged(Rack(42, 3))
    assert (reliable.pending, reliable.described) == (0, False)
    assert reliable.send(described=False)[1] == ("RSeq", "43")


def test_the_first_number_leaves_room():
    assert 1 <= Reliable(2**40 + 5, 1, 0.5).last + 1 <= 2**31 - 1
    assert Reliable(2**31 - 1, 1, 0.5).send(described=False)[1] == ("RSeq", "1")


@rfc("3262", "3")
def test_repetitions_double_without_end_until_64_t1():
    reliable = Reliable(1, 1, 0.5)
    reliable.send(described=False)
    at, times = 0.0, []
    while True:
        at += reliable.wait
        if not reliable.fire():
            break
        times.append(at)
    assert times == [0.5, 1.5, 3.5, 7.5, 15.5, 31.5]
    assert at == 32.0


@rfc("3262", "4")
def test_what_comes_is_taken_once_and_in_order():
    received = Received()
    assert not received.take(0)
    assert received.take(700)
    assert not received.take(700)
    assert not received.take(702)
    assert received.take(701)
    assert received.take(702)
    assert not received.take(699)
