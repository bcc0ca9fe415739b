"""What is said: prompts by name, numbers and times as the prompts that say them.

Rule: a sentence is a list of files, the words of which come with us (sounds/, English) or from a folder of one's own under the same names.
What lies in that folder goes before ours, word by word.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import tzinfo

__all__ = ["Prompts", "digits", "moment", "number"]

OURS = Path(__file__).with_name("sounds")
MOST = 999
"""The largest number that is said; what is more is said as this."""


class Prompts:
    """The files of the words."""

    __slots__ = ("_folder", "_known")

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._known: dict[str, Path] = {}

    def files(self, words: Iterable[str]) -> list[Path]:
        """Return the files that say these words."""
        return [self._known.get(word) or self._find(word) for word in words]

    def _find(self, word: str) -> Path:
        path = OURS / f"{word}.wav"
        if self._folder is not None and (own := self._folder / f"{word}.wav").is_file():
            path = own
        self._known[word] = path
        return path


def number(value: int) -> list[str]:
    """Say a number: 121 is one hundred twenty one."""
    value = max(0, min(value, MOST))
    hundreds, rest = divmod(value, 100)
    words = [str(hundreds), "hundred"] if hundreds else []
    if rest < 20:
        return words + ([str(rest)] if rest or not words else [])
    tens, ones = divmod(rest, 10)
    return [*words, str(10 * tens), *([str(ones)] if ones else [])]


def digits(text: str) -> list[str]:
    """Say a telephone number digit by digit; empty when it is none."""
    bare = text.removeprefix("+")
    return list(bare) if bare.isascii() and bare.isdecimal() and len(bare) <= 20 else []


def moment(seconds: float, now: float, zone: tzinfo | None) -> list[str]:
    """Say when something was, seconds since 1970: today, yesterday, the day of the week within six days, else the date; the hour of 24."""
    try:
        then = datetime.fromtimestamp(seconds, UTC).astimezone(zone)
        today = datetime.fromtimestamp(now, UTC).astimezone(zone).date()
    except (OverflowError, OSError, ValueError):
        return []
    day = then.date()
    if day == today:
        words = ["today"]
    elif day == today - timedelta(days=1):
        words = ["yesterday"]
    elif today - timedelta(days=6) <= day < today:
        words = [f"day-{day.weekday()}"]
    else:
        words = [f"month-{day.month}", *number(day.day)]
    words += ["at", *number(then.hour)]
    if then.minute == 0:
        return [*words, "hundred"]
    return [*words, *(["oh"] if then.minute < 10 else []), *number(then.minute)]
