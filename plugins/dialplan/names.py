"""What `sipline check` says about the names of extensions: what is wrong, what is never reached, what probably means something else.

Rule: a name is hidden when another of the same table always goes before it (patterns.py has the order). Only what is certain is told:
of two patterns the more specific one goes first anyway, so one hides the other only when both fit the same.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from .patterns import Mistake, Table, is_expression, read_expression, read_pattern

if TYPE_CHECKING:
    from pipeline.config.checked import Checked

    from .reading import Keys

__all__ = ["check_names"]

_LOOKS_LIKE = re.compile(r"\+?(?=.*[NXZ\[.!])[0-9NXZ*#\[\].!-]+\Z")
"""A pattern whose "_" was forgotten."""
_SMALL = re.compile(r"_[0-9*#+xnzXNZ.!-]*\Z")
"""A pattern, but for the case of its letters."""
_ONE_NAME = re.compile(r"/\^((?:\\[^A-Za-z0-9]|[A-Za-z0-9#_-])+)\$/\Z")
"""A regular expression that is one name."""
_ALL = frozenset({"", ".*", "^.*$", ".+", "^.+$", "^"})


def check_names(file: Checked, written: dict[str, Any], keys: Keys) -> str:
    """Check the names of one table; return the pattern that fits everything, if there is one."""
    same: dict[Any, str] = {}
    catching = ""
    for name in written:
        place = (*keys, name)
        try:
            meaning, takes_all = _meaning(name)
        except Mistake as mistake:
            file.error(place, mistake.message, mistake.suggestion, key=True)
            continue
        _doubts(file, name, place)
        other = same.setdefault(meaning, name)
        if other != name:
            _hidden(file, name, place, f"'{other}' stands for the same")
        if takes_all:
            catching = catching or name
    _expressions(file, written, keys, catching)
    return catching


def _meaning(name: str) -> tuple[Any, bool]:
    """Give what two names have in common that fit the same, and whether it is a pattern that fits everything; raise Mistake."""
    if name[:1] == "_":
        pattern = read_pattern(name)
        return pattern.only or pattern.rank, pattern.takes_all
    if is_expression(name):
        read_expression(name)
    elif not name:
        raise Mistake("an extension has no name", "'_.' fits everything")
    return name, False


def _expressions(file: Checked, written: dict[str, Any], keys: Keys, catching: str) -> None:
    """Find regular expressions that something takes everything from."""
    table: Table[str] = Table()
    for name in written:
        if not is_expression(name):
            try:
                table.add(name, name)
            except Mistake:
                continue
    for name in filter(is_expression, written):
        place = (*keys, name)
        one = _ONE_NAME.match(name)
        meant = re.sub(r"\\(.)", r"\1", one[1]) if one is not None else ""
        if catching:
            _hidden(file, name, place, f"'{catching}' goes before it and fits everything")
        elif meant and (found := meant if meant in table.exact else (table.find(meant) or ("",))[0]):
            _hidden(file, name, place, f"'{found}' goes before it")
        if name[1:].rstrip("i").rstrip("/") in _ALL:
            catching = catching or name


def _hidden(file: Checked, name: str, place: Keys, why: str) -> None:
    hint = "patterns go before regular expressions, these in the order of the file" if "everything" in why else "remove one of the two"
    file.warning(place, f"'{name}' is never reached: {why}", hint, key=True)


def _doubts(file: Checked, name: str, place: Keys) -> None:
    """Warn of names that probably mean something else."""
    if name[:1] == "_":
        small = next((char for char in name if char in "xnz"), "") if _SMALL.match(re.sub(r"\[[^]]*\]", "", name)) else ""
        if small:
            file.warning(place, f"'{small}' in '{name}' stands for itself", f"write {small.upper()} for a digit", key=True)
    elif not is_expression(name) and _LOOKS_LIKE.match(name) and not name.replace(".", "").isdigit():
        file.warning(place, f"'{name}' stands for itself: it is no pattern", f"write '_{name}'", key=True)
