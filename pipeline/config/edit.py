"""Edits of pipeline.toml: a plugin into a stage's list, or out of it. Comments and layout survive, which is tomlkit's work.

Rule: an edit changes these lists and nothing else (tomllib reads the result again, to be sure). What is to be written is shown to `check`
before, which may raise: then nothing is written. The file is replaced whole, so that a server that reads it meanwhile sees the old text
or the new one; only who may not give the new one to the file's owner writes into the old one.
"""

from __future__ import annotations

import errno
import os
import stat
import tempfile
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.config.read import Document, read

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["Refused", "disable", "enable", "lists_of"]

NO_RIGHT = (errno.EPERM, errno.EACCES, errno.ENOTSUP, errno.EBUSY)
"""To make a file in that folder, to give it to its owner, or to put it in the place of one that is mounted (a container's)."""
MARK = "\ufeff"
"""What Windows' editors put before UTF-8."""


class Refused(Exception):  # noqa: N818 (a sentence for the user, not a fault of the program)
    """Why the file was left as it is."""


def _unchecked(_document: Document) -> None:
    pass


def enable(
    path: str | os.PathLike[str], name: str, places: Mapping[str, str], check: Callable[[Document], None] = _unchecked
) -> tuple[str, ...]:
    """List a plugin in stages, in each behind the one that `places` names; "" = as the first.

    Give the stages it was not listed in before.
    """

    def insert(lists: dict[str, Any]) -> tuple[str, ...]:
        changed = []
        for stage, behind in places.items():
            if stage not in lists:
                raise Refused(f"there is no stage '{stage}' to list '{name}' in")
            names = lists[stage]
            if name in names:
                continue
            if behind and behind not in names:
                raise Refused(f"'{behind}' is not listed in stage '{stage}'")
            _insert(names, names.index(behind) + 1 if behind else 0, name)
            changed.append(stage)
        return tuple(changed)

    return _edit(path, insert, check)


def _insert(names: list[str], position: int, name: str) -> None:
    if position or not names or "\n" in getattr(names, "as_string", str)():
        names.insert(position, name)
    else:  # tomlkit would leave no blank between the new first of a line and the former one
        names.insert(1, names[0])
        names[0] = name


def disable(path: str | os.PathLike[str], name: str, check: Callable[[Document], None] = _unchecked) -> tuple[str, ...]:
    """Take a plugin out of every stage, and leave its table for the day it comes back. Give the stages it was listed in."""

    def remove(stages: dict[str, Any]) -> tuple[str, ...]:
        found = tuple(stage for stage, names in stages.items() if name in names)
        for stage in found:
            while name in stages[stage]:
                stages[stage].remove(name)
        return found

    return _edit(path, remove, check)


def _edit(
    path: str | os.PathLike[str], change: Callable[[dict[str, Any]], tuple[str, ...]], check: Callable[[Document], None]
) -> tuple[str, ...]:
    """Apply a change to the lists by stage; give the stages that it changed."""
    named, path = path, Path(path).resolve()  # a link stays a link
    before = read(path)  # says well what is wrong with the file
    expected = tomllib.loads(before.text)
    changed = change(lists_of(expected))
    if not changed:
        return ()
    import tomlkit  # noqa: PLC0415 (60 ms that only an edit needs)

    text = path.read_bytes().decode("utf-8")
    mark = MARK if text.startswith(MARK) else ""
    edited = tomlkit.parse(text.removeprefix(MARK))
    change(lists_of(edited))
    result = edited.as_string()
    if tomllib.loads(result) != expected:
        raise Refused(f"{before.name} cannot be edited without changing more than the list: do it by hand")
    check(Document(named, result))
    _replace(path, mark + result)
    return changed


def lists_of(data: Any) -> dict[str, Any]:
    """Give the lists by stage; what is not of that form is for `sipline check` to tell."""
    tables = data.get("stage", [])
    if not isinstance(tables, list):
        raise Refused("stages are tables: write [[stage]], with name and plugins")
    found: dict[str, Any] = {}
    for table in tables:
        name, names = table.get("name"), table.get("plugins")
        if isinstance(name, str) and isinstance(names, list) and name not in found:
            found[str(name)] = names
    return found


def _replace(path: Path, text: str) -> None:
    """Write the file anew, as it is but for its text: owner, group, mode, attributes. Where that cannot be, write into it."""
    data = text.encode("utf-8")
    try:
        try:
            _beside(path, data)
        except OSError as error:
            if error.errno not in NO_RIGHT:  # on a full disk the old text is better than half of the new one
                raise
            _within(path, data)
    except OSError as error:
        raise Refused(f"{path} cannot be written: {error.strerror}") from None


def _beside(path: Path, data: bytes) -> None:
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            was, made = path.stat(), os.fstat(file.fileno())
            if (was.st_uid, was.st_gid) != (made.st_uid, made.st_gid):  # a server that runs as its owner is to read it
                os.chown(file.fileno(), was.st_uid, was.st_gid)
            Path(name).chmod(stat.S_IMODE(was.st_mode))
            if hasattr(os, "listxattr"):  # Linux: access lists, labels
                for each in os.listxattr(path):
                    os.setxattr(file.fileno(), each, os.getxattr(path, each))
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _within(path: Path, data: bytes) -> None:
    with path.open("r+b") as file:
        file.write(data)
        file.truncate()
        file.flush()
        os.fsync(file.fileno())
