r"""What an extension's name may look like, and which of several that fit is the one.

    "600"           exact: this and nothing else
    "_9NXX."        a pattern, as Asterisk writes them: X is a digit, Z 1-9, N 2-9, [13-5] one of these characters; at the end
                    "." is one or more of anything, "!" none or more; "-" outside brackets only makes it readable
    "/^00(\d+)$/"   a regular expression (Python's, searched; "/…/i" ignores case); its groups are ${1}, ${2} …

Rule, from the most specific to the least: exact; patterns, compared place by place, where the one that allows fewer characters at the
first place that differs goes first, "." after any characters and "!" after "."; regular expressions in the order of the file.
Nothing here knows what an extension does: `Table` finds values by names.
"""

from __future__ import annotations

import re
from typing import Generic, NamedTuple, TypeVar

from .ambiguity import runs_away

__all__ = ["LONGEST", "Mistake", "Pattern", "Table", "bounded", "is_expression", "read_expression", "read_pattern"]

Value = TypeVar("Value")

LONGEST = 256
"""Characters of what is dialled that a regular expression is tried on: a user part is the far side's to choose."""
_CLASSES = {"X": "0123456789", "Z": "123456789", "N": "23456789"}
_MORE, _ANY = 0x10000, 0x10001
"""Ranks of "." and "!": behind every set of characters."""


class Mistake(ValueError):  # noqa: N818 (it is what a user made)
    """What is wrong with something that was written, and what to write instead."""

    def __init__(self, message: str, suggestion: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.suggestion = suggestion


class Pattern(NamedTuple):
    """A pattern, read."""

    sets: tuple[str, ...]
    """The characters that each place allows, sorted."""
    tail: str
    """"." or "!" when it goes on, else empty."""

    @property
    def rank(self) -> tuple[tuple[int, str], ...]:
        """What patterns are sorted by: the most specific first."""
        tail = ((_MORE if self.tail == "." else _ANY, ""),) if self.tail else ()
        return (*((len(allowed), allowed) for allowed in self.sets), *tail)

    @property
    def expression(self) -> str:
        """The regular expression that must match all of what is dialled."""
        places = (re.escape(allowed) if len(allowed) == 1 else f"[{re.escape(allowed)}]" for allowed in self.sets)
        return "".join(places) + {"": "", ".": ".+", "!": ".*"}[self.tail]

    @property
    def only(self) -> str | None:
        """The one name that it fits, if there is but one."""
        return "".join(self.sets) if not self.tail and all(len(allowed) == 1 for allowed in self.sets) else None

    @property
    def takes_all(self) -> bool:
        """Whether nothing gets past it."""
        return bool(self.tail) and not self.sets

    def wants_more(self, typed: str) -> bool:
        """Whether something longer that begins with `typed` fits."""
        if any(char not in allowed for char, allowed in zip(typed, self.sets, strict=False)):
            return False
        return bool(self.tail) or len(typed) < len(self.sets)


def read_pattern(text: str) -> Pattern:
    """Read "_NXX."; raise Mistake."""
    sets: list[str] = []
    at, end = 1, len(text)
    while at < end:
        char = text[at]
        at += 1
        if char in ".!":
            if at < end:
                raise Mistake(f"'{char}' must be the last of a pattern", f"write '{text[:at]}', or [{char}] for the character itself")
            return Pattern(tuple(sets), char)
        if char == "[":
            close = text.find("]", at)
            if close < 0:
                raise Mistake("'[' is not closed", "such as [13-5]")
            sets.append(_set(text[at:close]))
            at = close + 1
        elif char == "]":
            raise Mistake("']' closes no '['", "remove it")
        elif char != "-":
            sets.append(_CLASSES.get(char, char))
    if not sets:
        raise Mistake("the pattern is empty", "'_.' fits everything")
    return Pattern(tuple(sets), "")


def _set(inside: str) -> str:
    """Read what stands in brackets: characters and ranges."""
    allowed: set[str] = set()
    at = 0
    while at < len(inside):
        first = last = inside[at]
        at += 1
        if at + 1 < len(inside) and inside[at] == "-":
            last = inside[at + 1]
            at += 2
        if last < first:
            raise Mistake(f"the range {first}-{last} is empty", f"write {last}-{first}")
        allowed.update(map(chr, range(ord(first), ord(last) + 1)))
    if not allowed:
        raise Mistake("'[]' allows no character", "write the characters that it allows, such as [13-5]")
    return "".join(sorted(allowed))


def is_expression(name: str) -> bool:
    """Whether a name is a regular expression: /…/ or /…/i."""
    return len(name) > 1 and name[0] == "/" and (name[-1] == "/" or name[-2:] == "/i")


def read_expression(name: str) -> re.Pattern[str]:
    """Read "/…/"; raise Mistake."""
    body, flags = (name[1:-1], 0) if name[-1] == "/" else (name[1:-2], re.IGNORECASE)
    try:
        made = re.compile(body, flags)
    except re.error as error:
        where = f" at its character {error.pos + 1}" if error.pos is not None else ""
        raise Mistake(f"the regular expression is wrong{where}: {error.msg}") from None
    bounded(body, flags)
    return made


def bounded(expression: str, flags: int = 0) -> None:
    """Raise Mistake for a regular expression that could hold the whole server for ever: nothing stops it once it runs."""
    if runs_away(expression, flags):
        text = f"'{expression}' can take for ever on what a caller chooses: it can be read in too many ways"
        raise Mistake(text, "write it with one repetition, such as \\d+ for (\\d+)+")


class Table(Generic[Value]):
    """Values by the names of extensions; filled once, then only asked."""

    __slots__ = ("_combined", "_patterns", "exact", "expressions")

    def __init__(self) -> None:
        self.exact: dict[str, Value] = {}
        self._patterns: list[tuple[Pattern, Value]] = []
        self.expressions: list[tuple[re.Pattern[str], Value]] = []
        self._combined: re.Pattern[str] | None = None

    def add(self, name: str, value: Value) -> None:
        """Note a value under a name; raise Mistake."""
        if name[:1] == "_":
            pattern = read_pattern(name)
            self._patterns.append((pattern, value))
            self._patterns.sort(key=lambda item: item[0].rank)
            self._combined = None
        elif is_expression(name):
            self.expressions.append((read_expression(name), value))
        else:
            self.exact[name] = value

    def find(self, dialed: str) -> tuple[Value, tuple[str, ...]] | None:
        """Return the value of the most specific name that fits but is not exact, and what its groups caught; None: none does."""
        if self._patterns:
            combined = self._combined
            if combined is None:  # one expression for all: its alternatives are tried in their order, in C
                combined = self._combined = re.compile("|".join(f"({pattern.expression})" for pattern, _ in self._patterns), re.DOTALL)
            if (match := combined.fullmatch(dialed)) is not None and match.lastindex is not None:
                return self._patterns[match.lastindex - 1][1], ()
        if len(dialed) <= LONGEST:
            for expression, value in self.expressions:
                if (match := expression.search(dialed)) is not None:
                    return value, tuple(group or "" for group in match.groups())
        return None

    def wants_more(self, typed: str) -> bool:
        """Whether something longer that begins with `typed` may fit (regular expressions left out)."""
        if any(len(name) > len(typed) and name.startswith(typed) for name in self.exact):
            return True
        return any(pattern.wants_more(typed) for pattern, _ in self._patterns)
