"""Who may hear a mailbox: its owner's own phone, or whoever knows the PIN.

Rule: a phone is its owner's when its call has proved so (digest authentication); anything else needs the PIN, and where none was set nobody
gets in. A wrong number and a wrong PIN sound the same, and wrong PINs lock the mailbox for longer and longer. Who gives too many,
at whatever mailboxes, is heard no more for a while: an endpoint that has proved itself, else the address that the call came from. The
caller's number says nothing, for he may choose it; but where an endpoint is believed who calls through it (`trust_id_inbound`, RFC 3325 5)
each of its callers counts for himself, or one could lock out all others.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

from pipeline.mailboxes import mailbox_of, owns, verify
from pipeline.pending import finished

from .leaving import find

if TYPE_CHECKING:
    from pipeline.core import Channel
    from pipeline.dal import Endpoint, Mailbox

    from .talking import Talk

__all__ = ["enter"]

TRIES = 3
"""Wrong PINs in one call."""


async def enter(talk: Talk, name: str, *, always: bool = False) -> Mailbox | None:
    """Return the mailbox that the caller may hear; None: he may not. `name` is that of the step, `always`: ask for the PIN in any case."""
    channel = talk.channel
    engine = channel.core.engine
    endpoint = await _proved(channel)
    mailbox: Mailbox | None = None
    if name:
        mailbox = await find(engine, name)
        if mailbox is None:
            engine.tell("mailbox.unknown", mailbox=name, channel=channel)
            return None
    else:
        for aor in endpoint.aors if endpoint is not None else ():
            mailbox = await finished(mailbox_of(engine, aor))
            if mailbox is not None:
                break
    if mailbox is not None and not always and owns(engine, endpoint, mailbox):
        return mailbox
    guard, callers, trunks = engine.mailboxes.guard, engine.mailboxes.callers, engine.mailboxes.trunks
    trunk = endpoint.id if endpoint is not None else f"source {channel.source or channel.endpoint}"
    caller = f"{trunk} {channel.caller.number}" if await _is_believed(channel) else trunk
    for _ in range(TRIES):
        tried = mailbox
        if tried is None:
            number = await talk.number(["mailbox"])
            if not number:
                return None
            tried = await find(engine, number)
        if tried is not None and guard.locked(tried.id):
            await talk.say(["locked"])
            return None
        pin = await talk.number(["pin"])
        if not pin:
            return None
        if tried is not None and guard.locked(tried.id):  # meanwhile, by another who guesses
            await talk.say(["locked"])
            return None
        # Counted before it is looked at: of many calls at once that guess, no more get an answer than of one after the other.
        now = channel.core.clock.now()
        if callers.take(caller, now) or (caller != trunk and trunks.take(trunk, now)):
            engine.tell(
                "mailbox.refused",
                mailbox=tried.id if tried is not None else "",
                locked=0.0,
                caller=channel.caller,
                endpoint=channel.endpoint,
                channel=channel,
            )
            await talk.say(["locked"])
            return None
        seconds = guard.wrong(tried.id) if tried is not None else 0.0
        if await asyncio.to_thread(verify, pin, tried.pin_hash if tried is not None else _NOBODYS) and tried is not None:
            guard.right(tried.id)
            callers.give_back(caller)
            if caller != trunk:
                trunks.give_back(trunk)
            return tried
        engine.tell(
            "mailbox.refused",
            mailbox=tried.id if tried is not None else "",
            locked=seconds,
            caller=channel.caller,
            endpoint=channel.endpoint,
            channel=channel,
        )
        await talk.say(["wrong"])
    return None


async def _proved(channel: Channel) -> Endpoint | None:
    """Return the endpoint that has called us, if it has proved that it is this one."""
    if not channel.proved or not channel.endpoint:
        return None
    return cast("Endpoint | None", await finished(channel.core.engine.dal.get("endpoint", channel.endpoint)))


async def _is_believed(channel: Channel) -> bool:
    """Tell whether the endpoint of the call is believed who calls through it."""
    if not channel.endpoint or not channel.caller.number:
        return False
    found = await finished(channel.core.engine.dal.get("endpoint", channel.endpoint))
    return found is not None and found.trust_id_inbound


_NOBODYS = "scrypt:" + "00" * 16 + ":" + "00" * 32
"""What an unknown mailbox is compared with: it takes as long as a known one."""
