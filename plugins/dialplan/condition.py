"""`{ if = "${dialstatus} == BUSY", … }`: one comparison, or a time condition; nothing more, what needs more is a plugin.

    "${a} == text"    also !=, <, <=, >, >= (as numbers where both are), =~ (a regular expression, searched) and in (a, b, c)
    "${a}"            holds when it is neither empty nor 0, no, off or false
    { days = …, hours = … }, { schedule = "office" }    see schedule.py

Rule: the sign is found before the variables are filled in, so that what a caller chose cannot change the question. A text of more
than LONGEST signs fits no regular expression.
"""

from __future__ import annotations

import operator
import re
from typing import TYPE_CHECKING, NamedTuple

from .patterns import LONGEST, Mistake, bounded
from .template import Template, read_template

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Comparison", "read_comparison"]

_SIGN = re.compile(r"\s(==|!=|<=|>=|<|>|=~|in)\s+|(==|!=|<=|>=|=~)\s*|\s(=)\s")
_ORDER: dict[str, Callable[[float | str, float | str], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_NOT = frozenset({"", "0", "no", "off", "false"})


class Comparison(NamedTuple):
    """A comparison, read."""

    left: str | Template
    sign: str
    right: str | Template

    def holds(self, fill: Callable[[str | Template], str]) -> bool:
        """Whether it holds, with `fill` giving a side its text."""
        left = fill(self.left).strip()
        if not self.sign:
            return left.lower() not in _NOT
        if self.sign == "=~":
            return len(left) <= LONGEST and re.search(str(self.right), left) is not None
        right = fill(self.right).strip()
        if self.sign == "in":
            return left in [text.strip() for text in right.strip("()[]").split(",")]
        order = _ORDER[self.sign]
        try:
            return order(float(left), float(right))
        except ValueError:
            return order(left, right)


def read_comparison(text: str) -> Comparison:
    """Read a comparison; raise Mistake."""
    match = _SIGN.search(_blank(text))
    if match is None:
        if "${" not in text:
            raise Mistake(f"'{text}' compares nothing", 'such as "${dialstatus} == BUSY"')
        return Comparison(read_template(text.strip()), "", "")
    sign = match[1] or match[2]
    left, right = text[: match.start()].strip(), _bare(text[match.end() :].strip())
    if match[3]:
        raise Mistake("'=' compares nothing", f"write {left} == {right}")
    if sign == "=~":
        try:
            re.compile(right)
        except re.error as error:
            raise Mistake(f"the regular expression '{right}' is wrong: {error.msg}") from None
        bounded(right)
        return Comparison(read_template(left), sign, right)
    return Comparison(read_template(_bare(left)), sign, read_template(right))


def _blank(text: str) -> str:
    """Hide what stands in ${…}: a sign in there is none."""
    return re.sub(r"\$\{[^}]*\}", lambda found: "x" * len(found[0]), text)


def _bare(text: str) -> str:
    """Take off quotes, which some write from habit."""
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"" else text
