"""pipeline/clock.py: two times, and the queue for timers of one duration."""

import asyncio
import time
from datetime import UTC, timedelta, timezone

import pytest

from pipeline.clock import Clock, Deadlines, Fifo
from pipeline.testing.loop import VirtualLoop


@pytest.fixture
def loop():
    loop = VirtualLoop(start=100.0)
    yield loop
    loop.close()


@pytest.fixture
def clock(loop):
    return Clock(loop, epoch=1_700_000_000.0, zone=UTC)


def test_both_times_advance_together(loop, clock):
    assert (clock.now(), clock.time()) == (100.0, 1_700_000_000.0)
    loop.advance(32.0)
    assert (clock.now(), clock.time()) == (132.0, 1_700_000_032.0)


def test_the_time_on_the_wall_is_in_the_zone_given(loop):
    clock = Clock(loop, epoch=0.0, zone=timezone(timedelta(hours=2)))
    assert clock.local().isoformat() == "1970-01-01T02:00:00+02:00"


def test_without_an_epoch_the_machine_s_time_is_told():
    loop = asyncio.new_event_loop()
    try:
        clock = Clock(loop)
        assert clock.time is time.time
        assert clock.now is time.monotonic
        assert abs(clock.local().timestamp() - time.time()) < 5
    finally:
        loop.close()


def test_a_timer_comes_at_its_time_and_not_when_cancelled(loop, clock):
    seen = []
    clock.call_later(2.0, seen.append, "two")
    clock.call_at(101.0, seen.append, "one")
    clock.call_later(1.5, seen.append, "never").cancel()
    loop.advance(1.999)
    assert seen == ["one"]
    loop.advance(0.001)
    assert seen == ["one", "two"]


def test_fifo_calls_each_item_at_its_time(loop, clock):
    seen = []
    fifo = Fifo(clock, 32.0, lambda item: seen.append((clock.now(), item)))
    fifo.add("a")
    loop.advance(10.0)
    fifo.add("b")
    loop.advance(21.9)
    assert seen == []
    loop.advance(20.0)
    assert seen == [(132.0, "a"), (142.0, "b")]
    assert len(fifo) == 0


def test_fifo_is_never_early_and_late_by_a_grain_at_most(loop, clock):
    late = []
    fifo = Fifo(clock, 5.0, lambda due: late.append(clock.now() - due), grain=0.05)
    for _ in range(1000):
        fifo.add(clock.now() + 5.0)
        loop.advance(0.003)
    loop.advance(10.0)
    assert len(late) == 1000
    assert min(late) >= -1e-6
    assert max(late) <= 0.05 + 1e-6


def test_fifo_has_one_timer_for_any_number_of_items(loop, clock):
    made = []
    call_at = loop.call_at
    loop.call_at = lambda when, *args: made.append(when) or call_at(when, *args)
    fifo = Fifo(clock, 32.0, lambda item: None)
    for item in range(5000):
        fifo.add(item)
    assert made == [132.0]


def test_fifo_leaves_the_loop_a_turn_between_batches(loop, clock):
    seen = []
    fifo = Fifo(clock, 1.0, seen.append)
    for item in range(2500):
        fifo.add(item)
    clock.call_at(101.0, lambda: loop.call_soon(lambda: seen.append("a turn")))
    loop.advance(1.0)
    assert [item for item in seen if item != "a turn"] == list(range(2500))
    assert seen[-1] != "a turn"


def test_fifo_gives_the_oldest_out_early(loop, clock):
    seen = []
    fifo = Fifo(clock, 1.0, seen.append)
    fifo.add("old")
    fifo.add("new")
    assert fifo.pop() == "old"
    loop.advance(1.0)
    assert seen == ["new"]
    with pytest.raises(IndexError):
        fifo.pop()


def test_fifo_popped_empty_works_again(loop, clock):
    seen = []
    fifo = Fifo(clock, 10.0, lambda item: seen.append(clock.now()))
    fifo.add(1)
    fifo.pop()
    loop.advance(5.0)
    fifo.add(2)
    loop.advance(10.0)
    assert seen == [115.0]


def test_fifo_survives_an_item_that_fails(loop, clock):
    seen = []

    def fn(item):
        seen.append(item)
        if item == 2:
            raise ValueError("two")

    fifo = Fifo(clock, 1.0, fn)
    for item in (1, 2, 3):
        fifo.add(item)
    with pytest.raises(ValueError, match="two"):
        loop.advance(1.0)
    loop.advance(0.1)
    assert seen == [1, 2, 3]


def test_fifo_may_be_cleared_and_filled_while_it_expires(loop, clock):
    seen = []

    def fn(item):
        seen.append((clock.now(), item))
        if item == "first":
            fifo.clear()
            fifo.add("after")

    fifo = Fifo(clock, 1.0, fn)
    fifo.add("first")
    fifo.add("second")
    loop.advance(5.0)
    assert seen == [(101.0, "first"), (102.0, "after")]


def test_deadlines_call_what_nobody_has_discarded_at_its_time(loop, clock):
    seen = []
    deadlines = Deadlines(clock, 8.0, lambda item: seen.append((item, clock.now())), grain=0.25)
    deadlines.add("one")
    loop.advance(1.0)
    deadlines.add("two")
    deadlines.add("three")
    deadlines.discard("two")
    deadlines.discard("nobody")
    loop.advance(20.0)
    assert seen == [("one", 108.0), ("three", 109.0)]
    assert not len(deadlines)
    deadlines.add("four")
    loop.advance(8.0)
    assert seen[-1] == ("four", 128.0 + 1.0)


def test_deadlines_keep_nothing_of_what_was_discarded(loop, clock):
    deadlines = Deadlines(clock, 8.0, pytest.fail)
    for number in range(1000):
        deadlines.add(number)
        deadlines.discard(number)
    assert not len(deadlines)
    loop.advance(20.0)


def test_deadlines_that_are_due_together_hold_the_loop_for_a_thousand_at_a_time(loop, clock):
    seen, between = [], []
    deadlines = Deadlines(clock, 1.0, seen.append)
    for number in range(2 * Fifo.BATCH + 1):
        deadlines.add(number)
    deadlines._fn = lambda number: (seen.append(number), number or loop.call_soon(lambda: between.append(len(seen))))
    loop.advance(1.0)
    assert between == [Fifo.BATCH]
    assert seen == list(range(2 * Fifo.BATCH + 1))


def test_deadlines_survive_an_item_that_fails_and_one_that_ends_another(loop, clock):
    seen = []

    def late(item):
        seen.append(item)
        if item == "bad":
            raise RuntimeError
        deadlines.discard("third")

    deadlines = Deadlines(clock, 1.0, late)
    for item in ("bad", "second", "third", "fourth"):
        deadlines.add(item)
    loop.set_exception_handler(lambda *_: None)
    loop.advance(2.0)
    assert seen == ["bad", "second", "fourth"]


def test_deadlines_may_be_cleared_while_they_expire(loop, clock):
    seen = []

    def late(item):
        seen.append(item)
        deadlines.clear()
        deadlines.add("again")

    deadlines = Deadlines(clock, 1.0, late)
    deadlines.add("one")
    deadlines.add("two")
    loop.advance(1.5)
    assert seen == ["one"]
    deadlines._fn = seen.append
    loop.advance(1.0)
    assert seen == ["one", "again"]
