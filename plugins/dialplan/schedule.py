"""When: days, hours and dates on the wall clock of a time zone. What a time condition is written as, and whether it holds.

    days   = ["mon-fri"]                        any of these days of the week; "sat-mon" goes over the weekend
    hours  = ["09:00-12:00", "22:00-06:00"]     from, until (exclusive); the second goes over midnight and belongs to the day it begins
    dates  = ["12-24..01-02", "2026-04-03"]     any of these dates, inclusive; without a year: every year
    closed = ["12-25"]                          never on these dates
    zone   = "Europe/Zurich"                    empty: the machine's

Rule: what is written must hold, what is not written holds always. Values only: time is an argument.
"""

from __future__ import annotations

import zoneinfo
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import TYPE_CHECKING, Any, NamedTuple

from pipeline.config.problems import nearest

from .patterns import Mistake

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["FIELDS", "When"]

FIELDS = ("days", "hours", "dates", "closed", "zone")
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY = timedelta(days=1)
Hours = tuple[int, int]
"""Minutes of the day: from, until."""


class Dates(NamedTuple):
    """A stretch of dates: (year or 0, month, day) each, both included."""

    first: tuple[int, int, int]
    last: tuple[int, int, int]

    def has(self, day: date) -> bool:
        """Whether the day is one of them."""
        first, last, at = self.first, self.last, (day.year, day.month, day.day)
        if first[0]:
            return first <= at <= last
        if first <= last:
            return first[1:] <= at[1:] <= last[1:]
        return at[1:] >= first[1:] or at[1:] <= last[1:]  # over the new year


class When(NamedTuple):
    """A time condition, read."""

    days: frozenset[int]
    hours: tuple[Hours, ...]
    dates: tuple[Dates, ...]
    closed: tuple[Dates, ...]
    zone: tzinfo | None

    @classmethod
    def read(cls, table: Mapping[str, Any]) -> When:
        """Read the fields of a table, its values of the right types; raise Mistake, with the field's name first in its message."""
        zone = table.get("zone") or ""
        return cls(
            frozenset(day for text in _texts(table, "days") for day in _days(text)),
            tuple(_hours(text) for text in _texts(table, "hours")),
            tuple(_dates(text, "dates") for text in _texts(table, "dates")),
            tuple(_dates(text, "closed") for text in _texts(table, "closed")),
            _zone(zone) if zone else None,
        )

    def holds(self, time: float, local: tzinfo | None) -> bool:
        """Whether it holds at a time (UTC seconds since 1970); `local` is the zone where none is named (None: the machine's)."""
        now = datetime.fromtimestamp(time, UTC).astimezone(self.zone or local)
        today = now.date()
        if not self.hours:
            return self._on(today)
        minute = now.hour * 60 + now.minute
        for begins, ends in self.hours:
            if begins < ends:
                if begins <= minute < ends and self._on(today):
                    return True
            elif (minute >= begins and self._on(today)) or (minute < ends and self._on(today - _DAY)):
                return True
        return False

    def _on(self, day: date) -> bool:
        if self.days and day.weekday() not in self.days:
            return False
        if self.dates and not any(dates.has(day) for dates in self.dates):
            return False
        return not any(dates.has(day) for dates in self.closed)


def _texts(table: Mapping[str, Any], field: str) -> Iterable[str]:
    """Give the items of a field, which may also be one text with commas."""
    value = table.get(field) or ()
    if isinstance(value, str):
        return [text.strip() for text in value.split(",")]
    return [str(text).strip() for text in value]


def _days(text: str) -> Iterable[int]:
    first, dash, last = text.lower().partition("-")
    begin, end = _day(first.strip()), _day(last.strip()) if dash else -1
    if not dash:
        return (begin,)
    return [day % 7 for day in range(begin, end + 1 if end >= begin else end + 8)]


def _day(word: str) -> int:
    short = word[:3]
    if short in _DAYS and (len(word) == 3 or _LONG[_DAYS.index(short)] == word):
        return _DAYS.index(short)
    raise Mistake(f"days: '{word}' is no day of the week", nearest(short, _DAYS) or f"they are {', '.join(_DAYS)}")


_LONG = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def _hours(text: str) -> Hours:
    first, dash, last = text.partition("-")
    if not dash:
        raise Mistake(f"hours: '{text}' has no end", 'such as "09:00-17:00"')
    begins, ends = _minute(first.strip(), text), _minute(last.strip(), text)
    if begins == ends:
        raise Mistake(f"hours: '{text}' is no time at all", 'the whole day is "00:00-24:00"')
    return begins, ends


def _minute(clock: str, text: str) -> int:
    hour, colon, minute = clock.partition(":")
    if hour.isdecimal() and (minute.isdecimal() if colon else True) and len(hour) <= 2:
        total = int(hour) * 60 + int(minute or 0)
        if int(minute or 0) < 60 and total <= 24 * 60:
            return total
    raise Mistake(f"hours: '{clock}' in '{text}' is no time of day", 'such as "09:00-17:00"')


def _dates(text: str, field: str) -> Dates:
    first, dots, last = text.partition("..")
    begin = _date(first.strip(), text, field)
    end = _date(last.strip(), text, field) if dots else begin
    if bool(begin[0]) != bool(end[0]):
        raise Mistake(f"{field}: '{text}' names a year on one side only", "name it on both, or on neither")
    if begin[0] and end < begin:
        raise Mistake(f"{field}: '{text}' ends before it begins", f'write "{last.strip()}..{first.strip()}"')
    return Dates(begin, end)


def _date(word: str, text: str, field: str) -> tuple[int, int, int]:
    parts = word.split("-")
    try:
        numbers = [int(part) for part in parts]
        if len(numbers) == 2:
            date(2024, *numbers)  # a leap year: 02-29 is a date
            return 0, numbers[0], numbers[1]
        date(*numbers)
        return numbers[0], numbers[1], numbers[2]
    except (ValueError, TypeError, IndexError):
        raise Mistake(f"{field}: '{word}' in '{text}' is no date", 'such as "12-25" or "2026-12-25"; a stretch is "12-24..12-26"') from None


def _zone(name: str) -> tzinfo:
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        known = zoneinfo.available_timezones()
        hint = nearest(name, known) if known else "this machine has no time zones: install tzdata"
        raise Mistake(f"zone: there is no time zone '{name}'", hint or 'such as "Europe/Zurich"') from None
