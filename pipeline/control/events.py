"""Pub/sub through the control socket: who watches and publishes is shown, something elsewhere is watched, a NOTIFY is sent.

Rule: rows of plain values; documents are their publishers': of what is published only its type and size is shown. What is watched here ends
when the client goes away.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

from pipeline.core import Unroutable
from pipeline.pending import finished
from pipeline.sip.grammar import Malformed
from pipeline.sip.uri import Uri

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pipeline.engine import Pipeline
    from pipeline.events import Event
    from pipeline.pubsub.service import Heard, PubSub

Row = dict[str, Any]
PATIENCE = 35.0
"""Seconds that the answer to a NOTIFY is waited for: 64*T1 (RFC 3261 17.1.2.2) and a little."""


class NotDone(Exception):  # noqa: N818 (a sentence for the user)
    """Why it could not be done."""


def _pubsub(engine: Pipeline) -> PubSub:
    if engine.pubsub is None:
        raise NotDone("the plugin 'pubsub' is not listed")
    return engine.pubsub


async def subscriptions(engine: Pipeline) -> Iterator[Row]:
    """Return who watches what, by what is watched."""
    return iter(()) if engine.pubsub is None else engine.pubsub.subscriptions()


async def publications(engine: Pipeline) -> Iterator[Row]:
    """Return what is published and valid, by what it is about."""
    return iter(()) if engine.pubsub is None else engine.pubsub.publications()


async def notify(engine: Pipeline, asked: dict[str, Any]) -> list[Row]:
    """Send a NOTIFY to every place of somebody, and wait for the answers; a row for each. Raises NotDone."""
    where, event = str(asked.get("to") or "").strip(), str(asked.get("event") or "").strip()
    body, kind = str(asked.get("body") or ""), str(asked.get("type") or "text/plain")
    state = str(asked.get("state") or "terminated")
    if not where or not event:
        raise ValueError("a NOTIFY needs somebody and an event")
    for name, value in (("event", event), ("type", kind), ("state", state)):
        if not value.isprintable():
            raise ValueError(f"the {name} holds what cannot be printed")
    rows: list[Row] = []
    all_told = asyncio.Event()
    count: list[int] = []

    def told(uri: str, status: int) -> None:
        rows.append({"uri": uri, "status": status or "no answer"})
        if count and len(rows) >= count[0]:
            all_told.set()

    try:
        data = body.encode("utf-8", "surrogateescape")
        count.append(await finished(_pubsub(engine).notify(where, event, data, kind, state, told)))
    except Unroutable as error:
        raise NotDone(f"not sent: {error.hangup.text or error.hangup.cause.name.lower()}") from None
    if len(rows) < count[0]:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(all_told.wait(), PATIENCE)
    return rows


def failed(watch: Any, event: Event) -> Row | None:
    """Give the row of an attempt of a Watch that failed and will be made again; None: it is another's."""
    fields = event.fields
    if (fields["uri"], fields["event"]) != (watch.uri, watch.event):
        return None
    why = f"{fields['status']} {fields['reason']}" if fields["status"] else str(fields["reason"])
    return {"uri": watch.uri, "event": watch.event, "state": "waiting", "reason": f"{why}: asked again later", "type": "", "body": ""}


def subscribe(engine: Pipeline, asked: dict[str, Any], heard: Callable[[Row], object]) -> Any:
    """Watch something elsewhere, or here; `heard` gets a row for each NOTIFY. Returns the Watch. Raises NotDone."""
    where, event = str(asked.get("to") or "").strip(), str(asked.get("event") or "").strip()
    if not where or not event or not event.isprintable():
        raise ValueError("what is to be watched, and in which event?")
    uri = where if ":" in where.partition("@")[0] else f"sip:{where if '@' in where else where + '@' + engine.domains.first.id}"
    try:
        if Uri.parse(uri).scheme not in ("sip", "sips"):
            raise NotDone(f"{uri} is no sip URI")
    except Malformed as error:
        raise NotDone(f"{uri}: {error.reason}") from None

    def told(said: Heard) -> None:
        heard(
            {
                "uri": said.uri,
                "event": said.event,
                "state": said.state,
                "reason": said.reason,
                "type": said.content_type,
                "body": said.body.decode("utf-8", "replace"),
            }
        )

    accept = tuple(str(each) for each in asked.get("accept") or ())
    seconds = int(asked.get("expires") or 3600)
    try:
        return _pubsub(engine).subscribe(uri, event, told, expires=seconds, accept=accept, as_=str(asked.get("from") or ""))
    except RuntimeError as error:
        raise NotDone(str(error)) from None
