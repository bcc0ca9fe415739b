"""What `sipline show` tells: rows of plain values. Nothing secret is among them.

Rule: rows are made while they are written, so that 100,000 contacts do not hold the loop; each table is a function of the engine.
"""

from __future__ import annotations

import os
from bisect import bisect_left
from collections import deque
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline import hookspecs
from pipeline.bind import write_address
from pipeline.control import bans, calls, events, mailboxes, messages
from pipeline.generation import COMPILED
from pipeline.pending import finished
from pipeline.reach import static_key

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Awaitable, Callable, Iterable, Iterator

    from pipeline.clock import Clock
    from pipeline.engine import Pipeline

Row = dict[str, Any]
BEAT = 0.05
"""Seconds between two looks at how late the loop runs."""
LOOKS = 1200
"""Looks that are remembered: a minute."""
STEPS = (0.5, 1.0, 2.0, 3.0, 5.0, 7.0, 10.0, 15.0, 20.0, 30.0, 50.0, 70.0, 100.0, 200.0, 500.0, 1000.0, float("inf"))
"""Upper ends of the histogram's steps, in milliseconds."""


class Lag:
    """How late the loop runs: what a message waits before anybody reads it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._late: deque[float] = deque(maxlen=LOOKS)
        self._since_start = [0] * len(STEPS)
        self._handle: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Look from now on."""
        self._handle = self._clock.call_later(BEAT, self._look, self._clock.now() + BEAT)

    def _look(self, due: float) -> None:
        late = max(0.0, self._clock.now() - due)
        self._late.append(late)
        self._since_start[bisect_left(STEPS, late * 1e3)] += 1
        self.start()

    def stop(self) -> None:
        """Look no more."""
        if self._handle is not None:
            self._handle.cancel()

    def row(self) -> Row:
        """Return the last, the worst and the usual of the last minute, in milliseconds; since the start, how many looks were how late."""
        late = sorted(self._late) or [0.0]
        return {
            "now_ms": round((self._late[-1] if self._late else 0.0) * 1e3, 2),
            "p99_ms": round(late[int(len(late) * 0.99)] * 1e3, 2),
            "worst_ms": round(late[-1] * 1e3, 2),
            "looks_by_ms": {f"{step:g}": count for step, count in zip(STEPS, self._since_start, strict=True) if count},
        }


async def show(engine: Pipeline, what: str, lag: Lag) -> Iterable[Row]:
    """Return the rows of one table; raises LookupError for one that there is not."""
    if what == "stats":
        return [await stats(engine, lag)]
    make = TABLES.get(what)
    if make is None:
        raise LookupError(f"there is nothing called {what!r} to show: {', '.join([*TABLES, 'stats'])}")
    return await make(engine)


async def contacts(engine: Pipeline) -> Iterator[Row]:
    """Return the bindings that have not expired, and the static contacts, which never do (`expires` is empty)."""
    found = await finished(engine.dal.find("contact")) if engine.dal.stores("contact") else ()
    aors = await finished(engine.dal.find("aor")) if engine.dal.stores("aor") else ()
    now = engine.clock.time()
    static = (
        {
            "aor": aor.id,
            "uri": text,
            "reach": "",
            "expires": "",
            **_asked(engine, static_key(aor.id, text)),
            "q": "",
            "user_agent": "",
            "endpoint": "",
        }
        for aor in sorted(aors, key=lambda aor: aor.id)
        for text in aor.contact
    )
    return chain(_bindings(engine, found, now), static)


def _bindings(engine: Pipeline, found: Iterable[Any], now: float) -> Iterator[Row]:
    return (
        {
            "aor": contact.aor,
            "uri": contact.uri,
            "reach": contact.reach or ", ".join(contact.path),
            "expires": round(contact.expires_at - now),
            **_asked(engine, contact.id),
            "q": contact.q,
            "user_agent": contact.user_agent,
            "endpoint": contact.endpoint,
        }
        for contact in sorted(found, key=lambda contact: (contact.aor, -contact.q))
        if contact.expires_at > now
    )


def _asked(engine: Pipeline, ident: str) -> Row:
    """Return whether a contact answered when `qualify` asked it, and how quickly, as Asterisk shows it."""
    asked = engine.reachability.of(ident)
    return {"state": asked.state, "rtt_ms": "" if asked.rtt is None else round(asked.rtt * 1e3, 1)}


async def endpoints(engine: Pipeline) -> Iterator[Row]:
    """Return who may talk to us."""
    found = await finished(engine.dal.find("endpoint")) if engine.dal.stores("endpoint") else ()
    bound: dict[str, int] = {}
    for contact in await finished(engine.dal.find("contact")) if engine.dal.stores("contact") else ():
        if contact.expires_at > engine.clock.time():
            bound[contact.aor] = bound.get(contact.aor, 0) + 1
    return (
        {
            "endpoint": endpoint.id,
            "aors": list(endpoint.aors),
            "auth": list(endpoint.auth),
            "contacts": sum(bound.get(aor, 0) for aor in endpoint.aors),
            "trust_from": endpoint.trust_from,
            "stored_in": endpoint.origin,
        }
        for endpoint in sorted(found, key=lambda endpoint: endpoint.id)
    )


async def transactions(engine: Pipeline) -> Iterator[Row]:
    """Return the transactions at work, those of servers first. Completed ones are only counted, in `stats`."""
    now = engine.clock.now()

    def row(role: str, each: Any) -> Row:
        passage, machine = each.passage, each.machine
        message = passage.message if passage is not None else None
        return {
            "role": role,
            "method": message.method if message is not None else "",
            "state": machine.state if machine is not None else "Trying",
            "peer": write_address(each.flow.peer[:2]),
            "call_id": (message.get("call-id") or "") if message is not None else "",
            "age": round(now - passage.arrived, 3) if passage is not None else None,
        }

    servers = [row("server", each) for each in engine.transactions.at_work()]
    return iter(servers + [row("client", each) for each in engine.clients.at_work()])


async def servants(engine: Pipeline) -> Iterator[Row]:
    """Return the lanes that are busy."""
    return ({"servant": servant, "lane": key, "waiting": waiting} for key, servant, waiting in engine.lanes.items())


async def hooks(engine: Pipeline) -> Iterator[Row]:
    """Return who implements which hook, in calling order."""

    def rows() -> Iterator[Row]:
        for stage in hookspecs.STAGES:
            for hook in sorted(hookspecs.FAMILIES[stage], key=list(vars(hookspecs)).index):
                if hook in COMPILED:
                    names = list(getattr(engine.generation, hook).names)
                else:
                    caller = getattr(engine.generation.hooks[stage], hook)
                    names = [impl.plugin_name for impl in reversed(caller.get_hookimpls())]
                yield {"stage": stage, "hook": hook, "plugins": names}

    return rows()


async def domains(engine: Pipeline) -> Iterator[Row]:
    """Return the domains served, the first first."""
    return (
        {"domain": domain.id, "realm": domain.realm, "aliases": list(domain.aliases), "algorithms": list(domain.algorithms)}
        for domain in engine.domains.all
    )


TABLES: dict[str, Callable[[Pipeline], Awaitable[Iterable[Row]]]] = {
    "contacts": contacts,
    "endpoints": endpoints,
    "transactions": transactions,
    "servants": servants,
    "channels": calls.channels,
    "bridges": calls.bridges,
    "calls": calls.calls,
    "cdr": calls.cdr,
    "messages": messages.listed,
    "subscriptions": events.subscriptions,
    "publications": events.publications,
    "bans": bans.listed,
    "mailboxes": mailboxes.listed,
    "hooks": hooks,
    "domains": domains,
}


async def stats(engine: Pipeline, lag: Lag) -> Row:
    """Return every counter there is."""
    plugins: dict[str, Any] = {}
    for listing in engine.generation.listings():
        told = getattr(listing.plugin, "stats", None)
        if callable(told):
            plugins[listing.name] = await finished(told())
    for name, told in engine.dal.stats().items():
        if told:
            plugins[name] = {**plugins.get(name, {}), **told}
    at_work = len(engine.transactions.at_work())
    return {
        "server": {
            "name": engine.plan.name,
            "pid": os.getpid(),
            "listeners": [f"{transport.lower()} {write_address(local)}" for _, transport, local in engine.listeners],
            "tracing": engine.tap is not None,
            "not_shown": engine.tap.missed if engine.tap is not None else 0,
            "overloaded": engine.overloaded,
        },
        "loop_lag": lag.row(),
        "memory": memory(),
        "kernel_drops": sum(counters.get("kernel_drops", 0) for counters in plugins.values() if isinstance(counters, dict)),
        "transactions": {"at_work": at_work, "completed": len(engine.transactions) - at_work, "client": len(engine.clients)},
        "dns": engine.locator.stats(),
        "dialogs": len(engine.dialogs),
        "core": {name: len(getattr(engine.core, name)) for name in ("channels", "bridges", "calls", "tasks")},
        "flows": len(engine.flows),
        "waiting": len(engine.waiting),
        "lanes": {"busy": len(engine.lanes), "backlog": engine.lanes.backlog, "done": engine.lanes.done},
        "counts": dict(sorted(engine.counts.items())),
        "events": dict(sorted(engine.bus.counts.items())),
        "listeners_failed": dict(engine.bus.failures),
        "plugins": plugins,
    }


def memory() -> Row:
    """Return what this process holds, in kB: now (Linux) and at its largest."""
    import resource  # noqa: PLC0415

    row: Row = {"largest_kb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}
    pages = _statm()
    if pages is not None:
        row["resident_kb"] = pages * (resource.getpagesize() // 1024)
    return row


def _statm() -> int | None:
    try:
        return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return None
