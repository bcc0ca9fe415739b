"""Replaces: an INVITE that takes the place of a dialog. RFC 3891."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from . import params as parameters
from .dialog import DialogId
from .grammar import bad

if TYPE_CHECKING:
    from .message import Message

__all__ = ["Replaces", "replaces_of"]


class Replaces(NamedTuple):
    """Which dialog is to be replaced. Tags are those of the receiver's view: `to_tag` is the receiver's own."""

    call_id: str
    to_tag: str
    from_tag: str
    early_only: bool = False

    @property
    def dialog(self) -> DialogId:
        """The name of that dialog on the side that gets the INVITE. A tag of "0" may also mean none (6.1)."""
        return DialogId(self.call_id, self.to_tag, self.from_tag)

    def __str__(self) -> str:
        return f"{self.call_id};to-tag={self.to_tag};from-tag={self.from_tag}{';early-only' if self.early_only else ''}"


def replaces_of(message: Message) -> Replaces | None:
    """The Replaces of an INVITE, None when absent; raises Malformed: it has exactly one of each tag (6.1)."""
    value = message.get("replaces")
    if value is None:
        return None
    call_id, semicolon, tail = value.partition(";")
    params = parameters.parse(semicolon + tail, "Replaces")
    to_tag, from_tag = params.get("to-tag"), params.get("from-tag")
    if not call_id.strip(" \t") or not to_tag or not from_tag:
        raise bad("Replaces", "a Call-ID, a to-tag and a from-tag must be given")
    return Replaces(call_id.strip(" \t"), to_tag, from_tag, "early-only" in params)
