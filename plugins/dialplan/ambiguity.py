r"""Whether a regular expression can take exponentially long on a text that nearly fits: "(\d+)*$" has 2**n ways to read n digits.

Rule: what counts is not how it looks but whether, somewhere in a repetition without limit, one text can be read in two ways that both
come back to the same place; then every further round doubles the ways. So each character of the expression becomes a place, with the
places that may follow it, as often as there is a way (Glushkov's automaton, its edges counted); two readings are walked side by side.

Not found: what is merely slow, "\d*\d*\d*x"; the length of what is tried (patterns.LONGEST) is all that bounds it.
"""

from __future__ import annotations

import re
from collections import Counter
from re import _constants as op  # type: ignore[attr-defined]  # what `re` itself reads expressions with; there is no public one
from re import _parser  # type: ignore[attr-defined]
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable

__all__ = ["runs_away"]

COPIES = 4
"""Rounds of a repetition that are written out: "\\d{15}" is as ambiguous as four of them."""
PLACES = 200
"""Places within repetitions that are looked at; an expression with more is taken for one that runs away."""
STEPS = 500_000
"""Steps of two readings that are walked, some tenths of a second; the same holds for more."""
_SIGNS = frozenset([*map(chr, range(128)), "é", "Ω", "·"])
"""Those of ASCII, and letters and a sign that stand for all others."""
_KINDS = {op.CATEGORY_DIGIT: r"\d", op.CATEGORY_SPACE: r"\s", op.CATEGORY_WORD: r"\w"}
_OTHERS = {op.CATEGORY_NOT_DIGIT: r"\D", op.CATEGORY_NOT_SPACE: r"\S", op.CATEGORY_NOT_WORD: r"\W"}
_CLASSES = {kind: frozenset(sign for sign in _SIGNS if re.match(text, sign)) for kind, text in {**_KINDS, **_OTHERS}.items()}


class _Many(Exception):  # noqa: N818
    """There are more steps than are walked."""


class Part(NamedTuple):
    """What an expression, or a part of it, can begin and end with."""

    first: tuple[int, ...]
    last: tuple[int, ...]
    nullable: int
    """In how many ways it fits nothing at all; 2: or more. ("b|b" is read as "b" and twice nothing.)"""


NOTHING = Part((), (), nullable=1)


def runs_away(expression: str, flags: int = 0) -> bool:
    """Tell whether a regular expression may take exponentially long; one that is wrong does not."""
    try:
        reading = _Reading(bool(flags & re.IGNORECASE))
        reading.read(_parser.parse(expression, flags))
    except (re.error, RecursionError, OverflowError):
        return False
    return reading.ambiguous()


class _Reading:
    """The places of one expression."""

    def __init__(self, ignore: bool) -> None:
        self.ignore = ignore
        self.signs: list[frozenset[str]] = []
        """What fits at each place."""
        self.edges: Counter[tuple[int, int]] = Counter()
        """In how many ways one place may follow another."""

    def read(self, parsed: Iterable[Any]) -> Part:
        whole = NOTHING
        for kind, value in parsed:
            whole = self._then(whole, self._one(kind, value))
        return whole

    def _one(self, kind: Any, value: Any) -> Part:
        if kind in (op.LITERAL, op.NOT_LITERAL, op.ANY, op.IN):
            place = len(self.signs)
            self.signs.append(self._fits(kind, value))
            return Part((place,), (place,), nullable=0)
        if kind in (op.MAX_REPEAT, op.MIN_REPEAT):
            return self._repeat(*value)
        if kind is op.SUBPATTERN:
            return self.read(value[-1])
        if kind is op.BRANCH:
            parts = [self.read(one) for one in value[1]]
            return Part(
                tuple(place for part in parts for place in part.first),
                tuple(place for part in parts for place in part.last),
                min(sum(part.nullable for part in parts), 2),
            )
        for inner in _within(value):  # looks ahead or back, gives nothing back, depends on a group: each is read for itself
            self.read(inner)
        return NOTHING

    def _repeat(self, least: int, most: Any, inner: Any) -> Part:
        endless = most is op.MAXREPEAT
        needed = min(int(least), COPIES)
        whole = NOTHING
        for _ in range(needed - (1 if endless and needed else 0)):
            whole = self._then(whole, self.read(inner))
        if endless:
            part = self.read(inner)
            self._join(part.last, part.first)
            return self._then(whole, part._replace(nullable=part.nullable or int(not needed)))
        optional = NOTHING
        for _ in range(min(int(most) - int(least), COPIES - needed)):  # "(a(a(a)?)?)?": one way to read each number of them
            part = self.read(inner)
            self._join(part.last, optional.first)
            last = (*part.last, *optional.last)
            optional = Part(part.first if not part.nullable else (*part.first, *optional.first), last, nullable=1)
        return self._then(whole, optional)

    def _then(self, one: Part, other: Part) -> Part:
        self._join(one.last, other.first)
        return Part(
            one.first + other.first * one.nullable,
            other.last + one.last * other.nullable,
            min(one.nullable * other.nullable, 2),
        )

    def _join(self, before: Iterable[int], behind: tuple[int, ...]) -> None:
        for place in before:
            for other in behind:
                self.edges[place, other] += 1

    def _fits(self, kind: Any, value: Any) -> frozenset[str]:
        """Give the signs that fit at a place."""
        if kind is op.ANY:
            return _SIGNS
        if kind is op.IN:
            negated = value[0][0] is op.NEGATE
            found = frozenset(sign for item in value for sign in self._members(*item))
            return _SIGNS - found if negated else found
        found = self._members(op.LITERAL, value)
        return _SIGNS - found if kind is op.NOT_LITERAL else found

    def _members(self, kind: Any, value: Any) -> frozenset[str]:
        if kind is op.CATEGORY:
            return _CLASSES.get(value, _SIGNS)
        if kind is op.NEGATE:
            return frozenset()
        low, high = value if kind is op.RANGE else (value, value)
        found = {chr(code) for code in range(low, min(high, 127) + 1)} | {sign for sign in _SIGNS if low <= ord(sign) <= high}
        if high > 127 and low == high:
            found.add("é")  # one sign that stands for all letters
        if self.ignore:
            found |= {sign.swapcase() for sign in found}
        return frozenset(found)

    def ambiguous(self) -> bool:
        """Tell whether two readings of one text can part and come together again within a circle."""
        follow: dict[int, list[int]] = {}
        for place, other in self.edges:
            follow.setdefault(place, []).append(other)
        circle = _circles(range(len(self.signs)), lambda place: follow.get(place, ()))
        if len(circle) > PLACES:
            return True
        inside = {place: [other for other in follow[place] if circle.get(other) == ring] for place, ring in circle.items()}
        if any(self.edges[place, other] > 1 for place, others in inside.items() for other in others):
            return True

        steps = 0

        def both(pair: tuple[int, int]) -> list[tuple[int, int]]:
            nonlocal steps
            one, two = pair
            steps += len(inside[one]) * len(inside[two])
            if steps > STEPS:
                raise _Many
            return [(a, b) for a in inside[one] for b in inside[two] if self.signs[a] & self.signs[b]]

        try:
            pairs = _circles([(place, place) for place in circle], both)
        except _Many:
            return True
        same = {pairs[place, place] for place in circle if (place, place) in pairs}
        return any(one != two and ring in same for (one, two), ring in pairs.items())


def _within(value: Any) -> list[Any]:
    """Return the expressions in an operation's value."""
    if isinstance(value, _parser.SubPattern):
        return [value]
    return [part for item in value for part in _within(item)] if isinstance(value, tuple | list) else []


def _circles(starts: Iterable[Any], follow: Callable[[Any], Iterable[Any]]) -> dict[Any, Hashable]:
    """Return what of a graph lies in a circle, each with the name of its strongly connected component (Tarjan's, without recursion)."""
    number: dict[Any, int] = {}
    low: dict[Any, int] = {}
    waiting: list[Any] = []
    on: set[Any] = set()
    found: dict[Any, Hashable] = {}
    for start in starts:
        if start in number:
            continue
        work = [(start, iter(tuple(follow(start))))]
        number[start] = low[start] = len(number)
        waiting.append(start)
        on.add(start)
        while work:
            node, others = work[-1]
            for other in others:
                if other not in number:
                    number[other] = low[other] = len(number)
                    waiting.append(other)
                    on.add(other)
                    work.append((other, iter(tuple(follow(other)))))
                    break
                if other in on:
                    low[node] = min(low[node], number[other])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node])
                if low[node] == number[node]:
                    component: list[Any] = []
                    while not component or component[-1] != node:
                        component.append(waiting.pop())
                        on.discard(component[-1])
                    if len(component) > 1 or node in follow(node):
                        found.update(dict.fromkeys(component, number[node]))
    return found
