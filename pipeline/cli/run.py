"""`sipline run`: start the server, say `ready`, serve until SIGTERM or Ctrl-C, drain, exit 0."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from pipeline.bind import write_address
from pipeline.cli import Failed, first_start
from pipeline.cli.again import Reading
from pipeline.cli.files import locked, plan_of
from pipeline.cli.log import LOG, Failures, log_as
from pipeline.cli.sinks import depth_of, filter_of, sinks_of
from pipeline.control.place import Busy
from pipeline.control.server import Control
from pipeline.dal import StorageError
from pipeline.descriptors import ask_for_all
from pipeline.engine import Pipeline
from pipeline.heap import Collecting, settle
from pipeline.overload import resident
from pipeline.reload import why_not
from pipeline.starting import NotStarted
from pipeline.state import keep_realm

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable

    from pipeline.config.plan import Plan
    from pipeline.config.problems import Place
    from pipeline.control.place import Lock

DRAIN = 5.0
"""Seconds that work which has begun may take at the end: a second more than T2, within which a phone repeats what it asks."""
YOUNG, MIDDLE, OLD = 5_000, 20, 500
"""Thresholds of the garbage collector. A message's objects have no cycles and die by their reference counts, so Python's own 700 would look
through them every dozen messages in vain, and walk every contact each second. At 5,000 a look comes every few hundred messages, while
what it looks at is still in the processor's cache: it finds the cycles of calls that have ended (at 50,000 a call took a sixth more, and
a look 20 ms). A full one is rare. What lives since the start is frozen: it is never looked at again."""


def run(args: Namespace) -> int:
    """Run the server."""
    filter_of(args)  # a mistake in it is told before anything starts
    plan = plan_of(args, warn=True)
    try:
        lock = locked(plan)  # before anything is written there: what lies in a folder without our mark says whose it is
    except Busy as busy:
        raise Failed(str(busy)) from None
    try:
        log_as(args, plan)
        ask_for_all()
        asyncio.run(_serve(plan, args, lock))
    finally:
        lock.close()
    return 0


async def _serve(plan: Plan, args: Namespace, lock: Lock) -> None:
    loop = asyncio.get_running_loop()
    engine = Pipeline(plan, loop)
    Failures(engine)
    ending = asyncio.Event()
    reading = Reading(engine, args)
    _signals(loop, ending, reading)
    control = Control(engine, lock, reading.told)
    unwatch = _watch(engine, args)
    told = len(plan.warnings)
    try:
        try:
            await engine.start()
        except OSError as error:
            raise Failed(_why_not(engine, error)) from None
        except NotStarted as failed:
            LOG.debug("%s", failed, exc_info=failed.__cause__)
            raise Failed(f"{failed} (--log-level debug shows where)") from None
        except StorageError as error:
            raise Failed(f"{_store(plan, error)}: the stores cannot be opened: {error}") from None
        for warning in plan.warnings[told:]:  # what could only be seen with the stores
            print(f"warning: {warning}", file=sys.stderr)
        await control.start()
        with suppress(OSError):
            keep_realm(plan.state, engine.domains.first.realm)
        await first_start.welcome(engine)
        settle()
        gc.set_threshold(YOUNG, MIDDLE, OLD)
        collecting = Collecting(engine.clock, resident)
        engine.bus.listen("pipeline.reloaded", collecting.taken)
        print(_ready(engine), file=sys.stderr, flush=True)
        await ending.wait()
        LOG.info("stopping")
    finally:
        await control.close()
        await reading.stop()
        await engine.stop(DRAIN if engine.listeners else 0.0)
        unwatch()


def _ready(engine: Pipeline) -> str:
    addresses = ", ".join(f"{transport.lower()} {write_address(local)}" for _, transport, local in engine.listeners)
    return f"ready {addresses or '(no listener)'} · {engine.plan.name} · pid {os.getpid()}"


def _signals(loop: asyncio.AbstractEventLoop, ending: asyncio.Event, reading: Reading) -> None:
    def end() -> None:
        if ending.is_set():  # asked twice: do not wait for what hangs
            os._exit(1)
        ending.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end)
    loop.add_signal_handler(signal.SIGHUP, reading.asked)
    loop.add_signal_handler(signal.SIGUSR1, reading.reopen)


def _watch(engine: Pipeline, args: Namespace) -> Callable[[], None]:
    """Begin to trace when the arguments say so; returns the way to stop."""
    sinks = sinks_of(args, args.trace)
    if not sinks:
        return lambda: None
    from pipeline.trace import Viewer, watch  # noqa: PLC0415
    from pipeline.trace.aside import Aside  # noqa: PLC0415

    return watch(engine, Viewer(Aside(sinks), filter_of(args), depth_of(args, args.trace), data=bool(args.pcap)))


def _store(plan: Plan, error: StorageError) -> Place:
    """Find where the store is listed that an error names."""
    names = {listing.name: listing.place for listing in plan.stages["integration"]}
    return names.get(str(error).partition(":")[0]) or plan.document.place("dal")


def _why_not(engine: Pipeline, error: OSError) -> str:
    """Say in one line what could not be opened."""
    for listing in engine.plan.stages["transport"]:
        bound = sum(1 for name, _, _ in engine.listeners if name == listing.name)
        if bound < len(getattr(listing.plugin, "bind", ())) and engine.key:
            place, text = why_not(engine.plan, engine.listeners, error, listing)
            return f"{place}: {text}"
    return f"cannot start: {error}"
