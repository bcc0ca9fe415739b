"""What the registrar keeps about bindings beside the store: when each address of record is to be looked at, and which
connections its bindings hang on. It outlives a reload.

Rule: the store is the truth, this follows it (`watch`), whoever writes. A sweep reads an address of record and ends what has ended:
bindings whose time is over, and those that only a connection led to which is closed. It writes with the version it has
read, so a REGISTER that comes between wins and the sweep looks again.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from pipeline import Pending
from pipeline.dal import Conflict, StorageError, version_of
from pipeline.pending import finished, walk

from .expiry import Expiry
from .reach import STREAM

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable

    from pipeline import Flow
    from pipeline.dal import Contact
    from pipeline.engine import Pipeline

LATER = 30.0
"""Seconds until a sweep that the store refused is tried again."""
ATTEMPTS = 3
CHUNK = 1000


class Ledger:
    """Follows the bindings of one pipeline."""

    def __init__(self, engine: Pipeline) -> None:
        self.engine = engine
        self.name = "registrar"
        self.drop_on_close = True
        self.reader: object = None
        """The registrar that runs now; another one's stop() is not ours."""
        self.expiry = Expiry(engine.clock, self.sweep)
        self._ours: set[str] = set()
        """Ids of bindings that the registrar itself is deleting; what anybody else deletes is told here."""
        self._bound: dict[str, dict[str, str]] = {}
        """Connection -> id of a binding that hangs on it -> its AOR."""
        self._on: dict[str, str] = {}
        """Id of a binding -> its connection."""
        self._reading = False
        self._deafen: Callable[[], None] | None = None

    async def open(self) -> None:
        """Take over the bindings that the store has kept, and follow it from now on."""
        self._deafen = self.engine.dal.watch("contact", self._noticed)
        for contact in await finished(self.engine.dal.find("contact")):
            self.note(contact)

    def close(self) -> None:
        """Follow no more: the server stops, and its closing connections end no bindings (the next start does)."""
        self.expiry.stop()
        self.reader = None
        if self._deafen is not None:
            self._deafen()
            self._deafen = None

    def note(self, contact: Contact) -> None:
        """Take note of a binding as it is now."""
        reach = contact.reach
        if reach[:5] == STREAM or contact.id in self._on:
            self._hang(contact)
        self.expiry.by(contact.aor, contact.expires_at)

    def lost(self, reach: str, node: str) -> bool:
        """Tell whether `reach` is a connection of ours that is no more."""
        return reach[:5] == STREAM and node == self.engine.plan.name and reach not in self.engine.flows

    # -- connections -------------------------------------------------------------------------------------------------

    def _hang(self, contact: Contact) -> None:
        """Note on which connection a binding hangs, and hold that open."""
        reach = contact.reach
        if self._on.get(contact.id) == reach:
            return
        self._unhang(contact.id)
        if reach[:5] != STREAM:
            return
        flow = self.engine.flows.get(reach)
        if flow is None:
            if self.lost(reach, contact.node):  # of an earlier run, or closed while the store was writing
                self.expiry.by(contact.aor, 0.0)
            return
        bound = self._bound.get(reach)
        if bound is None:
            bound = self._bound[reach] = {}
            flow.on_closed(self._closed)
        if not bound:
            flow.hold()
        bound[contact.id] = contact.aor
        self._on[contact.id] = reach

    def _unhang(self, ident: str) -> None:
        reach = self._on.pop(ident, "")
        bound = self._bound.get(reach)  # stays, even empty, until the connection closes
        if bound is not None and bound.pop(ident, "") and not bound:
            flow = self.engine.flows.get(reach)
            if flow is not None:
                flow.release()

    def _closed(self, flow: Flow, reason: str) -> None:
        bound = self._bound.pop(flow.id, {})
        for ident in bound:
            self._on.pop(ident, None)
        if self.reader is not None:
            for aor in dict.fromkeys(bound.values()):
                self.sweep(aor, f"the connection closed: {reason}")

    # -- what others write -------------------------------------------------------------------------------------------

    def _noticed(self, verb: str, contact: Contact | None) -> None:
        if contact is None:
            self._read_again()
        elif verb == "put":
            self.note(contact)
        else:
            self._unhang(contact.id)
            if contact.id not in self._ours:
                self.engine.tell("contact.removed", aor=contact.aor, contact=contact, reason="removed by another")

    def _read_again(self) -> None:
        """Anything may have changed: read all bindings, a second later (others may be writing still) and piece by piece."""
        if not self._reading and self.reader is not None:
            self._reading = True
            self.engine.clock.call_later(1.0, self._read)

    def _read(self) -> None:
        self._reading = False
        if self.reader is None:
            return
        try:
            found = self.engine.dal.find("contact")
        except StorageError:
            self._read_again()
            return
        if isinstance(found, Pending):
            found.then(self._found)
        else:
            self._take(found, 0)

    def _found(self, found: Pending) -> None:
        try:
            contacts = found.value()
        except StorageError:
            self._read_again()
        else:
            self._take(contacts, 0)

    def _take(self, contacts: tuple[Contact, ...], begin: int) -> None:
        if begin == 0:
            there = {contact.id for contact in contacts} if self._on else set()
            for ident in [ident for ident in self._on if ident not in there]:
                self._unhang(ident)
        for contact in contacts[begin : begin + CHUNK]:
            self.note(contact)
        if begin + CHUNK < len(contacts) and self.reader is not None:
            self.engine.clock.call_later(0.005, self._take, contacts, begin + CHUNK)

    def ending(self, ids: Iterable[str], change: Callable[[], Any]) -> Any:
        """Make a change that ends these bindings; whoever makes it tells of them itself."""
        self._ours.update(ids)
        try:
            done = change()
        except BaseException:
            self._ours.difference_update(ids)
            raise
        if isinstance(done, Pending):
            done.then(lambda _: self._ours.difference_update(ids))
        else:
            self._ours.difference_update(ids)
        return done

    # -- sweeping ----------------------------------------------------------------------------------------------------

    def sweep(self, aor: str, reason: str = "its connection was closed by a restart") -> None:
        """End the bindings of an address of record that have ended."""
        walk(self._sweep(aor, reason))

    def _sweep(self, aor: str, reason: str) -> Generator[Any, Any, None]:
        engine = self.engine
        for _ in range(ATTEMPTS):
            try:
                there = yield engine.dal.owned("contact", aor)
                now = engine.clock.time()
                expired = [contact for contact in there if contact.expires_at <= now]
                lost = [each for each in there if self.drop_on_close and each.expires_at > now and self.lost(each.reach, each.node)]
                ids = {contact.id for contact in (*expired, *lost)}
                if ids:
                    yield self.ending(ids, partial(engine.dal.change, "contact", aor, (), list(ids), version_of(there)))
            except Conflict:
                continue
            except Exception as error:  # the store cannot now; what has expired is not used meanwhile
                if not isinstance(error, StorageError):
                    engine.tell("step.failed", plugin=self.name, stage="application", error=repr(error), exception=error, passage=None)
                break
            left = [contact.expires_at for contact in there if contact.id not in ids]
            if left:
                self.expiry.by(aor, min(left))
            for contact in expired:
                engine.tell("contact.expired", aor=aor, contact=contact)
            for contact in lost:
                engine.tell("contact.removed", aor=aor, contact=contact, reason=reason)
            return
        self.expiry.by(aor, engine.clock.time() + LATER)
