"""The heap: full collections are made now and then, and what ends all day does not wait for them."""

import gc
import weakref

from pipeline import heap
from pipeline.heap import FULL, collect_fully


class Ring:
    def __init__(self):
        self.me = self


def test_what_holds_itself_is_found_within_a_minute(sip, monkeypatch):
    monkeypatch.setattr(heap, "SHARE", 0)  # a test process is large
    server = sip()
    collect_fully(server.engine.clock)
    gc.disable()
    try:
        gone = weakref.ref(Ring())
        server.advance(FULL - 1)
        assert gone() is not None
        server.advance(2)
        assert gone() is None
    finally:
        gc.enable()
