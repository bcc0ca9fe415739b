"""Writing application/reginfo+xml. RFC 3680 5, GRUUs by RFC 5628 5.

Rule: a document is always full (5.1 allows it), so that its reader need not have seen the one before; a contact that he was told of, and
that is no more, is told once as terminated, with the event that ended it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from pipeline.pubsub.states import Binding, Registration
from pipeline.pubsub.xml import Document, add

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pipeline.pubsub.xml import Element

__all__ = ["GRUU", "SPACE", "reginfo"]

SPACE = "urn:ietf:params:xml:ns:reginfo"
GRUU = "urn:ietf:params:xml:ns:gruuinfo"
TERMINATED = "terminated"


def reginfo(state: Registration, before: object, why: Mapping[str, str]) -> bytes:
    """Return the document with the version 0; `before` is what its reader was told last, `why` the last event of contacts by their ids."""
    gone = _gone(state, before, why)
    document = Document("reginfo", SPACE, {"gr": GRUU}, version="0", state="full")
    # Terminated is what the last contact's end makes of a registration; from there it is in the state init again (4.2).
    of_all = TERMINATED if gone and not state.bindings else state.state
    registration = add(document.root, "registration", aor=state.aor, id=state.id, state=of_all)
    for binding in (*state.bindings, *gone):
        _contact(registration, binding)
    return document.write()


def _gone(state: Registration, before: object, why: Mapping[str, str]) -> list[Binding]:
    if not isinstance(before, Registration):
        return []
    there = {binding.id for binding in state.bindings}
    return [
        attrs.evolve(binding, state=TERMINATED, event=why.get(binding.id, "unregistered"), expires=0)
        for binding in before.bindings
        if binding.id not in there
    ]


def _contact(parent: Element, binding: Binding) -> None:
    element = add(
        parent,
        "contact",
        id=binding.id,
        state=binding.state,
        event=binding.event,
        expires=None if binding.expires is None else str(max(0, binding.expires)),
        q=None if binding.q is None else f"{binding.q:.3f}".rstrip("0").rstrip("."),
        callid=binding.call_id or None,
        cseq=None if binding.cseq is None else str(binding.cseq),
    )
    add(element, "uri", binding.uri)
    for name, value in binding.params:
        add(element, "unknown-param", value, name=name)
    if binding.pub_gruu:
        add(element, f"{{{GRUU}}}pub-gruu", uri=binding.pub_gruu)
