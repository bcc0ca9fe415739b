"""The CSV file of `sipline user import`: read whole and judged row by row before anything of it is stored. RFC 4180.

Rule: a row is a line. A password with a line break is none that a phone could be given, and so a quote that nobody closed spoils its own
row and not those behind it. What is wrong is said with file and line, and never with the password.
"""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, NamedTuple

from pipeline.cli import Failed
from pipeline.config.problems import nearest
from pipeline.control import accounts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from pipeline.dal import Domain

__all__ = ["Faulty", "Row", "read_users"]

COLUMNS = ("user", "password", "domain")


class Faulty(Exception):  # noqa: N818 (sentences for the user)
    """What is wrong with a file, none of which was stored: a sentence for each place."""

    def __init__(self, name: str, faults: list[str]) -> None:
        super().__init__(f"{name}: nothing was stored")
        self.faults = faults


class Row(NamedTuple):
    """One user of the file, who can be stored if nobody of that name is there."""

    place: str
    user: str
    domain: Domain
    password: str


def read_users(name: str, lines: Iterable[str], domain_named: Callable[[str], Domain]) -> list[Row]:
    """Give all rows; Faulty when any cannot be meant as it is written."""
    rows: list[Row] = []
    faults: list[str] = []
    seen: dict[tuple[str, str], str] = {}
    columns: list[str] = []
    for number, line in enumerate(lines, 1):
        place = f"{name}:{number}"
        try:
            cells = _cells(line.removeprefix("\ufeff") if number == 1 else line)
            if not columns:
                columns = _columns(cells)
                continue
            if not cells:
                continue
            row = _row(place, columns, cells, domain_named)
            first = seen.setdefault((row.user, row.domain.id), place)
            if first is not place:
                raise Failed(f"{row.user} stands in {first} already")
            rows.append(row)
        except (csv.Error, accounts.Refused, Failed) as error:
            faults.append(f"{place}: {error}")
            if not columns:
                raise Faulty(name, faults) from None
    if not columns:
        raise Faulty(name, [f"{name}:1: the first line must name the columns: user,password or user,password,domain"])
    if faults:
        raise Faulty(name, faults)
    return rows


def _cells(line: str) -> list[str]:
    try:
        return next(_reader(line), [])
    except csv.Error as error:
        if "unexpected end" in str(error):
            raise Failed('a quote (") is opened and not closed in this line') from None
        raise


def _reader(line: str) -> Iterator[list[str]]:
    return csv.reader((line,), skipinitialspace=True, strict=True)


def _columns(cells: list[str]) -> list[str]:
    columns = [cell.strip().lower() for cell in cells]
    if "user" not in columns or "password" not in columns:
        raise Failed("the first line must name the columns: user,password or user,password,domain")
    for column in columns:
        if columns.count(column) > 1:
            raise Failed(f"the column {column!r} is named twice")
        if column not in COLUMNS:  # misspelt, it would put everybody in the first domain
            hint = nearest(column, COLUMNS)
            raise Failed(f"there is no column {column!r}: " + (hint or "user, password and domain are read, remove the others"))
    return columns


def _row(place: str, columns: list[str], cells: list[str], domain_named: Callable[[str], Domain]) -> Row:
    if len(cells) > len(columns):
        few = f"{len(cells)} cells where the first line names {len(columns)} columns"
        raise Failed(f'{few}: a password with a comma is written in quotes ("), a quote in it as two')
    row = dict(zip(columns, cells, strict=False))  # a domain may be left out
    user, password = row.get("user", ""), row.get("password", "")
    try:
        domain = domain_named(row.get("domain", ""))
    except Failed as error:  # which names the cell: it may be the other half of a password
        cell, served = columns.index("domain") + 1, str(error).rpartition(": ")[2]
        raise Failed(f'cell {cell} is no domain of this server: {served}; a password with a comma is written in quotes (")') from None
    return Row(place, accounts.user_name(user, domain, password), domain, password)
