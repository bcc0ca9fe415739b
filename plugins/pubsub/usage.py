"""The dialog of subscriptions (RFC 6665 4.4, RFC 5057): its requests come here, its NOTIFYs go out here, one after the other.

Rule: several subscriptions may live in one dialog, also in that of a call; each has a NOTIFY under way at most, and so has the dialog, so
that what is told arrives in order. When the last subscription has gone, the dialog is left.
"""

from __future__ import annotations

from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Any

from pipeline import Claim
from pipeline.client import Final
from pipeline.dal import Contact
from pipeline.flow import Flow
from pipeline.peers import is_peer, stranger
from pipeline.pending import settle
from pipeline.reach import way_of
from pipeline.way import contact, is_registered, way_to, ways_back

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline import Passage, Request
    from pipeline.client import Outcome
    from pipeline.dal import Endpoint
    from pipeline.engine import Pipeline
    from pipeline.sip.dialog import Dialog

    from .notifier import Notifier
    from .subscription import Subscription

SERVANT = "pubsub"
FRAGMENTS = 4096
"""Bytes of a body that still goes by the datagram flow by which its watcher came, in some fragments: the state of a list may be 100 kB."""


class EventDialog:
    """A dialog with subscriptions in it."""

    judges = True
    __slots__ = (
        "_held", "_name", "_waiting", "busy", "dialog", "endpoint", "engine", "flow", "flow_id", "listener", "notifier", "passage",
        "pinned", "proved", "reach", "source", "subscriptions", "user",
    )  # fmt: skip

    def __init__(self, notifier: Notifier, dialog: Dialog, endpoint: Endpoint | None, user: str) -> None:
        self.notifier = notifier
        self.engine: Pipeline = notifier.engine
        self.dialog = dialog
        self.endpoint = endpoint
        self.user = user
        """User part of our Contact."""
        self.flow: Flow | None = None
        self.flow_id = ""
        self.source = ("", "")
        self.proved: tuple[str, ...] = ()
        """Hosts from which the peer has proved to be himself, besides the one that he began from."""
        self.pinned = False
        self.reach = ""
        """Where requests really go after a restart, when there is no flow yet."""
        self.listener = ""
        self.passage: Passage | None = None
        """What caused its requests, for the trace."""
        self.subscriptions: dict[tuple[str, str], Subscription] = {}
        self.busy = False
        self._waiting: deque[Subscription] | tuple[()] = ()
        self._held: Flow | None = None
        self._name = dialog.id

    def open(self, *, shared: bool = False) -> None:
        """Have the requests of the dialog come here; `shared`: those for subscriptions, beside the session that owns it."""
        dialogs = self.engine.dialogs
        (dialogs.share if shared else dialogs.add)(*self._name, self)

    def close(self) -> None:
        """Leave the dialog."""
        self.engine.dialogs.leave(*self._name, self)
        self._part()

    def come_by(self, flow: Flow, *, pinned: bool) -> None:
        """Note by which flow the peer is there, and keep it open."""
        if flow is not self._held:
            self._part()
            self.flow = self._held = flow
            flow.hold()
            self.engine.carried.join(flow, self)
        self.source = (flow.transport, flow.peer[0])
        self.flow_id = flow.id if flow.reliable else ""
        self.pinned = pinned
        self.reach = flow.id if pinned else ""
        self.listener = flow.listener
        self.dialog.contact = contact(flow, self.user, secure=self.dialog.sips_contact)

    def _part(self) -> None:
        if self._held is not None:
            self.engine.carried.leave(self._held, self)
            self._held.release()
            self._held = self.flow = None

    def stranded(self, _reason: str) -> None:
        """The connection closed a while ago: who has not come back since is told nothing more (RFC 6665 4.2.2)."""
        flow = self.flow
        if flow is None or not flow.closed or not self.pinned:
            return
        ways = ways_back(self.engine, self.endpoint, self.dialog.target, self.reach)
        streams = [way for way in ways if isinstance(way, Flow) and way.reliable]
        if streams:
            self.come_by(streams[0], pinned=True)
        elif not ways and is_registered(self.endpoint, self.dialog.target):
            for subscription in tuple(self.subscriptions.values()):
                self.notifier.drop(subscription, "unreachable")

    # -- what comes --------------------------------------------------------------------------------------------------

    def request(self, message: Request, passage: Passage) -> None:
        """Take a request of the dialog."""
        if message.method == "ACK":
            self.engine.transactions.forget(passage)
            return
        self.engine._claim(passage, Claim(SERVANT, self._name.call_id, self._serve))

    def _serve(self, passage: Passage) -> Any:
        return settle(is_peer(self, self.dialog, passage), partial(self._judged, passage))

    def _judged(self, passage: Passage, found: bool) -> Any:
        if found:
            return self.notifier.serve(self, passage)
        stranger(self, passage)
        passage.reply(481, because=f"pubsub: {passage.flow.peer[0]} is not where the peer of this dialog is, and has proved nothing")
        return None

    # -- what goes ---------------------------------------------------------------------------------------------------

    def way(self) -> Any:
        """Return where requests go: by the flow, where the dialog says, or where the peer has registered the same Contact since."""
        flow = self.flow
        if flow is not None and not (self.pinned and flow.closed):
            return way_to(self.dialog.hop, flow, self.pinned, self.engine)
        found: list[Any] = []
        if self.reach or self.pinned:
            found += ways_back(self.engine, self.endpoint, self.dialog.target, self.reach)
            try:
                stored = Contact(id="", aor="", uri=self.dialog.target, reach=self.reach, listener=self.listener)
                way = way_of(self.engine, stored)
                if way is not None:
                    return [way, *found]
            except ConnectionError:
                pass
        return [*found, self.dialog.hop]

    def ask(self, method: str, headers: list[tuple[str, str]], body: bytes, on_event: Callable[[Outcome], None]) -> None:
        """Send a request of the dialog."""
        dialog = self.dialog

        def told(outcome: Outcome) -> None:
            if isinstance(outcome, Final):
                dialog.numbered(outcome.response)
            on_event(outcome)

        message: Any
        if self.flow is None:  # our Contact depends on the flow, which is not known before it is found

            def message(flow: Flow) -> Request:
                self.come_by(flow, pinned=self.pinned)
                return dialog.request(method, headers, body)
        else:
            message = dialog.request(method, headers, body)
        way = self.way()
        if len(body) > FRAGMENTS and self.flow is not None and way is self.flow and not self.flow.reliable and not self.pinned:
            way = dialog.hop  # not by this datagram flow, but as RFC 3261 18.1.1 has it: by TCP where the peer takes it
        self.engine.request(message, way, told, self.passage, self.endpoint, dialog)

    def queue(self, subscription: Subscription) -> None:
        """Have a subscription told when what is under way has been answered."""
        waiting = self._waiting
        if not isinstance(waiting, deque):
            waiting = self._waiting = deque()
        if subscription not in waiting:
            waiting.append(subscription)

    def go_on(self) -> None:
        """Nothing is under way any more: what waits goes now."""
        self.busy = False
        while self._waiting and not self.busy:
            self.notifier.send(self._waiting.popleft())
