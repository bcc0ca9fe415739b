"""Lists of resources (RFC 4662): one subscription, told the states of all members in one body.

Rule: a list is watched by whoever may watch it, each member as if its watcher had asked for that one alone: who may not is told that it is
rejected. The house's members are heard by the topics that others hear too; what happens to several within `list_interval` is told at once.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from pipeline import Uri
from pipeline.pending import Pending, finished
from pipeline.pubsub import Form
from pipeline.sip.grammar import Malformed

from . import access
from .rlmi import Part, written
from .subscription import NOTHING

if TYPE_CHECKING:
    from pipeline.dal import ResourceList
    from pipeline.pubsub import Resource
    from pipeline.pubsub.service import Heard, Watch

    from .notifier import Notifier
    from .subscription import Subscription
    from .topics import Topic

DEEPEST = 4
"""Lists in lists: RFC 4662 sets no end, a body must have one."""


class Lists:
    """The lists there are."""

    def __init__(self, notifier: Notifier) -> None:
        self.notifier = notifier
        self.known: dict[str, ResourceList] = {}

    async def open(self) -> None:
        """Read them, and follow what is changed."""
        dal = self.notifier.engine.dal
        if dal.stores("resource_list"):
            self.notifier.until_stopped(dal.watch("resource_list", self._noticed))
            self._read(await finished(dal.find("resource_list")))

    def _read(self, found: tuple[ResourceList, ...]) -> None:
        self.known = {self.full_name(each.id): each for each in found}

    def _noticed(self, verb: str, stored: ResourceList | None) -> None:
        if stored is None:
            found = self.notifier.engine.dal.find("resource_list")
            if isinstance(found, Pending):
                found.then(lambda pending: self._read_again(pending.value()))
            else:
                self._read_again(found)
            return
        name = self.full_name(stored.id)
        if verb == "delete":
            self.known.pop(name, None)
        else:
            self.known[name] = stored
        self._renew({name})

    def _read_again(self, found: tuple[ResourceList, ...]) -> None:
        before = self.known
        self._read(found)
        self._renew({name for name in {*before, *self.known} if before.get(name) is not self.known.get(name)})

    def _renew(self, names: set[str]) -> None:
        """Have those told anew whose list has other members now."""
        for subscription in tuple(self.notifier.subscriptions.values()):
            view = subscription.view
            if view is None or not (view.names & names):
                continue
            if subscription.topic.resource.aor not in self.known:
                self.notifier.end(subscription, "noresource")
                continue
            view.close()
            self.attach(subscription)
            self.notifier.due(subscription, forced=True)

    def full_name(self, name: str) -> str:
        """Return a name with its domain."""
        return name if "@" in name else f"{name}@{self.notifier.engine.domains.first.id}"

    def knows(self, aor: str, event: str = "") -> bool:
        """Tell whether an address of record is a list that can be watched in an event package."""
        found = self.known.get(aor)
        return found is not None and (not event or not found.events or event in found.events)

    def attach(self, subscription: Subscription, *, later: bool = False) -> None:
        """Have a subscription told the state of its list; `later`: from when its view is opened."""
        subscription.view = ListView(self, subscription, self.known[subscription.topic.resource.aor])
        if not later:
            subscription.view.open()

    def judge(self, resource: Resource) -> None:
        """Ask anew who may watch a resource that may be a list, or a member of lists."""
        if self.known:
            for subscription in tuple(self.notifier.subscriptions.values()):
                if subscription.view is None or subscription.topic.package.name != resource.event:
                    continue
                if subscription.topic.resource.aor == resource.aor:
                    self.notifier.permit(subscription, self.notifier.rights.verdict(subscription))
                if not subscription.over:
                    subscription.view.judge(resource.aor)


class Member:
    """One member of a list: hears its topic, for one subscription."""

    __slots__ = (
        "aor",
        "body",
        "content_type",
        "id",
        "name",
        "news",
        "reason",
        "state",
        "subscription",
        "told",
        "topic",
        "uri",
        "verdict",
        "version",
        "view",
        "watch",
    )

    def __init__(self, view: ListView, ident: str, uri: str, name: str) -> None:
        self.view = view
        self.subscription = view.subscription
        self.id = ident
        self.uri = uri
        self.name = name
        self.aor = ""
        """Its address of record, when it is one of ours."""
        self.verdict = "active"
        """Whether the watcher of the list may watch it."""
        self.topic: Topic | None = None
        self.watch: Watch | None = None
        """When it is watched elsewhere."""
        self.state = "pending"
        self.reason = ""
        self.news = True
        self.told: Any = NOTHING
        self.version = 0
        self.content_type = ""
        self.body = b""
        """What was heard from elsewhere."""

    def changed(self) -> None:
        """Its state is another."""
        if self.topic is not None and self.topic.known:
            self.state = "active"
        self.news = True
        self.view.changed()

    def gone(self, reason: str, retry_after: int | None) -> None:
        """It is no more."""
        self.state, self.reason = "terminated", reason
        self.leave()
        self.news = True
        self.view.changed()

    def heard(self, heard: Heard) -> None:
        """Take what is told elsewhere."""
        self.state, self.reason = heard.state, heard.reason
        if heard.body:
            self.content_type, self.body = heard.content_type, heard.body
        self.news = True
        self.view.changed()

    def leave(self) -> None:
        """Hear nothing more."""
        if self.topic is not None:
            self.view.lists.notifier.topics.leave(self.topic, self.id)
            self.topic = None
        if self.watch is not None:
            self.watch.stop()
            self.watch = None

    def part(self, *, forced: bool) -> Part:
        """Return its state as it is told."""
        subscription, kind, body = self.subscription, self.content_type, self.body
        if self.topic is not None and self.state == "active":
            kind = subscription.content_type
            before = None if forced or self.told is NOTHING else self.told
            form = Form(kind, self.version, subscription.watcher, "", before, subscription.options)
            topics = self.view.lists.notifier.topics
            try:
                body = self.topic.body(topics.write, form) or b""
            except Exception as error:
                self.view.lists.notifier.failed(self.topic.resource, error)
                body = b""
            self.told = self.topic.state
            self.version += 1
        elif self.verdict == "waiting" and (blocked := subscription.topic.package.blocked) is not None:
            resource = access.resource_of(subscription.topic.package.name, self.aor)
            kind = subscription.content_type
            form = Form(kind, self.version, subscription.watcher, "", None, subscription.options)
            body = self.view.lists.notifier.topics.write(resource, blocked(resource), form) or b""
            self.version += 1
        self.news = False
        return Part(self.uri, self.name, self.id, self.state, self.reason, kind, body if self.state != "terminated" else b"")


class ListView:
    """What one subscription is told of a list."""

    def __init__(self, lists: Lists, subscription: Subscription, stored: ResourceList, above: frozenset[str] = frozenset()) -> None:
        self.lists = lists
        self.subscription = subscription
        self.stored = stored
        self.aor = lists.full_name(stored.id)
        self.above = above | {self.aor}
        self.names: set[str] = {self.aor}
        """Lists that are in it, itself too."""
        self.members: list[Member] = []
        self.inner: list[ListView] = []
        self.version = subscription.document
        self.parent: ListView | None = None
        self.opened = False
        self.whole = True
        """Whether the next body tells of all members."""

    def open(self) -> int:
        """Begin to hear of the members; returns how many there are with those of nested lists."""
        self.opened = True
        notifier = self.lists.notifier
        left = notifier.options.list_members
        for text in self.stored.members:
            if left <= 0:
                break
            name = self.lists.full_name(text) if ":" not in text.partition("@")[0] else text
            nested = self.lists.known.get(self._aor(name))
            if nested is not None:
                left -= self._nest(nested)
                continue
            left -= 1
            self._enter(name)
        return notifier.options.list_members - left

    def _aor(self, name: str) -> str:
        """Return the address of record that a member's name or URI means, when it is one of ours; else empty."""
        try:
            uri = Uri.parse(name if ":" in name.partition("@")[0] else f"sip:{name}")
        except Malformed:
            return ""
        return self.lists.notifier.engine.aor_of(uri) or ""

    def _nest(self, nested: ResourceList) -> int:
        name = self.lists.full_name(nested.id)
        if name in self.above or len(self.above) >= DEEPEST:
            return 0
        view = ListView(self.lists, self.subscription, nested, self.above)
        view.parent = self
        self.inner.append(view)
        count = view.open()
        self.names |= view.names
        return count

    def _enter(self, name: str) -> None:
        notifier, subscription = self.lists.notifier, self.subscription
        package = subscription.topic.package
        aor = self._aor(name)
        member = Member(self, f"{subscription.id}.{len(self.above)}.{len(self.inner)}.{len(self.members)}", name, "")
        self.members.append(member)
        if not aor:
            member.uri = name if ":" in name.partition("@")[0] else f"sip:{name}"
            member.watch = notifier.elsewhere(member.uri, package.name, member.heard, subscription)
            if member.watch is None:
                member.state, member.reason = "terminated", "noresource"
            return
        resource = access.resource_of(package.name, aor)
        member.uri, member.aor = resource.uri, aor
        self._begin(member, resource, self._verdict(resource))

    def judge(self, aor: str = "") -> None:
        """Ask anew whether the watcher may watch a member; empty: any of them. What is no list's own affair is that of `Rights`."""
        for member in self.members:
            if not member.aor or (aor and member.aor != aor):
                continue
            resource = access.resource_of(self.subscription.topic.package.name, member.aor)
            verdict = self._verdict(resource)
            if verdict != member.verdict:
                member.leave()
                member.told, member.body, member.news = NOTHING, b"", True
                self._begin(member, resource, verdict)
                self.changed()
        for view in self.inner:
            view.judge(aor)

    def _verdict(self, resource: Resource) -> str:
        notifier, subscription = self.lists.notifier, self.subscription
        endpoint = subscription.usage.endpoint
        return access.may_watch(
            notifier.topics,
            resource,
            subscription.watcher,
            notifier.options.watch,
            allowed=True,
            owned=endpoint.aors if endpoint is not None else (),
        )

    def _begin(self, member: Member, resource: Resource, verdict: str) -> None:
        notifier, package = self.lists.notifier, self.subscription.topic.package
        member.verdict = verdict
        if verdict != "active":
            member.state = "pending" if verdict == "pending" else "active" if verdict == "waiting" else "terminated"
            member.reason = "rejected" if verdict == "rejected" else ""
            return
        member.state, member.reason, aor = "pending", "", member.aor
        if package.bare:
            self._hear(member, resource, there=True)
            return
        found = notifier.engine.dal.get("aor", aor)
        if isinstance(found, Pending):
            found.then(partial(self._found, member, resource))
        else:
            self._hear(member, resource, there=found is not None)

    def _found(self, member: Member, resource: Any, pending: Pending) -> None:
        try:
            there = pending.value() is not None
        except Exception as error:
            self.lists.notifier.failed(resource, error)
            there = False
        if member in self.members and member.verdict == "active" and member.topic is None:
            self._hear(member, resource, there=there)
            self.changed()

    def _hear(self, member: Member, resource: Any, *, there: bool) -> None:
        if not there:
            member.state, member.reason = "terminated", "noresource"
            return
        notifier = self.lists.notifier
        topic = member.topic = notifier.topics.of(resource, self.subscription.topic.package)
        topic.hearers[member.id] = member
        if topic.known:
            member.state = "active"
        notifier.read(topic)

    def close(self) -> None:
        """Hear nothing more."""
        for member in self.members:
            member.leave()
        for view in self.inner:
            view.close()
        self.members, self.inner = [], []

    def changed(self) -> None:
        """Something is to be told."""
        if self.parent is not None:
            self.parent.changed()
        else:
            self.subscription.changed()

    @property
    def news(self) -> bool:
        """Whether anything is to be told."""
        return any(member.news for member in self.members) or any(view.news for view in self.inner)

    def body(self, subscription: Subscription, *, forced: bool) -> tuple[Any, str, bytes]:
        """Return what is told, as (state, content type, body)."""
        kind, body = self.write(forced=forced)
        return self.aor, kind, body

    def nothing(self) -> tuple[Any, str, bytes]:
        """Return, as `body` does, that nobody is in the list: for a watcher who is politely blocked."""
        kind, body = self._written([], full=True)
        return self.aor, kind, body

    def write(self, *, forced: bool) -> tuple[str, bytes]:
        """Write it: all members when it is asked for, else those of which there is news."""
        full = forced or self.whole or self.stored.full
        self.whole = False
        parts = [member.part(forced=full) for member in self.members if full or member.news]
        for view in self.inner:
            if full or view.news:
                kind, body = view.write(forced=full)
                parts.append(Part(access.resource_of("", view.aor).uri, view.stored.name, view.aor, "active", "", kind, body))
        return self._written(parts, full=full)

    def _written(self, parts: list[Part], *, full: bool) -> tuple[str, bytes]:
        version, self.version = self.version, self.version + 1
        mark = self.lists.notifier.engine.token(8)
        uri = access.resource_of("", self.aor).uri
        return written(uri, self.stored.name, version, parts, mark, full=full)
