"""pipeline.toml as read: the data, and on demand the place of each table, key, value and list item.

Rule: reading is tomllib's work (the PyPI package `toml` silently drops values); the text is scanned for places only when
somebody asks for one: an error, the graph, the trace. Secrets never appear in the line of a Place.
"""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_right
from difflib import SequenceMatcher
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.config.problems import Place, Problem, Problems

if TYPE_CHECKING:
    import os

    from pipeline.config.scan import Path as Keys
    from pipeline.config.scan import Span

__all__ = ["Document", "dotted", "read", "undotted"]

_BARE = re.compile(r"[A-Za-z0-9_-]+\Z")
_DOTTED = re.compile(r"""([A-Za-z0-9_-]+|"[^"\\]*"|'[^']*')(\.([A-Za-z0-9_-]+|"[^"\\]*"|'[^']*'))*\Z""")
_SECRET_WORDS = ("pass", "pwd", "secret", "token", "digest", "psswor", "paswor")
_SECRET_LINE = re.compile(r"""^([^#\n]*?(?:pass|pwd|secret|token|digest|psswor|paswor)[\w"' -]*=[ \t]*)(.+)$""", re.IGNORECASE)
_AT = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")
_NAMED = ("user", "endpoint", "auth", "aor", "identify", "domain", "plugin")
_HEADER = re.compile(r"""\s*(\[{1,2}((?:[^\]"'#\n]|"[^"\n]*"|'[^'\n]*')*)\]{0,2})""")
_LONG_NUMBER = re.compile(r"[0-9][0-9_]{4300}")
_MASK = '"***"'


def read(path: str | os.PathLike[str]) -> Document:
    """Read a file; raise Problems when it is missing, is not UTF-8 or is no TOML."""
    path = Path(path)
    try:
        raw = path.read_bytes()
    except OSError as error:
        hint = "go to its folder, or say where it is: -c FILE, or SIPLINE_CONFIG" if isinstance(error, FileNotFoundError) else ""
        raise Problems([Problem(Place(_shown(path), 0, 0, 0, ""), f"cannot be read: {error.strerror or error}", hint)]) from None
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        place = Place(_shown(path), line, 1, 0, "")
        raise Problems([Problem(place, f"byte {error.start} is not UTF-8", "save the file as UTF-8")]) from None
    return Document(path, text)


def dotted(*keys: str | int, brackets: bool = True) -> str:
    """Write a path as its table header: `[user."alice@example.org"]`."""
    text = ".".join(key if _BARE.match(key) else f'"{key}"' for key in keys if isinstance(key, str))
    return f"[{text}]" if brackets else text


def undotted(keys: Keys, key: str, value: Any) -> str:
    """Say what was meant by a table within that of a name: [domain.example.com] is a table `com` in [domain.example]."""
    if len(keys) != 2 or keys[0] == "plugin" or not isinstance(value, dict):
        return ""
    words = [str(keys[1]), key]
    while len(value) == 1 and isinstance(inner := next(iter(value.values())), dict):
        words.append(next(iter(value)))
        value = inner
    return f"a name with a dot stands in quotes: {dotted(keys[0], '.'.join(words))}"


class Document:
    """One TOML text with its data; `path` is where relative names in it start from."""

    def __init__(self, path: str | os.PathLike[str], text: str) -> None:
        self.path = Path(path)
        self.text = text.replace("\r\n", "\n")
        self._judged: dict[str, bool] = {}
        self._masks: tuple[int, list[tuple[int, int]]] | None = None
        self.secrets: set[str] = set()  # option names that a plugin declares secret; the builder adds them
        try:
            self.data: dict[str, Any] = tomllib.loads(self.text)
        except (tomllib.TOMLDecodeError, RecursionError) as error:
            raise Problems([self._syntax(str(error))]) from None
        except ValueError:  # Python reads no integer of more than 4,300 digits (sys.set_int_max_str_digits), and says not where it stands
            raise Problems([self._number()]) from None

    @property
    def folder(self) -> Path:
        """The folder that relative paths in the file start from."""
        return self.path.absolute().parent

    @property
    def name(self) -> str:
        """The path as it is shown: relative to here where that is shorter."""
        return _shown(self.path)

    def place(self, *keys: str | int, key: bool = False) -> Place:
        """Find the value at a path (`key=True`: its key; a table: its header), or what encloses it when it is not written."""
        return self._place(self._span(keys), key=key) or Place(self.name, 1, 1, 0, self._lines[0])

    def line_of(self, *keys: str) -> int | None:
        """Find the line that decided: of an option ("plugin", "auth", "algorithms") or an object ("endpoint", "alice").

        An object is found under its long or short form, an AOR also without its domain; an option that is not written
        is found at its plugin's table, or where the plugin is listed.
        """
        for path in self._candidates(keys):
            span = self._spans.get(path)
            if span is not None:
                return self._line(span.value if len(path) > 2 else span.key)
        return None

    # how a path is found

    @cached_property
    def _spans(self) -> dict[Keys, Span]:
        from pipeline.config.scan import scan  # noqa: PLC0415 (a right file needs none)

        return scan(self.text)

    @cached_property
    def _starts(self) -> list[int]:
        return [0, *(match.end() for match in re.finditer("\n", self.text))]

    @cached_property
    def _lines(self) -> list[str]:
        return self.text.split("\n")

    def _line(self, offset: int) -> int:
        return bisect_right(self._starts, offset)

    def _span(self, keys: Keys) -> Span | None:
        while keys:
            if (span := self._spans.get(keys)) is not None:
                return span
            keys = keys[:-1]
        return None

    def _candidates(self, keys: tuple[str, ...]) -> list[Keys]:
        if len(keys) < 2:
            return [keys]
        kind, name, *rest = keys
        if kind == "plugin":
            return [keys, (kind, name), *self._listings(name)]
        names = [name]
        if "@" in name:
            names.append(name.rpartition("@")[0])
        paths: list[Keys] = [(table, known, *rest) for known in names for table in (kind, "user")]
        paths += [(table, known) for known in names for table in (kind, "user")]
        if kind == "domain":
            domains = self.data.get("pipeline", {}).get("domains", [])
            paths += [("pipeline", "domains", i) for i, item in enumerate(domains) if str(item).lower() == name.lower()]
        return paths

    def _listings(self, name: str) -> list[Keys]:
        stages = self.data.get("stage", [])
        return [
            ("stage", i, "plugins", j)
            for i, stage in enumerate(stages if isinstance(stages, list) else [])
            if isinstance(stage, dict) and isinstance(stage.get("plugins"), list)
            for j, item in enumerate(stage["plugins"])
            if item == name
        ]

    # how a place is shown

    def _place(self, span: Span | None, *, key: bool) -> Place | None:
        if span is None:
            return None
        start, end = (span.key, span.key_end) if key else (span.value, span.value_end)
        line = self._line(start)
        first = self._starts[line - 1]
        text = self._lines[line - 1]
        column, stop = start - first, min(end - first, len(text))
        text, column, stop = self._masked(first, text, column, stop)
        return Place(self.name, line, column + 1, stop - column, text)

    @property
    def _secret_spans(self) -> list[tuple[int, int]]:
        """The values that must not be shown. A misspelt `pasword` is one as well."""
        if self._masks is None or self._masks[0] != len(self.secrets):  # a plugin's own secrets come to be known while checking
            spans = [span for keys, span in self._spans.items() if any(map(self._secret, self._option_keys(keys)))]
            leaves = {(span.value, span.value_end) for span in spans if span.value != span.key or self.text[span.value] in "\"'"}
            self._masks = (len(self.secrets), sorted(leaves))
        return self._masks[1]

    def _option_keys(self, keys: Keys) -> list[str]:
        """Leave out what is a name: of a table, and below it of the object or plugin."""
        named = len(keys) > 1 and keys[0] in _NAMED and isinstance(_inside(self.data, keys[:2]), dict)
        return [key for key in (keys[2:] if named else keys) if isinstance(key, str)]

    def _secret(self, key: str) -> bool:
        known = self._judged.get(key)
        if known is None:
            lower = key.lower()
            known = any(word in lower for word in _SECRET_WORDS) or SequenceMatcher(None, lower, "password").ratio() > 0.7
            self._judged[key] = known
        return known or key in self.secrets

    def _masked(self, first: int, text: str, column: int, stop: int) -> tuple[str, int, int]:
        """Put *** for each secret value on this line; carets move along."""
        last = first + len(text)
        for start, end in reversed(self._outer([span for span in self._secret_spans if span[0] < last and span[1] > first])):
            left, right = max(start - first, 0), min(end - first, len(text))
            moved = len(_MASK) - (right - left)
            text = text[:left] + _MASK + text[right:]
            if column >= right:
                column, stop = column + moved, stop + moved
            elif column >= left:
                column, stop = left, left + len(_MASK)
            elif stop >= right:
                stop += moved
        return text, column, stop

    @staticmethod
    def _outer(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
        """Drop spans that lie within another: the items of a secret list."""
        kept: list[tuple[int, int]] = []
        for span in spans:
            if not kept or span[0] >= kept[-1][1]:
                kept.append(span)
            elif span[1] > kept[-1][1]:
                kept[-1] = span
        return kept

    # a text that is no TOML

    def _syntax(self, complaint: str) -> Problem:
        match = _AT.search(complaint)
        what = complaint[: match.start()] if match else complaint
        if match is None or match[1] is None:
            line = len(self._lines)
            while line > 1 and not self._lines[line - 1].strip():
                line -= 1
            column = len(self._lines[line - 1]) + 1
        else:
            line, column = int(match[1]), int(match[2])
        if column == 1 and line > 1 and not self._lines[line - 1].strip():  # tomllib looked past the end of the line
            line -= 1
            column = len(self._lines[line - 1]) + 1
        text = self._lines[line - 1]
        what, suggestion, column, length = _reworded(what, text, column, self._lines[: line - 1])
        shown = self._without_secrets(line)
        if shown != text:
            column, length = min(column, len(shown) or 1), 1
            suggestion = suggestion.partition(":")[0]  # "text stands in quotes", without the text
        return Problem(Place(self.name, line, column, length, shown), what, suggestion)

    def _number(self) -> Problem:
        found = _LONG_NUMBER.search(self.text)
        line = self.text.count("\n", 0, found.start()) + 1 if found else 1
        return Problem(Place(self.name, line, 1, 0, ""), "a number has thousands of digits", "TOML's integers have 64 bits")

    def _without_secrets(self, line: int) -> str:
        """Mask by words alone: there are no spans in a text that does not parse."""
        text = self._lines[line - 1]
        if "=" in text or text.lstrip().startswith("["):
            return _SECRET_LINE.sub(lambda found: found[1] + "***", text)
        for above in reversed(self._lines[: line - 1]):
            if "=" in above or above.lstrip().startswith("["):
                return "***" if _SECRET_LINE.match(above) else text
        return text


def _reworded(what: str, text: str, column: int, above: list[str]) -> tuple[str, str, int, int]:
    """Say in the user's words what tomllib says in a parser's: message, suggestion, column, length."""
    if (header := _HEADER.match(text)) and what.startswith(("Cannot", "Expected ']")):
        return *_misplaced(what, header[1], header[2].strip(), above), header.start(1) + 1, len(header[1].rstrip())
    start = column - 1
    word = re.compile(r"[^\s,\]}#]+").match(text, start)
    if what == "Invalid value" and word:
        known = {"true": "true", "yes": "true", "on": "true", "false": "false", "no": "false", "off": "false"}.get(word[0].lower())
        return "this is no TOML value", f"write {known}" if known else f'text stands in quotes: "{word[0]}"', column, len(word[0])
    if what == "Invalid value":
        return "a value is missing here", "", column, 1
    if what.startswith("Cannot overwrite a value"):
        key = text.partition("=")[0].strip()
        return f"the key {key} stands twice", "remove one of the two", len(text) - len(text.lstrip()) + 1, max(1, len(key))
    if what.startswith("Expected '='"):
        return "a key needs '=' and a value", 'write key = "value"', column, 1
    if what == "Unclosed array":
        return "a list is not closed", "a ']' or a ',' is missing before this", column, 1
    if what.startswith("Unterminated string") or "Illegal character '\\n'" in what:
        return "a text is not closed", 'its closing quote is missing (texts over several lines stand in """)', column, 1
    if what.startswith("Invalid initial character for a key part"):
        key = text.partition("=")[0].strip()
        write = f'write "{key}"' if key and '"' not in key and "\\" not in key else ""
        return "a key with other signs than letters, digits, '_' and '-' stands in quotes", write, column, 1
    if what.startswith("Unescaped '\\' in a string"):
        return (
            "a backslash begins no escape here",
            "a text with backslashes, such as a regular expression, stands in single quotes",
            column,
            1,
        )
    return what[:1].lower() + what[1:], "", column, 1


def _misplaced(what: str, header: str, name: str, above: list[str]) -> tuple[str, str]:
    """Say what is wrong with a header: message, suggestion."""
    brackets = 2 if header.startswith("[[") else 1
    if what.startswith("Expected ']") and not header.rstrip().endswith("]" * brackets):
        whole = f"{'[' * brackets}{name}{']' * brackets}"
        return f"a header is not closed: '{']' * brackets}' is missing", f"write {whole}" if _DOTTED.match(name) else ""
    if what.startswith("Expected ']"):
        kind, dot, rest = name.partition(".")
        write = (
            f"write {dotted(kind, rest)}"
            if dot and rest and not set(rest) & set("\"'[]\\") and not (kind == "user" and " " in rest)
            else ""
        )
        return "a name with other signs than letters, digits, '_' and '-' stands in quotes", write
    former = [found for line in above if (found := _HEADER.match(line)) and found[2].strip() == name]
    if former and former[-1][1].startswith("[[") != header.startswith("[["):
        return f"{header} stands here, and {former[-1][1]} above", f"write [[{name}]] at each, if there may be several"
    return f"the table {header} stands twice", "put the keys of both under one header"


def _inside(data: Any, keys: Keys) -> Any:
    for key in keys:
        data = data.get(key) if isinstance(data, dict) else None
    return data


def _shown(path: Path) -> str:
    """Show a path relative to where the user stands, when it is below that."""
    try:
        return str(path.absolute().relative_to(Path.cwd()))
    except (ValueError, OSError):
        return str(path)
