"""Text with variables in it: "sip:${extension:1}@trunk". Read once, filled in for each call.

    ${name}             its value, empty where it has none
    ${name:2}           without its first two characters; ${name:-4}: its last four; ${name:1:3}: three from the second on

Rule: a "$" that no "{" follows stands for itself. What the far side chose itself (what was dialled, its name and number, captures,
digits), and what was `set` from that, can be filled in with the signs escaped that mean something in an address, so that no one dials
his way out of "sip:…@trunk".
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from .patterns import Mistake

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["MEANING", "Template", "Variable", "has_variables", "read_template"]

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*\Z")
MEANING = {
    "address": re.compile(r"[\x00-\x20\"%/:;<>?@\x7f]"),  # what would end a user part, or begin something else (RFC 3261 25.1)
    "file": re.compile(r"[\x00/\\]"),
    "extension": re.compile(r"[%@]"),
}
"""The signs that mean something: in an address, in a file's name, in what `goto` goes to."""


class Variable(NamedTuple):
    """A place to be filled in."""

    name: str
    start: int | None
    length: int | None

    def cut(self, value: str) -> str:
        """Take the stretch that was asked for."""
        if self.start is not None:
            value = value[self.start :]
        if self.length is not None:
            value = value[: self.length]
        return value


class Template(NamedTuple):
    """A text with variables, read."""

    parts: tuple[str | Variable, ...]

    def fill(self, value_of: Callable[[str], str], *, escape: Callable[[str], bool] | None = None, within: str = "address") -> str:
        """Fill in: `value_of(name)`; where `escape(name)` says so, safe for the user part of an address, or for a file's name."""
        address = within == "address" and isinstance(self.parts[0], str) and self.parts[0].startswith(("sip:", "sips:", "tel:"))
        meaning = MEANING[within]
        made = []
        for part in self.parts:
            if isinstance(part, str):
                made.append(part)
                continue
            value = part.cut(value_of(part.name))
            if escape is not None and escape(part.name):
                value = meaning.sub(_escaped, value)
                if address:
                    value = value.replace("#", "%23")
            made.append(value)
        return "".join(made)


def _escaped(match: re.Match[str]) -> str:
    return f"%{ord(match[0]):02X}"


def has_variables(text: str) -> bool:
    """Whether there is anything to fill in."""
    return "${" in text


def read_template(text: str) -> str | Template:
    """Read a text; give it back when nothing is to be filled in. Raises Mistake."""
    if "${" not in text:
        return text
    parts: list[str | Variable] = []
    at = 0
    while (begin := text.find("${", at)) >= 0:
        end = text.find("}", begin)
        if end < 0:
            raise Mistake("'${' is not closed", "write ${name}")
        if begin > at:
            parts.append(text[at:begin])
        parts.append(_variable(text[begin + 2 : end]))
        at = end + 1
    if at < len(text):
        parts.append(text[at:])
    return Template(tuple(parts))


def _variable(inside: str) -> Variable:
    name, *cuts = inside.split(":")
    if not _NAME.match(name):
        raise Mistake(f"'${{{inside}}}' names no variable", "a name has letters, digits, '_', '-' and '.'")
    if len(cuts) > 2 or not all(re.fullmatch(r"-?\d+", cut) for cut in cuts) or (len(cuts) == 2 and cuts[1].startswith("-")):
        raise Mistake(f"'${{{inside}}}' has no stretch of a text behind ':'", "such as ${extension:1}, ${extension:-4} or ${extension:1:3}")
    start = int(cuts[0]) if cuts else None
    return Variable(name, start, int(cuts[1]) if len(cuts) == 2 else None)
