"""The plugin `reg`: the registrations of an address of record, as the registrar's events tell of them. RFC 3680 4.

Rule: the stored bindings are the state; what is remembered is only which event came last to each, and that not for long.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any, ClassVar

import attrs

from pipeline import Malformed, Uri, hookimpl, option, plugin
from pipeline.pending import walk
from pipeline.pubsub import NoSuchResource, Package
from pipeline.pubsub.lookout import CONTACTS, REFRESHES, Lookout
from pipeline.pubsub.states import Binding, Registration
from pipeline.reach import static_key
from pipeline.sip import params
from pipeline.sip.grammar import unquote

from .writing import reginfo

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable

    from pipeline.dal import Contact
    from pipeline.engine import Pipeline
    from pipeline.events import Event
    from pipeline.pubsub import Form, Publication, Resource, Watcher

EVENT = "reg"
TYPE = "application/reginfo+xml"
INTERVAL = 5.0
"""RFC 3680 4.10: one NOTIFY every five seconds at most; the first after a quiet time goes at once."""
REMEMBERED = 4096
"""Contacts whose last event is known."""
_SAID = {"contact.added": "created", "contact.refreshed": "refreshed", "contact.expired": "expired"}


class Seen(Lookout):
    """A lookout that remembers for a while what happened to contacts last."""

    def __init__(self, engine: Pipeline, heard: Iterable[str]) -> None:
        super().__init__(engine, EVENT, heard)
        self.why: OrderedDict[str, str] = OrderedDict()

    def _happened(self, event: Event) -> None:
        contact = event.fields.get("contact")
        name = event.name
        if contact is not None and name not in ("contact.reachable", "contact.unreachable"):
            said = _SAID.get(name, "")
            if not said:  # removed: by the phone itself, or by a limit, an administrator, a lost connection
                said = "unregistered" if event.fields.get("reason") == "request" else "deactivated"
            self.why[contact.id] = said
            self.why.move_to_end(contact.id)
            if len(self.why) > REMEMBERED:
                self.why.popitem(last=False)
        super()._happened(event)


@plugin
class Reg:
    """Shows watchers what is registered for an address of record (RFC 3680)."""

    stage: ClassVar[str] = "application"
    after: ClassVar[tuple[str, ...]] = ("dialog",)
    needs: ClassVar[tuple[str, ...]] = ("aor", "contact")
    packages: ClassVar[tuple[Package, ...]] = (Package(EVENT, bodies=(TYPE,), expires=3761, interval=INTERVAL),)  # 3680 4.4
    bodies: ClassVar[dict[str, tuple[str, ...]]] = {EVENT: (TYPE,)}

    others: bool = option(
        False, help="whether `pubsub` decides who watches, as for other packages; else everybody watches only himself: addresses are shown"
    )
    refreshes: bool = option(True, help="whether watchers are told of each refresh, and not only of what comes, goes or changes")

    _engine: Any = attrs.field(init=False, default=None)
    _lookout: Any = attrs.field(init=False, default=None)

    @hookimpl
    def start(self, engine: Pipeline) -> None:
        """Begin to look, or go on with what the instance before us looked at."""
        self._engine = engine
        heard = (*CONTACTS, *REFRESHES) if self.refreshes else CONTACTS
        self._lookout = engine.state(self, lambda: Seen(engine, heard))
        self._lookout.hear(heard)

    @hookimpl
    def stop(self) -> None:
        """Look no more."""
        if self._lookout is not None:
            self._lookout.close()

    @hookimpl
    def event_watched(self, resource: Resource, watcher: Watcher) -> str | None:
        """Let nobody see where others are (3680 4.6)."""
        if resource.event != EVENT or self.others:
            return None
        return "active" if watcher.aor == resource.aor else "rejected"

    @hookimpl
    def event_package(self, resource: Resource, published: tuple[Publication, ...]) -> Any:
        """Tell what is registered."""
        return walk(self._state(resource)) if resource.event == EVENT else None

    def _state(self, resource: Resource) -> Generator[Any, Any, Registration]:
        engine = self._engine
        aor = yield engine.dal.get("aor", resource.aor)
        if aor is None:
            raise NoSuchResource(resource.aor)
        self._lookout.watch(resource.aor, (f"aor:{resource.aor}",))
        stored = yield engine.dal.owned("contact", resource.aor)
        now = engine.clock.time()
        bindings = [self._binding(contact, resource, now) for contact in stored if contact.expires_at > now]
        bindings += [Binding(static_key("static", uri), uri, "active", "registered") for uri in aor.contact]
        return Registration(resource.uri, resource.aor, "active" if bindings else "init", tuple(bindings))

    def _binding(self, contact: Contact, resource: Resource, now: float) -> Binding:
        return Binding(
            id=contact.id,
            uri=contact.uri,
            state="active",
            event=self._lookout.why.get(contact.id, "created"),
            expires=round(contact.expires_at - now),
            q=None if contact.q == 1.0 else contact.q,
            call_id=contact.call_id,
            cseq=contact.cseq,
            params=_params(contact.params),
            pub_gruu=self._gruu(contact, resource),
        )

    def _gruu(self, contact: Contact, resource: Resource) -> str:
        """Return the public GRUU of a phone that has asked for one (RFC 5628 5.2)."""
        if not contact.gruu:
            return ""
        try:
            uri = Uri.parse(resource.uri)
        except Malformed:
            return ""
        found: str = self._engine.gruus.public(uri, uri.host, contact.instance)
        return found

    @hookimpl
    def event_body(self, resource: Resource, state: Any, form: Form) -> bytes | None:
        """Write the state as reginfo."""
        if form.content_type != TYPE or not isinstance(state, Registration):
            return None
        return reginfo(state, form.before, self._lookout.why).replace(b' version="0"', b' version="%d"' % form.version, 1)


def _params(text: str) -> tuple[tuple[str, str], ...]:
    """Return the parameters of a Contact that are nothing else of ours (3680 5.3: unknown-param)."""
    try:
        found = params.parse(text, "Contact")
    except Malformed:
        return ()
    return tuple(
        (name, unquote(value) if value and value[0] == '"' else value or "")
        for name, value in found.items()
        if name not in ("q", "expires", "pub-gruu", "temp-gruu")
    )
