"""pipeline/testing/loop.py: time that waits for everybody."""

import asyncio
import gc
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from pipeline.testing.loop import Deadlock, VirtualLoop


@pytest.fixture
def loop():
    loop = VirtualLoop()
    yield loop
    loop.close()


def test_a_day_takes_no_time(loop):
    real = time.monotonic()
    loop.run_until_complete(asyncio.sleep(86_400 * 3))
    assert loop.time() == 86_400 * 3
    assert time.monotonic() - real < 5


def test_timers_come_in_order_at_exactly_their_times(loop):
    seen = []
    for when in (0.3, 0.1, 0.1 + 0.2, 32.0, 1e6 + 0.1):
        loop.call_at(when, lambda when=when: seen.append((when, loop.time())))
    loop.advance(2e6)
    assert [when for when, _ in seen] == sorted(when for when, _ in seen)
    assert all(abs(when - now) < 1e-9 for when, now in seen)


def test_work_in_a_thread_is_waited_for_and_takes_no_virtual_time(loop):
    gate = threading.Event()

    async def main():
        loop.call_later(1.0, gate.set)  # would let the thread go, if time could pass
        timer = loop.call_later(0.001, lambda: None)
        first = asyncio.to_thread(lambda: (gate.is_set(), threading.current_thread().name))
        was_set, name = await first
        assert not timer.cancelled()
        return was_set, name, loop.time()

    was_set, name, now = loop.run_until_complete(main())
    assert (was_set, now) == (False, 0.0)
    assert name.startswith("virtual")


def test_many_threads_never_see_time_pass_before_their_results_arrive(loop):
    async def main():
        for _ in range(200):
            before = loop.time()
            async with asyncio.timeout(1e-6):
                await asyncio.gather(*(asyncio.to_thread(sum, range(100)) for _ in range(4)))
            assert loop.time() == before

    loop.run_until_complete(main())


def test_a_given_executor_is_waited_for_too(loop):
    with ThreadPoolExecutor(1) as executor:

        async def main():
            async with asyncio.timeout(0.001):
                return await loop.run_in_executor(executor, sum, (1, 2, 3))

        assert loop.run_until_complete(main()) == 6


def test_a_thread_of_one_s_own_is_waited_for_when_it_was_announced(loop):
    async def main():
        done = loop.create_future()
        landed = loop.expect()
        go = threading.Event()

        def work():
            go.wait(10)
            loop.call_soon_threadsafe(done.set_result, "done")
            landed()
            landed()  # twice does no harm

        thread = threading.Thread(target=work)
        thread.start()
        loop.call_later(1e-9, done.cancel)
        go.set()
        result = await done
        thread.join(10)
        return result

    assert loop.run_until_complete(main()) == "done"
    loop.advance(1.0)


def test_a_cancelled_wait_for_a_thread_does_not_stop_time_for_ever(loop):
    gate = threading.Event()

    async def main():
        task = asyncio.ensure_future(asyncio.to_thread(gate.wait, 10))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        gate.set()
        await asyncio.sleep(5.0)

    loop.run_until_complete(main())
    assert loop.time() == 5.0


def test_idle_for_ever_is_an_error_that_says_who_waits_where(loop):
    async def main():
        await deeper()

    async def deeper():
        await asyncio.Event().wait()

    task = loop.create_task(main(), name="the main one")
    with pytest.raises(Deadlock) as caught:
        loop.run_until_complete(task)
    assert "idle for ever at 0 s" in str(caught.value)
    assert "the main one waits at" in str(caught.value)
    assert "in Event.wait" in str(caught.value)
    task.cancel()
    loop.settle()


def test_settle_does_what_is_ready_and_lets_no_time_pass(loop):
    seen = []
    loop.call_soon(lambda: loop.call_soon(seen.append, "now"))
    loop.call_later(0.5, seen.append, "later")
    loop.settle()
    assert (seen, loop.time()) == (["now"], 0.0)


def test_advance_goes_exactly_so_far(loop):
    seen = []
    for second in range(1, 5):
        loop.call_at(second, seen.append, second)
    loop.advance(2)
    assert (seen, loop.time()) == ([1, 2], 2.0)
    loop.advance(0.5)
    assert (seen, loop.time()) == ([1, 2], 2.5)


def test_run_until_stops_as_soon_as_the_condition_holds(loop):
    seen = []
    loop.call_at(7.0, seen.append, 7)
    loop.call_at(9.0, seen.append, 9)
    assert loop.run_until(lambda: bool(seen), 100.0)
    assert (seen, loop.time()) == ([7], 7.0)
    assert not loop.run_until(lambda: len(seen) > 2, 100.0)
    assert loop.time() == 107.0


def test_what_a_callback_raises_reaches_the_test(loop):
    loop.call_soon(lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        loop.settle()
    loop.call_later(1.0, lambda: 1 / 0)
    loop.call_later(1.0, [].pop)
    with pytest.raises(BaseExceptionGroup) as caught:
        loop.advance(2.0)
    assert [type(error) for error in caught.value.exceptions] == [ZeroDivisionError, IndexError]
    loop.settle()


def test_what_a_forgotten_task_raises_reaches_the_test(loop):
    async def fail():
        raise LookupError("forgotten")

    async def main():
        asyncio.create_task(fail())  # noqa: RUF006
        await asyncio.sleep(1)
        gc.collect()

    with pytest.raises(LookupError, match="forgotten"):
        loop.run_until_complete(main())


def test_a_runner_takes_it():
    async def main():
        await asyncio.to_thread(int)
        await asyncio.sleep(60)
        return asyncio.get_running_loop().time()

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        assert runner.run(main()) == 60.0
