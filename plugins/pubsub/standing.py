"""What the configuration wants watched elsewhere: [subscribe.NAME], for as long as the server runs.

Rule: what is stored is watched, and nothing else: whoever changes an object changes what is watched. What is told goes to the bus.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline.pending import Pending, gather, settle

if TYPE_CHECKING:
    from pipeline.dal import Endpoint, Subscribe

    from .inside import Inside
    from .notifier import Notifier
    from .watching import Watching


class Standing:
    """The subscriptions of the configuration, by name."""

    def __init__(self, notifier: Notifier) -> None:
        self._notifier = notifier
        self._watches: dict[str, tuple[Subscribe, Watching | Inside]] = {}
        self._begun = False

    def begin(self) -> None:
        """Watch what is stored; called when everything has started, and again after a reload."""
        dal = self._notifier.engine.dal
        if not dal.stores("subscribe"):
            return
        if not self._begun:
            self._begun = True
            self._notifier.until_stopped(dal.watch("subscribe", self._noticed))
        self._read()

    def _noticed(self, verb: str, stored: Subscribe | None) -> None:
        if not self._notifier.stopping:
            self._read()

    def _read(self) -> None:
        dal = self._notifier.engine.dal

        def found(stored: tuple[Subscribe, ...]) -> Any:
            names = [each.endpoint for each in stored]
            endpoints = gather(dal.get("endpoint", name) if name else None for name in names)
            return settle(endpoints, lambda known: self._take(stored, known))

        try:
            waits = settle(dal.find("subscribe"), found)
        except Exception as error:
            self._failed(error)
            return
        if isinstance(waits, Pending):
            waits.then(self._ended)

    def _ended(self, pending: Pending) -> None:
        try:
            pending.value()
        except Exception as error:
            self._failed(error)

    def _failed(self, error: Exception) -> None:
        self._notifier.engine.tell("storage.failed", what="subscribe", error=str(error))

    def _take(self, stored: tuple[Subscribe, ...], endpoints: list[Endpoint | None]) -> None:
        wanted = {each.id: each for each in stored}
        for name, (former, watching) in tuple(self._watches.items()):
            if wanted.get(name) is None or _differ(wanted[name], former) or watching.state == "terminated":
                del self._watches[name]
                watching.stop()
        for each, endpoint in zip(stored, endpoints, strict=True):
            if each.id in self._watches:
                continue
            try:
                watching = self._watch(each, endpoint)
            except RuntimeError as error:
                self._failed(error)
                return
            self._watches[each.id] = each, watching

    def _watch(self, stored: Subscribe, endpoint: Endpoint | None) -> Watching | Inside:
        return self._notifier.watches.watch(
            stored.uri, stored.event, _heard, expires=stored.expires, accept=stored.accept, as_=stored.aor, endpoint=endpoint
        )


def _differ(one: Subscribe, other: Subscribe) -> bool:
    names = ("uri", "event", "accept", "expires", "endpoint", "aor")
    return any(getattr(one, name) != getattr(other, name) for name in names)


def _heard(heard: object) -> None:
    """What is told is told on the bus."""
