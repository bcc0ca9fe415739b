"""Dialogs and their owners. RFC 3261 12: a dialog is Call-ID, local tag and remote tag.

A request inside a known dialog goes to the usage that owns it (a session, a subscription), never to the applications. The table
belongs to the engine; what a usage does with a request is its own affair.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pipeline.passage import Passage
    from pipeline.sip.message import Message, Request


class Usage(Protocol):
    """Who owns a dialog."""

    source: tuple[str, str]
    """The transport and host from which the peer's requests come; "" and "" while unknown."""
    flow_id: str
    """The stream by which the dialog was made; empty: none."""

    def request(self, message: Request, passage: Passage) -> None:
        """Take a request of the dialog: answer it through `passage.reply`."""


class Dialogs:
    """The dialogs that are alive, by id."""

    def __init__(self) -> None:
        self._owners: dict[tuple[str, str, str], Usage] = {}

    def __len__(self) -> int:
        return len(self._owners)

    def add(self, call_id: str, local_tag: str, remote_tag: str, usage: Usage) -> None:
        """Let `usage` own the dialog."""
        self._owners[call_id, local_tag, remote_tag] = usage

    def remove(self, call_id: str, local_tag: str, remote_tag: str) -> None:
        """Forget the dialog."""
        self._owners.pop((call_id, local_tag, remote_tag), None)

    def find(self, message: Message) -> Usage | None:
        """Return the owner of the dialog that a received request belongs to."""
        if not self._owners:
            return None
        local = message.to.tag
        if not local:
            return None
        return self._owners.get((message.call_id, local, message.from_.tag))


def by_its_own_way(usage: Usage, passage: Passage) -> bool:
    """Tell whether an in-dialog request came by the dialog's own flow or from its own source."""
    flow = passage.flow
    if usage.flow_id and usage.flow_id == flow.id:
        return True
    return usage.source == (flow.transport, flow.peer[0])
