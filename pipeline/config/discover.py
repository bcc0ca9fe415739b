"""Find the class of a plugin: one of ours, an installed distribution's (entry point group `sipline`), or one in a file.

Rule: only what the file lists is imported. So nothing here is pluggy's load_setuptools_entrypoints, which imports every
installed plugin. Ours come before others' of the same name; two distributions with the same name are an error.
"""

from __future__ import annotations

import sys
import types
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from pipeline.config.problems import listed, nearest
from pipeline.config.values import from_home

if TYPE_CHECKING:
    from collections.abc import Mapping
    from importlib.metadata import EntryPoint
    from typing import Any

__all__ = ["BUILT_IN", "GROUP", "Finder", "Found", "Missing", "builtins", "camel_case", "entry_points"]

GROUP = "sipline"
BUILT_IN = "built-in"


class Found(NamedTuple):
    """A plugin class, what it is called by itself, and where it came from."""

    cls: type
    kind: str
    source: str
    version: str
    digest: str = ""
    """Of the file that it was read from: what tells a reload that the file has changed."""


class Missing(Exception):  # noqa: N818 (a sentence for the user, not a fault of the program)
    """Why there is no class; `key` is the reserved key of the plugin's table that is to blame, if one is."""

    def __init__(self, message: str, suggestion: str = "", key: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.suggestion = suggestion
        self.key = key


def camel_case(name: str) -> str:
    """Write a plugin's name as its class: media_local -> MediaLocal."""
    return "".join(word.capitalize() for word in name.split("_"))


def builtins() -> tuple[str, ...]:
    """List the plugins that come with Sipline, without importing one."""
    spec = find_spec("pipeline.plugins")
    folders = map(Path, (spec.submodule_search_locations if spec else None) or ())
    return tuple(sorted(file.parent.name for folder in folders for file in folder.glob("*/__init__.py")))


def entry_points() -> dict[str, list[EntryPoint]]:
    """List the plugins that other distributions offer, without importing one."""
    from importlib import metadata  # noqa: PLC0415 (20 ms, and most files list none)

    found: dict[str, list[EntryPoint]] = {}
    for point in metadata.entry_points(group=GROUP):
        same = found.setdefault(point.name, [])
        if all(point.value != other.value for other in same):  # one distribution can be on the path twice
            same.append(point)
    return found


class Finder:
    """Finds classes for one reading of one file: a plugin file is read anew each time, so that a reload sees its changes."""

    def __init__(self, folder: Path, tables: Mapping[str, Any]) -> None:
        self.folder = folder
        self.tables = tables
        self._points: dict[str, list[EntryPoint]] | None = None
        self._found: dict[str, Found] = {}
        self._modules: dict[Path, types.ModuleType] = {}
        self._builtins = frozenset(builtins())

    @property
    def points(self) -> dict[str, list[EntryPoint]]:
        """The entry points of the group, read once."""
        if self._points is None:
            self._points = entry_points()
        return self._points

    def kind(self, name: str) -> str:
        """Say what plugin a listed name stands for."""
        table = self.tables.get(name)
        use = table.get("use") if isinstance(table, dict) else None
        return use if isinstance(use, str) else name

    def is_builtin(self, name: str) -> bool:
        """Whether finding it imports nothing but our own code."""
        table = self.tables.get(name)
        return self.kind(name) in self._builtins and not (isinstance(table, dict) and "load" in table)

    def names(self) -> list[str]:
        """Everything that could be listed."""
        return sorted({*self._builtins, *self.points, *self.tables})

    def find(self, name: str) -> Found:
        """Give the class behind a name; raise Missing with a sentence that says why there is none."""
        if name not in self._found:
            self._found[name] = self._find(name)
        return self._found[name]

    def _find(self, name: str) -> Found:
        table = self.tables.get(name)
        if isinstance(table, dict) and "load" in table:
            if "use" in table:
                raise Missing(f"[plugin.{name}] has both 'use' and 'load'", "keep one of the two", "use")
            return self._from_file(name, table["load"])
        if isinstance(table, dict) and not isinstance(table.get("use", ""), str):
            raise Missing("use must be text: the name of a plugin", key="use")
        kind = self.kind(name)
        if kind != name:
            return self._used(name, kind)
        if kind in self._builtins:
            return self._builtin(kind)
        if kind in self.points:
            return self._installed(kind, self.points[kind])
        if isinstance(table, dict) and "use" in table:
            raise Missing(
                f"[plugin.{name}] uses itself, and there is no plugin '{name}'",
                "use names the plugin that this is another instance of",
                "use",
            )
        near = nearest(name, [known for known in self.names() if known != name])  # its own table is among them
        raise Missing(f"unknown plugin '{name}'", near or self._loadable(name))

    def _loadable(self, name: str) -> str:
        """Say how a plugin is loaded from a file; from the one that looks like it, if there is one below this folder."""
        places = ("", "plugins.d", "plugins", "examples")
        file = next((Path(place, f"{name}.py") for place in places if (self.folder / place / f"{name}.py").is_file()), None)
        load = f'write [plugin.{name}] with load = "{file or f"plugins.d/{name}.py"}:{camel_case(name)}"'
        return load if file else f"`sipline plugins` lists what there is; a plugin in a file is loaded: {load}"

    def _used(self, name: str, kind: str) -> Found:
        other = self.tables.get(kind)
        if isinstance(other, dict) and "use" in other:
            raise Missing(f"[plugin.{name}] uses '{kind}', which itself uses '{other['use']}'", f'write use = "{other["use"]}"', "use")
        try:
            return self.find(kind)
        except Missing as missing:
            if missing.message.startswith("unknown plugin"):
                hint = nearest(kind, [known for known in self.names() if known != name])
                raise Missing(f"[plugin.{name}] uses an unknown plugin '{kind}'", hint, "use") from None
            raise Missing(missing.message, missing.suggestion, "use") from None

    def _builtin(self, name: str) -> Found:
        module = _imported(name, f"pipeline.plugins.{name}")
        return Found(_class(module, camel_case(name), f"pipeline.plugins.{name}"), name, BUILT_IN, "")

    def _installed(self, name: str, points: list[EntryPoint]) -> Found:
        owners = [_owner(point) for point in points]
        if len(points) > 1:
            raise Missing(f"plugin '{name}' is offered by {listed(owners)}", "uninstall one of them")
        try:
            cls = points[0].load()
        except AttributeError as error:
            raise Missing(f"plugin '{name}' of {owners[0]}: {error}") from None
        except (Exception, SystemExit) as error:
            raise Missing(f"plugin '{name}' of {owners[0]} cannot be imported: {_cause(error)}") from error
        if not isinstance(cls, type):
            raise Missing(f"plugin '{name}' of {owners[0]}: {points[0].value} is no class")
        version = points[0].dist.version if points[0].dist else ""
        return Found(cls, name, owners[0], version)

    def _from_file(self, name: str, load: Any) -> Found:
        example = f'write load = "plugins.d/{name}.py:{camel_case(name)}"'
        if not isinstance(load, str):
            raise Missing("load must be text: a file and a class", example, "load")
        file, colon, class_name = load.rpartition(":")
        if not colon or not class_name.isidentifier() or not file.endswith(".py"):
            fixed = file if file.endswith(".py") else load
            example = f'write load = "{fixed}:{camel_case(name)}"' if fixed.endswith(".py") else example
            raise Missing(f'load must name a file and a class, not "{load}"', example, "load")
        try:
            path = self.folder / from_home(file)
        except ValueError as error:
            raise Missing(f"load: {error}", key="load") from None
        if path not in self._modules:
            self._modules[path] = self._run(name, path, file)
        module = self._modules[path]
        return Found(_class(module, class_name, file, "load"), name, file, "", module.__dict__["__digest__"])

    def _run(self, name: str, path: Path, file: str) -> types.ModuleType:
        try:
            source = path.read_bytes()
        except OSError as error:
            near = nearest(path.name, [p.name for p in path.parent.glob("*.py")] if path.parent.is_dir() else [])
            raise Missing(f"{file}: {error.strerror or error}", near or f"paths start from {self.folder}", "load") from None
        module = types.ModuleType(f"sipline_file_{path.stem}")
        module.__file__ = str(path)
        module.__dict__["__digest__"] = f"{hash(source):x}"
        sys.modules[module.__name__] = module  # attrs and typing look a class's module up there
        try:
            # compiled here and not imported: a cached .pyc is trusted by its second, and a reload can be faster
            exec(compile(source, str(path), "exec"), module.__dict__)  # noqa: S102 (the file that the user named)
        except (Exception, SystemExit) as error:
            raise Missing(f"plugin '{name}' cannot be loaded: {_cause(error, str(path), file)}", key="load") from error
        return module


def _imported(name: str, module: str) -> types.ModuleType:
    try:
        return import_module(module)
    except (Exception, SystemExit) as error:
        raise Missing(f"plugin '{name}' cannot be imported: {_cause(error)}") from error


def _class(module: types.ModuleType, name: str, where: str, key: str = "") -> type:
    found = getattr(module, name, None)
    if isinstance(found, type):
        return found
    classes = [other for other, value in vars(module).items() if isinstance(value, type) and value.__module__ == module.__name__]
    raise Missing(f"{where} has no class {name}", nearest(name, classes, "{}"), key)


def _owner(point: EntryPoint) -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist else point.value


def _cause(error: BaseException, path: str = "", shown: str = "") -> str:
    """Say an exception in one line, with the line of the plugin's own file where it can be told."""
    if isinstance(error, SyntaxError):
        return f"{shown or error.filename}:{error.lineno}: {error.msg}"
    text = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    line, step = 0, error.__traceback__
    while step is not None:
        if path and step.tb_frame.f_code.co_filename == path:
            line = step.tb_lineno
        step = step.tb_next
    return f"{text} ({shown}:{line})" if line else text
