"""Whose mailboxes are watched: the stored mailboxes and the endpoints that are told unasked, kept at hand.

Rule: who may watch is answered at once, without asking a store; so what is stored of mailboxes is read at start and whenever it changes.
Users whose mailbox has its defaults are not among them: such a mailbox is named like its user.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from pipeline.dal import StorageError
from pipeline.mailboxes import aors_of, mailbox_id
from pipeline.pending import Pending

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.dal import Endpoint, Mailbox
    from pipeline.engine import Pipeline

__all__ = ["Owners"]

AGAIN = 30.0
"""Seconds until a store that could not answer is asked again."""


class Owners:
    """Mailboxes by name and number; endpoints by what they want to be told."""

    def __init__(self, engine: Pipeline, changed: Callable[[], None]) -> None:
        self._engine = engine
        self._changed = changed
        self.mailboxes: dict[str, Mailbox] = {}
        """Those that are stored, by name."""
        self.endpoints: dict[str, Endpoint] = {}
        """Those that are told unasked (`mailboxes`), by id."""
        self.by_aor: dict[str, tuple[Endpoint, ...]] = {}
        """The same, by address of record."""
        self._stops: list[Callable[[], None]] = []
        self._closed = False
        for kind, note in (("mailbox", self._mailbox), ("endpoint", self._endpoint)):
            if engine.dal.stores(kind):
                self._stops.append(engine.dal.watch(kind, partial(self._heard, kind, note)))
                self._read(kind, note)

    def close(self) -> None:
        """Follow the stores no more."""
        self._closed = True
        for stop in self._stops:
            stop()

    def aors(self, mailbox: str) -> tuple[str, ...]:
        """Return the addresses of record that a mailbox belongs to."""
        stored = self.mailboxes.get(mailbox)
        if stored is not None:
            return aors_of(self._engine, stored)
        return (mailbox if "@" in mailbox else f"{mailbox}@{self._engine.domains.first.id}",)

    def resources(self, mailbox: str) -> set[str]:
        """Return everything that can be watched for it: its owners, its name, its number."""
        first = self._engine.domains.first.id
        stored = self.mailboxes.get(mailbox)
        found = {*self.aors(mailbox), mailbox if "@" in mailbox else f"{mailbox}@{first}"}
        return found | {f"{stored.number}@{first}"} if stored is not None and stored.number else found

    def named(self, resource: str) -> str:
        """Return the name of the mailbox that an address "user@domain" means itself, by its name or number; empty: that of its user."""
        name = mailbox_id(self._engine, resource)
        if name in self.mailboxes:
            return name
        return next((each.id for each in self.mailboxes.values() if each.number and each.number == name), "")

    def may(self, resource: str, aor: str) -> bool:
        """Whether an address of record may watch this."""
        if not aor:
            return False
        return aor in self.aors(name) if (name := self.named(resource)) else aor == resource

    # -- reading -------------------------------------------------------------------------------------------------------

    def _heard(self, kind: str, note: Callable[[Any, bool], None], verb: str, stored: Any) -> None:
        if stored is None:
            self._read(kind, note)
            return
        note(stored, verb == "put")
        self._changed()

    def _read(self, kind: str, note: Callable[[Any, bool], None]) -> None:
        """Read all there are; a store that cannot answer now is asked again."""
        if self._closed:
            return

        def taken(found: tuple[Any, ...]) -> None:
            ids = {stored.id for stored in found}
            known: dict[str, Any] = self.mailboxes if kind == "mailbox" else self.endpoints
            for gone in [stored for ident, stored in known.items() if ident not in ids]:
                note(gone, False)
            for stored in found:
                note(stored, True)
            self._changed()

        def ended(pending: Pending) -> None:
            try:
                taken(pending.value())
            except StorageError:
                self._engine.clock.call_later(AGAIN, self._read, kind, note)

        try:
            found = self._engine.dal.find(kind)
        except StorageError:
            self._engine.clock.call_later(AGAIN, self._read, kind, note)
            return
        if isinstance(found, Pending):
            found.then(ended)
        else:
            taken(found)

    def _mailbox(self, mailbox: Mailbox, there: bool) -> None:
        if there:
            self.mailboxes[mailbox.id] = mailbox
        else:
            self.mailboxes.pop(mailbox.id, None)

    def _endpoint(self, endpoint: Endpoint, there: bool) -> None:
        before = self.endpoints.pop(endpoint.id, None)
        for aor in before.aors if before is not None else ():
            left = tuple(each for each in self.by_aor.get(aor, ()) if each.id != endpoint.id)
            if left:
                self.by_aor[aor] = left
            else:
                self.by_aor.pop(aor, None)
        if there and endpoint.mailboxes:
            self.endpoints[endpoint.id] = endpoint
            for aor in endpoint.aors:
                self.by_aor[aor] = (*self.by_aor.get(aor, ()), endpoint)
