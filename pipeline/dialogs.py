"""Dialogs and their owners. RFC 3261 12: a dialog is Call-ID, local tag and remote tag.

A request inside a known dialog goes to the usage that owns it (a session, a subscription), never to the applications. The table
belongs to the engine; what a usage does with a request is its own affair.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pipeline.passage import Passage
    from pipeline.sip.message import Request


class Usage(Protocol):
    """Who owns a dialog. One with `judges = True` sees for itself whether a request comes from its peer; for the others `auth` does."""

    source: tuple[str, str]
    """The transport and host from which the peer's requests come; "" and "" while unknown."""
    flow_id: str
    """The stream by which the dialog was made; empty: none."""

    def request(self, message: Request, passage: Passage) -> None:
        """Take a request of the dialog: answer it through `passage.reply`."""


EVENTS = frozenset({"SUBSCRIBE", "NOTIFY"})
"""Methods that belong to the subscriptions of a dialog, whoever else uses it (RFC 5057 3)."""


class Dialogs:
    """The dialogs that are alive, by id. One may have two usages: a session, and the subscriptions made inside it (RFC 5057)."""

    def __init__(self) -> None:
        self._owners: dict[tuple[str, str, str], Usage] = {}
        self._shared: dict[tuple[str, str, str], Usage] = {}
        """Who owns EVENTS in a dialog whose owner is another."""
        self._expected: dict[tuple[str, str], Usage] = {}
        """(Call-ID, local tag) of a SUBSCRIBE of ours -> who takes the NOTIFYs that make dialogs of it (RFC 6665 4.4.1)."""

    def __len__(self) -> int:
        return len(self._owners)

    def add(self, call_id: str, local_tag: str, remote_tag: str, usage: Usage) -> None:
        """Let `usage` own the dialog."""
        self._owners[call_id, local_tag, remote_tag] = usage

    def share(self, call_id: str, local_tag: str, remote_tag: str, usage: Usage) -> None:
        """Let `usage` own what concerns subscriptions in a dialog that another owns, and all of it once that one has left."""
        self._shared[call_id, local_tag, remote_tag] = usage

    def shared(self, call_id: str, local_tag: str, remote_tag: str) -> Usage | None:
        """Return who owns what concerns subscriptions in a dialog."""
        key = (call_id, local_tag, remote_tag)
        return self._shared.get(key) or self._owners.get(key)

    def owner(self, call_id: str, local_tag: str, remote_tag: str) -> Usage | None:
        """Return who owns a dialog."""
        return self._owners.get((call_id, local_tag, remote_tag))

    def remove(self, call_id: str, local_tag: str, remote_tag: str) -> None:
        """Its owner has left the dialog: it is forgotten, or belongs to the subscriptions in it."""
        key = (call_id, local_tag, remote_tag)
        self._owners.pop(key, None)
        if self._shared and (left := self._shared.pop(key, None)) is not None:
            self._owners[key] = left

    def leave(self, call_id: str, local_tag: str, remote_tag: str, usage: Usage) -> None:
        """Take one usage out of the dialog, whether it is there alone or with another."""
        key = (call_id, local_tag, remote_tag)
        for table in (self._owners, self._shared):
            if table.get(key) is usage:
                del table[key]

    def expect(self, call_id: str, local_tag: str, usage: Usage) -> None:
        """Let `usage` have the NOTIFYs that answer a SUBSCRIBE before there is a dialog."""
        self._expected[call_id, local_tag] = usage

    def expect_no_more(self, call_id: str, local_tag: str) -> None:
        """No NOTIFY makes a dialog of that SUBSCRIBE any more."""
        self._expected.pop((call_id, local_tag), None)

    def hosts(self) -> set[str]:
        """Return the addresses at which the peers of all dialogs are."""
        return {usage.source[1] for table in (self._owners, self._shared) for usage in table.values()}

    def find(self, message: Request) -> Usage | None:
        """Return the owner of the dialog that a received request belongs to."""
        if not self._owners and not self._expected:
            return None
        local = message.to.tag
        if not local:
            return None
        key = (message.call_id, local, message.from_.tag)
        if self._shared and message.method in EVENTS and (found := self._shared.get(key)) is not None:
            return found
        owner = self._owners.get(key)
        if owner is None and self._expected and message.method == "NOTIFY":
            return self._expected.get(key[:2])
        return owner


def by_its_own_way(usage: Usage, passage: Passage) -> bool:
    """Tell whether an in-dialog request came by the dialog's own flow or from its own source."""
    flow = passage.flow
    if usage.flow_id and usage.flow_id == flow.id:
        return True
    return usage.source == (flow.transport, flow.peer[0])
