"""What session supplements are handed: a session, as plugins of others may see it. Types only, no behaviour of one application.

Rule: a supplement reads, keeps what it likes in `data`, and edits the message that its hook gives it; what it wants done to the call it
asks of `channel`. The hooks: `session_*` in pipeline.hookspecs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from pipeline.core import Channel
    from pipeline.dal import Endpoint

__all__ = ["Session"]


class Session(Protocol):
    """One session: a dialog's usage (RFC 5057), and the leg of a channel."""

    id: str
    """Unique among the sessions that live."""
    channel: Channel
    """Its channel in the core; there is none yet in `session_begin`."""
    endpoint: Endpoint | None
    """Whose leg it is; None: a stranger's."""
    state: str
    """early, answered (a 2xx waits for its ACK), up, ending, over."""
    data: dict[str, Any]
    """What supplements keep, by the name of their plugin."""

    @property
    def direction(self) -> str:
        """in: the peer called; out: we call it."""

    @property
    def call_id(self) -> str:
        """The Call-ID."""

    @property
    def local_tag(self) -> str:
        """Our tag."""

    @property
    def remote_tag(self) -> str:
        """The peer's tag; empty before it has answered."""

    def detail(self, name: str) -> str | None:
        """Return a header field of what the peer said when the call was set up: its INVITE, or its last answer to ours."""
