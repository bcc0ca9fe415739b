"""plugins.channel.limits: max_calls."""

from pipeline.plugins.channel.limits import FULL, Limits

from pipeline.core import Cause
from pipeline.dal import Endpoint

TWO = Endpoint(id="alice", max_calls=2)


def test_a_call_beyond_the_limit_is_busy_and_not_counted():
    limits = Limits()
    assert limits.enter(TWO, "1") is None
    assert limits.enter(TWO, "2") is None
    assert limits.enter(TWO, "3") is FULL
    assert FULL.cause is Cause.BUSY
    limits.leave("alice", "3")
    assert limits.calls("alice") == 2
    limits.leave("alice", "1")
    assert limits.enter(TWO, "3") is None


def test_a_call_at_several_phones_of_one_endpoint_is_one():
    limits = Limits()
    for _ in range(5):
        assert limits.enter(TWO, "1") is None
    assert limits.calls("alice") == 1
    for _ in range(4):
        limits.leave("alice", "1")
    assert limits.calls("alice") == 1
    limits.leave("alice", "1")
    assert (limits.calls("alice"), len(limits)) == (0, 0)


def test_without_a_limit_it_is_counted_all_the_same():
    limits = Limits()
    for number in range(100):
        assert limits.enter(Endpoint(id="trunk"), str(number)) is None
    assert limits.calls("trunk") == 100


def test_who_is_no_endpoint_has_no_limit():
    limits = Limits()
    assert limits.enter(Endpoint(id="", max_calls=1), "1") is None
    assert limits.enter(Endpoint(id="", max_calls=1), "2") is None
    limits.leave("", "1")
    assert len(limits) == 0
