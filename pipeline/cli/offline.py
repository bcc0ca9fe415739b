"""The stores of a server that does not run: opened, used and closed by one command. The lock keeps a server from starting meanwhile."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from pipeline import state
from pipeline.cli import Failed
from pipeline.cli.files import locked
from pipeline.control.place import Busy
from pipeline.engine import Pipeline
from pipeline.stages import integration

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from pipeline.config.plan import Plan


def offline(plan: Plan, work: Callable[[Pipeline], Awaitable[Any]]) -> Any:
    """Give `work` an engine that has its stores and nothing else: no listener, no timer, no application."""
    try:
        lock = locked(plan)
    except Busy:
        raise Failed(f"another sipline has just begun to use {plan.state}: try again") from None
    try:
        return asyncio.run(_work(plan, work))
    finally:
        lock.close()


async def _work(plan: Plan, work: Callable[[Pipeline], Awaitable[Any]]) -> Any:
    engine = Pipeline(plan, asyncio.get_running_loop())
    engine.key = state.secret(plan.state)
    backends = [listing for listing in plan.stages["integration"] if hasattr(listing.plugin, "store")]
    begun = []
    try:
        engine.dal = integration.build(engine)
        for listing in backends:
            begun.append(listing)
            await engine._lifecycle(listing.plugin, "start")
        return await work(engine)
    finally:
        for listing in reversed(begun):
            await engine._lifecycle(listing.plugin, "stop")
