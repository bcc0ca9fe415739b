"""What is remembered not to be there: constant memory, nothing false."""

import sys

from pipeline.absent import SLOTS, Absent


def test_what_was_added_is_there_until_everything_is_forgotten():
    absent = Absent()
    absent.add(("endpoint", "mallory"))
    assert ("endpoint", "mallory") in absent and ("endpoint", "alice") not in absent
    assert len(absent) == 1
    absent.clear()
    assert ("endpoint", "mallory") not in absent and len(absent) == 0


def test_a_hundred_thousand_invented_names_take_no_memory_and_hide_nobody():
    absent = Absent()
    before = sys.getsizeof(absent._hashes)
    for number in range(100_000):
        absent.add(f"invented{number}")
    assert sys.getsizeof(absent._hashes) == before
    assert len(absent) <= SLOTS
    assert not [number for number in range(100_000) if f"real{number}" in absent]


def test_what_hashes_to_nothing_is_a_question_like_another():
    absent = Absent()
    assert 0 not in absent
    absent.add(0)
    assert 0 in absent
