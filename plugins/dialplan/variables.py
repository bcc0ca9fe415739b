"""The variables that a dialplan can read: what is always there, and what steps, plugins and drivers set on the channel.

Rule: names are lower-case words with a dot between; a channel's own variables (`set`, `dialstatus` …) have none. What is not there is "".
Of those that the far side chose itself, FAR_SIDE knows the names: they are filled into addresses and file names with care.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.core import Channel, Party

    from .run import Run

__all__ = ["FAMILIES", "NAMES", "SET_BY_STEPS", "far_side", "set_variable", "value_of"]


def _local(run: Run) -> datetime:
    clock = run.channel.core.clock
    return datetime.fromtimestamp(clock.time(), UTC).astimezone(clock.zone)


_ALWAYS: dict[str, Callable[[Run], str]] = {
    "extension": lambda run: run.extension,
    "context": lambda run: run.context,
    "dialed": lambda run: run.channel.dialed,
    "endpoint": lambda run: run.channel.endpoint,
    "caller.number": lambda run: run.channel.caller.number,
    "caller.name": lambda run: run.channel.caller.name,
    "caller.domain": lambda run: run.channel.caller.domain,
    "connected.number": lambda run: run.channel.connected.number,
    "connected.name": lambda run: run.channel.connected.name,
    "channel.id": lambda run: run.channel.id,
    "channel.name": lambda run: run.channel.name,
    "channel.state": lambda run: str(run.channel.state),
    "call.id": lambda run: run.channel.call.id,
    "date": lambda run: _local(run).strftime("%Y-%m-%d"),
    "time": lambda run: _local(run).strftime("%H:%M:%S"),
    "weekday": lambda run: ("mon", "tue", "wed", "thu", "fri", "sat", "sun")[_local(run).weekday()],
    "epoch": lambda run: str(int(run.channel.core.clock.time())),
}
NAMES = tuple(_ALWAYS)
SET_BY_STEPS = ("dialstatus", "hangupcause", "answeredby", "digits", "recording", "message", "playbackstatus")
FAMILIES = ("header.", "call.")
"""What stands before a name that is open: header.NAME is what the far side's set-up carried, call.NAME a variable of the whole call."""
_FAR_SIDE = frozenset(
    {"extension", "dialed", "caller.number", "caller.name", "caller.domain", "connected.number", "connected.name", "digits"}
)


def far_side(name: str) -> bool:
    """Whether the far side chose the value of this variable."""
    return name in _FAR_SIDE or name.isdigit() or name.startswith("header.")


def value_of(run: Run, name: str) -> str:
    """Return the value of a variable."""
    always = _ALWAYS.get(name)
    if always is not None:
        return always(run)
    if name.isdigit():
        place = int(name)
        return run.extension if not place else run.captures[place - 1] if place <= len(run.captures) else ""
    if name.startswith("header."):
        return run.channel.leg.detail(name[7:]) or ""
    if name.startswith("call."):
        return run.channel.call.variables.get(name[5:], "")
    return run.channel.variables.get(name, "")


def set_variable(channel: Channel, name: str, value: str) -> None:
    """Set a variable of the channel, of its call ("call.NAME"), or who the caller is said to be ("caller.name", "caller.number")."""
    if name in ("caller.name", "caller.number"):
        caller: Party = channel.caller
        channel.caller = attrs.evolve(caller, name=value) if name == "caller.name" else attrs.evolve(caller, number=value)
        channel.set(name, value)
    elif name.startswith("call."):
        channel.call.variables[name[5:]] = value
    else:
        channel.set(name, value)
