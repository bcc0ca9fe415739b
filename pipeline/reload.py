"""Reload: another reading of pipeline.toml takes the place of the one that runs, or nothing changes.

What runs is always exactly one reading of the file, never half of each. So a change that a running server cannot make (`fixed`) refuses the
whole, as a mistake does; the problem says that it needs a restart.

How: the new generation is built beside the old and its plugins start while the old one serves. What they see of the engine (plan, domains,
listeners, data access layer) is theirs only while their own code runs (`View`): not one message meets a mixture, however long a start
waits. Then one turn of the loop swaps everything. If anything fails before, what was opened is closed, and a plugin whose lasting state
(`engine.state`) a successor had taken is started once more, so that it takes it back.

Messages under way keep their old generation. Its plugins end (`stop`) when nothing walks there any more, or after PARTING seconds: those
that are gone, and those that keep nothing in `engine.state`. Of the others the state goes on, and so does whoever it serves.
"""

from __future__ import annotations

import asyncio
import errno
import inspect
from functools import partial
from typing import TYPE_CHECKING, Any

from pipeline.bind import write_address
from pipeline.clock import Fifo
from pipeline.config.changes import changes, fixed
from pipeline.config.problems import Problem, Problems
from pipeline.domains import Domains
from pipeline.generation import Generation
from pipeline.stages import integration
from pipeline.starting import said, why

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator

    from pipeline.config.plan import Listing, Plan
    from pipeline.config.problems import Place
    from pipeline.engine import Pipeline
    from pipeline.listeners import Bound

START_SECONDS = 30.0
"""How long the plugins of a new generation may take to start, all together. The old one serves meanwhile."""
PARTING = 5.0
"""Seconds that what is under way in the old generation may take, as at the end of the server: more than T2 and any `Wait`."""
LOOK = 0.05


class View:
    """What of the engine is a configuration's: changed places with the running one while `with` lasts, and for good by `enter`."""

    def __init__(self, engine: Pipeline, plan: Plan) -> None:
        self._engine = engine
        self.plan = plan
        self.generation = Generation(plan)
        self.domains = Domains(plan.domains)
        self.listeners: list[tuple[str, str, tuple[str, int]]] = []
        self.dal: Any = None
        """The data access layer's view, once its backends are there."""

    def enter(self) -> None:
        """Change places: what was seen of the engine is kept here."""
        engine = self._engine
        self.plan, engine.plan = engine.plan, self.plan
        self.generation, engine.generation = engine.generation, self.generation
        self.domains, engine.domains = engine.domains, self.domains
        self.listeners, engine.listeners = engine.listeners, self.listeners
        if self.dal is not None:
            self.dal = engine.dal.look(self.dal)

    def run(self, fn: Callable[[], Any]) -> Any:
        """Call fn while the engine looks so."""
        self.enter()
        try:
            return fn()
        finally:
            self.enter()

    async def wait(self, awaitable: Awaitable[Any]) -> Any:
        """Await something whose own code sees the engine so, and nobody else's."""
        return await _Stepwise(self, awaitable)


class _Stepwise:
    """Drives an awaitable step by step, each step within the view."""

    def __init__(self, view: View, awaitable: Awaitable[Any]) -> None:
        self._view = view
        self._steps = awaitable.__await__()

    def __await__(self) -> Generator[Any, Any, Any]:
        steps, run = self._steps, self._view.run
        step: Callable[[], Any] = partial(next, steps)
        while True:
            try:
                waits_for = run(step)
            except StopIteration as done:
                return done.value
            try:
                yield waits_for
            except BaseException as error:  # cancelled or failed: its own business
                step = partial(steps.throw, error)
            else:
                step = partial(next, steps)  # asyncio sends nothing but None


class Reloads:
    """Does one reload after the other."""

    def __init__(self, engine: Pipeline) -> None:
        self._engine = engine
        self._lock = asyncio.Lock()
        self._parting: set[asyncio.Task[None]] = set()
        self._last: dict[tuple[str, str], Any] = {}
        """The latest instance that any state went to."""

    async def reload(self, plan: Plan) -> list[str]:
        """See `Pipeline.reload`."""
        async with self._lock:
            engine = self._engine
            if engine.draining:
                raise Problems([_problem(plan.document.place(), "the server is stopping", "")])
            former = engine.plan
            if problems := fixed(former, plan):
                raise Problems(problems)
            lines = changes(former, plan)
            try:
                view = View(engine, plan)
            except Exception as error:
                raise Problems([_problem(plan.document.place(), f"the pipeline cannot be built: {error}", "")]) from error
            attempt = _Attempt(engine, view)
            try:
                await attempt.prepare()
            except BaseException as error:
                await attempt.undo()
                if isinstance(error, Problems) or not isinstance(error, Exception):
                    raise
                raise Problems([_problem(plan.document.place(), f"not reloaded: {error!r}", "")]) from error
            lines += _listening(engine.listeners, view.listeners)
            gone = self._swap(view)
            engine.tell("pipeline.reloaded", name=plan.name, changes=lines)
            task = asyncio.get_running_loop().create_task(self._part(former, attempt.formers, gone), name="the former generation ends")
            self._parting.add(task)
            task.add_done_callback(self._parting.discard)
            return lines

    def _swap(self, view: View) -> list[Bound]:
        """Let the new generation serve. One turn of the loop, and nothing in it can fail."""
        engine = self._engine
        former, untraced, stored = engine.plan, view.generation, view.dal
        view.dal = None  # taken below, where who watches is told
        view.enter()
        engine.untraced = untraced
        if engine.tap is not None:
            engine.generation = untraced.traced(engine.clock.now)
        self._last.update((engine.state_key(listing.plugin), listing.plugin) for listing in untraced.listings())
        gone = engine.sockets.commit()
        engine.waiting.configure()
        if former.options.claim_seconds != engine.plan.options.claim_seconds:
            claims = engine.transactions
            claims._claims = Fifo(engine.clock, engine.plan.options.claim_seconds, claims._claim_over, grain=0.5)
        try:
            engine.dal.take(stored)
        except Exception as error:  # one who watches could not hear it
            engine.tell("step.failed", plugin="reload", stage="integration", error=repr(error), exception=error, passage=None)
        return gone

    async def _part(self, former: Plan, formers: list[Listing], gone: list[Bound]) -> None:
        """End the plugins of the former generation, and the sockets that nobody listens with, when what is under way there has ended."""
        engine = self._engine
        deadline = engine.clock.now() + PARTING
        quiet = False
        try:
            while engine.clock.now() < deadline and not engine.draining:
                quiet = quiet or not len(engine.lanes)
                if quiet and not engine.waiting.walks(former) and not _answering(engine, gone):
                    break
                await asyncio.sleep(LOOK)
        finally:
            engine.sockets.part(gone)
            for listing in reversed(formers):
                await self._end(listing)

    async def _end(self, listing: Listing) -> None:
        engine = self._engine
        key = engine.state_key(listing.plugin)
        if key not in engine.states:
            await _tried(engine, listing, "stop")
            return
        async with (
            self._lock
        ):  # who comes back while it says goodbye begins afresh: a state that is being stopped is no state to go on with
            if self._last.get(key, listing.plugin) is listing.plugin:  # else it goes on with a successor
                await _tried(engine, listing, "stop", START_SECONDS)
                engine.states.pop(key, None)
                self._last.pop(key, None)

    async def stop(self) -> None:
        """Wait for a reload under way, and for former generations to end: the server stops."""
        async with self._lock:
            pass
        if self._parting:
            await asyncio.gather(*self._parting, return_exceptions=True)


class _Attempt:
    """The new generation on its way, and the way back."""

    def __init__(self, engine: Pipeline, view: View) -> None:
        self._engine = engine
        self._view = view
        self._states = set(engine.states)
        self.formers = engine.untraced.listings()
        self._former = {listing.name: listing for listing in self.formers}
        self._begun: list[Listing] = []

    async def prepare(self) -> None:
        """Open what is new and start every plugin of the new generation. Raises Problems."""
        engine, view = self._engine, self._view
        engine.known(view.generation)
        engine.sockets.prepare()
        stored = [listing for listing in view.plan.stages["integration"] if hasattr(getattr(listing.plugin, "store", None), "sipline_impl")]
        self._begun += stored
        try:
            mapping, backends = view.run(lambda: (engine.plan.dal, integration.backends(engine)))
            view.dal = engine.dal.prepare(mapping, backends)
        except Exception as error:
            raise Problems([_problem(view.plan.document.place("dal"), f"the stores cannot be opened: {said(error)}", "")]) from error
        # The transports first, for a port that is taken is what fails most.
        transports = view.plan.stages["transport"]
        others = [listing for listing in view.generation.listings() if listing not in transports]
        try:
            async with asyncio.timeout(START_SECONDS):
                for listing in (*transports, *others):
                    self._begun.append(listing)
                    await self._call(listing, "start")
                    if listing in transports:
                        await self._call(listing, "listen")
                await integration.check_held(view.plan, view.dal)
                for listing in view.plan.stages["integration"]:
                    await self._call(listing, "integration")
        except TimeoutError:
            text = f"{self._begun[-1].name} did not start within {START_SECONDS:g} s"
            raise Problems([_problem(self._begun[-1].place, text, "")]) from None

    async def _call(self, listing: Listing, hook: str) -> None:
        view, engine = self._view, self._engine
        try:
            result = view.run(lambda: engine._hook(listing.plugin, hook))
            if inspect.isawaitable(result):
                await view.wait(result)
        except Problems:
            raise
        except Exception as error:
            hint = ""
            if hook == "listen" and isinstance(error, OSError):
                place, text = why_not(view.plan, view.listeners, error, listing)
                # From one address to all, or back: both cannot be open at once, and what serves is not closed before the other is.
                ports = {local[1] for name, _, local in engine.listeners if name == listing.name}
                if error.errno == errno.EADDRINUSE and any(f":{port}: " in text for port in ports):
                    hint = "it listens on this port already, at another address: restart, or choose another port"
            elif isinstance(error, TimeoutError):
                raise
            else:
                place, text = listing.place, why(listing, hook, error)
            raise Problems([_problem(place, text, hint)]) from error

    async def undo(self) -> None:
        """Close what was opened; who had handed over his state takes it back."""
        engine = self._engine
        engine.sockets.abandon()
        done: set[str] = set()
        for listing in reversed(self._begun):
            if listing.name in done:
                continue
            done.add(listing.name)
            key = engine.state_key(listing.plugin)
            former = self._former.get(listing.name)
            if key in self._states and former is not None and engine.state_key(former.plugin) == key:
                await _tried(engine, former, "start")
            else:
                await _tried(engine, listing, "stop")
        for key in engine.states.keys() - self._states:
            del engine.states[key]


async def _tried(engine: Pipeline, listing: Listing, hook: str, seconds: float | None = None) -> None:
    try:
        async with asyncio.timeout(seconds):  # who never ends must not keep others from reloading
            await engine._lifecycle(listing.plugin, hook)
    except Exception as error:
        engine.tell("step.failed", plugin=listing.name, stage=listing.stage, error=repr(error), exception=error, passage=None)


def _answering(engine: Pipeline, gone: list[Bound]) -> bool:
    """Tell whether a request that came by one of these sockets is still to be answered."""
    if not gone:
        return False
    addresses = {bound.local for bound in gone}
    ports = {port for host, port in addresses if host in ("0.0.0.0", "::")}  # noqa: S104  # compared with
    return any(
        not each.flow.reliable and (each.flow.local in addresses or each.flow.local[1] in ports) for each in engine.transactions.at_work()
    )


def why_not(plan: Plan, listeners: list[tuple[str, str, tuple[str, int]]], error: OSError, listing: Listing) -> tuple[Place, str]:
    """Say where and what could not be bound. Plugins bind in the order of their option: the first one missing is to blame."""
    wanted = getattr(listing.plugin, "bind", ())
    bound = sum(1 for name, _, _ in listeners if name == listing.name)
    reason = error.strerror or str(error)
    if bound >= len(wanted):
        return listing.place, f"{listing.name} cannot listen: {reason}"
    place = plan.document.place("plugin", listing.name, "bind", bound) if "bind" in listing.written else listing.place
    return place, f"{listing.name} cannot listen on {wanted[bound]}: {reason}"


def _listening(before: list[tuple[str, str, tuple[str, int]]], after: list[tuple[str, str, tuple[str, int]]]) -> list[str]:
    def text(listener: tuple[str, str, tuple[str, int]]) -> str:
        return f"{listener[1].lower()} {write_address(listener[2])}"

    there, now = {text(each) for each in before}, {text(each) for each in after}
    return [f"listens on {each}" for each in sorted(now - there)] + [f"no longer listens on {each}" for each in sorted(there - now)]


def _problem(place: Place, text: str, hint: str) -> Problem:
    return Problem(place, text, hint)
