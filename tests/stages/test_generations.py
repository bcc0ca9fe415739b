"""A map that forgets: entries live for their time at least, go together, and never exceed the limit."""

import pytest

from pipeline.clock import Clock
from pipeline.stages.generations import PARTS, Generations
from pipeline.testing.loop import VirtualLoop


@pytest.fixture
def loop():
    loop = VirtualLoop()
    yield loop
    loop.close()


def test_an_entry_lives_for_its_time_at_least_and_a_part_longer_at_most(loop):
    kept = Generations(Clock(loop), 30)
    for second in range(60):
        kept.put(second, second)
        loop.advance(1)
        alive = [key for key in range(second + 1) if kept.get(key) is not None]
        assert alive[0] <= max(0, second - 28)  # younger than 30 s
        assert alive[0] >= second - 30 - 30 / PARTS
    loop.advance(36)
    assert len(kept) == 0


def test_nothing_is_timed_when_nothing_is_kept(loop):
    kept = Generations(Clock(loop), 30)
    kept.put("a", 1)
    loop.advance(80)
    assert (len(kept), kept._handle) == (0, None)


def test_the_first_word_stands(loop):
    kept = Generations(Clock(loop), 30)
    assert kept.first("a", 1) == 1
    loop.advance(11)
    assert kept.first("a", 2) == 1
    assert kept.pop("a") == 1
    assert kept.first("a", 2) == 2


def test_the_limits_hold_and_the_oldest_go(loop):
    kept = Generations(Clock(loop), 30, limit=60, weight_limit=600)
    gone = sum(kept.put(n, n, 5) for n in range(1000))
    assert len(kept) + gone == 1000
    assert 40 <= len(kept) <= 60
    assert kept.get(999) == 999 and kept.get(0) is None
    gone = sum(kept.put(n, n, 100) for n in range(1000, 1010))
    assert kept.weights <= 600
    assert gone


def test_clear_forgets_everything_the_timer_too(loop):
    kept = Generations(Clock(loop), 30)
    kept.put("a", 1, 7)
    kept.clear()
    assert (len(kept), kept.weights, kept._handle) == (0, 0, None)
