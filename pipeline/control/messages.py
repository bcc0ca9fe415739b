"""Messages through the control socket: one is sent, those that wait are shown.

Rule: bodies are the recipients' alone: of what is kept only its size is shown.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline.pending import finished

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.core import Receipt
    from pipeline.engine import Pipeline

Row = dict[str, Any]
LONGEST = 60_000
"""Octets of a message that a command sends: what goes over a stream in one piece everywhere."""


class NotSent(Exception):  # noqa: N818 (a sentence for the user)
    """Why a message was not taken."""


async def send(engine: Pipeline, asked: dict[str, Any]) -> list[Row]:
    """Send a message and wait until it is delivered or kept; a row that says which. Raises NotSent."""
    if engine.draining:
        raise NotSent("the server is stopping")
    recipient, text, author = str(asked.get("to") or "").strip(), str(asked.get("text") or ""), str(asked.get("from") or "")
    kind, seconds = str(asked.get("type") or "text/plain"), float(asked.get("expires") or 0)
    if not recipient or not text:
        raise ValueError("a message needs a recipient and a text")
    for name, value in (("recipient", recipient), ("from", author), ("type", kind)):
        if not value.isprintable():
            raise ValueError(f"the {name} holds what cannot be printed")
    if kind.partition(";")[0].strip().count("/") != 1:
        raise ValueError(f'{kind!r} is no media type: write "text/plain"')
    body = text.encode("utf-8", "surrogateescape")
    if len(body) > LONGEST:
        raise ValueError(f"a message has at most {LONGEST} octets, not {len(body)}")
    receipt: Receipt = await engine.core.messages.post(recipient, body, author=author, kind=kind, expires_in=max(seconds, 0.0))
    if not receipt.taken:
        raise NotSent(f"not delivered: {receipt}")
    return [{"to": recipient, "result": receipt.fate.value, "text": receipt.text}]


async def listed(engine: Pipeline) -> Iterator[Row]:
    """Return the messages that are kept, the oldest first."""
    found = await finished(engine.dal.find("message")) if engine.dal.stores("message") else ()
    now = engine.clock.time()
    return (
        {
            "id": stored.id,
            "recipient": stored.recipient,
            "from": stored.author,
            "type": stored.media_type,
            "octets": len(stored.body.encode("utf-8", "surrogateescape")),
            "since": stored.created_at,
            "expires": round(stored.expires_at - now),
            "devices": len(stored.devices),
        }
        for stored in sorted(found, key=lambda stored: stored.created_at)
    )
