"""core.rates: so many a second by one name, and so many at once."""

import pytest

from pipeline.core.rates import Rate


def test_a_burst_is_let_through_and_then_one_each_gap():
    rate = Rate(2.0, 3)
    assert [rate.take("a", 10.0) for _ in range(3)] == [0, 0, 0]
    assert rate.take("a", 10.0) == 0.5
    assert rate.take("a", 10.5) == 0
    assert rate.take("a", 10.5) > 0
    assert rate.take("b", 10.5) == 0


def test_who_was_quiet_has_the_whole_burst_again():
    rate = Rate(1.0, 2)
    assert [rate.take("a", now) for now in (0.0, 0.0, 100.0, 100.0)] == [0, 0, 0, 0]
    assert rate.take("a", 100.0) == 1.0


def test_to_ask_how_long_to_wait_counts_nothing():
    rate = Rate(2.0, 2, limit=1)
    assert [rate.wait("a", 10.0) for _ in range(5)] == [0] * 5
    assert [rate.take("a", 10.0) for _ in range(2)] == [0, 0]
    assert rate.wait("a", 10.0) == 0.5
    assert rate.wait("b", 10.0) == 0.5  # all names are at work
    assert rate.wait("a", 10.5) == rate.wait("b", 12.0) == 0


def test_without_a_rate_nothing_is_counted():
    rate = Rate(0.0, 1)
    assert [rate.take("a", 1.0) for _ in range(100)] == [0] * 100
    assert len(rate) == 0


def test_while_all_names_are_at_work_a_new_one_is_refused():
    rate = Rate(1.0, 1, limit=3)
    assert [rate.take(name, 10.0) for name in "abc"] == [0, 0, 0]
    assert rate.take("d", 10.0) == 1.0
    assert rate.take("d", 20.0) == 0
    assert len(rate) <= 3


def test_what_is_given_back_was_not_counted():
    rate = Rate(0.1, 2)
    assert [rate.take("a", 0.0), rate.take("a", 0.0)] == [0.0, 0.0]
    rate.give_back("a")
    assert rate.take("a", 0.0) == 0.0
    assert rate.take("a", 0.0) == pytest.approx(10.0)
    rate.give_back("nobody")
