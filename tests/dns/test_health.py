"""Who was dead a moment ago, and who asked to be left alone."""

import pytest

from pipeline.clock import Clock
from pipeline.dns.health import Health
from pipeline.flow import Target
from pipeline.testing.loop import VirtualLoop

A = Target("192.0.2.1", 5060, "UDP", "example.com")


@pytest.fixture
def loop():
    loop = VirtualLoop()
    yield loop
    loop.close()


@pytest.fixture
def health(loop):
    return Health(Clock(loop, 0.0))


def test_a_dead_target_is_known_for_a_while(health, loop):
    health.dead(A)
    assert health.says(A) == "dead"
    assert health.says(Target("192.0.2.1", 5060, "TCP")) == ""
    loop.advance(61)
    assert health.says(A) == ""
    assert len(health) == 0


def test_an_answer_brings_it_back(health):
    health.dead(A)
    health.alive(A)
    assert health.says(A) == ""


def test_a_retry_after_counts_five_minutes_at_most(health, loop):
    health.refused(A, 86400)
    assert health.says(A) == "refused"
    loop.advance(301)
    assert health.says(A) == ""


def test_memory_is_bounded(health, monkeypatch):
    monkeypatch.setattr("pipeline.dns.health.LIMIT", 5)
    for port in range(1, 20):
        health.dead(Target("192.0.2.1", port))
    assert len(health) == 5
