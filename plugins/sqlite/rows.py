"""An object as a row of its type's table, and the SQL that is spoken about it.

Rule: one column per attrs field, named as the field; `origin` is not stored (it is this database). Text, numbers and truth values as
themselves, lists and tables as JSON text. NULL means the field's default, so that a row written by hand needs only what it wants to say.
Text that is no UTF-8 (a phone may send what it likes, and its Contact is kept verbatim) becomes a BLOB of the very bytes.
"""

from __future__ import annotations

import json
import typing
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import attrs

from pipeline.dal.query import condition, matcher

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pipeline.dal import Stored

PLAIN = {str: "TEXT", int: "INTEGER", float: "REAL", bool: "INTEGER"}


class Unreadable(ValueError):  # noqa: N818  errors are named by what they say
    """A row that is no object: a value of the wrong type, JSON that is none, nothing where something is required."""


class Rows:
    """How objects of one class become rows and back."""

    def __init__(self, cls: type[Stored], origin: str) -> None:
        hints = typing.get_type_hints(cls)
        fields: Any = attrs.fields(cls)  # type: ignore[arg-type]
        self.cls = cls
        self.kind = cls.kind
        self.origin = origin
        self.names = tuple(field.name for field in fields if field.name != "origin")
        self.types = {name: hints[name] for name in self.names}
        self.columns = {name: PLAIN.get(hints[name], "TEXT") for name in self.names}
        self.several = tuple(name for name in cls.indexed if hints[name] not in PLAIN)  # indexed fields that hold several values
        self._defaults = [field.default for field in fields if field.name != "origin"]
        self._json = {place: "{}" if _is_table(hints[name]) else "[]" for place, name in enumerate(self.names) if hints[name] not in PLAIN}
        self._truth = tuple(place for place, name in enumerate(self.names) if hints[name] is bool)
        self._read = attrgetter(*self.names)
        self._origin_at = next(place for place, field in enumerate(fields) if field.name == "origin")
        self._by_name = any(field.kw_only for field in fields)
        quoted = ", ".join(f'"{name}"' for name in self.names)
        self._insert = f'INSERT INTO "{self.kind}" ({quoted}) VALUES '  # noqa: S608  made of attrs fields' names, as all SQL here
        self._one = f"({', '.join('?' * len(self.names))})"
        self._update = " ON CONFLICT(id) DO UPDATE SET " + ", ".join(f'"{name}"=excluded."{name}"' for name in self.names if name != "id")
        self.select = f'SELECT {quoted} FROM "{self.kind}"'  # noqa: S608
        self.select_one = f"{self.select} WHERE id = ?"

    def row(self, stored: Any) -> list[Any]:
        """Return the object's columns."""
        row = list(self._read(stored))
        for place, empty in self._json.items():
            row[place] = json.dumps(row[place]) if row[place] else empty
        return row

    def careful(self, stored: Any) -> list[Any]:
        """Return the object's columns, having looked at each value: raises ValueError for one that SQLite cannot hold."""
        row = [storable(value) for value in self.row(stored)]
        for name, value in zip(self.names, row, strict=True):
            if isinstance(value, int) and not -(1 << 63) <= value < 1 << 63:
                raise ValueError(f"{self.kind} {stored.id!r}: {name} is too large a number")
        return row

    def same(self, stored: Any, other: Any) -> bool:
        """Whether two objects have equal columns."""
        return bool(self._read(stored) == self._read(other))

    def stored(self, row: Sequence[Any]) -> Any:
        """Return the object of a row; Unreadable if it is none."""
        values = list(row)
        try:
            if bytes in map(type, values):
                values = [value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else value for value in values]
            for place, empty in self._json.items():
                if (text := values[place]) is not None:
                    value = json.loads(text) if text != empty else () if empty == "[]" else {}
                    values[place] = tuple(value) if isinstance(value, list) else value
            for place in self._truth:
                if values[place] is not None:
                    values[place] = bool(values[place])
            if None in values:
                self._fill(values)
            if self._by_name:
                return self.cls(**dict(zip(self.names, values, strict=True)), origin=self.origin)  # type: ignore[call-arg]
            values.insert(self._origin_at, self.origin)
            return self.cls(*values)
        except (ValueError, TypeError) as error:
            raise Unreadable(f"{self.kind} {row[0]!r}: {error}") from error

    def _fill(self, values: list[Any]) -> None:
        for place, value in enumerate(values):
            if value is None:
                default = self._defaults[place]
                if default is attrs.NOTHING:
                    raise ValueError(f"{self.names[place]} is missing")
                values[place] = default.factory() if isinstance(default, attrs.Factory) else default  # type: ignore[arg-type]

    def upsert(self, count: int) -> str:
        """Return the statement that writes so many rows over what is there."""
        return self._insert + ", ".join([self._one] * count) + self._update

    def delete(self, count: int) -> str:
        """Return the statement that deletes so many ids."""
        return f'DELETE FROM "{self.kind}" WHERE id IN ({", ".join("?" * count)})'  # noqa: S608

    def where(self, fields: dict[str, Any]) -> tuple[str, list[Any]]:
        """Return a SELECT of at least what find() asks for, and its values: `chosen` has the last word."""
        terms, values = [], []
        for name, wanted in fields.items():
            op, value = condition(wanted)
            if name in self.several and op == "==" and isinstance(value, str):
                terms.append(f'id IN (SELECT id FROM "{self.kind}_{name}" WHERE value = ?)')  # noqa: S608
            elif name in self.columns and self.types[name] in PLAIN:
                unsaid = f""" OR "{name}" IS NULL{f" OR {chr(34)}{name}{chr(34)} = ''" if self.types[name] is str else ""}"""
                terms.append(f'("{name}" {op} ?{unsaid if name != "id" else ""})')
            else:
                continue
            values.append(storable(value))
        return self.select + (" WHERE " + " AND ".join(terms) if terms else ""), values

    def chosen(self, rows: Iterable[Sequence[Any]], fields: dict[str, Any]) -> tuple[Any, ...]:
        """Return the objects of these rows that find() asks for."""
        return tuple(filter(matcher(fields), map(self.stored, rows)))


def storable(value: Any) -> Any:
    """Return text as it can be bound: itself, or its bytes if it is no UTF-8."""
    if isinstance(value, str) and not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            return value.encode("utf-8", "surrogateescape")
    return value


def _is_table(hint: Any) -> bool:
    return hint is dict or typing.get_origin(hint) is dict or any(typing.get_origin(part) is dict for part in typing.get_args(hint))
