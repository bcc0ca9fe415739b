"""Calls a Python function of the user's own with each message, for some recipients or all.

    async def weather(text):                       # in bots.py beside pipeline.toml; call = "bots.py:weather"
        return f"You wrote {text.body.decode()!r}. Sunny."

The function gets the `core.Text` (recipient, body, kind, origin...). It returns None: not mine, the message goes on to phones; True: taken;
a text: taken, and this is the answer to its author; a `core.Receipt`: that. `async def` may wait; a plain function may not.

Rule: what it raises is told by its name (`step.failed`), and its author is answered 503. What waits is bounded.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, ClassVar

import attrs

from pipeline import Address, Malformed, Pending, hookimpl, option, plugin
from pipeline.core import Fate, Receipt

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable
    from pathlib import Path

    from pipeline.config.checked import Checked
    from pipeline.core import Text
    from pipeline.engine import Pipeline

WAITING = 200
"""Calls that may wait at once."""
SECONDS = 25.0
"""How long one may take: its sender's transaction ends after 32 s (RFC 3261 17.1.2.2)."""
FULL = Receipt(Fate.FAILED, "too many calls wait", seconds=10)
TAKEN = Receipt(Fate.DELIVERED)


class _Calls:
    """What outlives a reload: calls of the function that have not come back."""

    def __init__(self) -> None:
        self.tasks: set[Any] = set()
        self.called = self.failed = 0


class Unusable(ValueError):  # noqa: N818 (a sentence for the user)
    """Why there is no such function."""


def load(name: str, folder: Path) -> Callable[[Text], Any]:
    """Return the function that `module:function` or `file.py:function` names; raises Unusable."""
    where, colon, function = name.rpartition(":")
    if not colon or not where or not function:
        raise Unusable(f'{name!r} names no function: write "module:function" or "file.py:function"')
    try:
        if where.endswith(".py"):
            path = folder / where
            spec = importlib.util.spec_from_file_location(f"sipline_message_{path.stem}", path)
            if spec is None or spec.loader is None or not path.is_file():
                raise Unusable(f"there is no file {path}")
            module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
        else:
            module = importlib.import_module(where)
    except Unusable:
        raise
    except Exception as error:
        raise Unusable(f"{where} cannot be imported: {error!r}") from error
    found = getattr(module, function, None)
    if not callable(found):
        raise Unusable(f"{where} has no function {function}")
    return found  # type: ignore[no-any-return]


@plugin
class MessagePython:
    """Calls a Python function with each message."""

    stage: ClassVar[str] = "integration"
    after: ClassVar[tuple[str, ...]] = ("message_email",)

    call: str = option(path=True, sends=True, help='the function: "module:function", or "file.py:function" from this file\'s folder')
    to: list[str] = option(factory=list, help='only messages for these recipients, as ["weather@example.com", "bot-*@*"]; [] = all')

    _engine: Any = attrs.field(init=False, default=None)
    _function: Any = attrs.field(init=False, default=None)
    _to: tuple[str, ...] = attrs.field(init=False, default=())
    _calls: Any = attrs.field(init=False, default=None)

    @hookimpl
    def check(self, file: Checked) -> None:
        """Say when there is no such function."""
        try:
            load(self.call, file.folder)
        except Unusable as error:
            file.error(("plugin", file.name, "call"), str(error))
        where = self.call.rpartition(":")[0]
        if where.endswith(".py"):
            file.reads(file.folder / where)

    @hookimpl
    def start(self, engine: Pipeline) -> None:
        """Load the function; raises Unusable."""
        self._engine = engine
        self._calls = engine.state(self, _Calls)
        self._function = load(self.call, engine.generation.plan.document.folder)
        first = engine.domains.first.id
        self._to = tuple(name if "@" in name else f"{name}@{first}" for name in self.to)

    @hookimpl
    def stop(self) -> None:
        """Wait for nothing any more: the server ends, or the file names this plugin no longer."""
        for task in tuple(self._calls.tasks) if self._calls is not None else ():
            task.cancel()

    @hookimpl
    def route_message(self, text: Text) -> Receipt | Pending | None:
        """Call the function."""
        if self._to:
            name = text.recipient if "@" in text.recipient else f"{text.recipient}@{self._engine.domains.first.id}"
            if not any(fnmatchcase(name, each) for each in self._to):
                return None
        if len(self._calls.tasks) >= WAITING:
            return FULL
        self._calls.called += 1
        found = self._function(text)
        if not inspect.isawaitable(found):
            return self._meant(text, found)
        return self._later(text, found)

    def _meant(self, text: Text, found: Any) -> Receipt | None:
        """Return what a function's value says."""
        if found is None or isinstance(found, Receipt):
            return found
        if isinstance(found, str):
            if text.stranger and not self._is_ours(text.origin):
                return TAKEN  # whoever says that he is somebody elsewhere shall not have us write to him
            self._engine.core.messages.post(text.origin, found, author=text.recipient, plugins=False)
            return TAKEN
        if found is True:
            return TAKEN
        raise TypeError(f"{self.call} returned {found!r}: it may be None, True, a text or a core.Receipt")

    def _is_ours(self, author: str) -> bool:
        try:
            return self._engine.domain_of(Address.parse(author, "From").uri.host) is not None
        except Malformed:
            return False

    def _later(self, text: Text, coming: Any) -> Pending:
        import asyncio  # noqa: PLC0415

        result, calls = Pending(), self._calls

        async def run() -> Any:
            return await asyncio.wait_for(coming, SECONDS)

        def done(task: asyncio.Task[Any]) -> None:
            calls.tasks.discard(task)
            try:
                meant = self._meant(text, task.result())
            except asyncio.CancelledError:
                result.resolve(Receipt(Fate.FAILED, "the server stops", seconds=10))
            except Exception as error:
                calls.failed += 1
                result.fail(error)
            else:
                # It had the message, and only now says that it is not for it: nobody else is asked any more.
                result.resolve(meant or Receipt(Fate.UNKNOWN, f"{self.call} does not want it"))

        task = self._engine.loop.create_task(run())
        calls.tasks.add(task)
        task.add_done_callback(done)
        return result

    def stats(self) -> dict[str, int]:
        """Return the counters that `sipline show stats` shows."""
        calls = self._calls
        return {} if calls is None else {"called": calls.called, "failed": calls.failed, "waiting": len(calls.tasks)}
