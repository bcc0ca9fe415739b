"""The event bus: what happened, told to whoever listens. Nobody listening costs one dictionary look-up.

Events have a dotted name and plain fields, e.g. `contact.added` aor=... contact=...; a listener takes a prefix ("contact")
or "" for everything. A listener that raises is counted and named, and does not disturb the others.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import attrs

if TYPE_CHECKING:
    from collections.abc import Callable


@attrs.frozen(slots=True)
class Event:
    """Something that happened."""

    name: str
    """Dotted, general part first: contact.added, flow.closed, step.failed."""
    time: float
    """Seconds since 1970, UTC."""
    fields: dict[str, Any]


class Bus:
    """Tells events to listeners, at once and in the order in which they began to listen."""

    def __init__(self, time: Callable[[], float]) -> None:
        self._time = time
        self._listeners: list[tuple[str, Callable[[Event], None]]] = []
        self._heard: dict[str, tuple[Callable[[Event], None], ...]] = {}
        self.counts: Counter[str] = Counter()
        """How often each event was told, heard or not."""
        self.failures: Counter[str] = Counter()
        """Listeners that raised, by their qualified name."""

    def listen(self, prefix: str, listener: Callable[[Event], None]) -> Callable[[], None]:
        """Call `listener(event)` for every event whose name is `prefix` or lies below it; returns the way to stop."""
        entry = (prefix, listener)
        self._listeners.append(entry)
        self._heard.clear()

        def stop() -> None:
            if entry in self._listeners:
                self._listeners.remove(entry)
                self._heard.clear()

        return stop

    def wants(self, name: str) -> bool:
        """Tell whether anybody listens to `name`: what is costly to describe need not be described otherwise."""
        return bool(self._hearing(name))

    def unheard(self, name: str) -> bool:
        """Count an event that nobody listens to; False: somebody does, tell it. For what is costly to describe and happens all the time."""
        if self._heard.get(name, True):
            return not self._hearing(name) and self.unheard(name)
        self.counts[name] += 1
        return True

    def tell(self, name: str, /, **fields: Any) -> None:
        """Tell that `name` has happened."""
        self.counts[name] += 1
        heard = self._heard.get(name)
        if heard is None:
            heard = self._hearing(name)
        if not heard:
            return
        event = Event(name, self._time(), fields)
        for listener in heard:
            try:
                listener(event)
            except Exception as error:
                self.failures[f"{getattr(listener, '__qualname__', listener)}: {error!r}"] += 1

    def _hearing(self, name: str) -> tuple[Callable[[Event], None], ...]:
        heard = self._heard.get(name)
        if heard is None:
            heard = tuple(listener for prefix, listener in self._listeners if not prefix or name == prefix or name.startswith(prefix + "."))
            self._heard[name] = heard
        return heard
