"""What the hook `check` of a plugin sees of a file: its data, what was made of it, and the way to say what is wrong.

Rule: a plugin speaks as the builder does, with the keys that lead to the place; line, column and caret come of themselves.
"""

from __future__ import annotations

import inspect
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from pipeline.config.plan import Reference

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from pipeline.config.objects import Objects
    from pipeline.config.problems import Report
    from pipeline.config.stages import Keys

__all__ = ["Checked", "check_plugins"]


class Checked:
    """One file, for one plugin's `check`."""

    def __init__(self, report: Report, objects: Objects, plugins: Mapping[str, Any], listed: Keys, name: str, *, complete: bool) -> None:
        self._report = report
        self._objects = objects
        self.plugins = plugins
        """The plugins of the integration stage that could be made, by their names, in the order of the list. They have not been started."""
        self.complete = complete
        """Whether these are all that are listed: what one could not be found or made for may be right all the same."""
        self.name = name
        """The name under which the plugin is listed."""
        self.listed = listed
        """Where it is listed."""
        self.files: dict[Path, int] = {}
        """What the plugin reads, each with a hash of what it holds."""

    @property
    def data(self) -> dict[str, Any]:
        """The file as TOML has it: also what is wrong in it."""
        return self._report.document.data

    @property
    def folder(self) -> Path:
        """The folder that relative paths in the file start from."""
        return self._report.document.folder

    def reads(self, path: Path) -> None:
        """Note a file that the plugin reads at each start: a reload tells when it holds something else than before."""
        with suppress(OSError):  # whoever cannot read it says so
            self.files[path] = hash(path.read_bytes())

    def tables(self, kind: str) -> dict[str, dict[str, Any]]:
        """Return the tables [kind.NAME] of the file by their names; those that are none were told already."""
        tables = self.data.get(kind)
        return {name: table for name, table in tables.items() if isinstance(table, dict)} if isinstance(tables, dict) else {}

    def objects(self, kind: str) -> list[tuple[Any, Keys]]:
        """Return the objects of a type that the file holds, each with its table."""
        places = self._objects.places.get(kind, {})
        return [(stored, places[stored.id]) for stored in self._objects.all if stored.kind == kind]

    def error(self, keys: Keys, message: str, suggestion: str = "", *, key: bool = False) -> None:
        """Note a mistake at the value of a path (`key=True`: at its key)."""
        self._report.error(keys, message, suggestion, key=key)

    def warning(self, keys: Keys, message: str, suggestion: str = "", *, key: bool = False) -> None:
        """Note something that runs, but probably not as meant."""
        self._report.warning(keys, message, suggestion, key=key)

    def refers(
        self,
        kind: str,
        ident: str,
        keys: Keys,
        message: str,
        *,
        others: tuple[tuple[str, str], ...] = (),
        mistake: bool = True,
        also: Iterable[str] = (),
        write: str = "",
    ) -> None:
        """Note that a value names a stored object: `message` is told when it exists neither here nor, perhaps, in another backend.

        An address of record without a domain is in the first one. One of `others` will do as well, each (type, id). Without `mistake` it is
        a warning. `also` are names of what is no object and was perhaps meant; `write` says where it would stand, if not in [kind.ident].
        """
        asked = [
            (each, self._objects.aor_id(name, keys) if each == "aor" and "@" not in name else name)
            for each, name in ((kind, ident), *others)
        ]
        self._objects.refers.append(Reference(*asked[0], keys, message, tuple(asked[1:]), mistake, tuple(also), write))


def check_plugins(
    report: Report, objects: Objects, plugins: Mapping[str, Any], places: Mapping[str, Keys], integration: Mapping[str, Keys]
) -> dict[str, dict[Path, int]]:
    """Call the hook `check` of every plugin that has been made; returns, by their names, the files that they read."""
    files: dict[str, dict[Path, int]] = {}
    there = {name: plugins[name] for name in integration if name in plugins}
    for name, plugin in plugins.items():
        method: Callable[..., None] | None = getattr(plugin, "check", None)
        if method is None or not hasattr(method, "sipline_impl") or inspect.iscoroutinefunction(method):
            continue  # the last was told by hooks.py
        file = Checked(report, objects, there, places[name], name, complete=there.keys() >= integration.keys())
        try:
            method(file) if inspect.signature(method).parameters else method()
        except Exception as error:
            report.error(places[name], f"'{name}' failed in check(): {error!r}")
        files[name] = file.files
    return files
