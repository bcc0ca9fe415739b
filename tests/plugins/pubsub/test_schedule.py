"""plugins.pubsub.schedule: what is planned is looked at in time, and what nobody needs any more fills no memory."""

import pytest
from pipeline.plugins.pubsub.schedule import FEW, Schedule


@pytest.fixture
def server(sip):
    return sip()


def test_each_is_looked_at_when_its_time_has_come(server):
    seen = []
    schedule = Schedule(server.clock, seen.append, lambda _: False)
    for seconds in (3, 1, 2):
        schedule.after(seconds, seconds)
    server.advance(2.5)
    assert seen == [1, 2]
    server.advance(1)
    assert seen == [1, 2, 3]
    assert len(schedule) == 0


def test_what_is_over_is_not_looked_at(server):
    seen, over = [], {2}
    schedule = Schedule(server.clock, seen.append, over.__contains__)
    for seconds in (1, 2, 3):
        schedule.after(seconds, seconds)
    server.advance(4)
    assert seen == [1, 3]


def test_what_is_over_does_not_pile_up(server):
    seen, over = [], set()
    schedule = Schedule(server.clock, seen.append, over.__contains__)
    for number in range(20 * FEW):
        schedule.after(7200, number)
        if number >= 10:
            over.add(number)
    assert len(schedule) <= 2 * FEW
    server.advance(7201)
    assert seen == list(range(10))
