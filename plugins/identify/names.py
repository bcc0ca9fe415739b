"""Endpoints by name: what a From or an Authorization user says, looked up in the data access layer and remembered.

Rule: user@domain names the endpoint of that id, or in the first domain of the user's name alone; failing that, the only endpoint to
which that address of record (or those credentials) belongs. What was found, and what was not, is remembered until any endpoint
changes; both memories are bounded, and forgotten apart: a flood of invented names does not cost the known ones their place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline.absent import Absent
from pipeline.pending import settle, walk

if TYPE_CHECKING:
    from collections.abc import Generator

    from pipeline.dal import Domain, Endpoint, Layer

    Steps = Generator[Any, Any, Endpoint | None]

REMEMBERED = 16384
"""Names found, at some 200 bytes each: 3 MB at most. Those not found cost nothing more (absent.py)."""

URI = 128
"""Letters of a URI that is remembered at most."""

Key = tuple[str, str, str]


class Names:
    """Endpoints by the names they go by. Lives in the engine's state, beyond a reload."""

    __slots__ = ("_absent", "_changes", "_dal", "_found", "_stops", "by_uri")

    def __init__(self, dal: Layer) -> None:
        self._dal = dal
        self._found: dict[Key, Endpoint] = {}
        self._absent = Absent()
        self.by_uri: dict[str, Endpoint] = {}
        """Found by the URI of a From as it was written: the same one look sooner."""
        self._changes = 0
        self._stops = [dal.watch(kind, self._changed) for kind in ("endpoint", "auth") if dal.stores(kind)]

    def close(self) -> None:
        """Follow the store no more."""
        for stop in self._stops:
            stop()

    def _changed(self, verb: str, stored: Any) -> None:
        self._changes += 1
        self.forget()

    def forget(self) -> None:
        """Look everything up anew: something has changed."""
        self._found.clear()
        self._absent.clear()
        self.by_uri.clear()

    def keep_uri(self, text: str, found: Endpoint) -> None:
        """Remember who was found by a URI of a From."""
        if len(self.by_uri) >= REMEMBERED:
            self.by_uri.clear()
        if len(text) < URI:
            self.by_uri[text] = found

    def caller(self, user: str, domain: Domain, *, first: bool) -> Any:
        """Return the endpoint that calls itself user@domain, None, or a Pending."""
        return self._known(("aors", domain.id, user), first=first)

    def holder(self, username: str, domain: Domain, *, first: bool) -> Any:
        """Return the endpoint whose digest user in that domain's realm this is, None, or a Pending."""
        return self._known(("auth", domain.id, username), first=first)

    def named(self, ident: str) -> Any:
        """Return the endpoint of this id, None, or a Pending."""
        return self._known(("id", "", ident), first=True)

    def _known(self, key: Key, *, first: bool) -> Any:
        found = self._found.get(key)
        if found is not None:
            return found
        if key in self._absent:
            return None
        before = self._changes

        def keep(found: Endpoint | None) -> Endpoint | None:
            if before == self._changes:  # else it may be out of date already
                self._keep(key, found)
            return found

        return settle(walk(self._search(*key, first=first)), keep)

    def _keep(self, key: Key, found: Endpoint | None) -> None:
        if found is None:
            self._absent.add(key)
        else:
            if len(self._found) >= REMEMBERED:
                self._found.clear()
            self._found[key] = found

    def _search(self, way: str, domain: str, name: str, *, first: bool) -> Steps:
        if way == "id":
            return (yield self._dal.get("endpoint", name))  # type: ignore[no-any-return]
        full = f"{name}@{domain}"
        for ident in (full, name) if first else (full,):
            found = yield self._dal.get("endpoint", ident)
            if found is not None:
                return found  # type: ignore[no-any-return]
        if way == "aors":
            owners = yield self._dal.find("endpoint", aors=full)
        else:
            owners = yield from self._owners(name)
        return owners[0] if len(owners) == 1 else None

    def _owners(self, username: str) -> Generator[Any, Any, tuple[Endpoint, ...]]:
        owners: dict[str, Endpoint] = {}
        if self._dal.stores("auth"):
            for auth in (yield self._dal.find("auth", username=username)):
                for endpoint in (yield self._dal.find("endpoint", auth=auth.id)):
                    owners[endpoint.id] = endpoint
        return tuple(owners.values())
