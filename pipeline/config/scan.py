"""Where each table, key and value of a TOML text stands: tomllib keeps no places, a good error message needs them.

Rule: this scanner walks text that tomllib has already accepted, so it only follows the grammar and never judges it.
A path is a tuple of keys and list positions: ("stage", 2, "plugins", 0). TOML 1.0.0.
"""

from __future__ import annotations

import re
import tomllib
from typing import NamedTuple

__all__ = ["Path", "Span", "scan"]

Path = tuple[str | int, ...]

_BLANK = re.compile(r"(?:[ \t\n]+|#[^\n]*)*")
_SPACE = re.compile(r"[ \t]*")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_BASIC = re.compile(r'"(?:[^"\\\n]|\\.)*"')
_LITERAL = re.compile(r"'[^'\n]*'")
_LONG_BASIC = re.compile(r'"""(?:[^\\]|\\.)*?"""(?:"{1,2})?', re.DOTALL)
_LONG_LITERAL = re.compile(r"'''.*?'''(?:'{1,2})?", re.DOTALL)
_PLAIN = re.compile(r"[^,\]}#\n]+")


class Span(NamedTuple):
    """Offsets into the text: the key, and the value it has (a table's header is both)."""

    key: int
    key_end: int
    value: int
    value_end: int


def scan(text: str) -> dict[Path, Span]:
    """Find every path of the text, also those that a header only implies."""
    return _Scanner(text).run()


class _Scanner:
    __slots__ = ("counts", "found", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.found: dict[Path, Span] = {}
        self.counts: dict[Path, int] = {}

    def run(self) -> dict[Path, Span]:
        text, at, prefix = self.text, 0, ()  # type: str, int, Path
        end = len(text)
        while (at := self.blank(at)) < end:
            if text.startswith("[[", at):
                prefix, at = self.header(at + 2, many=True)
                at += 2
            elif text[at] == "[":
                prefix, at = self.header(at + 1, many=False)
                at += 1
            else:
                at = self.assignment(at, prefix)
        return self.found

    def blank(self, at: int) -> int:
        match = _BLANK.match(self.text, at)
        return match.end() if match else at

    def space(self, at: int) -> int:
        match = _SPACE.match(self.text, at)
        return match.end() if match else at

    def header(self, at: int, *, many: bool) -> tuple[Path, int]:
        at = self.space(at)
        start = at
        keys, at = self.key(at)
        end = keys[-1][2]
        span = Span(start, end, start, end)
        path: Path = ()
        for part, _, _ in keys[:-1]:
            path = self.inside((*path, part))
            self.found.setdefault(path, span)
        path = (*path, keys[-1][0])
        if many:
            position = self.counts.get(path, 0)
            self.counts[path] = position + 1
            self.found.setdefault(path, span)
            path = (*path, position)
        # a table that a deeper header implied before gets its own header's place now
        self.found[path] = span
        return path, self.space(at)

    def inside(self, path: Path) -> Path:
        """A header below an array of tables continues its newest element."""
        count = self.counts.get(path)
        return path if count is None else (*path, count - 1)

    def key(self, at: int) -> tuple[list[tuple[str, int, int]], int]:
        """Read a dotted key: its parts, each with start and end."""
        text = self.text
        parts: list[tuple[str, int, int]] = []
        while True:
            at = self.space(at)
            match = (_BASIC if text[at] == '"' else _LITERAL if text[at] == "'" else _BARE_KEY).match(text, at)
            if match is None:  # cannot be: tomllib accepted the text
                raise AssertionError(f"no key at offset {at}")
            raw = match.group()
            parts.append((_unquoted(raw), at, match.end()))
            at = self.space(match.end())
            if not text.startswith(".", at):
                return parts, at
            at += 1

    def assignment(self, at: int, prefix: Path) -> int:
        keys, at = self.key(at)
        at = self.space(at + 1)  # over the "="
        path = prefix
        start, key_end = keys[0][1], keys[-1][2]
        for part, _, _ in keys:
            path = (*path, part)
        end = self.value(at, path)
        span = Span(start, key_end, at, end)
        self.found[path] = span
        for depth in range(len(prefix) + 1, len(path)):
            self.found.setdefault(path[:depth], span)
        return end

    def value(self, at: int, path: Path) -> int:
        """Return where the value ends; note the places of what it contains."""
        text = self.text
        first = text[at]
        if first == "[":
            return self.array(at, path)
        if first == "{":
            return self.inline(at, path)
        if first == '"':
            form = _LONG_BASIC if text.startswith('"""', at) else _BASIC
        elif first == "'":
            form = _LONG_LITERAL if text.startswith("'''", at) else _LITERAL
        else:
            form = _PLAIN
        match = form.match(text, at)
        if match is None:  # cannot be: tomllib accepted the text
            raise AssertionError(f"no value at offset {at}")
        return at + len(match.group().rstrip()) if form is _PLAIN else match.end()

    def array(self, at: int, path: Path) -> int:
        text, position = self.text, 0
        at = self.blank(at + 1)
        while text[at] != "]":
            item = (*path, position)
            end = self.value(at, item)
            self.found[item] = Span(at, end, at, end)
            position += 1
            at = self.blank(end)
            if text[at] == ",":
                at = self.blank(at + 1)
        return at + 1

    def inline(self, at: int, path: Path) -> int:
        text = self.text
        at = self.blank(at + 1)
        while text[at] != "}":
            at = self.blank(self.assignment(at, path))
            if text[at] == ",":
                at = self.blank(at + 1)
        return at + 1


def _unquoted(raw: str) -> str:
    if raw[0] == "'":
        return raw[1:-1]
    if raw[0] == '"':
        return raw[1:-1] if "\\" not in raw else str(tomllib.loads(f"key = {raw}")["key"])
    return raw
