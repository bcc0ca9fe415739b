"""Which dialog a message belongs to.

Rule: identification only, no state. RFC 3261 section 12: Call-ID, local tag, remote tag; a missing tag of RFC 2543 counts as "".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from .message import Message


class DialogId(NamedTuple):
    """What names a dialog on our side."""

    call_id: str
    local: str
    remote: str

    @property
    def reverse(self) -> DialogId:
        """The name of the same dialog on the peer's side."""
        return DialogId(self.call_id, self.remote, self.local)


def dialog_id(message: Message, received: bool = True) -> DialogId:
    """The dialog of a message: From is the peer in a request that was received and a response that was sent."""
    theirs, ours = message.from_.tag, message.to.tag
    if message.is_request is not received:
        theirs, ours = ours, theirs
    return DialogId(message.call_id, ours, theirs)


def in_dialog(message: Message) -> bool:
    """Say whether a request claims to belong to a dialog: it has a To tag (12.2.2)."""
    return message.to.tag != ""
