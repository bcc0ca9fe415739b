"""Reading pipeline.toml again in a running server: `sipline reload` and SIGHUP. SIGUSR1 opens the logs anew and reads nothing.

Rule: a reading that fails leaves nothing behind, not even the types and modules that plugin files made while they were read. The file is
read in a thread: ten thousand users in it must not hold the loop.
"""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING

from pipeline.cli import Failed
from pipeline.cli.files import plan_of
from pipeline.cli.log import LOG, log_as
from pipeline.config.problems import Problems
from pipeline.dal import TYPES

if TYPE_CHECKING:
    from argparse import Namespace

    from pipeline.engine import Pipeline


class Reading:
    """Reads the file again, whenever asked."""

    def __init__(self, engine: Pipeline, args: Namespace) -> None:
        self._engine = engine
        self._args = args
        self._lock = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None
        self._once_more = False

    async def again(self) -> list[str]:
        """Read, check and take the file; returns what changed and what warns. Raises Problems, and nothing has changed."""
        self.reopen()
        async with self._lock:
            types, modules = dict(TYPES), {name: module for name, module in sys.modules.items() if name.startswith("sipline_file_")}
            try:
                plan = await asyncio.to_thread(plan_of, self._args)
                lines = await self._engine.reload(plan)
            except BaseException:
                # What an installed module has registered stays: it is imported once, and would not register it again.
                for kind in [kind for kind, cls in TYPES.items() if kind not in types and cls.__module__.startswith("sipline_file_")]:
                    del TYPES[kind]
                TYPES.update(types)
                sys.modules.update(modules)
                raise
            try:
                log_as(self._args, plan)
            except Failed as failed:
                LOG.error("%s", failed)
                lines.append(f"warning: {failed}; logging goes on as before")
        return lines + [f"warning: {warning}" for warning in plan.warnings]

    async def told(self) -> list[str]:
        """Do it, and write into the log what comes of it: who asks by `sipline reload` may be anybody. Raises Problems."""
        try:
            lines = await self.again()
        except Problems as problems:
            LOG.error("not reloaded, the server goes on as before:\n%s", problems)
            raise
        LOG.info("reloaded %s: %s", self._engine.plan.document.name, "; ".join(lines) or "nothing has changed")
        return lines

    def asked(self) -> None:
        """Do it for SIGHUP: what comes of it stands in the log. Asked again meanwhile, it is done once more."""
        if self._task is not None and not self._task.done():
            self._once_more = True
            return
        self._task = asyncio.get_running_loop().create_task(self._logged(), name="reload")

    async def _logged(self) -> None:
        while True:
            self._once_more = False
            try:
                await self.told()
            except Problems:
                pass
            except Exception:
                LOG.exception("not reloaded, the server goes on as before")
            if not self._once_more:
                return

    def reopen(self) -> None:
        """Open the logs anew, ours and those of plugins: logrotate has moved the files away."""
        try:
            log_as(self._args, self._engine.plan)
        except Failed as failed:
            LOG.error("%s", failed)
        self._engine.tell("log.reopen")

    async def stop(self) -> None:
        """Reload no more: the server stops."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
