"""pipeline.pending: a light future without a loop."""

import asyncio

import pytest

from pipeline.pending import Pending, finished, gather, settle, walk


def test_who_waits_is_called_in_order_and_at_once():
    pending, seen = Pending(), []
    for name in "abc":
        pending.then(lambda done, name=name: seen.append((name, done.value())))
    assert not pending.done
    pending.resolve(7)
    assert seen == [("a", 7), ("b", 7), ("c", 7)]
    pending.then(lambda done: seen.append(("late", done.value())))
    assert seen[-1] == ("late", 7)


def test_a_failure_is_raised_by_value():
    pending = Pending()
    with pytest.raises(RuntimeError, match="not done"):
        pending.value()
    pending.fail(LookupError("gone"))
    with pytest.raises(LookupError, match="gone"):
        pending.value()
    with pytest.raises(LookupError, match="gone"):
        Pending.failed(LookupError("gone")).value()


def test_it_is_resolved_once():
    pending = Pending.of(1)
    with pytest.raises(RuntimeError, match="once"):
        pending.resolve(2)
    with pytest.raises(RuntimeError, match="once"):
        pending.fail(ValueError())


def test_one_waiter_that_raises_does_not_keep_the_value_from_the_others():
    pending, seen = Pending(), []
    pending.then(lambda _: 1 / 0)
    pending.then(lambda _: seen.append("second"))
    with pytest.raises(ZeroDivisionError):
        pending.resolve()
    assert seen == ["second"]


def test_a_task_can_await_it_before_and_after():
    async def main():
        pending = Pending()
        asyncio.get_running_loop().call_soon(pending.resolve, "value")
        assert await pending == "value"
        assert await pending == "value"
        assert await finished(pending) == await finished("value") == "value"

    asyncio.run(main())


def test_a_cancelled_task_does_not_disturb_the_resolver():
    async def main():
        pending = Pending()
        task = asyncio.ensure_future(finished(pending))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        pending.resolve(1)

    asyncio.run(main())


def test_settle_calls_now_when_the_value_is_here_and_later_when_it_is_not():
    assert settle(3, lambda n: n + 1) == 4
    assert settle(Pending.of(3), lambda n: n + 1) == 4
    pending = Pending()
    result = settle(pending, lambda n: settle(Pending.of(n), lambda m: m * 2))
    assert isinstance(result, Pending)
    pending.resolve(3)
    assert result.value() == 6


def test_an_exception_of_who_waits_for_a_settled_value_is_not_taken_for_its_failure():
    source = Pending()
    result = settle(source, lambda n: n + 1)
    result.then(lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        source.resolve(1)
    assert result.value() == 2


def test_settle_passes_failures_by_and_keeps_those_of_the_function():
    source = Pending()
    result = settle(source, lambda n: n)
    source.fail(LookupError("x"))
    with pytest.raises(LookupError):
        result.value()
    source = Pending()
    result = settle(source, lambda n: n / 0)
    source.resolve(1)
    with pytest.raises(ZeroDivisionError):
        result.value()


def test_gather_waits_only_for_what_is_missing():
    assert gather([1, Pending.of(2)]) == [1, 2]
    missing = Pending()
    result = gather([1, missing, Pending.of(3)])
    missing.resolve(2)
    assert result.value() == [1, 2, 3]


def test_gather_fails_with_the_first_failure():
    first, second = Pending(), Pending()
    result = gather([first, second])
    first.fail(LookupError("a"))
    second.fail(LookupError("b"))
    with pytest.raises(LookupError, match="a"):
        result.value()


def test_walk_runs_through_at_once_when_nothing_waits():
    def steps():
        one = yield 1
        two = yield Pending.of(one + 1)
        return two + 1

    assert walk(steps()) == 3


def test_walk_waits_and_throws_the_failure_where_it_was_yielded():
    slow = Pending()

    def steps():
        try:
            yield slow
        except LookupError:
            again = yield Pending.of("rescued")
            return again
        return "not reached"

    result = walk(steps())
    assert not result.done
    slow.fail(LookupError())
    assert result.value() == "rescued"


def test_walk_may_end_in_a_pending_and_in_an_error():
    def ends_late():
        yield 1
        return Pending.of(2)

    def fails():
        yield 1
        raise LookupError("in a step")

    assert walk(ends_late()).value() == 2
    with pytest.raises(LookupError, match="in a step"):
        walk(fails())
