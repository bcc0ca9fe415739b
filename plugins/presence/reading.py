"""Reading a PIDF document that was published. RFC 3863 4; RFC 4479 3 (person, device); RFC 4480 3.2 (activities).

Rule: what has a place in `pipeline.pubsub.states` is taken apart, everything else is kept verbatim where it stood. What the schema
forbids is refused with its line; what it allows and nobody knows is not judged.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import attrs

from pipeline.pubsub import Unpublishable
from pipeline.pubsub.states import Note, Person, Tuple
from pipeline.pubsub.xml import LARGEST, local, namespace, read, shown, text_of, verbatim

if TYPE_CHECKING:
    from pipeline.pubsub.xml import Element

__all__ = ["DATA_MODEL", "PIDF", "RPID", "Document", "document"]

PIDF = "urn:ietf:params:xml:ns:pidf"
DATA_MODEL = "urn:ietf:params:xml:ns:pidf:data-model"
RPID = "urn:ietf:params:xml:ns:pidf:rpid"
_LANG = "{http://www.w3.org/XML/1998/namespace}lang"
_BASIC = {"open": True, "closed": False, "unknown": None}  # the last is baresip's, until its user has said something: not said
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9._-]*")
_PRIORITY = re.compile(r"0(\.\d{0,3})?|1(\.0{0,3})?")
_TIME = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(\.\d+)?(Z|[+-]\d\d:\d\d)?")


@attrs.frozen
class Document:
    """A PIDF document, taken apart."""

    entity: str
    tuples: tuple[Tuple, ...] = ()
    person: Person | None = None
    notes: tuple[Note, ...] = ()
    others: tuple[tuple[str, bytes], ...] = ()
    """Devices and what is not known: (name and id, XML)."""


def document(body: bytes) -> Document:
    """Read a document; raises Unpublishable with line and column."""
    root = read(body, f"{{{PIDF}}}presence")
    entity = root.get("entity")
    if not entity:
        raise _wrong(root, "needs the attribute entity")
    tuples: list[Tuple] = []
    notes: list[Note] = []
    others: list[tuple[str, bytes]] = []
    person: Person | None = None
    for element in root:
        space, name = namespace(element), local(element)
        if space == PIDF and name == "tuple":
            tuples.append(_tuple(element))
        elif space == PIDF and name == "note":
            notes.append(_note(element))
        elif space == DATA_MODEL and name == "person" and person is None:
            person = _person(element)
        elif space in ("", PIDF):
            raise _wrong(element, "is nothing that stands in a presence document")
        else:
            others.append((f"{element.tag} {element.get('id', '')}", verbatim(element)))
    ids = [each.id for each in tuples]
    if len(set(ids)) != len(ids):
        raise Unpublishable("two tuples of one document have the same id (RFC 3863 4.1.2)")
    kept = sum(len(data) for _, data in others) + sum(len(each.extra) + len(each.status_extra) for each in tuples)
    if kept + (len(person.extra) if person else 0) > 2 * LARGEST:  # each piece repeats the namespaces that it was under
        raise Unpublishable("its extensions are too large", 413)
    return Document(entity, tuple(tuples), person, tuple(notes), tuple(others))


def _wrong(element: Element, what: str) -> Unpublishable:
    return Unpublishable(f"line {element.sourceline}: {shown(element)} {what}")


def _tuple(element: Element) -> Tuple:
    ident = element.get("id")
    if not ident:
        raise _wrong(element, "needs the attribute id")
    if not _NAME.fullmatch(ident):  # the schema has xs:ID, which phones do not all know
        ident = "_" + re.sub(r"[^A-Za-z0-9._-]", "_", ident)
    basic: bool | None = None
    contact, priority, timestamp, seen = "", None, 0.0, False
    notes: list[Note] = []
    extra, status_extra = b"", b""
    for child in element:
        space, name = namespace(child), local(child)
        if space == PIDF and name == "status":
            seen = True
            basic, status_extra = _status(child)
        elif space == PIDF and name == "contact":
            contact = text_of(child)
            priority = _priority(child)
        elif space == PIDF and name == "note":
            notes.append(_note(child))
        elif space == PIDF and name == "timestamp":
            timestamp = _timestamp(child)
        elif space in ("", PIDF):
            raise _wrong(child, "is nothing that stands in a tuple")
        else:
            extra += verbatim(child)
    if not seen:
        raise _wrong(element, "needs a status")
    return Tuple(ident, basic, contact, priority, tuple(notes), timestamp, extra, status_extra)


def _status(element: Element) -> tuple[bool | None, bytes]:
    basic: bool | None = None
    extra = b""
    for child in element:
        space, name = namespace(child), local(child)
        if space == PIDF and name == "basic":
            said = text_of(child)
            if said not in _BASIC:
                raise _wrong(child, f'is "open" or "closed", not "{said[:40]}"')
            basic = _BASIC[said]
        elif space in ("", PIDF):
            raise _wrong(child, "is nothing that stands in a status")
        else:
            extra += verbatim(child)
    return basic, extra


def _priority(element: Element) -> float | None:
    said = element.get("priority")
    if said is None:
        return None
    if not _PRIORITY.fullmatch(said):
        raise _wrong(element, f'has the priority "{said[:40]}": it is 0 to 1, with three digits at most')
    return float(said)


def _note(element: Element) -> Note:
    return Note(text_of(element), element.get(_LANG, ""))


def _timestamp(element: Element) -> float:
    """Return the seconds of an xs:dateTime; without a zone it is UTC (RFC 3339 4.3 leaves it open)."""
    said = text_of(element)
    form = _TIME.fullmatch(said)
    try:
        if form is None:
            raise ValueError
        year, month, day, hour, minute, second = (int(form[n]) for n in range(1, 7))
        stamp = datetime(year, month, day, hour, minute, min(second, 59), tzinfo=UTC).timestamp() + (second == 60)
        zone = form[8]
        if zone and zone != "Z":
            offset = int(zone[1:3]) * 3600 + int(zone[4:6]) * 60
            stamp -= offset if zone[0] == "+" else -offset
        return stamp + float(form[7] or 0)
    except ValueError:
        raise _wrong(element, f'is no time: "{said[:40]}"; such as 2026-11-28T12:00:00Z') from None


# -- the person --------------------------------------------------------------------------------------------------------


def _person(element: Element) -> Person:
    activities: list[str] = []
    notes: list[Note] = []
    extra, timestamp = b"", 0.0
    for child in element:
        tag = child.tag
        if tag == f"{{{RPID}}}activities":
            extra += _activities(child, activities)
        elif tag == f"{{{DATA_MODEL}}}note":
            notes.append(_note(child))
        elif tag == f"{{{DATA_MODEL}}}timestamp":
            timestamp = _timestamp(child)
        else:
            extra += verbatim(child)
    return Person(tuple(activities), element.get("id", ""), tuple(notes), extra, timestamp)


def _activities(element: Element, names: list[str]) -> bytes:
    """Note the activities that are mere names, and return the rest: of a time to come, with words of its own, of others' schemas."""
    if any(name != "id" for name in element.attrib):
        return verbatim(element)
    for child in list(element):
        if namespace(child) == RPID and not len(child) and not (child.text or "").strip() and not child.attrib and local(child) != "note":
            name = local(child)
            if name not in names:
                names.append(name)
            element.remove(child)
    return verbatim(element) if len(element) else b""
