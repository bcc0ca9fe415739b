"""The heap: full collections are made when memory has grown, and what ends all day does not wait for them."""

import gc
import weakref

import pytest

from pipeline import heap
from pipeline.heap import FULL, SELDOM, STEP, Collecting, give_back, settle


class Ring:
    def __init__(self):
        self.me = self


@pytest.fixture
def collecting(sip, monkeypatch):
    """A server whose memory is what the test says, and whose collector comes by itself never."""
    monkeypatch.setattr(heap, "SHARE", 0)  # a test process is large
    server = sip()
    server.memory = 50 << 20
    server.collecting = Collecting(server.engine.clock, lambda: server.memory)
    gc.disable()
    yield server
    gc.enable()


def test_what_holds_itself_is_found_soon_when_memory_has_grown(collecting):
    gone = weakref.ref(Ring())
    collecting.memory += STEP + 1
    collecting.advance(FULL - 1)
    assert gone() is not None
    collecting.advance(2)
    assert gone() is None


def test_to_give_memory_back_leaves_nothing_to_be_collected():
    give_back()
    gc.collect()
    give_back()
    assert gc.collect() == 0


def test_while_memory_does_not_grow_nothing_is_looked_through(collecting):
    gone = weakref.ref(Ring())
    collecting.memory += STEP
    collecting.advance(SELDOM - 1)
    assert gone() is not None


def test_nor_while_we_are_busy(collecting, monkeypatch):
    used = iter(range(100_000, 200_000, 20))
    monkeypatch.setattr(heap.time, "process_time", lambda: next(used))
    collecting.memory *= 2
    gone = weakref.ref(Ring())
    collecting.advance(SELDOM / 2)
    assert gone() is not None
    monkeypatch.undo()
    monkeypatch.setattr(heap, "SHARE", 0)
    collecting.advance(2 * FULL)
    assert gone() is None


def test_it_is_once_an_hour_all_the_same(collecting):
    gone = weakref.ref(Ring())
    collecting.advance(SELDOM + FULL)
    assert gone() is None


def test_it_goes_on_after_one_that_failed(collecting, monkeypatch):
    def fail():
        raise OSError("no such file")

    monkeypatch.setattr(heap, "give_back", fail)
    collecting.memory *= 2
    collecting.loop.set_exception_handler(lambda loop, told: None)
    collecting.advance(FULL + 1)
    monkeypatch.undo()
    monkeypatch.setattr(heap, "SHARE", 0)
    gone = weakref.ref(Ring())
    collecting.memory *= 2
    collecting.advance(FULL + 1)
    assert gone() is None


def test_what_was_frozen_with_the_configuration_before_is_found_when_the_next_is_taken():
    ring = Ring()
    settle()
    gone = weakref.ref(ring)
    del ring
    gc.collect()
    assert gone() is not None, "what is frozen is not looked at"
    try:
        settle()
        assert gone() is None
    finally:
        gc.unfreeze()


def test_what_went_with_a_reload_is_found_when_it_has_ended(collecting):
    ring = Ring()
    settle()
    gone = weakref.ref(ring)
    del ring
    try:
        collecting.collecting.taken(None)
        collecting.advance(FULL)
        assert gone() is not None
        collecting.advance(2 * FULL)
        assert gone() is None
    finally:
        gc.unfreeze()
