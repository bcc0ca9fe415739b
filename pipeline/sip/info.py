"""INFO: which package one belongs to, and which packages somebody takes. RFC 6086 (Info-Package, Recv-Info).

Rule: an INFO without Info-Package is of the old kind (RFC 2976: its body alone says what it means), not an error.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .message import Message

__all__ = ["info_package_of", "recv_info_of"]


def info_package_of(message: Message) -> str:
    """The name of the Info-Package of an INFO in lower case, without parameters; "" when it has none."""
    return (message.get("info-package") or "").partition(";")[0].strip(" \t").lower()


def recv_info_of(message: Message) -> frozenset[str] | None:
    """The packages in Recv-Info; None when the field is absent, empty when the sender takes none (RFC 6086 5.2.3: "nil" too)."""
    if "recv-info" not in message:
        return None
    names = {item.partition(";")[0].strip(" \t").lower() for item in message.values("recv-info")}
    return frozenset(names - {"nil", ""})
