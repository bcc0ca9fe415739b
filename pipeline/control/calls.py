"""What the control socket shows of calls, and does to them: tables of channels, bridges, calls and records; originate, record, hangup.

Rule: rows of plain values. A call that is placed here goes on when the client goes away.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pipeline.core import Cause, Dialed, Ended, Hangup, Party, Refused, Unacceptable, Unavailable, Unroutable
from pipeline.pending import Pending, finished

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.core import Channel
    from pipeline.engine import Pipeline

Row = dict[str, Any]
DAY = 86400.0
"""Seconds for which records are shown."""
RING = 60.0
"""Seconds that a phone rings which a command calls, unless it says otherwise."""
PARTY = re.compile(r'\s*(?:"(?P<quoted>[^"]*)"|(?P<name>[^<"]*?))\s*<(?P<number>[^<>]*)>\s*\Z')


class NotPlaced(Exception):  # noqa: N818 (a sentence for the user)
    """Why a call could not be placed."""


def channel_row(channel: Channel) -> Row:
    """Return what is known of one channel; `leg` and `media` hold what its driver and its provider say."""
    bridge, media, clock = channel.bridge, channel.media, channel.core.clock
    return {
        "id": channel.id,
        "channel": channel.name,
        "state": str(channel.state) + (" held" if channel.held else ""),
        "direction": channel.direction,
        "party": str(channel.party),
        "connected": str(channel.connected),
        "context": channel.context,
        "dialed": channel.dialed,
        "application": channel.application,
        "bridge": (bridge.name or bridge.id) if bridge is not None else "",
        "recording": str(channel.monitor.path) if channel.monitor is not None else "",
        "call": channel.call.id,
        "seconds": round(clock.time() - (channel.answered or channel.created)),
        "variables": dict(channel.variables),
        "leg": channel.leg.show(),
        "media": {"provider": media.provider, **media.show()} if media is not None else {},
    }


async def channels(engine: Pipeline) -> Iterator[Row]:
    """Return the channels that live; seconds count from the answer, before it from the begin."""
    return (channel_row(channel) for channel in tuple(engine.core.channels.values()))


async def bridges(engine: Pipeline) -> Iterator[Row]:
    """Return who is connected with whom."""
    return (
        {
            "id": bridge.id,
            "kind": bridge.kind,
            "name": bridge.name,
            "channels": [channel.name for channel in bridge.channels],
            "media": (bridge.relay or bridge.mixer).provider if bridge.relay or bridge.mixer else "",  # type: ignore[union-attr]
            "seconds": round(engine.clock.time() - bridge.created),
        }
        for bridge in tuple(engine.core.bridges.values())
    )


async def calls(engine: Pipeline) -> Iterator[Row]:
    """Return the calls under way: who called, what was dialled, who answered."""

    def row(call: Any) -> Row:
        owner, answerer = call.owner, call.answerer
        return {
            "id": call.id,
            "caller": str(owner.party),
            "dialed": owner.dialed,
            "state": str(owner.state),
            "answerer": str(answerer.party) if answerer is not None else "",
            "channels": [channel.name for channel in call.channels],
            "seconds": round(engine.clock.time() - call.created),
        }

    return (row(call) for call in tuple(engine.core.calls.values()))


async def cdr(engine: Pipeline) -> Iterator[Row]:
    """Return the records of the calls that began in the last day, the latest last."""
    since = engine.clock.time() - DAY
    found = await finished(engine.dal.find("cdr", begun_at=(">=", since))) if engine.dal.stores("cdr") else ()
    return (
        {
            "begun": record.begun_at,
            "caller": str(Party(record.caller_name, record.caller_number)) or record.caller_endpoint,
            "dialed": record.dialed,
            "answerer": str(Party(record.answerer_name, record.answerer_number)) or record.answerer_endpoint,
            "disposition": record.disposition,
            "seconds": record.duration,
            "billed": record.billed,
            "cause": record.cause,
            "text": record.text,
            "id": record.id,
        }
        for record in sorted(found, key=lambda record: record.begun_at)
    )


def party_of(text: str) -> Party:
    """Read 'Name <number>', '"Name" <number>' or 'number'; raises ValueError."""
    match = PARTY.match(text)
    if match is not None:
        return Party(match["quoted"] if match["quoted"] is not None else match["name"].strip(), match["number"].strip())
    if "<" in text or ">" in text or not text.isprintable():
        raise ValueError(f"{text!r} is no caller: write Name <number>")
    return Party(number=text.strip())


async def originate(engine: Pipeline, asked: dict[str, Any]) -> list[Row]:
    """Place a call and wait until it is answered (by both, when it joins two); a row with its channels. Raises NotPlaced."""
    if engine.draining:
        raise NotPlaced("the server is stopping")
    target, to, extension = str(asked.get("target") or ""), str(asked.get("to") or ""), str(asked.get("extension") or "")
    if not target or bool(to) == bool(extension):
        raise ValueError("originate needs a target, and one of: to, extension")
    caller = party_of(str(asked["caller"])) if asked.get("caller") else Party()
    dialed = None
    if extension:
        extension, _, context = extension.partition("@")
        dialed = Dialed(context=context or "default", extension=extension, caller=caller, endpoint="", technology="")
        await _leads_somewhere(engine, dialed)
    seconds = float(asked.get("seconds") or RING)
    try:
        placed = engine.core.originate(target, target2=to, dialed=dialed, caller=caller, seconds=seconds)
        channel: Channel = await placed
    except (Ended, Unroutable) as error:
        who = error.target if error.target not in error.hangup.text else ""  # which names it in its own words
        raise NotPlaced(f"not connected: {who}: {reason(error.hangup)}" if who else f"not connected: {reason(error.hangup)}") from None
    return [
        {"id": each.id, "channel": each.name, "state": str(each.state), "party": str(each.party)} for each in tuple(channel.call.channels)
    ]


async def _leads_somewhere(engine: Pipeline, dialed: Dialed) -> None:
    """See, before anybody's phone rings, that there is something behind an extension. Raises NotPlaced."""
    try:
        route = engine.core.route(dialed)
        if isinstance(route, Pending):
            route = await finished(route)
    except Exception as error:  # of a store, or of whatever plugin routes
        raise NotPlaced(f"not placed: nobody knows where {dialed.extension} leads: {error}") from error
    if route is None:
        raise NotPlaced(f"not placed: {dialed.extension} leads nowhere in the context {dialed.context}")


async def record(engine: Pipeline, asked: dict[str, Any]) -> list[Row]:
    """Begin to record what the id means (of a call its first channel), or end it. Raises LookupError, ValueError.

    A row with the path, and whether it is being written: who is in no conversation is recorded from when he is.
    """
    core = engine.core
    found = core.find(str(asked.get("id") or ""))
    if not asked.get("on"):
        recorded = [channel for channel in found if core.end_recording(channel)]
        if not recorded:
            raise LookupError(f"{found[0].name} is not recorded")
        return [{"id": channel.id, "channel": channel.name, "path": "", "writes": False} for channel in recorded]
    channel = found[0]
    name = str(asked.get("name") or "") or f"{datetime.fromtimestamp(engine.clock.time(), UTC):%Y%m%dT%H%M%S}-{channel.name}"
    try:
        monitor = await core.record(channel, name)
    except (Ended, Refused, Unacceptable, Unavailable, OSError) as error:
        raise ValueError(f"{channel.name} cannot be recorded: {error}") from None
    return [{"id": channel.id, "channel": channel.name, "path": str(monitor.path), "writes": monitor.writes}]


def hangup(engine: Pipeline, ident: str) -> list[Row]:
    """End what the id, or "all", means; a row for each channel. Raises LookupError."""
    return [{"id": channel.id, "channel": channel.name} for channel in engine.core.hangup(ident)]


def reason(hangup: Hangup) -> str:
    """Say why, for a person."""
    words = Cause(hangup.cause).name.lower().replace("_", " ")
    said = f"{hangup.technology} {hangup.code}".strip() if hangup.code else ""
    return f"{words} ({', '.join(part for part in (hangup.text, said) if part)})" if hangup.text or said else words
