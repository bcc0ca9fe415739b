"""A loop whose time is virtual: when nothing is left to do now, it is already the time of the next timer.

Rule: time passes only while nobody works. Whatever is ready runs first; work under way in threads (run_in_executor, or
announced with `expect`) is really waited for; only then does the time jump. So 64*T1 takes a millisecond, the same events
come in the same order every time, and no thread is ever overtaken by a timeout. When nothing is ready, scheduled or under
way, the test would hang: Deadlock says so, and who waits where.
"""

from __future__ import annotations

import asyncio
import contextlib
import selectors
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar, TypeVarTuple

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator

T = TypeVar("T")
Args = TypeVarTuple("Args")

PATIENCE = 30.0
"""Real seconds to wait for a thread, or for a real socket when nothing else is left. A test that needs more is broken."""


class Deadlock(RuntimeError):  # noqa: N818 - it is the name of the thing
    """Nothing can ever happen any more, and somebody still waits."""


class VirtualLoop(asyncio.SelectorEventLoop):
    """An asyncio loop on virtual time, starting at `start` seconds."""

    def __init__(self, start: float = 0.0) -> None:
        self._virtual_now = start
        self._working = 0
        self._enough: Callable[[], bool] | None = None  # stop when this holds
        self._settling = False  # stop when only passing time could help
        self._threads: ThreadPoolExecutor | None = None
        self.failures: list[BaseException] = []
        """What callbacks and forgotten tasks raised; whoever runs the loop next gets it raised."""
        super().__init__(_VirtualSelector(self))

    def time(self) -> float:
        """The virtual time, in seconds."""
        return self._virtual_now

    def advance(self, seconds: float) -> None:
        """Let so many seconds pass, and everything happen that is due in them."""
        end = self._virtual_now + seconds
        self.run_until(lambda: self._virtual_now >= end, seconds)
        self.settle()

    def settle(self) -> None:
        """Do everything that can be done without letting time pass; wait for threads."""
        self._settling = True
        try:
            self.run_forever()
        finally:
            self._settling = False
        self._raise()

    def run_until(self, condition: Callable[[], bool], timeout: float) -> bool:
        """Let time pass until `condition()` holds, at most `timeout` seconds; return whether it does."""
        end = self._virtual_now + timeout
        limit = self.call_at(end, lambda: None)  # so that no jump goes beyond it
        self._enough = lambda: condition() or self._virtual_now >= end
        try:
            self.run_forever()
        finally:
            self._enough = None
            limit.cancel()
        self._raise()
        return condition()

    def run_until_complete(self, future: Generator[Any, None, T] | Awaitable[T]) -> T:
        """Run until the future is done; raises Deadlock when it never can be, and afterwards what callbacks raised meanwhile."""
        result = super().run_until_complete(future)
        self._raise()
        return result

    def _raise(self) -> None:
        if self.failures:
            failures, self.failures = self.failures, []
            raise failures[0] if len(failures) == 1 else BaseExceptionGroup("several callbacks failed", failures)

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Keep what a callback raised: in a test nothing may fail unseen. A handler that was set is told instead."""
        error = context.get("exception")
        if error is not None and self.get_exception_handler() is None:
            self.failures.append(error)
        else:
            super().call_exception_handler(context)

    def expect(self) -> Callable[[], None]:
        """Announce work in a thread of one's own: time stands still until the returned function is called, from any thread.

        Call it after the result was handed over with call_soon_threadsafe. run_in_executor does all this by itself.
        """
        self._working += 1
        called: list[None] = []

        def landed() -> None:
            if not called:
                called.append(None)
                with contextlib.suppress(RuntimeError):  # the loop is closed
                    self.call_soon_threadsafe(self._land)

        return landed

    def _land(self) -> None:
        self._working -= 1

    def run_in_executor(self, executor: Executor | None, func: Callable[[*Args], T], *args: *Args) -> asyncio.Future[T]:
        """Run in a thread; time stands still until it is done."""
        if executor is None:
            if self._threads is None:
                self._threads = ThreadPoolExecutor(thread_name_prefix="virtual")
                self.set_default_executor(self._threads)
            executor = self._threads
        capture = _Capture(executor)
        future = super().run_in_executor(capture, func, *args)
        landed = self.expect()
        # Added after asyncio's own callback, so that the result has arrived before time may pass again.
        capture.future.add_done_callback(lambda _: landed())
        return future

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:  # noqa: ASYNC109 - asyncio's own signature (3.12)
        """Wait for the threads, which asyncio does in another thread that nobody announced."""
        if self._threads is not None:
            landed = self.expect()
            try:
                await super().shutdown_default_executor()
            finally:
                landed()


class _VirtualSelector(selectors.DefaultSelector):
    """Where an asyncio loop waits: ours waits for threads and real sockets, and otherwise moves the clock."""

    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        loop = self._loop
        if loop._enough is not None and loop._enough():
            loop.stop()
            return []
        events: list[tuple[selectors.SelectorKey, int]] = super().select(0)
        if events or (timeout is not None and timeout <= 0):
            return events
        if loop._working:
            events = super().select(PATIENCE)
            if not events:
                raise Deadlock(f"a thread has not come back within {PATIENCE:g} real seconds.{_waiting(loop)}")
        elif loop._settling:
            loop.stop()
        elif timeout is not None:
            # Exactly the timer's time: now + (when - now) may be one bit less.
            when: float = loop._scheduled[0].when()  # type: ignore[attr-defined]
            loop._virtual_now = min(when, loop._virtual_now + timeout + 1e-6)
        else:
            if len(self.get_map()) > 1:  # real sockets besides the loop's own pipe
                events = super().select(PATIENCE)
            if not events:
                raise Deadlock(
                    f"everything is idle for ever at {loop._virtual_now:g} s: no timer, no thread, no datagram under way.{_waiting(loop)}"
                )
        return events


class _Capture(Executor):
    """Keeps the future that the executor made, which asyncio does not give away."""

    future: Future[Any]

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        self.future = self._executor.submit(fn, *args, **kwargs)
        return self.future


def _waiting(loop: asyncio.AbstractEventLoop) -> str:
    """Tell who waits, and where."""
    lines = []
    for task in asyncio.all_tasks(loop):
        coroutine: Any = task.get_coro()
        where = "?"
        while getattr(coroutine, "cr_frame", None) is not None:
            where = f"{coroutine.cr_frame.f_code.co_filename}:{coroutine.cr_frame.f_lineno} in {coroutine.cr_code.co_qualname}"
            coroutine = coroutine.cr_await
        lines.append(f"\n  {task.get_name()} waits at {where}")
    return "".join(sorted(lines))
