"""One state out of what several published and what the house sees. RFC 3856 3 and 7 (a compositor), RFC 3903 6, RFC 4479 3.

The rules, of the documents in the order of their time:

1. A tuple takes the place of an older one with the same id (RFC 3863 4.1.2: an id names a way to communicate), where that stood.
2. The newest document that has a person has it: its activities, notes, extensions. One that has none says nothing about the person.
3. The newest document that has notes has them.
4. Devices and unknown elements: as tuples, by name and id.
5. The house's own tuple (registered or not) is there only when nobody published one that is open or closed: who publishes knows better.
6. While the house sees a call, "on-the-phone" is among the activities, whatever was published.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from pipeline.pubsub.states import Person, Presence, Tuple

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .reading import Document

__all__ = ["HOUSE", "compose"]

HOUSE = "registered"
"""Id of the house's own tuple."""
ON_THE_PHONE = "on-the-phone"
TUPLES = 64
"""Ways to communicate of one person that are told at most; of more the first are left out."""


def compose(entity: str, documents: Iterable[Document], *, registered: bool | None, talking: bool) -> Presence:
    """Compose; `registered` None: the house says nothing about it. The documents come oldest first."""
    tuples: dict[str, Tuple] = {}
    others: dict[str, bytes] = {}
    person: Person | None = None
    notes: tuple[object, ...] = ()
    for document in documents:
        tuples.update((each.id, each) for each in document.tuples)
        others.update(document.others)
        if document.person is not None:
            person = document.person
        if document.notes:
            notes = document.notes
    if registered is not None and all(each.open is None for each in tuples.values()):
        tuples[HOUSE] = Tuple(HOUSE, registered, entity)
    if talking:
        person = person or Person()
        if ON_THE_PHONE not in person.activities:
            person = attrs.evolve(person, activities=(*person.activities, ON_THE_PHONE))
    return Presence(entity, tuple(tuples.values())[-TUPLES:], person, notes, b"".join(others.values()))  # type: ignore[arg-type]
