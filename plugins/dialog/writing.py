"""Writing application/dialog-info+xml. RFC 4235 4.

Rules: a document is always full, so who has missed one is right again with the next. A dialog that its reader was told of, and that is
no more, is told once as terminated. The attribute of a name is `display`: 4.1.6.1 and every example say so, and so do phones; the schema
in 4.4 calls it otherwise.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from pipeline.pubsub.states import Dialog, Dialogs
from pipeline.pubsub.xml import Document, add

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pipeline.pubsub.xml import Element

__all__ = ["MOST", "SPACE", "dialog_info"]

SPACE = "urn:ietf:params:xml:ns:dialog-info"
MOST = 64
"""Dialogs in one document: a lamp shows one, a switchboard a dozen; a trunk with hundreds of calls is none."""
TERMINATED = "terminated"


def dialog_info(state: Dialogs, before: object, why: Mapping[str, tuple[str, int]], *, idle: bool) -> bytes:
    """Return the document with the version 0.

    `before` is what its reader was told last, `why` how dialogs ended, `idle` whether no dialog is told as one.
    """
    document = Document("dialog-info", SPACE, version="0", state="full", entity=state.entity)
    dialogs = [*_gone(state, before, why), *state.dialogs[-MOST:]]
    if not dialogs and idle:
        dialogs = [Dialog("idle", TERMINATED)]
    for dialog in dialogs:
        _dialog(document.root, dialog)
    return document.write()


def _gone(state: Dialogs, before: object, why: Mapping[str, tuple[str, int]]) -> list[Dialog]:
    if not isinstance(before, Dialogs):
        return []
    there = {dialog.id for dialog in state.dialogs}
    found = []
    for dialog in before.dialogs[-MOST:]:
        if dialog.id not in there and dialog.state != TERMINATED:
            event, code = why.get(dialog.id, ("", 0))
            found.append(attrs.evolve(dialog, state=TERMINATED, event=event, code=code, held=False))
    return found


def _dialog(root: Element, dialog: Dialog) -> None:
    element = add(
        root,
        "dialog",
        id=dialog.id,
        call_id=dialog.call_id or None,
        local_tag=dialog.local_tag or None,
        remote_tag=dialog.remote_tag or None,
        direction=dialog.direction or None,
    )
    add(element, "state", dialog.state, event=dialog.event or None, code=str(dialog.code) if dialog.code else None)
    if dialog.duration:
        add(element, "duration", str(max(0, int(dialog.duration))))
    if dialog.local_uri:
        local = _participant(element, "local", dialog.local_name, dialog.local_uri)
        target = add(local, "target", uri=dialog.local_uri)
        if dialog.state == "confirmed":
            add(target, "param", pname="+sip.rendering", pval="no" if dialog.held else "yes")
    if dialog.remote_uri:
        remote = _participant(element, "remote", dialog.remote_name, dialog.remote_uri)
        if dialog.remote_target:
            add(remote, "target", uri=dialog.remote_target)


def _participant(parent: Element, name: str, display: str, uri: str) -> Element:
    element = add(parent, name)
    add(element, "identity", uri, display=display or None)
    return element
