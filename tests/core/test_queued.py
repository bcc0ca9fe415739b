"""What waits for one recipient: in numbers, and what of it stands in whose way."""

import attrs

from pipeline.core.queued import Queue
from pipeline.dal.messages import Message

ONE = Message(id="1", recipient="bob", size=10)


def test_a_copy_that_others_go_before_frees_nobody_who_waits():
    queue = Queue()
    for stored in (ONE, attrs.evolve(ONE, id="2")):
        queue.count(stored, 1)
    copy = attrs.evolve(ONE, id="3", copy=True)
    queue.count(copy, 1)
    queue.let_pass(copy)
    queue.count(ONE, -1)
    assert queue.free("", ()) is None
    queue.count(attrs.evolve(ONE, id="2"), -1)
    assert queue.free("", ()) == ()


def test_of_a_copy_that_is_gone_nothing_is_remembered():
    queue = Queue()
    copy = attrs.evolve(ONE, copy=True)
    queue.count(copy, 1)
    queue.tries[copy.id] = 3
    queue.let_pass(copy)
    queue.count(copy, -1)
    assert not queue.tries
    assert not queue.passed
