"""Writing application/simple-message-summary. RFC 3842 3.5, 5.2.

Rule: the status line, whose account it is, a line for each class that was ever counted, urgent ones in parentheses behind. Nothing of
the messages themselves: who called is nobody's whom the mailbox does not belong to, and a NOTIFY is read on its way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.pubsub.states import Waiting

__all__ = ["TYPE", "summary"]

TYPE = "application/simple-message-summary"


def summary(state: Waiting) -> bytes:
    """Write how many messages are waiting."""
    lines = [f"Messages-Waiting: {'yes' if state.waiting else 'no'}"]
    if state.account:
        lines.append(f"Message-Account: {state.account}")
    for name, counted in state.classes:
        label = "-".join(part.capitalize() for part in name.split("-"))
        lines.append(f"{label}: {counted.new}/{counted.old} ({counted.urgent_new}/{counted.urgent_old})")
    return ("\r\n".join(lines) + "\r\n").encode()
