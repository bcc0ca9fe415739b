"""Writing application/conference-info+xml. RFC 4575 5.

Rule: a document is always full. A user is told once, with an endpoint for each of his channels; who is anonymous is a user of his own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.pubsub.xml import Document, add, date_time

if TYPE_CHECKING:
    from pipeline.pubsub.states import Conference, Member
    from pipeline.pubsub.xml import Element

__all__ = ["MOST", "SPACE", "conference_info"]

SPACE = "urn:ietf:params:xml:ns:conference-info"
MOST = 200
"""Endpoints that a document shows; user-count has them all. A UDP datagram holds so many."""


def conference_info(state: Conference) -> bytes:
    """Return the document with the version 0."""
    document = Document("conference-info", SPACE, entity=state.entity, state="full", version="0")
    root = document.root
    description = add(root, "conference-description")
    if state.name:
        add(description, "display-text", state.name)
    entry = add(add(description, "conf-uris"), "entry")
    add(entry, "uri", state.entity)
    add(entry, "purpose", "participation")
    users: dict[str, list[Member]] = {}
    for member in state.members[:MOST]:
        users.setdefault(member.uri, []).append(member)
    of_all = add(root, "conference-state")
    add(of_all, "user-count", str(len({member.uri for member in state.members})))
    add(of_all, "active", "true" if state.active else "false")
    listed = add(root, "users", state="full")
    for uri, members in users.items():
        user = add(listed, "user", entity=uri, state="full")
        if members[0].name:
            add(user, "display-text", members[0].name)
        for member in members:
            _endpoint(user, member)
    return document.write()


def _endpoint(user: Element, member: Member) -> None:
    element = add(user, "endpoint", entity=member.endpoint or member.id)
    add(element, "status", member.status)
    if member.joined:
        add(element, "joining-method", member.joined)
    if member.joined_at:
        add(add(element, "joining-info"), "when", date_time(int(member.joined_at)))
