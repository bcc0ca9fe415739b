"""The wheel on which all that beats has its seat."""

from itertools import pairwise

import pytest
from pipeline.plugins.media_local.pacing import CATCH_UP, Wheel

from pipeline.clock import Clock
from pipeline.testing.loop import VirtualLoop


@pytest.fixture
def made():
    loop = VirtualLoop()
    failures = []
    yield loop, Wheel(Clock(loop, 0.0), 0.02, 10, failures.append), failures
    loop.close()


def test_each_seat_is_called_every_20_ms_and_seats_are_spread(made):
    loop, wheel, _ = made
    calls = {n: [] for n in range(20)}
    for n in range(20):
        wheel.join(lambda n=n: calls[n].append(loop.time()))
    loop.advance(1.0)
    for times in calls.values():
        assert 49 <= len(times) <= 51
        assert {round(b - a, 6) for a, b in pairwise(times)} == {0.02}
    assert len({round(times[0], 4) for times in calls.values()}) == 10


def test_without_seats_there_is_no_timer(made):
    loop, wheel, _ = made
    seat = wheel.join(lambda: None)
    loop.advance(0.1)
    seat.leave()
    seat.leave()
    loop.advance(0.1)
    assert len(wheel) == 0
    assert wheel._handle is None
    assert not loop._scheduled


def test_seats_may_be_left_and_taken_within_a_beat(made):
    loop, wheel, _ = made
    seen, seats = [], []

    def beat():
        seats.pop().leave()
        seats.append(wheel.join(later))

    def later():
        seen.append(loop.time())

    seats.append(wheel.join(beat))
    loop.advance(0.2)
    assert 8 <= len(seen) <= 11
    assert len([handle for handle in loop._scheduled if not handle.cancelled()]) == 1


def test_who_raises_does_not_stop_the_others(made):
    loop, wheel, failures = made
    count = []
    wheel.join(lambda: 1 / 0)
    for _ in range(10):
        wheel.join(lambda: count.append(1))
    loop.advance(0.1)
    assert len(failures) >= 4
    assert len(count) >= 40


def test_a_late_wake_up_is_caught_up_and_a_real_stop_forgotten(made):
    loop, wheel, _ = made
    count = []
    wheel.join(lambda: count.append(loop.time()))
    loop.advance(0.1)
    before = len(count)
    loop._virtual_now += 0.1
    loop.advance(0.02)
    assert 5 <= len(count) - before <= 7
    assert wheel.skipped == 0
    before = len(count)
    loop._virtual_now += 60
    loop.advance(0.02)
    assert len(count) - before <= CATCH_UP + 2
    assert wheel.skipped > 2900
