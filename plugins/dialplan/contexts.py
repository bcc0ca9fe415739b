"""Which steps belong to what was dialled in a context: the rule of precedence, and what was read once.

Rule, from first to last: 1. the context's exact extension; 2. with `users`, the address of record of that name; 3. its patterns, the most
specific first; 4. its regular expressions, in the order of the file; 5. its includes, in their order, each with all of this again.
So own beats included, and of two that fit within one context the more specific one wins.

What the stores hold is read once and kept until one of them says that it changed; steps are read when they are first taken.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from pipeline import Malformed, Uri
from pipeline.dal import TYPES as STORED
from pipeline.mailboxes import mailbox_of
from pipeline.pending import Pending, settle, walk

from .patterns import Mistake, Table
from .reading import Broken, Timed, read_timed
from .run import Route
from .schedule import When

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from pipeline.core import Dialed
    from pipeline.dal import Mailbox
    from pipeline.engine import Pipeline

    from .reading import Reader, Steps
    from .stored import Context, Menu, Schedule

__all__ = ["Choices", "Contexts"]


class Entry:
    """An extension: its steps as they are written, and once they were needed, read."""

    __slots__ = ("name", "steps", "written")

    def __init__(self, name: str, written: Any) -> None:
        self.name = name
        self.written = written
        self.steps: Steps | None = None


class Included(NamedTuple):
    """A context that is looked into as well."""

    context: str
    timed: Timed | None


class Ready(NamedTuple):
    """A context, read."""

    table: Table[Entry]
    users: bool
    voicemail: bool
    include: tuple[Included, ...]


class Choices(NamedTuple):
    """A menu, read."""

    menu: Menu
    table: Table[Entry]


class Contexts:
    """The contexts, menus and schedules of a running server."""

    def __init__(
        self, engine: Pipeline, reader: Callable[[Callable[..., None]], Reader], user_steps: Callable[[str, Mailbox | None], Steps]
    ) -> None:
        self._engine = engine
        self._reader = reader
        self._user_steps = user_steps
        self._kept: dict[tuple[str, str], Any] = {}

    def forget(self, *_: Any) -> None:
        """Read again what is asked for next: something stored has changed."""
        self._kept.clear()

    # -- what was dialled ----------------------------------------------------------------------------------------------

    def look(self, context: str, extension: str, uri: str = "") -> Any:
        """Return the Route of something dialled, None, or a Pending of either. `uri`: the whole address, for its domain."""
        ready = self._kept.get(("context", context))
        if ready is not None and (entry := ready.table.exact.get(extension)) is not None:
            return Route(self, context, extension, (), self.steps(entry))
        return walk(self._look(context, extension, uri, context, set()))

    def route(self, dialed: Dialed, default: str) -> Any:
        """Return the Route of a call, None, or a Pending of either."""
        return self.look(dialed.context or default, dialed.extension, dialed.uri)

    def _look(self, name: str, extension: str, uri: str, top: str, seen: set[str]) -> Generator[Any, Any, Route | None]:
        seen.add(name)
        ready = self._kept.get(("context", name))
        if ready is None:
            ready = yield self._context(name)
            if ready is None:
                self._engine.tell("dialplan.unknown", type="context", id=name)
                return None
        entry = ready.table.exact.get(extension)
        if entry is not None:
            return Route(self, top, extension, (), self.steps(entry))
        if ready.users:
            aor = f"{extension}@{self._domain(uri)}"
            if (yield self._engine.dal.get("aor", aor)) is not None:
                mailbox = (yield mailbox_of(self._engine, aor)) if ready.voicemail else None
                return Route(self, top, extension, (), self._user_steps(aor, mailbox))
        found = ready.table.find(extension)
        if found is not None:
            return Route(self, top, extension, found[1], self.steps(found[0]))
        for include in ready.include:
            if include.context in seen:
                continue
            if include.timed is not None and not (yield self.opened(include.timed)):
                continue
            route = yield from self._look(include.context, extension, uri, top, seen)
            if route is not None:
                return route
        return None

    def _domain(self, uri: str) -> str:
        """Return the domain in which a user was dialled; who dials without one means the first."""
        domains = self._engine.domains
        domain = None
        if uri and len(domains.all) > 1:
            with suppress(Malformed):
                domain = self._engine.domain_of(Uri.parse(uri).host)
        return str((domain or domains.first).id)

    def steps(self, entry: Entry) -> Steps:
        """Return the steps of an extension or a choice, read."""
        if entry.steps is None:
            entry.steps = self._reader(_untold).steps(entry.written, ())
        return entry.steps

    # -- what is stored ------------------------------------------------------------------------------------------------

    def opened(self, timed: Timed) -> Any:
        """Return whether a time condition holds now, or a Pending of it; a schedule that does not exist never holds."""
        if timed.when is not None:
            return self._holds(timed.when)
        return settle(self._get("schedule", timed.schedule, _when), lambda when: when is not None and self._holds(when))

    def menu(self, name: str) -> Any:
        """Return the Choices of a menu, None, or a Pending of either."""
        return self._get("menu", name, self._choices)

    def _holds(self, when: When) -> bool:
        clock = self._engine.clock
        return when.holds(clock.time(), clock.zone)

    def _context(self, name: str) -> Any:
        return self._get("context", name, self._ready)

    def _get(self, kind: str, name: str, read: Callable[[Any], Any]) -> Any:
        kept = self._kept.get((kind, name))
        if kept is not None:
            return kept
        if kind not in STORED or not self._engine.dal.stores(kind):
            return None
        stored = self._engine.dal.get(kind, name)
        return (
            settle(stored, lambda found: self._keep(kind, name, read, found))
            if type(stored) is Pending
            else self._keep(kind, name, read, stored)
        )

    def _keep(self, kind: str, name: str, read: Callable[[Any], Any], stored: Any) -> Any:
        if stored is None:
            return None
        made = self._kept[kind, name] = read(stored)
        return made

    def _ready(self, stored: Context) -> Ready:
        include = []
        for item in stored.include:
            try:
                if isinstance(item, str):
                    include.append(Included(item, None))
                else:
                    include.append(Included(str(item["context"]), read_timed(item, also=("context",))))
            except (Mistake, KeyError) as mistake:  # not of the file, which was checked
                self._mistaken(stored, str(mistake))
        return Ready(self._table(stored, stored.extensions), stored.users, stored.voicemail, tuple(include))

    def _choices(self, stored: Menu) -> Choices:
        return Choices(stored, self._table(stored, stored.choices))

    def _table(self, stored: Context | Menu, written: dict[str, Any]) -> Table[Entry]:
        table: Table[Entry] = Table()
        for name, steps in written.items():
            entry = Entry(name, steps)
            try:
                table.add(name, entry)
            except Mistake as mistake:
                self._mistaken(stored, f"'{name}': {mistake.message}")
                entry.steps = (Broken(mistake.message),)
        return table

    def _mistaken(self, stored: Context | Menu, message: str) -> None:
        self._engine.tell("dialplan.mistake", type=stored.kind, id=stored.id, stored_in=stored.origin, error=message)


def _untold(keys: Any, message: str, suggestion: str, key: bool) -> None:
    """Leave a mistake to the step that it became: it tells when somebody gets there."""


def _when(stored: Schedule) -> When | None:
    try:
        return When.read({"days": stored.days, "hours": stored.hours, "dates": stored.dates, "closed": stored.closed, "zone": stored.zone})
    except Mistake:
        return None
