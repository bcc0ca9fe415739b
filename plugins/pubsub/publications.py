"""What was published and is still valid (RFC 3903 6): kept in the store, given to the packages, forgotten when its time is over.

Rule: a publication is named by its entity tag, which changes with every PUBLISH; of one tag there is one. Several may be valid about a
resource, from several devices: to make one state of them is the package's affair.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from typing import TYPE_CHECKING

import attrs

from pipeline import Pending
from pipeline.dal import Publication as Stored
from pipeline.pubsub import Publication

from .schedule import Schedule

if TYPE_CHECKING:
    from .notifier import Notifier

NONE: tuple[Publication, ...] = ()


@attrs.define(eq=False)
class Kept:
    """A publication and whose it is."""

    publication: Publication
    event: str
    aor: str
    who: str
    """Whom it is counted for."""
    expires_at: float
    call_id: str = ""
    """Call-ID of its last PUBLISH."""
    former: str = ""
    """Its tag before the last PUBLISH."""


class Publications:
    """The valid publications, by entity tag and by what they are about."""

    def __init__(self, notifier: Notifier) -> None:
        self.notifier = notifier
        self.engine = notifier.engine
        self.kept: dict[str, Kept] = {}
        self.by_publisher: Counter[str] = Counter()
        self._former: dict[str, str] = {}
        """The tag before the last PUBLISH -> the tag of now."""
        self._about: dict[tuple[str, str], OrderedDict[str, Kept]] = {}
        self._tuples: dict[tuple[str, str], tuple[Publication, ...]] = {}
        self._ends = Schedule(self.engine.clock, self._look, self._over)
        self.bytes = 0

    def __len__(self) -> int:
        return len(self.kept)

    def about(self, event: str, aor: str) -> tuple[Publication, ...]:
        """Return what is published about a resource, the oldest first."""
        key = (event, aor)
        found = self._tuples.get(key)
        if found is None:
            kept = self._about.get(key)
            if not kept:
                return NONE
            found = self._tuples[key] = tuple(each.publication for each in sorted(kept.values(), key=_age))
        return found

    def count(self, event: str, aor: str) -> int:
        """Return how many publications there are about a resource."""
        return len(self._about.get((event, aor), ()))

    def get(self, etag: str, event: str, aor: str) -> Kept | None:
        """Return the publication of that tag, if it is about this resource (6, step 4)."""
        found = self.kept.get(etag)
        return found if found is not None and found.event == event and found.aor == aor else None

    def removable(self, etag: str, event: str, aor: str, call_id: str) -> Kept | None:
        """Return the publication that somebody means who removes it by its former tag, having overheard the last one.

        RFC 3903 6 knows only the last; but who asks for the end of what he published in this very Call-ID can mean nothing else.
        """
        found = self.get(self._former.get(etag, ""), event, aor)
        return found if found is not None and found.call_id == call_id else None

    def put(self, kept: Kept, instead: str = "") -> object:
        """Keep a publication, in place of the one of that tag; returns a Pending of its being stored, or None."""
        former = self._take(instead) if instead else None
        if former is not None:
            kept.former = instead
            self._former[instead] = kept.publication.etag
        self._note(kept)
        return self._change(kept.aor, (self._stored(kept),), (instead,) if former is not None else ())

    def remove(self, etag: str) -> object:
        """Forget a publication; returns a Pending of that being stored, or None."""
        former = self._take(etag)
        return self._change(former.aor, (), (etag,)) if former is not None else None

    def restore(self, stored: Stored) -> None:
        """Take over a publication that the store has kept."""
        publication = Publication(
            etag=stored.id,
            content_type=stored.content_type,
            body=stored.body.encode("utf-8", "surrogateescape"),
            publisher=stored.publisher,
            published_at=stored.published_at,
        )
        self._note(Kept(publication, stored.event, stored.aor, stored.endpoint or stored.source, stored.expires_at))

    def tell(self, kept: Kept) -> None:
        """Have those told who watch the resource."""
        self.engine.tell("state.changed", event=kept.event, resource=kept.aor)

    def stop(self) -> None:
        """Look at nothing any more."""
        self._ends.stop()

    # -- inside ------------------------------------------------------------------------------------------------------

    def _note(self, kept: Kept) -> None:
        etag, key = kept.publication.etag, (kept.event, kept.aor)
        self.kept[etag] = kept
        self._about.setdefault(key, OrderedDict())[etag] = kept
        self._tuples.pop(key, None)
        self.by_publisher[kept.who] += 1
        self.bytes += len(kept.publication.body)
        self._ends.after(max(0.0, kept.expires_at - self.engine.clock.time()), etag)

    def _take(self, etag: str) -> Kept | None:
        kept = self.kept.pop(etag, None)
        if kept is None:
            return None
        self._former.pop(kept.former, None)
        key = (kept.event, kept.aor)
        about = self._about.get(key)
        if about is not None:
            about.pop(etag, None)
            if not about:
                del self._about[key]
        self._tuples.pop(key, None)
        self.bytes -= len(kept.publication.body)
        self.by_publisher[kept.who] -= 1
        if self.by_publisher[kept.who] <= 0:
            del self.by_publisher[kept.who]
        return kept

    def _over(self, etag: str) -> bool:
        return etag not in self.kept

    def _look(self, etag: str) -> None:
        kept = self.kept[etag]
        left = kept.expires_at - self.engine.clock.time()
        if left > 1e-3:
            self._ends.after(left, etag)
            return
        written = self.remove(etag)
        if isinstance(written, Pending):
            written.then(self.notifier._written)
        self.engine.tell("publication.expired", event=kept.event, resource=kept.aor, publisher=kept.publication.publisher)
        self.tell(kept)

    def _stored(self, kept: Kept) -> Stored:
        publication = kept.publication
        return Stored(
            id=publication.etag,
            aor=kept.aor,
            event=kept.event,
            content_type=publication.content_type,
            body=publication.body.decode("utf-8", "surrogateescape"),
            publisher=publication.publisher,
            endpoint="" if kept.who.startswith("source ") else kept.who,
            source=kept.who if kept.who.startswith("source ") else "",
            published_at=publication.published_at,
            expires_at=kept.expires_at,
        )

    def _change(self, aor: str, puts: tuple[Stored, ...], deletes: tuple[str, ...]) -> object:
        if not self.engine.dal.stores("publication"):
            return None
        written = self.engine.dal.change("publication", aor, puts, deletes)
        return written if isinstance(written, Pending) else None


def _age(kept: Kept) -> float:
    return kept.publication.published_at
