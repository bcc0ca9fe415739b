"""One state out of what several published and what the house sees. RFC 3856 3 and 7 (a compositor), RFC 3903 6, RFC 4479 3.

The rules, of the documents in the order of their time:

1. A tuple takes the place of an older one with the same id (RFC 3863 4.1.2: an id names a way to communicate), where that stood.
2. The newest document that has a person has it: its activities, notes, extensions. One that has none says nothing about the person.
3. The newest document that has notes has them.
4. Devices and unknown elements: as tuples, by name and id.
5. The house's own tuple (registered or not) is there only when nobody published one that is open or closed: who publishes knows better.
6. While the house sees a call, "on-the-phone" is among the activities, whatever was published.
7. What somebody has published fifty times is not sent to all who watch him in one body of megabytes: of what is more than `LARGEST`
   octets, extensions and notes are left out, the oldest first; whether a way is open is told in any case.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from pipeline.pubsub.states import Person, Presence, Tuple
from pipeline.pubsub.xml import LARGEST

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .reading import Document

__all__ = ["HOUSE", "compose"]

HOUSE = "registered"
"""Id of the house's own tuple."""
ON_THE_PHONE = "on-the-phone"
URI = 1024
"""Letters of a Contact that are told when there is too much of everything."""
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
    left = LARGEST - _size(person)
    if person is not None and left < 0:
        person, left = attrs.evolve(person, extra=b"", notes=()), LARGEST
    told: list[Tuple] = []
    for each in reversed(list(tuples.values())[-TUPLES:]):
        left -= _size(each)
        told.append(each if left >= 0 else attrs.evolve(each, notes=(), extra=b"", status_extra=b"", contact=each.contact[:URI]))
    devices: list[bytes] = []
    for data in reversed(others.values()):
        left -= len(data)
        if left >= 0:
            devices.append(data)
    return Presence(entity, tuple(reversed(told)), person, notes, b"".join(reversed(devices)))  # type: ignore[arg-type]


def _size(part: Person | Tuple | None) -> int:
    """Return the octets of what may be left out of a part."""
    if part is None:
        return 0
    size = len(part.extra) + sum(len(note.text) for note in part.notes)
    return size + len(part.status_extra) + len(part.contact) if isinstance(part, Tuple) else size
