"""The header fields of a message as text: found by name, edited by methods, given back byte for byte where nobody edited.

Rule: values come unfolded and stripped; an edit records who and what, and only edited fields are written anew.
RFC 3261 section 7.3; folding in 7.3.1.
"""

from __future__ import annotations

import re
from itertools import repeat

from .grammar import Malformed, split_commas
from .headers import KEYS, LISTS, canonical, spelled
from .once import once

# Begins only where a run of blanks begins, and never goes back: a datagram full of blanks costs linear time.
FOLD = re.compile(r"(?<![ \t])[ \t]*+(?>(?:\r\n[ \t]++)+)")

Field = tuple[str, str, str, str]  # key, name as written, value, the text as received ("" when it is to be written anew)


CUT, STRIP, KNOWN = str.partition, str.strip, KEYS.get
COLON, BLANKS = repeat(": "), repeat(" \t")


def index(lines: list[str]) -> tuple[dict[str, str], dict[str, list[str]]]:
    """Field lines by key: the first value of each, and all values of those that are repeated.

    Hot: where all names are usual ones and nothing is folded no line is looked at in Python. That is 5 us of the 35 that a message takes.
    """
    if not lines:
        return {}, {}
    names, _, values = zip(*map(CUT, lines, COLON), strict=True)
    first: dict[str, str] = dict(zip(map(KNOWN, names), map(STRIP, values, BLANKS), strict=True))  # type: ignore[arg-type]
    if None in first:
        return _unusual(lines)
    return (first, {}) if len(first) == len(lines) else _repeated(lines)


def _unusual(lines: list[str]) -> tuple[dict[str, str], dict[str, list[str]]]:
    """The same for lines with other names, other blanks, folds."""
    first: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(": ")
        key = KNOWN(name)
        if key is None:
            if line[:1] in (" ", "\t"):
                if line is lines[0]:
                    raise Malformed("Bad header section: it begins with a blank")
                return index(FOLD.sub(" ", "\r\n".join(lines)).split("\r\n"))
            name, colon, value = line.partition(":")
            if not colon:
                raise Malformed("Bad header field: a line without ':'")
            key = canonical(name)
        first[key] = value.strip(" \t")
    return (first, {}) if len(first) == len(lines) else _repeated(lines)


def _repeated(lines: list[str]) -> tuple[dict[str, str], dict[str, list[str]]]:
    """The same for lines of which some have one name; there are no folded ones."""
    first: dict[str, str] = {}
    more: dict[str, list[str]] = {}
    for line in lines:
        name, _, value = line.partition(":")
        key, value = canonical(name), value.strip(" \t")
        if key not in first:
            first[key] = value
        elif key in more:
            more[key].append(value)
        else:
            more[key] = [first[key], value]
    return first, more


def fields_of(head: str) -> list[Field]:
    """The fields of a head (start line and all), each with its text as received, folds included."""
    fields: list[Field] = []
    for line in head.split("\r\n")[1:]:
        if line[:1] in (" ", "\t") and fields:
            key, name, value, text = fields[-1]
            more = line.strip(" \t")
            fields[-1] = (key, name, f"{value} {more}".strip(" "), f"{text}\r\n{line}")
            continue
        name, _, value = line.partition(":")
        fields.append((canonical(name), name.rstrip(" \t"), value.strip(" \t"), line))
    return fields


class Fields:
    """A head of fields and a body. `head` is the text up to the empty line; `raw` the very bytes, None for what was made here."""

    # No __slots__: what is parsed once becomes an attribute of the instance (once.py), and what most messages never have costs nothing.
    edits: list[tuple[str, str, str]] | None = None
    _more: dict[str, list[str]]
    _fields: list[Field] | None = None
    _changed = False
    _stamp = ""

    def __init__(
        self,
        head: str,
        body: bytes = b"",
        raw: bytes | None = None,
        first: dict[str, str] | None = None,
        more: dict[str, list[str]] | None = None,
    ) -> None:
        self.head = head
        self.body = body
        self.raw = raw
        if first is not None:
            self.first = first
            self.get = first.get  # type: ignore[method-assign, assignment]  # hot: read fifteen times per message
            self._more = more if more is not None else {}

    parsed: tuple[str, ...] = ()
    """The attributes that an edit makes void: each is parsed anew when it is read again."""

    # ---- fields as text

    @once
    def first(self) -> dict[str, str]:
        """The first value of each field, by key; to be read only."""
        first, self._more = index(self.head.split("\r\n")[1:])
        return first

    def get(self, name: str) -> str | None:
        """The value of the first field of that name, None when there is none."""
        return self.first.get(name)

    def all(self, name: str) -> list[str]:
        """The value of every field of that name, in order, unsplit."""
        value = self.first.get(name)
        if value is None:
            return []
        return list(self._more[name]) if name in self._more else [value]

    def values(self, name: str) -> list[str]:
        """The elements of every field of that name: split at commas when the grammar is a list; empty ones left out (7.3.1)."""
        if name not in LISTS:
            return self.all(name)
        return [item for value in self.all(name) for item in split_commas(value, spelled(name)) if item]

    def repeated(self) -> dict[str, list[str]]:
        """The fields that stand more than once, with all their values; to be read only."""
        _ = self.first
        return self._more

    def items(self) -> list[tuple[str, str]]:
        """(name as written, value) of each field in order."""
        return [(name, value) for _, name, value, _ in self._list()]

    def __contains__(self, name: object) -> bool:
        return name in self.first

    def _list(self) -> list[Field]:
        if self._fields is None:
            self._fields = fields_of(self.head)
            if self._stamp:
                place = next(place for place, field in enumerate(self._fields) if field[0] == "via")
                self._fields[place] = ("via", self._fields[place][1], self._stamp, "")
        return self._fields

    # ---- edits

    def set(self, name: str, value: str, by: str = "") -> None:
        """One field of that name with that value, where the first was; others of that name go."""
        name = canonical(name)
        fields = self._list()
        places = [place for place, field in enumerate(fields) if field[0] == name]
        new = self._field(name, value)
        if places:
            kept = [field for place, field in enumerate(fields) if field[0] != name or place == places[0]]
            kept[places[0]] = new
        else:
            kept = [*fields, new]
        self._edited(kept, by, "set", name)

    def add(self, name: str, value: str, by: str = "") -> None:
        """One more field, after the last of that name, else at the end."""
        name = canonical(name)
        fields = list(self._list())
        place = next((place for place in range(len(fields), 0, -1) if fields[place - 1][0] == name), len(fields))
        fields.insert(place, self._field(name, value))
        self._edited(fields, by, "add", name)

    def prepend(self, name: str, value: str, by: str = "") -> None:
        """One more field, before the first of that name, else on top."""
        name = canonical(name)
        fields = list(self._list())
        place = next((place for place, field in enumerate(fields) if field[0] == name), 0)
        fields.insert(place, self._field(name, value))
        self._edited(fields, by, "prepend", name)

    def remove(self, name: str, by: str = "") -> None:
        """Take away every field of that name."""
        name = canonical(name)
        self._edited([field for field in self._list() if field[0] != name], by, "remove", name)

    def set_body(self, body: bytes, content_type: str = "", by: str = "") -> None:
        """Another body, with its length and, when given, its type."""
        self.body = body
        if content_type:
            self.set("content-type", content_type, by)
        self.set("content-length", str(len(body)), by)

    @staticmethod
    def _field(name: str, value: str) -> Field:
        if "\r" in value or "\n" in value:
            raise ValueError(f"{name}: a field value may not hold line breaks")
        return (name, spelled(name), value, "")

    def _edited(self, fields: list[Field], by: str, verb: str, name: str) -> None:
        self._replace(fields)
        if self.edits is None:
            self.edits = []
        self.edits.append((by, verb, name))

    def _replace(self, fields: list[Field]) -> None:
        first: dict[str, str] = {}
        more: dict[str, list[str]] = {}
        for key, _, value, _ in fields:
            if key in first:
                more.setdefault(key, [first[key]]).append(value)
            else:
                first[key] = value
        self._fields, self.first, self._more = fields, first, more
        self.get = first.get  # type: ignore[method-assign, assignment]
        for name in self.parsed:
            self.__dict__.pop(name, None)
        self._changed = True

    # ---- bytes

    @property
    def start_line(self) -> str:
        """The first line."""
        return self.head.partition("\r\n")[0]

    def encode(self) -> bytes:
        """The bytes to send: what was received, when nobody edited it."""
        if not self._changed:
            return self.raw if self.raw is not None else self.head.encode("utf-8", "surrogateescape") + b"\r\n\r\n" + self.body
        lines = [self.start_line, *(text or f"{name}: {value}" for _, name, value, text in self._list())]
        return "\r\n".join(lines).encode("utf-8", "surrogateescape") + b"\r\n\r\n" + self.body

    def __repr__(self) -> str:
        return f"<{self.start_line}>"
