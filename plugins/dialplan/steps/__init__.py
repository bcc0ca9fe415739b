"""The steps that come with the dialplan: each an `async def step(channel, argument, *, option=…)` whose signature is its schema.

calls: dial, redirect, hangup. listening: answer, ringing, progress, playback, echo, wait, senddigits. keeping: record, mailbox.
monitoring: mixmonitor, stopmixmonitor.
going: goto, set, ivr. rooms: conference. (`if` is read by reading.py, for it holds steps itself.)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .calls import Calls
from .going import Going
from .keeping import Keeping
from .listening import Listening
from .monitoring import Monitoring
from .rooms import Rooms

if TYPE_CHECKING:
    from pipeline.core import Script

    from ..dialplan import Dialplan  # noqa: TID252  plugin code never spells its own package

__all__ = ["CAREFUL", "steps_of"]

CAREFUL = {
    "dial": "address",
    "redirect": "address",
    "playback": "file",
    "record": "file",
    "mailbox": "file",
    "mixmonitor": "file",
    "goto": "extension",
}
"""Steps whose texts are addresses, file names or extensions: what the far side chose is made safe before it is filled in."""


def steps_of(dialplan: Dialplan) -> dict[str, Script]:
    """Return the steps by their names."""
    calls, listening, keeping = Calls(dialplan), Listening(dialplan), Keeping(dialplan)
    going, rooms, monitoring = Going(dialplan), Rooms(dialplan), Monitoring()
    return {
        "dial": calls.dial,
        "redirect": calls.redirect,
        "hangup": calls.hangup,
        "answer": listening.answer,
        "ringing": listening.ringing,
        "progress": listening.progress,
        "playback": listening.playback,
        "echo": listening.echo,
        "wait": listening.wait,
        "senddigits": listening.senddigits,
        "record": keeping.record,
        "mailbox": keeping.mailbox,
        "mixmonitor": monitoring.mixmonitor,
        "stopmixmonitor": monitoring.stopmixmonitor,
        "goto": going.goto,
        "set": going.set,
        "ivr": going.ivr,
        "conference": rooms.conference,
    }
