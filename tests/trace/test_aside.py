"""A sink that is slow stops nobody."""

import threading

from pipeline.trace.aside import Aside


class Slow:
    def __init__(self):
        self.go, self.got, self.gaps, self.closed = threading.Event(), [], [], False
        self.began = threading.Event()

    def show(self, record):
        self.began.set()
        self.go.wait(10)
        self.got.append(record["n"])

    def gap(self, count):
        self.gaps.append(count)

    def flush(self):
        pass

    def close(self):
        self.closed = True


def test_what_finds_the_queue_full_is_counted():
    slow = Slow()
    aside = Aside([slow], limit=2)
    aside.show({"n": 0})
    slow.began.wait(10)
    for n in range(1, 6):
        aside.show({"n": n})
    slow.go.set()
    aside.gap(0)
    aside.close()
    assert slow.got == [0, 1, 2]
    assert slow.closed
    assert slow.gaps in ([], [3])


def test_a_gap_is_told_when_the_queue_is_empty_again():
    slow = Slow()
    slow.go.set()
    aside = Aside([slow])
    aside.gap(7)
    aside.flush()
    aside.close()
    assert slow.gaps == [7]


def test_a_reader_that_goes_away_does_not_end_the_thread():
    class Gone(Slow):
        def show(self, record):
            raise BrokenPipeError

    kept = Slow()
    kept.go.set()
    aside = Aside([Gone(), kept])
    aside.show({"n": 1})
    aside.close()
    assert kept.got == [1]


def test_a_record_that_a_sink_could_not_take_is_counted_and_told():
    class Picky(Slow):
        def show(self, record):
            if record["n"] in (1, 2):
                raise UnicodeEncodeError("utf-8", "\udcff", 0, 1, "surrogates not allowed")
            super().show(record)

    picky = Picky()
    picky.go.set()
    aside = Aside([picky])
    for n in range(5):
        aside.show({"n": n})
    aside.close()
    assert (picky.got, sum(picky.gaps)) == ([0, 3, 4], 2)


def test_what_the_last_records_were_is_told_at_the_end_of_the_turn():
    class Full(Slow):
        def show(self, record):
            raise OSError(28, "No space left on device")

    full = Full()
    aside = Aside([full])
    aside.show({"n": 0})
    aside.flush()
    aside.close()
    assert full.gaps == [1]
