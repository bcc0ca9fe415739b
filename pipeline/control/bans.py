"""Bans, as `sipline ban` and `show bans` list, make and lift them. They are objects of the store; `shield` obeys each change at once.

Rule: the same code serves the control socket of a running server and a command that runs without one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline.dal import Ban
from pipeline.dal.bans import ban_of
from pipeline.pending import finished

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.engine import Pipeline

Row = dict[str, Any]


def row(ban: Ban, now: float) -> Row:
    """Return one ban in plain values; `seconds` are left of it, None without an end."""
    return {
        "source": ban.id,
        "seconds": max(0, round(ban.expires_at - now)) if ban.expires_at else None,
        "since": ban.created_at,
        "by": ban.by,
        "reason": ban.reason,
    }


async def listed(engine: Pipeline) -> Iterator[Row]:
    """Return the bans that hold now, those that end first first."""
    found = await finished(engine.dal.find("ban")) if engine.dal.stores("ban") else ()
    now = engine.clock.time()
    alive = [ban for ban in found if not ban.expires_at or ban.expires_at > now]
    return (row(ban, now) for ban in sorted(alive, key=lambda ban: (ban.expires_at or float("inf"), ban.id)))


async def add(engine: Pipeline, asked: dict[str, Any]) -> list[Row]:
    """Ban a source; raises ValueError for what is none, LookupError where nobody stores bans."""
    _stored(engine)
    ident = ban_of(str(asked.get("source") or ""))
    seconds = float(asked.get("seconds") or 0.0)
    if seconds < 0:
        raise ValueError("a ban lasts for some seconds; 0 = until it is lifted")
    now = engine.clock.time()
    ban = Ban(id=ident, created_at=now, expires_at=now + seconds if seconds else 0.0, reason=str(asked.get("reason") or ""), by="admin")
    await finished(engine.dal.change("ban", ident, (ban,)))
    engine.tell("ban.added", source=ident, seconds=seconds, reason=ban.reason)
    return [row(ban, now)]


async def remove(engine: Pipeline, source: str) -> list[Row]:
    """Lift the ban of a source, or with "all" every one; raises LookupError when there is none."""
    _stored(engine)
    if source == "all":
        bans = await finished(engine.dal.find("ban"))
    else:
        ident = ban_of(source)
        ban = await finished(engine.dal.get("ban", ident))
        if ban is None:
            raise LookupError(f"{ident} is not banned")
        bans = (ban,)
    now = engine.clock.time()
    for ban in bans:
        await finished(engine.dal.delete(ban))
        engine.tell("ban.removed", source=ban.id)
    return [row(ban, now) for ban in bans]


def _stored(engine: Pipeline) -> None:
    if not engine.dal.stores("ban"):
        raise LookupError('no backend stores bans: list one that can be written in the integration stage, such as "sqlite"')
