"""The house keeps its own rules: packages are installed as the folders stand, sources have their tests, every file says what it is."""

import ast
import pathlib
import re
import tomllib

import pytest

ROOT = pathlib.Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
SOURCES = sorted([*(ROOT / "pipeline").rglob("*.py"), *(ROOT / "plugins").rglob("*.py")])


def folders(top, name):
    return {name} | {f"{name}." + ".".join(path.parent.relative_to(top).parts) for path in top.rglob("__init__.py") if path.parent != top}


def test_the_packages_listed_are_the_folders_that_exist():
    listed = set(PROJECT["tool"]["setuptools"]["packages"])
    assert listed == folders(ROOT / "pipeline", "pipeline") | folders(ROOT / "plugins", "pipeline.plugins")


def test_plugins_imported_under_another_name_say_what_to_do():
    with pytest.raises(ImportError, match="pip install -e"):
        exec(compile((ROOT / "plugins/__init__.py").read_text(), "plugins/__init__.py", "exec"), {"__name__": "plugins"})


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_file_opens_with_what_it_is(path):
    assert ast.get_docstring(ast.parse(path.read_text()))


@pytest.mark.parametrize(
    "path",
    [p for p in SOURCES if p.is_relative_to(ROOT / "plugins") and p.name != "__init__.py"],
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_plugin_code_never_spells_its_own_package(path):
    imported = [node.module or "" for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ImportFrom) and not node.level]
    imported += [alias.name for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Import) for alias in node.names]
    assert not [name for name in imported if name.startswith(("pipeline.plugins", "plugins"))]


def test_no_secret_and_no_default_password_is_in_the_shipped_configuration():
    data = tomllib.loads((ROOT / "pipeline.toml").read_text())
    assert not data.get("user")
    assert not data.get("auth")


def test_the_reference_page_is_what_the_options_say():
    from pipeline.config.reference import render

    assert (ROOT / "docs/reference.md").read_text() == render(), "run `make docs`"


def test_no_group_is_repeated_possessively():
    """Python 3.11 before 3.11.5 (Debian 12 has 3.11.2) matches `(...)*+` wrongly (gh-106052); `(?>(...)*)` means the same and works."""
    found = re.compile(r"\)(\*|\+|\?|\{[0-9,]+\})\+(?!\w)")
    sources = [path for folder in ("pipeline", "plugins") for path in (ROOT / folder).rglob("*.py")]
    assert not [(path.name, line) for path in sources for line in path.read_text().splitlines() if found.search(line) and '"' in line]
