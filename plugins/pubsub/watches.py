"""What the house watches, elsewhere or (inside.py) here: for plugins, for the command line, for lists with members elsewhere.

Rule: bounded; members of lists share one subscription for each resource, whoever watches the lists.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .inside import Inside, own
from .watching import Watching

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.dal import Endpoint
    from pipeline.pubsub.service import Heard

    from .notifier import Notifier

MOST = 10_000
"""Subscriptions of ours: each has a timer, and its NOTIFYs come when others want."""


class Watches:
    """Our subscriptions."""

    def __init__(self, notifier: Notifier) -> None:
        self._notifier = notifier
        self.engine = notifier.engine
        self.all: dict[int, Watching | Inside] = {}
        self._shared: dict[tuple[str, str], Shared] = {}

    def __len__(self) -> int:
        return len(self.all)

    def watch(
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
    ) -> Watching | Inside:
        """Begin to watch: what is ours without asking anybody. Raises RuntimeError when as much is watched already as may be."""
        if len(self.all) >= MOST:
            raise RuntimeError(f"{MOST} resources are watched already")
        made: Watching | Inside
        aor = own(self._notifier, uri) if target is None and endpoint is None else None
        if aor is not None:
            made = Inside(self._notifier, uri, aor, event, heard, accept, as_)
        else:
            made = Watching(self, uri, event, heard, expires=expires, accept=accept, as_=as_, endpoint=endpoint, target=target)
        self.all[id(made)] = made
        made.begin()
        return made

    def share(self, uri: str, event: str, accept: tuple[str, ...], heard: Callable[[Heard], object]) -> Share:
        """Hear of something with others."""
        found = self._shared.get((uri, event))
        if found is None:
            found = self._shared[uri, event] = Shared(self, uri, event)
            share = found.join(heard)
            found.watching = self.watch(uri, event, found.heard, accept=accept)
            return share
        return found.join(heard)

    def shared_no_more(self, shared: Shared) -> None:
        """Nobody hears of it any more."""
        self._shared.pop((shared.uri, shared.event), None)
        if shared.watching is not None:
            shared.watching.stop()

    def forget(self, watching: Watching | Inside) -> None:
        """It has ended."""
        self.all.pop(id(watching), None)

    def stop(self) -> None:
        """Unsubscribe from everything: the server stops."""
        for each in tuple(self.all.values()):
            each.stop()


class Shared:
    """One subscription for several who hear."""

    def __init__(self, watches: Watches, uri: str, event: str) -> None:
        self.watches = watches
        self.uri = uri
        self.event = event
        self.watching: Watching | Inside | None = None
        self.hearers: dict[int, Share] = {}

    def join(self, heard: Callable[[Heard], object]) -> Share:
        """Let another hear; he is told at once what was heard last."""
        share = Share(self, heard)
        self.hearers[id(share)] = share
        if self.watching is not None and self.watching.last is not None:
            heard(self.watching.last)
        return share

    def heard(self, heard: Heard) -> None:
        """Tell all."""
        for share in tuple(self.hearers.values()):
            share.told(heard)


class Share:
    """What one of them has of it."""

    def __init__(self, shared: Shared, heard: Callable[[Heard], object]) -> None:
        self._shared = shared
        self.told = heard
        self.uri = shared.uri
        self.event = shared.event

    @property
    def state(self) -> str:
        """As the subscription's."""
        watching = self._shared.watching
        return "init" if watching is None else watching.state

    def stop(self) -> None:
        """Hear nothing more."""
        shared = self._shared
        if shared.hearers.pop(id(self), None) is not None and not shared.hearers:
            shared.watches.shared_no_more(shared)
