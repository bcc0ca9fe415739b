"""One subscription as the notifier knows it (RFC 6665 4.2), and how it is stored.

Rule: a record and what follows from it alone. What becomes of it is the notifier's to decide. `document` and CSeq are stored as ceilings
(see pipeline/dal/events.py), so that a NOTIFY costs no write.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline.dal import Subscription as Stored
from pipeline.pubsub import Form, Watcher
from pipeline.sip.dialog import Dialog, is_sips

if TYPE_CHECKING:
    from collections.abc import Callable

    from .topics import Topic
    from .usage import EventDialog

ACTIVE, PENDING, WAITING, TERMINATED = "active", "pending", "waiting", "terminated"
CEILING = 500
"""NOTIFYs that are sent before the ceilings are written anew."""
NOTHING: Any = object()


class Subscription:
    """Somebody who watches something."""

    __slots__ = (
        "accepts", "beat", "beating", "blocked", "ceiling", "content_type", "counted", "created_at", "display", "document", "empty",
        "ended", "event_text", "expires_at", "failures", "forced", "held_until", "id", "interval", "key", "lists", "news", "options",
        "planned", "pushed", "quenched", "queued", "reason", "retry_after", "source", "state", "told", "told_at", "topic", "unheard",
        "usage", "view", "wake_at", "watcher", "write", "written",
    )  # fmt: skip

    def __init__(self, ident: str, topic: Topic, usage: EventDialog, watcher: Watcher, key: tuple[str, str]) -> None:
        self.id = ident
        self.topic = topic
        self.usage = usage
        self.watcher = watcher
        self.key = key
        """(event, id) in its dialog."""
        self.event_text = key[0] + (f";id={key[1]}" if key[1] else "")
        self.options: tuple[tuple[str, str], ...] = ()
        self.display = ""
        self.source = ""
        self.blocked = False
        """Whether it was politely blocked when it ended: its last NOTIFY tells nothing either."""
        self.counted = False
        """Whether it counts for its watcher."""
        self.unheard = False
        """Whether it is a stranger's who has not answered yet."""
        self.accepts: frozenset[str] = frozenset()
        self.content_type = ""
        self.lists = False
        self.view: Any = None
        """What a list has to tell (lists.py); None: no list."""
        self.state = ACTIVE
        self.reason = ""
        self.retry_after: int | None = None
        self.created_at = 0.0
        self.expires_at = 0.0
        self.interval = 0.0
        """Seconds between two NOTIFYs."""
        self.beat = 0.0
        """Seconds after which the same is told again; 0: never."""
        self.beating = 0.0
        """The beat for which a look is planned; 0: none is."""
        self.document = 0
        """Number of the next document."""
        self.quenched = False
        """Whether the watcher wants to hear nothing for now but the end (RFC 5839 5.2)."""
        self.empty = False
        """Whether the next NOTIFY has no body: the watcher has the state already (RFC 5839 6.2)."""
        self.told: Any = NOTHING
        """The state that was told last."""
        self.told_at = float("-inf")
        """When, on the monotonic clock."""
        self.news = False
        """Whether a NOTIFY is due."""
        self.forced = False
        """Whether it is due also when nothing has changed: a SUBSCRIBE came."""
        self.queued = False
        """Whether it stands in the queue of the pace."""
        self.planned = float("inf")
        """The UTC second for which a look at its end is planned."""
        self.wake_at = 0.0
        self.held_until = float("-inf")
        """Until when it is left alone, because it did not take what it was sent; on the monotonic clock."""
        self.failures = 0
        self.pushed: list[Any] | None = None
        """States of an implicit subscription that wait; None: it asks a package."""
        self.write: Callable[[Any], bytes] = bytes
        """Writes them."""
        self.ceiling = (0, 0)
        self.written = False
        """Whether it is in the store."""
        self.ended = False
        """Whether its last NOTIFY is on its way or done."""

    def __repr__(self) -> str:
        return f"<Subscription {self.id} {self.event_text} {self.topic.resource.aor} {self.state}>"

    # -- the topic's hearer ------------------------------------------------------------------------------------------

    def changed(self) -> None:
        """The state is another; who waits for approval, or is politely blocked, is not told."""
        if self.state == ACTIVE and not self.quenched:
            self.usage.notifier.due(self)

    def gone(self, reason: str, retry_after: int | None) -> None:
        """There is nothing to watch any more."""
        self.usage.notifier.end(self, reason, retry_after)

    # -- what follows ------------------------------------------------------------------------------------------------

    @property
    def over(self) -> bool:
        """Whether it has ended."""
        return self.state == TERMINATED

    @property
    def last_words(self) -> bool:
        """Whether the NOTIFY that ends it tells a state: what the watcher himself ended or let expire.

        One that is pushed to always does: each NOTIFY of a REFER has a body (RFC 3515 2.4.5).
        """
        return bool(self.pushed) or (self.told is not NOTHING and (self.pushed is not None or self.reason == "timeout"))

    def form(self, before: object) -> Form:
        """Return how its next body is wanted."""
        return Form(self.content_type, self.document, self.watcher, self.usage.dialog.target, before, self.options)

    def state_text(self, now: float) -> str:
        """Return the Subscription-State (RFC 6665 8.2.3) at a UTC time."""
        if self.state == TERMINATED:
            after = f";retry-after={self.retry_after}" if self.retry_after is not None else ""
            return f"terminated;reason={self.reason or 'timeout'}{after}"
        state = PENDING if self.state == PENDING else ACTIVE
        text = f"{state};expires={max(0, round(self.expires_at - now))}"
        if self.interval > self.topic.package.interval:
            text += f";max-rate={_rate(self.interval)}"
        if self.beat:
            text += f";min-rate={_rate(self.beat)}"
        return text

    # -- stored ------------------------------------------------------------------------------------------------------

    def store(self, node: str) -> Stored:
        """Return it as it is stored, with fresh ceilings."""
        usage, dialog, resource = self.usage, self.usage.dialog, self.topic.resource
        self.ceiling = (dialog.local_cseq + CEILING, self.document + CEILING)
        return Stored(
            id=self.id,
            aor=resource.aor,
            uri=resource.uri,
            event=self.key[0],
            event_id=self.key[1],
            options=tuple(f"{name}={value}" for name, value in self.options),
            watcher=self.watcher.uri,
            watcher_aor=self.watcher.aor,
            display=self.display,
            endpoint=self.watcher.endpoint,
            content_type=self.content_type,
            lists=self.lists,
            state=self.state,
            created_at=self.created_at,
            expires_at=self.expires_at,
            interval=self.interval,
            beat=self.beat,
            document=self.ceiling[1],
            call_id=dialog.call_id,
            local=dialog.local,
            local_tag=dialog.local_tag,
            remote=dialog.remote,
            remote_tag=dialog.remote_tag,
            target=dialog.target,
            route=dialog.route_set,
            local_cseq=self.ceiling[0],
            remote_cseq=dialog.remote_cseq,
            secure=dialog.secure,
            contact=dialog.contact,
            reach=usage.reach,
            listener=usage.listener,
            source=usage.source,
            node=node,
        )

    @property
    def above(self) -> bool:
        """Whether its numbers have reached what was stored."""
        return self.usage.dialog.local_cseq >= self.ceiling[0] or self.document >= self.ceiling[1]


def dialog_of(stored: Stored) -> Dialog:
    """Return the dialog of a stored subscription."""
    dialog = Dialog(stored.call_id, stored.local, stored.local_tag, stored.remote, stored.remote_tag, stored.target, initiator=False)
    dialog.route_set = tuple(stored.route)
    dialog.local_cseq, dialog.remote_cseq = stored.local_cseq, stored.remote_cseq
    dialog.secure, dialog.contact, dialog.early = stored.secure, stored.contact, False
    dialog.sips_contact = dialog.secure or is_sips(dialog.contact)
    return dialog


def options_of(stored: Stored) -> tuple[tuple[str, str], ...]:
    """Return the parameters of the Event field that were stored."""
    return tuple((name, value) for name, _, value in (text.partition("=") for text in stored.options))


def _rate(seconds: float) -> str:
    return f"{1 / seconds:.4f}".rstrip("0").rstrip(".") or "0"
