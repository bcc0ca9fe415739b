"""A mistake in pipeline.toml: where, what, what instead; and all of them at once.

Rule: a problem is collected, never raised alone. Places are looked up only when there is something to tell, and a
line that is shown has its secrets masked.
"""

from __future__ import annotations

import textwrap
from difflib import get_close_matches
from typing import TYPE_CHECKING

import attrs

from pipeline.plain import plain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pipeline.config.plan import Plan
    from pipeline.config.read import Document

__all__ = ["Place", "Problem", "Problems", "Report", "known", "listed", "nearest"]

_WIDTH = 150  # longer source lines are cut around the caret
_ALIKE = 0.8  # of two words, where another table has the very one
_LISTED = 120  # longer lists of names go on in another line


@attrs.frozen
class Place:
    """A stretch of one line of the file. Line and column count from 1; line 0 is the file as a whole."""

    path: str
    line: int
    column: int
    length: int
    text: str

    def __str__(self) -> str:
        """Write `pipeline.toml:24`, as the trace and the graph show it."""
        return f"{self.path}:{self.line}" if self.line else self.path


@attrs.frozen
class Problem:
    """One mistake (or one warning) with the place it stands at."""

    place: Place
    message: str
    suggestion: str = ""

    def __str__(self) -> str:
        """Render as `file:line:column: message`, the line, a caret, the suggestion."""
        place, message = self.place, plain(self.message).replace("\n", "\\n").replace("\t", "\\t")
        if not place.line:
            lines = [f"{place.path}: {message}"]
        else:
            lines = [f"{place.path}:{place.line}:{place.column}: {message}"]
            if place.text.strip():
                lines += _shown(place)
        lines += [f"  {line}" for line in plain(self.suggestion).splitlines()]
        return "\n".join(lines)


def _shown(place: Place) -> list[str]:
    """Give the source line and the caret line, indented by four."""
    text, start = place.text.replace("\t", " ").rstrip(), place.column - 1
    parts = [plain(part) for part in (text[:start], text[start : start + place.length], text[start + place.length :])]
    text, start = "".join(parts), max(start, len(parts[0]))  # the caret may stand behind the text
    length = max(1, len(parts[1]))
    if len(text) > _WIDTH:
        left = max(0, min(start - _WIDTH // 3, len(text) - _WIDTH))
        more = left + _WIDTH < len(text)
        cut = text[left : left + _WIDTH]
        start, length = start - left, min(length, _WIDTH - (start - left))
        text = ("…" + cut[1:] if left and start else cut) + ("…" if more else "")
    blanks = len(text) - len(text.lstrip())
    return ["    " + text[blanks:], "    " + " " * (start - blanks) + "^" * length]


class Problems(Exception):  # noqa: N818 (it is what it holds: `except Problems as problems`)
    """Everything that is wrong with one file, in the order of the file."""

    def __init__(self, problems: Iterable[Problem], plan: Plan | None = None) -> None:
        self.problems = sorted(problems, key=lambda p: (p.place.line, p.place.column))
        self.plan = plan
        """What of the file its stores can be asked for all the same, if there is anything; no server is made of it."""
        super().__init__(self.problems)

    def __str__(self) -> str:
        """Render all of them, and their number last."""
        count = len(self.problems)
        return "\n".join([*map(str, self.problems), f"{count} problem{'s' if count != 1 else ''} found"])


class Report:
    """Collects what the steps of the builder find; looks places up at the end, when all secrets are known."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.whose: Callable[..., str] = lambda _key, **_how: ""
        """Says which tables have a key, once the builder knows the plugins: see belongs.py."""
        self._errors: list[tuple[tuple[str | int, ...], bool, str, str]] = []
        self._warnings: list[tuple[tuple[str | int, ...], bool, str, str]] = []

    def error(self, keys: tuple[str | int, ...], message: str, suggestion: str = "", *, key: bool = False) -> None:
        """Note a mistake at the value of a path (`key=True`: at its key)."""
        self._errors.append((keys, key, message, suggestion))

    def warning(self, keys: tuple[str | int, ...], message: str, suggestion: str = "", *, key: bool = False) -> None:
        """Note something that runs, but probably not as meant."""
        self._warnings.append((keys, key, message, suggestion))

    def meant(self, key: str, own: Iterable[str]) -> str:
        """Suggest for a key that a table does not have: one of its own that is much like it, the table that has it, or all of its own."""
        own = list(own)
        return nearest(key, own, cutoff=_ALIKE) or self.whose(key) or known(key, own)

    @property
    def failed(self) -> bool:
        """Whether a mistake was found so far."""
        return bool(self._errors)

    @property
    def places(self) -> list[tuple[str | int, ...]]:
        """Where the mistakes so far are."""
        return [keys for keys, *_ in self._errors]

    @property
    def count(self) -> int:
        """How many mistakes were found so far: a step compares it with the count before."""
        return len(self._errors)

    def warnings(self) -> list[Problem]:
        """Give the warnings in the order of the file."""
        return Problems(self._placed(self._warnings)).problems

    def stop(self, plan: Plan | None = None) -> None:
        """Raise everything found so far, if anything was; with what the stores can be asked for."""
        if self._errors:
            raise Problems(self._placed(self._errors), plan)

    def _placed(self, entries: list[tuple[tuple[str | int, ...], bool, str, str]]) -> list[Problem]:
        place = self.document.place
        found = {(keys, key, message): Problem(place(*keys, key=key), message, hint) for keys, key, message, hint in entries}
        return list(found.values())


def nearest(word: str, names: Iterable[str], form: str = "'{}'", cutoff: float = 0.6) -> str:
    """Suggest the name that was probably meant: `did you mean 'registrar'?`, or nothing."""
    by_lower = {name.lower(): name for name in names}
    close = get_close_matches(word.lower(), by_lower, n=1, cutoff=cutoff)
    return f"did you mean {form.format(by_lower[close[0]])}?" if close else ""


def known(word: str, names: Iterable[str], form: str = "'{}'", what: str = "its keys are") -> str:
    """Suggest the name that was probably meant; where none is like it, list them all."""
    names = list(names)
    return nearest(word, names, form) or textwrap.fill(f"{what} {listed(names)}", _LISTED)


def listed(words: Iterable[str], last: str = "and") -> str:
    """Join words as a reader hears them: `a, b and c`."""
    *first, final = list(words) or ["nothing"]
    return f"{', '.join(first)} {last} {final}" if first else final
