"""What messages share: how recipients are found, what is written for those that begin here, and who is told that a phone has come.

Rule: it outlives a reload (`engine.state`). It listens for registrations only while something waits for one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline import Address, Malformed, Pending, Uri
from pipeline.core import Fate, Reached, Receipt, Undeliverable, Unroutable
from pipeline.dal import StorageError
from pipeline.destinations import TECHNOLOGY, Credentials, Targets
from pipeline.destinations.identity import party_of, user_text
from pipeline.location import Called, called
from pipeline.pending import walk

from .lines import date_of, joined
from .place import Place

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from pipeline import Request
    from pipeline.core import Text
    from pipeline.dal import Endpoint
    from pipeline.engine import Pipeline
    from pipeline.events import Event

HEARD = frozenset(("contact.added", "contact.refreshed", "contact.reachable"))
NOBODY_HERE = "sipline"
"""The user of the From of a message that begins here and names no author."""


class Driver:
    """The SIP side of messages."""

    def __init__(self, engine: Pipeline) -> None:
        self.engine = engine
        self.credentials = Credentials(engine)
        self.targets = Targets(engine, self.credentials)
        self._stop: Callable[[], None] | None = None
        self._begun: list[Callable[[], None]] = []

    async def open(self) -> None:
        """Read what is kept, and bring it to those who are registered still, once the server serves with this plugin."""
        keeping = self.engine.core.messages.keeping
        keeping.when_waiting = self._waiting
        await keeping.open()
        if keeping.queues:
            self._waiting(anything=True)
            self._begun = [self.engine.bus.listen(name, self._started) for name in ("pipeline.started", "pipeline.reloaded")]

    def close(self) -> None:
        """Listen no more."""
        self._waiting(anything=False)
        self._once()
        self.targets.close()
        self.engine.core.messages.keeping.when_waiting = None

    def _once(self) -> None:
        for stop in self._begun:
            stop()
        self._begun.clear()

    def _started(self, _: Event) -> None:
        self._once()
        keeping = self.engine.core.messages.keeping
        for number, name in enumerate(tuple(keeping.queues)):
            self.engine.clock.call_later(number * 0.001, keeping.reachable, name)  # a thousand recipients a second

    # -- who has come ------------------------------------------------------------------------------------------------

    def _waiting(self, anything: bool) -> None:
        """Listen to registrations, or no more."""
        if anything and self._stop is None:
            self._stop = self.engine.bus.listen("contact", self._contact)
        elif not anything and self._stop is not None:
            self._stop()
            self._stop = None

    def _contact(self, event: Event) -> None:
        if event.name in HEARD:
            name = event.fields["aor"]
            if name in self.engine.core.messages.keeping.queues:
                # Not at once: the answer to the REGISTER goes first, or a phone might not know yet that it is called.
                self.engine.loop.call_soon(self.engine.core.messages.keeping.reachable, name)

    # -- finding -----------------------------------------------------------------------------------------------------

    def find(self, text: Text) -> Reached | Pending | None:
        """Return who is called so and the devices he has; None: nobody is. Raises, or fails with, Undeliverable."""
        name = text.recipient
        if text.technology == TECHNOLOGY:
            return self._registered(name, text.narrow)
        found: Reached | Pending | None = walk(self._find(text))
        return found

    def _registered(self, name: str, narrow: str) -> Reached | Pending | None:
        """Find an address of record by its canonical name; all of it, or what a URI means. Hot: nearly always known at once."""
        who = called(self.engine, Uri.parse(narrow)) if narrow else Called(name)
        if who is None:  # a GRUU that is none any more
            return None
        try:
            found = self.targets.registered(who)
        except Unroutable as error:
            return _refused(name, error)
        except StorageError as error:
            raise _unstored(error) from None
        if not isinstance(found, Pending):
            return None if found is None else Reached(name, [Place(self, destination) for destination in found])
        later: Reached | Pending | None = walk(self._later(name, found))
        return later

    def _later(self, name: str, pending: Pending) -> Generator[Any, Any, Reached | None]:
        try:
            found = yield pending
        except Unroutable as error:
            return _refused(name, error)
        except StorageError as error:
            raise _unstored(error) from None
        return None if found is None else Reached(name, [Place(self, destination) for destination in found])

    def _find(self, text: Text) -> Generator[Any, Any, Reached | None]:
        """Find what somebody here wrote: a user, an endpoint, an address. It is written as what it is found to be."""
        target, name = text.recipient.strip(), ""
        if target.endswith(">"):  # an answer to whoever wrote: `"Alice" <sip:alice@example.com>`
            target = target.rpartition("<")[2][:-1]
        try:
            name = yield from self._named(target)
            text.recipient = name or target
            found = yield self.targets.registered(Called(name)) if name else self.targets.find(target)
        except Unroutable as error:
            return _refused(name, error)
        except Malformed as error:
            raise Undeliverable(Receipt(Fate.REFUSED, error.reason, 484)) from None
        except StorageError as error:
            raise _unstored(error) from None
        return None if found is None else Reached(name, [Place(self, destination) for destination in found])

    def _named(self, target: str) -> Generator[Any, Any, str]:
        """Return the address of record that a target means; empty: none of ours. Raises Malformed."""
        engine = self.engine
        scheme, colon, _ = target.partition(":")
        if colon and scheme.lower() in ("sip", "sips"):
            return engine.aor_of(Uri.parse(target)) or ""
        if "/" in target:
            return ""
        user, at, host = target.rpartition("@")
        if at:
            return engine.aor_of(Uri.parse(f"sip:{user_text(user)}@{host}")) or ""
        endpoint = yield engine.dal.get("endpoint", target)
        if endpoint is not None and endpoint.aors:
            return str(endpoint.aors[0])
        return f"{target}@{engine.domains.first.id}"

    # -- what begins here --------------------------------------------------------------------------------------------

    def details(self, text: Text) -> str:
        """Write the fields of a message that begins here. The same each time, so that a device knows it again."""
        domain = self.engine.domains.first.id
        to = text.recipient if text.recipient[:4].lower() in ("sip:", "sips") else f"sip:{text.recipient}"
        if "@" not in to:
            to = f"{to}@{domain}"
        lines = [
            "Max-Forwards: 70",
            f"From: {author_of(text.origin, domain)};tag={text.ident[:16]}",
            f"To: <{to}>",
            f"Call-ID: {text.ident}@{domain}",
            "CSeq: 1 MESSAGE",
            f"Date: {date_of(int(text.created_at))}",
        ]
        if text.expires_at:
            lines.append(f"Expires: {max(int(text.expires_at - text.created_at), 1)}")
        lines += [f"Content-Type: {text.kind}", f"Content-Length: {len(text.body)}"]
        text.details = joined(lines)
        return text.details

    def write_from(self, message: Request, endpoint: Endpoint) -> None:
        """Write the author's address as an endpoint wants it (`from_user`, `from_domain`), with the tag that it has."""
        author = message.from_
        user = user_text(endpoint.from_user) if endpoint.from_user else author.uri.user or NOBODY_HERE
        host = endpoint.from_domain or author.uri.host
        written = Address.write(f"sip:{user}@{host}", author.display)
        message.set("from", f"{written};tag={author.tag}" if author.tag else written, by="messages")


def author_of(text: str, domain: str) -> str:
    """Return the From of whoever a message that begins here is from: `Alice <alice@example.com>`, `alice`, a URI, nobody."""
    party = party_of(text) if text else party_of(NOBODY_HERE)
    return Address.write(f"sip:{user_text(party.number or NOBODY_HERE)}@{party.domain or domain}", party.name)


def _refused(name: str, error: Unroutable) -> Reached | None:
    code = error.hangup.code
    if code == 404:
        return None
    if code == 480 and name:
        return Reached(name, ())
    raise Undeliverable(Receipt(Fate.REFUSED, error.hangup.text, code or 480)) from None


def _unstored(error: StorageError) -> Undeliverable:
    return Undeliverable(Receipt(Fate.FAILED, f"storage: {error}", 503, 5))
