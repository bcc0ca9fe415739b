"""Writing a presence document: PIDF with the person's activities. RFC 3863 4, RFC 4479 3.2, RFC 4480 3.2.

Rule: the order is the schema's (status, extensions, contact, notes, timestamp); what was published beyond what we know goes in verbatim.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.pubsub.xml import Document, add, date_time

from .reading import DATA_MODEL, PIDF, RPID

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pipeline.pubsub.states import Note, Person, Presence, Tuple
    from pipeline.pubsub.xml import Element

__all__ = ["pidf"]


def pidf(state: Presence) -> bytes:
    """Return the document."""
    document = Document("presence", PIDF, {"dm": DATA_MODEL, "rpid": RPID}, entity=state.entity)
    root = document.root
    for each in state.tuples:
        _tuple(document, each)
    _notes(root, "note", state.notes)
    if state.person is not None:
        _person(document, state.person)
    document.insert(root, state.extra)
    return document.write()


def _tuple(document: Document, each: Tuple) -> None:
    element = add(document.root, "tuple", id=each.id)
    status = add(element, "status")
    if each.open is not None:
        add(status, "basic", "open" if each.open else "closed")
    document.insert(status, each.status_extra)
    document.insert(element, each.extra)
    if each.contact:
        priority = None if each.priority is None else f"{each.priority:.3f}".rstrip("0").rstrip(".")
        add(element, "contact", each.contact, priority=priority)
    _notes(element, "note", each.notes)
    if each.timestamp:
        add(element, "timestamp", date_time(each.timestamp))


def _person(document: Document, person: Person) -> None:
    element = add(document.root, f"{{{DATA_MODEL}}}person", id=person.id or "person")
    if person.activities:
        activities = add(element, f"{{{RPID}}}activities")
        for name in person.activities:
            add(activities, f"{{{RPID}}}{name}")
    document.insert(element, person.extra)
    _notes(element, "note", person.notes)
    if person.timestamp:
        add(element, "timestamp", date_time(person.timestamp))


def _notes(parent: Element, name: str, notes: Iterable[Note]) -> None:
    for note in notes:
        add(parent, name, note.text, lang=note.lang or None)
