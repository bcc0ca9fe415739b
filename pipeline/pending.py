"""A value that comes later: what a call returns when the answer must wait for a disk, a database or a name server.

A light future without a loop of its own: resolving calls the waiting functions at once, in order, in the same turn. It is resolved
once, and from the loop's thread only (a thread hands its result over with `loop.call_soon_threadsafe`). Stages wait for it with `Wait`,
servants with `await` or `then`.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from functools import partial
from typing import Any

Then = Callable[["Pending"], object]


class Pending:
    """A value that is not known yet, or was not known when it was asked for."""

    __slots__ = ("_error", "_fns", "_value", "done")

    def __init__(self) -> None:
        self.done = False
        self._value: Any = None
        self._error: BaseException | None = None
        self._fns: Then | list[Then] | None = None

    @classmethod
    def of(cls, value: Any) -> Pending:
        """Return one that is already resolved with this value."""
        pending = cls()
        pending.done = True
        pending._value = value
        return pending

    @classmethod
    def failed(cls, error: BaseException) -> Pending:
        """Return one that has already failed with this error."""
        pending = cls()
        pending.done = True
        pending._error = error
        return pending

    def resolve(self, value: Any = None) -> None:
        """Give the value; whoever waits is called now."""
        if self.done:
            raise RuntimeError("a Pending is resolved once")
        self._value = value
        self._finish()

    def fail(self, error: BaseException) -> None:
        """Give the reason why there is no value; whoever waits is called now and meets it in value()."""
        if self.done:
            raise RuntimeError("a Pending is resolved once")
        self._error = error
        self._finish()

    def then(self, fn: Then) -> None:
        """Call fn(self) when done: at once if it already is."""
        if self.done:
            fn(self)
        elif self._fns is None:
            self._fns = fn  # nearly always one waits: no list for it
        elif isinstance(self._fns, list):
            self._fns.append(fn)
        else:
            self._fns = [self._fns, fn]

    def value(self) -> Any:
        """Return the value or raise the error it failed with."""
        if not self.done:
            raise RuntimeError("this Pending is not done yet")
        if self._error is not None:
            raise self._error
        return self._value

    def _finish(self) -> None:
        self.done = True
        fns, self._fns = self._fns, None
        if fns is None:
            return
        if not isinstance(fns, list):
            fns(self)
            return
        first: Exception | None = None
        for fn in fns:
            try:
                fn(self)
            except Exception as error:  # the others still have to hear of it
                first = first or error
        if first is not None:
            raise first

    def __await__(self) -> Generator[Any, None, Any]:
        if not self.done:
            import asyncio  # noqa: PLC0415  here only: `sipline check` never waits and need not load it

            future = asyncio.get_running_loop().create_future()
            self.then(lambda _: None if future.done() else future.set_result(None))
            yield from future
        return self.value()

    def __repr__(self) -> str:
        if not self.done:
            return "<Pending>"
        return f"<Pending failed {self._error!r}>" if self._error is not None else f"<Pending of {self._value!r}>"


def settle(value: Any, fn: Callable[[Any], Any]) -> Any:
    """Call fn(value) now, or when the Pending has its value. Return fn's result, or a Pending of it.

    fn may itself return a Pending. A failure passes fn by and is found in the returned Pending.
    """
    if not isinstance(value, Pending):
        return fn(value)
    if value.done:
        return fn(value.value())
    result = Pending()

    def later(pending: Pending) -> None:
        try:
            given = fn(pending.value())
        except Exception as error:
            result.fail(error)
        else:
            follow(given, result)  # outside: what a waiting function raises is no failure of the value it was given

    value.then(later)
    return result


def follow(value: Any, pending: Pending) -> None:
    """Resolve `pending` as `value`: at once, or as that Pending ends."""
    if not isinstance(value, Pending):
        pending.resolve(value)
        return

    def ended(source: Pending) -> None:
        try:
            result = source.value()
        except Exception as error:
            pending.fail(error)
        else:
            pending.resolve(result)

    value.then(ended)


def gather(values: Iterable[Any]) -> Any:
    """Return the list of these values, or a Pending of it when one of them is a Pending; the first failure is everyone's."""
    found = list(values)
    result = Pending()
    missing = 0

    def at(place: int) -> Then:
        def arrived(pending: Pending) -> None:
            nonlocal missing
            missing -= 1
            try:
                found[place] = pending.value()
            except Exception as error:
                if not result.done:
                    result.fail(error)
            else:
                if not missing and not result.done:
                    result.resolve(found)

        return arrived

    waiting = [(place, value) for place, value in enumerate(found) if isinstance(value, Pending)]
    missing = len(waiting)
    for place, value in waiting:
        value.then(at(place))
    if not waiting:
        return found
    return result.value() if result.done else result


async def finished(value: Any) -> Any:
    """Return the value, having waited for it if it is a Pending: for code that may await and does not care which."""
    return await value if isinstance(value, Pending) else value


def walk(steps: Generator[Any, Any, Any]) -> Any:
    """Run a generator that yields values or Pendings and is sent each value (or thrown its error); return its result, or a Pending of it.

    For procedures of several steps that seldom have to wait: nothing does wait that need not.
    """
    return _advance(steps, steps.send, None)


# Functions of the module: two closures that name each other would hold themselves, and what a call has held, until a full collection.
def _advance(steps: Generator[Any, Any, Any], send: Callable[[Any], Any], argument: Any) -> Any:
    while True:
        try:
            given = send(argument)
        except StopIteration as stop:
            return stop.value
        if isinstance(given, Pending):
            if not given.done:
                result = Pending()
                given.then(partial(_resume, steps, result))
                return result
            send, argument = _outcome(steps, given)
        else:
            send, argument = steps.send, given


def _resume(steps: Generator[Any, Any, Any], result: Pending, pending: Pending) -> None:
    try:
        value = _advance(steps, *_outcome(steps, pending))
    except Exception as error:
        result.fail(error)
    else:
        follow(value, result)


def _outcome(steps: Generator[Any, Any, Any], pending: Pending) -> tuple[Callable[[Any], Any], Any]:
    return (steps.send, pending._value) if pending._error is None else (steps.throw, pending._error)
