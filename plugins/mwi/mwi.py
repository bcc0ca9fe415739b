"""The plugin `mwi`: how many messages are waiting, for who watches and for phones that are told unasked. RFC 3842.

Rule: only the owner of a mailbox may watch it. What can be watched is an address of record (its mailbox is meant), or a mailbox by its name
or number. The numbers are those of pipeline/mailboxes; this is told of their changes and counts nothing itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import attrs

from pipeline import hookimpl, option, plugin
from pipeline.destinations.identity import user_text
from pipeline.mailboxes import Counts, mailbox_named, mailbox_of
from pipeline.pending import settle
from pipeline.pubsub import NoSuchResource, Package
from pipeline.pubsub.states import Messages, Waiting

from .owners import Owners
from .summary import TYPE, summary
from .unasked import EVENT, Unasked

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.dal import Endpoint, Mailbox
    from pipeline.engine import Pipeline
    from pipeline.events import Event
    from pipeline.pubsub import Form, Publication, Resource, Watcher

__all__ = ["Mwi"]

VOICE = "voice-message"
"""The context class of RFC 3458 6.2."""


class _Watching:
    """What outlives a reload: who owns what, and whom to tell."""

    def __init__(self, engine: Pipeline) -> None:
        self.engine = engine
        self.unasked: Unasked | None = None
        self._told: dict[str, set[str]] = {}
        self.owners = Owners(engine, self._owners_changed)
        self._stop: Callable[[], None] | None = None

    def serve(self, plugin: Mwi) -> None:
        """Tell for this instance from now on."""
        if self.unasked is None:
            self.unasked = Unasked(self.engine, self.owners, plugin.state_of)
        self.unasked.state = plugin.state_of
        self.unasked.listen()
        if self._stop is None:
            self._stop = self.engine.bus.listen("mailbox.changed", self._changed)

    def close(self) -> None:
        """Tell nobody any more."""
        self.owners.close()
        if self._stop is not None:
            self._stop()
            self._stop = None
        if self.unasked is not None:
            self.unasked.close()

    def _changed(self, event: Event) -> None:
        name = event.fields["mailbox"]
        for resource in self.owners.resources(name):
            self.engine.tell("state.changed", event=EVENT, resource=resource)
        if self.unasked is not None:
            self.unasked.changed(name)

    def _owners_changed(self) -> None:
        if self.unasked is not None and self._stop is not None:
            self.unasked.listen()


@plugin
class Mwi:
    """Tells phones how many messages are waiting (RFC 3842): the lamp, and the number beside it."""

    stage: ClassVar[str] = "application"
    after: ClassVar[tuple[str, ...]] = ("pubsub",)
    needs: ClassVar[tuple[str, ...]] = ("aor", "endpoint")
    packages: ClassVar[tuple[Package, ...]] = (Package(EVENT, bodies=(TYPE,), expires=3600, bare=True),)  # 3842 3.4
    bodies: ClassVar[dict[str, tuple[str, ...]]] = {EVENT: (TYPE,)}

    voicemail_extension: str = option(
        "", help='what phones dial to hear the messages (Message-Account); "" = the address of record itself, or the mailbox\'s'
    )

    _engine: Any = attrs.field(init=False, default=None)
    _watching: Any = attrs.field(init=False, default=None)

    @hookimpl
    async def start(self, engine: Pipeline) -> None:
        """Count what there is, and begin to look."""
        self._engine = engine
        await engine.mailboxes.open()
        self._watching = engine.state(self, lambda: _Watching(engine))
        self._watching.serve(self)

    @hookimpl
    def stop(self) -> None:
        """Look no more."""
        if self._watching is not None:
            self._watching.close()

    @hookimpl
    def event_package(self, resource: Resource, published: tuple[Publication, ...]) -> Any:
        """Tell how many messages are waiting."""
        if resource.event != EVENT:
            return None
        named = self._watching.owners.named(resource.aor)
        mailbox = mailbox_named(self._engine, named) if named else mailbox_of(self._engine, resource.aor)
        return settle(mailbox, lambda mailbox: self._state(resource, mailbox))

    def _state(self, resource: Resource, mailbox: Mailbox | None) -> Waiting:
        if mailbox is None:
            raise NoSuchResource(resource.aor)
        return self._waiting(resource.aor, self._engine.mailboxes.counts(mailbox.id))

    def state_of(self, endpoint: Endpoint) -> Waiting:
        """Return what is waiting in all mailboxes of an endpoint that is told unasked."""
        aor = endpoint.aors[0] if endpoint.aors else f"{endpoint.id}@{self._engine.domains.first.id}"
        return self._waiting(aor, sum(map(self._engine.mailboxes.counts, endpoint.mailboxes), Counts()))

    def _waiting(self, aor: str, counts: Counts) -> Waiting:
        user, _, domain = aor.rpartition("@")
        account = f"sip:{user_text(self.voicemail_extension or user)}@{domain}"
        return Waiting(account, ((VOICE, Messages(*attrs.astuple(counts))),))

    @hookimpl
    def event_watched(self, resource: Resource, watcher: Watcher) -> str | None:
        """Let nobody watch but the owner (RFC 3842 6)."""
        if resource.event != EVENT:
            return None
        return "active" if self._watching.owners.may(resource.aor, watcher.aor) else "rejected"

    @hookimpl
    def event_body(self, resource: Resource, state: Any, form: Form) -> bytes | None:
        """Write the state; the account as this watcher can dial it, who may know us by an address alone."""
        if form.content_type != TYPE or not isinstance(state, Waiting):
            return None
        return summary(attrs.evolve(state, account=_dialable(state.account, form.watcher.uri)))

    def stats(self) -> dict[str, int]:
        """Return the counters that `sipline show stats` shows."""
        unasked = self._watching.unasked if self._watching is not None else None
        return {"unasked": unasked.sent, "unasked_refused": unasked.refused} if unasked is not None else {}


def _dialable(account: str, watcher: str) -> str:
    """Return the account at the host, and port, by which its owner calls himself in his From."""
    user, at, _ = account.rpartition("@")
    _, his, host = watcher.rpartition("@")
    return f"{user}@{host}" if at and his else account
