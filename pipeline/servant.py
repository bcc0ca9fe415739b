"""Servants: the workhorses behind an application. A job waits in the lane of its key and runs there in order.

A lane is one SIP session, one AOR, one subscription. Jobs of one lane run one at a time and in order; lanes know nothing of
each other, are made on demand and vanish when empty, so that one slow lane stalls nobody else. A lane never awaits another.

A job is a plain function; it runs at once when its lane is free (no task, no switch). It may return a Pending, and the
lane goes on when that is done. A coroutine function is driven by a task, and only where it really waits.
"""

from __future__ import annotations

import asyncio
from collections import deque
from functools import partial
from inspect import iscoroutine
from typing import TYPE_CHECKING, Any

from pipeline.pending import Pending

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from pipeline.passage import Passage

LANE_LIMIT = 200
"""Jobs that may wait in one lane. One Call-ID or AOR never has so many honest requests open: 64*T1 of a phone that asks
six times a second."""


class Lane:
    """The jobs of one key that wait behind the one that runs."""

    __slots__ = ("servant", "waiting")

    def __init__(self, servant: str) -> None:
        self.servant = servant
        self.waiting: deque[tuple[Callable[[Passage], Any], Passage]] | tuple[()] = ()
        """Made when somebody has to wait, which is seldom."""


class Lanes:
    """All lanes of a pipeline."""

    def __init__(self, failed: Callable[[Passage, str, BaseException], None], limit: int = LANE_LIMIT) -> None:
        self._failed = failed
        self._limit = limit
        self._lanes: dict[str, Lane] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self.backlog = 0
        """Jobs that wait, in all lanes together."""
        self.done = 0

    def __len__(self) -> int:
        return len(self._lanes)

    def items(self) -> list[tuple[str, str, int]]:
        """(key, servant, jobs waiting) of every lane that is busy now."""
        return [(key, lane.servant, len(lane.waiting)) for key, lane in self._lanes.items()]

    def post(self, servant: str, key: str, job: Callable[[Passage], Any], passage: Passage) -> bool:
        """Run `job(passage)` in the lane of `key`, now when it is free; False when the lane is full."""
        lane = self._lanes.get(key)
        if lane is not None:
            waiting = lane.waiting
            if not isinstance(waiting, deque):
                waiting = lane.waiting = deque()
            if len(waiting) >= self._limit:
                return False
            waiting.append((job, passage))
            self.backlog += 1
            return True
        lane = self._lanes[key] = Lane(servant)
        self._run(key, lane, job, passage)
        return True

    def _run(self, key: str, lane: Lane, job: Callable[[Passage], Any], passage: Passage) -> None:
        while True:
            self.done += 1
            try:
                result = job(passage)
            except Exception as error:
                self._failed(passage, lane.servant, error)
            else:
                if result is not None:
                    if iscoroutine(result):
                        result = self._drive(result)
                    if isinstance(result, Pending):
                        if not result.done:
                            result.then(partial(self._finished, key, lane, passage))
                            return
                        self._report(lane, passage, result)
            if not lane.waiting:
                del self._lanes[key]
                return
            job, passage = lane.waiting.popleft()
            self.backlog -= 1

    def _finished(self, key: str, lane: Lane, passage: Passage, pending: Pending) -> None:
        self._report(lane, passage, pending)
        if lane.waiting:
            job, passage = lane.waiting.popleft()
            self.backlog -= 1
            self._run(key, lane, job, passage)
        else:
            del self._lanes[key]

    def _report(self, lane: Lane, passage: Passage, pending: Pending) -> None:
        try:
            pending.value()
        except Exception as error:
            self._failed(passage, lane.servant, error)

    def _drive(self, job: Coroutine[Any, Any, Any]) -> Pending:
        pending = Pending()
        task = asyncio.get_running_loop().create_task(job)
        self._tasks.add(task)

        def done(task: asyncio.Task[Any]) -> None:
            self._tasks.discard(task)
            if task.cancelled():
                pending.fail(asyncio.CancelledError("the servant was stopped"))
            elif (error := task.exception()) is not None:
                pending.fail(error)
            else:
                pending.resolve(task.result())

        task.add_done_callback(done)
        return pending

    def stop(self) -> None:
        """Cancel what still runs in tasks."""
        for task in tuple(self._tasks):
            task.cancel()
