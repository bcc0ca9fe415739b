"""Writing application/watcherinfo+xml. RFC 3858 4.

Rule: a document is always full, so who has missed one is right again with the next. A watcher that its reader was told of, and that has
gone, is told once as terminated, with what ended it.
"""

from __future__ import annotations

from pipeline.pubsub.states import Watched, Watching
from pipeline.pubsub.xml import Document, add

__all__ = ["SPACE", "watcherinfo"]

SPACE = "urn:ietf:params:xml:ns:watcherinfo"
MOST = 500
"""Watchers in one document, the latest: somebody with more has no use for a list."""


def watcherinfo(state: Watched, version: int, before: object) -> bytes:
    """Return the document; `before` is what its reader was told last."""
    told = (
        {ident for ident, _, _, status, _ in before.watchers if status is not Watching.TERMINATED} if isinstance(before, Watched) else set()
    )
    document = Document("watcherinfo", SPACE, version=str(version), state="full")
    found = add(document.root, "watcher-list", resource=state.entity, package=state.package)
    shown = [each for each in state.watchers if each[3] is not Watching.TERMINATED or each[0] in told]
    for ident, uri, display, status, event in shown[-MOST:]:
        add(found, "watcher", uri, id=ident, display_name=display or None, status=status.value, event=event)
    return document.write()
