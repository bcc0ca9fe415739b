"""Mailboxes, as `sipline mailbox` and `show mailboxes` list and change them.

Rule: the same code serves the control socket of a running server, whose lamps follow at once, and a command that runs without one. No PIN
comes here, only its hash.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from pipeline.dal import Mailbox, ReadOnly
from pipeline.mailboxes import Counts, aors_of, mailbox_named, mailbox_of
from pipeline.pending import finished

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pipeline.engine import Pipeline

Row = dict[str, Any]
SETTABLE = ("pin_hash", "email", "number", "max_messages", "max_seconds", "retention_days", "attach", "delete_after_email")


async def listed(engine: Pipeline) -> Iterator[Row]:
    """Return the mailboxes that are stored or have a folder; of a user who never got a message there is nothing to say."""
    await engine.mailboxes.load()
    stored = {mailbox.id: mailbox for mailbox in await _stored(engine)}
    return (_row(engine, stored.get(name) or Mailbox(id=name)) for name in sorted({*engine.mailboxes.boxes, *stored}))


async def messages(engine: Pipeline, name: str) -> Iterable[Row]:
    """Return a row for the mailbox, then one for each message. Raises LookupError."""
    mailbox = await _found(engine, name)
    box = engine.mailboxes.box(mailbox.id)
    box.scan()
    engine.mailboxes.changed(box)
    rows = [_row(engine, mailbox)]
    for part in ("new", "old"):
        for message in box.messages(part):
            about = message.about()
            rows.append(
                {
                    "message": message.name,
                    "state": part,
                    "urgent": message.urgent,
                    "from": " ".join(filter(None, (str(about.get("caller_name") or ""), str(about.get("caller_number") or "")))),
                    "since": about.get("time", 0.0),
                    "seconds": about.get("seconds", ""),
                    "path": str(message.path),
                }
            )
    return rows


async def count(engine: Pipeline, asked: dict[str, Any]) -> list[Row]:
    """Note how many messages another voicemail system has for a mailbox; raises LookupError, ValueError."""
    numbers = [int(asked.get(field.name) or 0) for field in attrs.fields(Counts)]
    counts = Counts(*numbers)
    if min(numbers) < 0 or max(numbers) > 0xFFFFFFFF or counts.urgent_new > counts.new or counts.urgent_old > counts.old:
        raise ValueError("a number of messages is 0 to 4294967295 (RFC 3842 3.5), and urgent ones are among the others")
    mailbox = await _found(engine, str(asked.get("name") or ""))
    engine.mailboxes.elsewhere(mailbox.id, counts)
    return [_row(engine, mailbox)]


async def change(engine: Pipeline, asked: dict[str, Any]) -> list[Row]:
    """Set options of a mailbox; it is stored then. Raises LookupError, ValueError."""
    mailbox = await _found(engine, str(asked.get("name") or ""))
    values = {key: value for key, value in (asked.get("values") or {}).items() if key in SETTABLE}
    fresh = attrs.evolve(mailbox, aor=aors_of(engine, mailbox), **values)
    if fresh.number:
        for other in await finished(engine.dal.find("mailbox", number=fresh.number)):
            if other.id != fresh.id:
                raise ValueError(f"{other.id} has the number {fresh.number} already")
    try:
        await finished(engine.dal.update(fresh) if mailbox.origin else engine.dal.create(fresh))
    except ReadOnly:
        document = engine.plan.document
        line = document.line_of("mailbox", mailbox.id)
        raise ValueError(f"{mailbox.id} is written in {document.name}{f':{line}' if line else ''}: change it there") from None
    return [_row(engine, fresh)]


async def rescan(engine: Pipeline) -> list[Row]:
    """Look at the folders again; a row for each mailbox whose numbers were others."""
    changed = await engine.mailboxes.load()
    stored = {mailbox.id: mailbox for mailbox in await _stored(engine)}
    return [_row(engine, stored.get(name) or Mailbox(id=name)) for name in changed]


async def removed(engine: Pipeline, aor: str) -> list[Row]:
    """Remove the mailbox of an address of record that is gone, unless others own it too: its messages are put aside, not deleted."""
    rows: list[Row] = []
    mailbox: Mailbox | None = await finished(mailbox_of(engine, aor))
    if mailbox is None or mailbox.aor != (aor,):
        return rows
    if mailbox.origin:
        try:
            await finished(engine.dal.delete(mailbox))
        except ReadOnly:
            return rows
        rows.append({"type": "mailbox", "id": mailbox.id})
    aside = engine.mailboxes.forget(mailbox.id)
    if aside is not None:
        rows.append({"type": "messages", "id": f"of {mailbox.id}: they are in {aside}"})
    return rows


async def _stored(engine: Pipeline) -> tuple[Mailbox, ...]:
    found: tuple[Mailbox, ...] = await finished(engine.dal.find("mailbox")) if engine.dal.stores("mailbox") else ()
    return found


async def _found(engine: Pipeline, name: str) -> Mailbox:
    user, at, host = name.rpartition("@")
    if at and engine.domains.of(host) is engine.domains.first:
        name = user
    mailbox: Mailbox | None = await finished(mailbox_named(engine, name))
    if mailbox is None:
        raise LookupError(f"there is no mailbox {name!r}: a user has one of his own name, others are written as [mailbox.NAME]")
    return mailbox


def _row(engine: Pipeline, mailbox: Mailbox) -> Row:
    counts = engine.mailboxes.counts(mailbox.id)
    return {
        "mailbox": mailbox.id,
        "new": counts.new,
        "old": counts.old,
        "urgent": counts.urgent_new,
        "elsewhere": 0 if mailbox.id not in engine.mailboxes.boxes else engine.mailboxes.box(mailbox.id).external.new,
        "aor": list(aors_of(engine, mailbox)),
        "number": mailbox.number,
        "pin": bool(mailbox.pin_hash),
        "email": mailbox.email,
        "stored_in": mailbox.origin,
    }
