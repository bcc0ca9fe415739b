"""The house watches something of its own: for plugins, [subscribe.NAME] and the command line, with the words of a subscription elsewhere.

Rule: no message is sent for it, and no right is asked: who may have the house watch may see all of it. It is told as its phones are: the
state at once, each change, and how it ends.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from pipeline import Pending
from pipeline.pubsub import Form, Watcher
from pipeline.pubsub.service import Heard
from pipeline.sip.grammar import Malformed
from pipeline.sip.uri import Uri

from . import access
from .asked import content_type_of
from .watching import ACTIVE, INIT, TERMINATED

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.pubsub import Package

    from .notifier import Notifier
    from .topics import Topic

__all__ = ["Inside", "own"]


def own(notifier: Notifier, uri: str) -> str | None:
    """Return the address of record of ours that a URI means; None: it is elsewhere, or no URI.

    An address with a port on which we do not listen is another server's on this machine.
    """
    try:
        parsed = Uri.parse(uri)
    except Malformed:
        return None
    if parsed.scheme not in ("sip", "sips") or not parsed.user:
        return None
    engine = notifier.engine
    numeric = parsed.host[:1] == "[" or parsed.host.replace(".", "").isdigit()
    if numeric and parsed.port is not None and all(local[1] != parsed.port for _, _, local in engine.listeners):
        return None
    return access.named(engine, parsed, None)


class Inside:
    """One of them; a Watch, and a Hearer of its topic."""

    def __init__(
        self, notifier: Notifier, uri: str, aor: str, event: str, heard: Callable[[Heard], object], accept: tuple[str, ...], as_: str
    ) -> None:
        self.notifier = notifier
        self.id = notifier.engine.token(8)
        self.uri = uri
        self.aor = aor
        self.event = event
        self.state = INIT
        self.last: Heard | None = None
        self._heard = heard
        self._accept = [kind.lower() for kind in accept]
        self._watcher = Watcher(f"sip:{as_ or notifier.engine.domains.first.id}", as_)
        self._topic: Topic | None = None
        self._kind = ""
        self._told: Any = None
        self._version = 0

    def begin(self) -> None:
        """Look for it, when whoever asked has what he was given."""
        self.notifier.engine.loop.call_soon(self._find)

    def _find(self) -> None:
        if self.state == TERMINATED:
            return
        notifier = self.notifier
        package = notifier.package(self.event)
        if package is None:
            self._ended("489 Bad Event")
            return
        if notifier.lists.knows(self.aor):
            self._ended("a list: watch its members")
            return
        kind = content_type_of(self._accept or None, package, notifier.generators(self.event))
        if kind is None:
            self._ended("406 Not Acceptable")
            return
        self._kind = kind
        found = True if package.bare else notifier.engine.dal.get("aor", self.aor)
        if isinstance(found, Pending):
            found.then(partial(self._came, package))
        else:
            self._hear(package, there=found is not None)

    def _came(self, package: Package, pending: Pending) -> None:
        try:
            there = pending.value() is not None
        except Exception as error:
            self.notifier.failed(access.resource_of(self.event, self.aor), error)
            self._ended("503 Service Unavailable")
            return
        if self.state != TERMINATED:
            self._hear(package, there=there)

    def _hear(self, package: Package, *, there: bool) -> None:
        if not there:
            self._ended("404 Not Found")
            return
        topic = self._topic = self.notifier.topics.of(access.resource_of(self.event, self.aor), package)
        topic.hearers[self.id] = self
        known = topic.known
        self.notifier.read(topic)
        if known and self._told is None:
            self.changed()

    def changed(self) -> None:
        """Its state is another."""
        topic = self._topic
        if topic is None or not topic.known:
            return
        form = Form(self._kind, self._version, self._watcher, "", self._told)
        try:
            body = topic.body(self.notifier.topics.write, form) or b""
        except Exception as error:
            self.notifier.failed(topic.resource, error)
            return
        self.state, self._told = ACTIVE, topic.state
        self._version += 1
        self._tell(Heard(self.uri, self.event, ACTIVE, "", self._kind, body))

    def gone(self, reason: str, retry_after: int | None) -> None:
        """It is no more."""
        self._ended(reason)

    def stop(self) -> None:
        """Hear nothing more."""
        if self.state != TERMINATED:
            self._leave()

    def _ended(self, reason: str) -> None:
        self._leave()
        self._tell(Heard(self.uri, self.event, TERMINATED, reason, "", b""))

    def _leave(self) -> None:
        self.state = TERMINATED
        if self._topic is not None:
            self.notifier.topics.leave(self._topic, self.id)
            self._topic = None
        self.notifier.watches.forget(self)

    def _tell(self, heard: Heard) -> None:
        self.last = heard
        fields = {"uri": heard.uri, "event": heard.event, "state": heard.state, "reason": heard.reason, "body": heard.body}
        self.notifier.engine.tell("notify.received", **fields)
        self._heard(heard)
