"""plugins.pubsub.pace: so many a second, so few in a turn."""

from pipeline.plugins.pubsub.pace import Pace

from pipeline.clock import Clock
from pipeline.testing.loop import VirtualLoop


def paced(count, rate, turn, news=lambda _: True):
    loop = VirtualLoop()
    sent = []

    def send(item):
        if not news(item):
            return False
        sent.append((loop.time(), item))
        return True

    pace = Pace(Clock(loop), send)
    pace.rate, pace.turn = rate, turn
    for item in range(count):
        pace.add(item)
    loop.advance(1000)
    loop.close()
    assert len(pace) == 0
    return sent


def test_the_first_to_wait_goes_first():
    assert [item for _, item in paced(500, 1000, 5)] == list(range(500))


def test_so_many_go_in_a_second():
    sent = paced(5000, 1000, 5)
    assert 4.8 <= sent[-1][0] - sent[0][0] <= 5.1
    for begin in range(0, 4000, 500):
        assert sent[begin + 900][0] - sent[begin][0] >= 0.8


def test_few_go_in_a_turn():
    turns = []

    class Counted(Pace):
        def _run(self):
            turns.append(0)
            super()._run()

    def send(_):
        turns[-1] += 1
        return True

    loop = VirtualLoop()
    pace = Counted(Clock(loop), send)
    pace.rate, pace.turn = 200, 2
    for item in range(1000):
        pace.add(item)
    loop.advance(100)
    loop.close()
    assert sum(turns) == 1000
    assert max(turns) == 2


def test_a_slow_rate_is_kept_too():
    sent = paced(5, 0.5, 5)
    assert 7 <= sent[-1][0] - sent[0][0] <= 50


def test_what_is_no_news_costs_nothing():
    sent = paced(10_000, 100, 5, news=lambda item: item % 1000 == 0)
    assert sent[-1][0] - sent[0][0] < 1
