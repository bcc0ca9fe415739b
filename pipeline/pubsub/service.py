"""What the plugin `pubsub` does for other plugins, as `engine.pubsub`: implicit subscriptions, watching others, who watches.

Rule: only types and their meaning; `engine.pubsub` is None where the plugin is not listed. Nobody but `pubsub` sends a NOTIFY.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import attrs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pipeline.dal import Endpoint
    from pipeline.flow import Flow
    from pipeline.passage import Passage
    from pipeline.pubsub.package import Package
    from pipeline.pubsub.states import Watching
    from pipeline.sip.dialog import Dialog
    from pipeline.sip.message import Request

__all__ = ["Carrier", "Heard", "PubSub", "Pushed", "Watch", "WatcherInfo"]


class Carrier(Protocol):
    """Who owns a dialog in which subscriptions may be made: a session."""

    dialog: Dialog
    flow: Flow | None
    pinned: bool
    """Whether requests go back by the flow, whatever the peer's Contact says."""
    endpoint: Any
    contact: str
    """Our Contact in the dialog."""


class Pushed(Protocol):
    """An implicit subscription (RFC 3515 2.4.4), whose states a plugin pushes."""

    contact: str
    """Our Contact in its dialog, for the answer to the request that made it."""

    @property
    def over(self) -> bool:
        """Whether nobody listens any more: it has ended, expired, or the watcher has gone."""

    def push(self, state: Any, reason: str = "") -> None:
        """Tell a state. With `reason` (noresource, ...) it is the last one: Subscription-State says terminated."""


@attrs.frozen
class WatcherInfo:
    """Who watches something (RFC 3857 4.7)."""

    id: str
    uri: str
    display: str
    status: Watching
    event: str
    """subscribe, approved, deactivated, probation, rejected, timeout, giveup, noresource."""
    since: float
    """Seconds since 1970."""
    expires_at: float


@attrs.frozen
class Heard:
    """A NOTIFY that a subscription of ours was told."""

    uri: str
    """What is watched."""
    event: str
    state: str
    """active, pending or terminated."""
    reason: str
    content_type: str
    body: bytes
    request: Request | None = None


class Watch(Protocol):
    """A subscription of ours, to something elsewhere or here."""

    uri: str
    event: str

    @property
    def state(self) -> str:
        """init, pending, active, waiting (for the next try) or terminated."""

    def stop(self) -> None:
        """Unsubscribe (RFC 6665 4.1.2.3); what the last NOTIFY says is still told."""


class PubSub(Protocol):
    """What `engine.pubsub` is."""

    def package(self, event: str) -> Package | None:
        """Return what a listed plugin says of an event package; None: there is none."""

    def watchers(self, event: str, aor: str) -> tuple[WatcherInfo, ...]:
        """Return who watches an address of record, and who lately did (status terminated)."""

    def subscriptions(self) -> Iterator[dict[str, Any]]:
        """Return a row for each subscription, of plain values, for `sipline show`; ours to elsewhere too."""

    def publications(self) -> Iterator[dict[str, Any]]:
        """Return a row for each valid publication, of plain values, for `sipline show`."""

    def implicit(
        self,
        event: str,
        event_id: str,
        message: Request,
        passage: Passage,
        *,
        write: Callable[[Any], bytes],
        carrier: Carrier | None = None,
        expires: float = 180.0,
    ) -> Pushed:
        """Make the subscription that a request implies (REFER: event "refer", id its CSeq). `write` gives the body of a state.

        It goes on, with that, when a reload takes the plugin out: what has begun is told to its end.

        Within the dialog of `carrier`; None: in the dialog that the request makes, whose tag then stands in `passage.tag`. Call it before
        the request is answered, `push` after it. Raises Malformed when the request has no usable
        Contact, and Refused where there are as many subscriptions as may be.
        """

    def take(self, message: Request, passage: Passage, carrier: Carrier) -> None:
        """Answer a SUBSCRIBE or NOTIFY that came in a session's dialog where no subscription is yet (RFC 5057)."""

    def subscribe(
        self,
        uri: str,
        event: str,
        heard: Callable[[Heard], object],
        *,
        expires: int = 3600,
        accept: tuple[str, ...] = (),
        as_: str = "",
        endpoint: Endpoint | None = None,
        target: Any = None,
    ) -> Watch:
        """Watch something, until `stop`: refreshed before it expires, begun anew as its end says (RFC 6665 4.1.2, 4.1.3).

        What is ours is watched without a message, and ends for good (404 Not Found, 489 Bad Event, noresource ...).

        `as_` is our From (an address of record; empty: the server itself), `endpoint` whose credentials (outbound_auth) and outbound_proxy
        are used, `target` where the SUBSCRIBE goes (as for `Pipeline.request`; None: where the URI says). `notify.received` is told on the
        bus as well. Raises RuntimeError when as much is watched already as may be.
        """

    def notify(
        self,
        where: str,
        event: str,
        body: bytes = b"",
        content_type: str = "",
        state: str = "terminated",
        told: Callable[[str, int], object] | None = None,
    ) -> Any:
        """Send a NOTIFY outside any dialog to each contact of an endpoint, an address of record or a URI: `check-sync`, unsolicited lamps.

        Returns how many were sent, or a Pending of it; `told` hears (URI, status) of each, 0 for none. Raises, or fails with,
        core.Unroutable when `where` means nobody that could be reached.
        """
