"""The stored objects of the dialplan: [context.NAME], [menu.NAME], [schedule.NAME]. In the file, or in any backend (realtime).

Rule: the fields are plain values, as the file has them. What they mean is read by contexts.py, and checked by check.py.
"""

from __future__ import annotations

from typing import Any, ClassVar

import attrs

from pipeline import option
from pipeline.dal import Stored, register

__all__ = ["TYPES", "Context", "Menu", "Schedule"]

TYPES = ("context", "menu", "schedule")


def _texts(value: Any) -> tuple[Any, ...]:
    return (value,) if isinstance(value, str | dict) else tuple(value)


@attrs.frozen(eq=False, weakref_slot=False)
class Context(Stored):
    """A set of extensions: what those whose endpoint names this context may dial, and what is done then."""

    in_file: ClassVar[bool] = True

    id: str = option(help="name of the context")
    extensions: dict[str, Any] = option(  # noqa: RUF009  a fresh dict each, attrs sees to it
        factory=dict,
        help='what is dialled = a list of steps: "600" exactly, "_9NXX." as Asterisk\'s patterns, "/^00(\\\\d+)$/" as a regular expression',
    )
    include: tuple[str | dict[str, Any], ...] = option(
        default=(),
        converter=_texts,
        help="contexts that are looked into, in order, for what is not found here; a table with `context` and a time condition"
        " (`schedule`, or `days`, `hours`, `dates`, `closed`, `zone`) includes it at that time",
    )
    users: bool = option(default=False, help="whether what names an address of record of ours calls it")
    voicemail: bool = option(
        default=False,
        help="whether who calls a user so may leave a message when there is no answer (plugin `voicemail`), after the `ring_seconds` of"
        " the user's mailbox",
    )
    origin: str = option(default="", help="the backend that holds this object; stamped by it")
    version: int = option(default=0, help="changes with every write; stamped by the backend")


@attrs.frozen(eq=False, weakref_slot=False)
class Menu(Stored):
    """A menu that a caller chooses from by digits: the step `ivr`. The prompt can be interrupted by a digit."""

    in_file: ClassVar[bool] = True

    id: str = option(help="name of the menu")
    prompt: tuple[str, ...] = option(default=(), converter=_texts, help="what is played, one after the other, as in `playback`")
    choices: dict[str, Any] = option(  # noqa: RUF009
        factory=dict, help='digits = a list of steps; "_1XX" is a pattern, ${digits} what was typed'
    )
    timeout: float = option(
        default=5.0, unit="s", validator=attrs.validators.gt(0), help="how long it waits for the first digit behind the prompt"
    )
    between: float = option(
        default=2.0, unit="s", validator=attrs.validators.gt(0), help="how long it waits for a further digit where one could follow"
    )
    retries: int = option(
        default=2, validator=attrs.validators.ge(0), help="how often the prompt is repeated; then the steps behind `ivr` follow"
    )
    invalid: str = option(default="invalid", help='what is played when there is no such choice; "" for nothing')
    origin: str = option(default="", help="the backend that holds this object; stamped by it")
    version: int = option(default=0, help="changes with every write; stamped by the backend")


@attrs.frozen(eq=False, weakref_slot=False)
class Schedule(Stored):
    """When something is open: days, hours and dates, all of which must hold as far as they are given."""

    in_file: ClassVar[bool] = True

    id: str = option(help="name of the schedule")
    days: tuple[str, ...] = option(default=(), converter=_texts, help='days of the week, as "mon-fri"; [] = all')
    hours: tuple[str, ...] = option(
        default=(), converter=_texts, help='hours, as "09:00-17:00"; "22:00-06:00" belongs to the day it begins; [] = all'
    )
    dates: tuple[str, ...] = option(default=(), converter=_texts, help='dates, as "12-24..01-02" or "2026-04-03"; [] = all')
    closed: tuple[str, ...] = option(default=(), converter=_texts, help="dates on which it is closed all the same")
    zone: str = option(default="", help='time zone, as "Europe/Zurich"; "" = the machine\'s')
    origin: str = option(default="", help="the backend that holds this object; stamped by it")
    version: int = option(default=0, help="changes with every write; stamped by the backend")


register("context", Context)
register("menu", Menu)
register("schedule", Schedule)
